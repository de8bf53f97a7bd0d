"""On mybinder.org: no Docker, no root, no namespaces, and the notebooks run.

``make binder-check`` runs these; `make test` leaves them out, since they build images.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest
import sandbox
from lab import Cell, Notebook, stored
from support import COURSE, EXAMPLES, REPOSITORY, require, wait_for

from ipycontainers.course import images
from ipycontainers.course.catalogue import words

# Notebooks of the course that are run here, and their exercises that PRoot gives nothing to check.
PLAYED_HERE = {"00", "01", "02", "03", "04a", "04b", "06"}
NOT_HERE = {"01-name", "04a-door", "04b-names", "04b-only-here"}
BADGE = words("badge.proot", engine="").rpartition(": ")[2]

pytestmark = [pytest.mark.binder, pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(1200)]


def test_the_sandbox_gives_no_right(box: sandbox.Session) -> None:
    _, status = box.run("cat", "/proc/self/status")
    found = dict(line.split(":\t", 1) for line in status.splitlines())
    assert {found[f"Cap{kind}"] for kind in ("Eff", "Prm", "Bnd")} == {"0" * 16}
    assert (found["NoNewPrivs"], found["Seccomp"]) == ("1", "2")
    assert found["Uid"].split() == [str(sandbox.UID)] * 4
    code, told = box.run("unshare", "--user", "true")
    assert (code, told) == (1, "unshare: unshare failed: Operation not permitted\n")
    assert box.run("sh", "-c", "ls /var/run/docker.sock /run/podman 2>&1")[0] == 2


def test_the_doctor_names_the_launcher_and_that_there_are_no_namespaces(
    box: sandbox.Session,
) -> None:
    code, told = box.run("ipycontainers", "doctor")
    assert code == 0, told
    rows = {line.split("  ")[1]: line for line in told.splitlines() if line.startswith("  ")}
    assert rows["launcher"].split() == ["launcher", "ptrace"]
    assert rows["namespaces"].endswith("none: what a container sees is this machine's")
    assert told.endswith("Result: cells can run.\n")


def test_the_images_of_the_course_are_in_the_store(box: sandbox.Session) -> None:
    """Nothing has to be made in a session, nor pulled."""
    code, told = box.run("ipycontainers", "course", "images")
    assert code == 0, told
    lines = told.splitlines()
    assert [line.split()[0] for line in lines] == list(images.NAMES)
    assert all(line.endswith("  present") for line in lines), told
    asked = "from ipycontainers.course import images; print(*sorted(images.ensure().values()))"
    _, before = box.run("python3", "-c", asked)
    _, after = box.run("ipycontainers", "course", "images", "--rebuild")
    assert after.count("made of /") == 4, after
    assert box.run("python3", "-c", asked) == (0, before)  # the same bytes


def test_a_virtual_machine_boots(box: sandbox.Session) -> None:
    """User-mode Linux, which the image has where Debian's archive was to be reached."""
    require(box.run("which", "linux.uml")[0] == 0, "uml", "linux.uml was not to be fetched")
    asked = "from ipycontainers.stack import machine; m = machine.measure('uml')"
    code, told = box.run("python3", "-c", f"{asked}; print(m.missing or m.machine)")
    assert (code, told) == (0, "user-mode Linux\n")


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_a_notebook_runs_as_it_is_stored(
    box: sandbox.Session, open_notebook: Callable[[str], Notebook], file: Path
) -> None:
    source = nbformat.read(file, as_version=4)
    expected = [stored(cell) for cell in source.cells if cell.cell_type == "code"]
    notebook = open_notebook(file.relative_to(REPOSITORY).as_posix())
    notebook.menu("Edit", "Clear Outputs of All Cells")
    assert notebook.shown() == [[] for _ in expected]
    notebook.run_all()
    notebook.wait_until_idle(400)
    # It is drawn a moment later.
    assert wait_for(lambda: notebook.shown() == expected), notebook.shown()
    assert box.peak() < sandbox.MEMORY


# Of the course; those that need an engine that isolates are for other places.
PLAYED = [file for file in COURSE if file.stem.partition("-")[0] in PLAYED_HERE]


@pytest.mark.parametrize("file", PLAYED, ids=lambda file: file.stem)
def test_a_notebook_of_the_course_answers_for_this_engine(
    box: sandbox.Session, open_notebook: Callable[[str], Notebook], file: Path
) -> None:
    source = nbformat.read(file, as_version=4)
    notebook = open_notebook(file.relative_to(REPOSITORY).as_posix())
    notebook.menu("Edit", "Clear Outputs of All Cells")
    notebook.run_all()
    notebook.wait_until_idle(600)
    cells = [cell for cell in source.cells if cell.cell_type == "code"]
    played = [Played(cell, on_page) for cell, on_page in zip(cells, notebook.cells(), strict=True)]
    assert wait_for(lambda: not any(complaints(played))), [*complaints(played)]
    answered = {cell.exercise: cell.state for cell in played if cell.exercise}
    assert answered == {
        name: "cannot be checked here" if name in NOT_HERE else "correct" for name in answered
    }
    assert any(BADGE in text for cell in played for text in cell.shown)
    assert box.peak() < sandbox.MEMORY


def test_a_learner_does_the_first_exercise(
    open_notebook: Callable[[str], Notebook],
) -> None:
    """In the copy that the badge opens: it is not done by running everything."""
    notebook = open_notebook("learn/00-check-your-lab.ipynb")
    notebook.run_all()
    notebook.wait_until_idle(400)
    cells = notebook.cells()
    texts = [cell.locator.locator(".cm-content").inner_text() for cell in cells]
    at = texts.index('check("00-ready")')
    cells[at].wait_for("00-ready: keep working")
    cells[at - 1].type(texts[at - 1].replace("not yet", "ready"))
    cells[at - 1].run()
    cells[at - 1].wait_for("ready")
    cells[at].run()
    cells[at].wait_for("00-ready: correct")


@dataclass(frozen=True)
class Played:
    """A cell as it is stored and as it was run."""

    stored: Any
    page: Cell

    @property
    def shown(self) -> list[str]:
        return self.page.shown()

    @property
    def tags(self) -> list[str]:
        return list(self.stored.metadata.get("tags", ()))

    @property
    def exercise(self) -> str:
        """That which it checks; "" of another cell."""
        found = re.match(r'check\("([^"]+)"\)', self.stored.source)
        return found[1] if found else ""

    @property
    def state(self) -> str:
        return self.shown[0].splitlines()[0].partition(": ")[2]

    def is_text(self) -> bool:
        """Compared as it is stored: what programs have printed."""
        kinds = {output.output_type for output in self.stored.outputs}
        return "nbval-check-output" in self.tags and kinds == {"stream"}


def complaints(played: Sequence[Played]) -> Iterator[str]:
    for cell in played:
        failed = cell.page.locator.locator("[data-mime-type$='jupyter.error']").count()
        if failed and "raises-exception" not in cell.tags:
            yield f"{cell.stored.id} fails: {cell.shown}"
        if any(words("measured.no") in text for text in cell.shown):
            yield f"{cell.stored.id} measures another value: {cell.shown}"
        if cell.is_text() and cell.shown != stored(cell.stored):
            yield f"{cell.stored.id} shows {cell.shown}"


@pytest.mark.parametrize(
    ("option", "told"), [("--network none", "--network none"), ("--read-only", "--read-only")]
)
def test_a_protection_that_cannot_be_had_is_refused(
    cells: Callable[..., Notebook], option: str, told: str
) -> None:
    (shown,) = cells(f"%%container {option} busybox\necho ran").cell(1).shown()
    message, hint, command = shown.splitlines()[0], shown.splitlines()[1], shown.splitlines()[2]
    assert message.startswith(f"Unsupported: not enforced here: {told}"), shown
    assert "--unenforced" in hint
    assert "the same in a terminal" in command


def test_killing_everything_reaches_neither_kernel_nor_jupyterlab(
    cells: Callable[..., Notebook], box: sandbox.Session
) -> None:
    _, before = box.run("ipycontainers", "engine", "status")
    notebook = cells(
        "import os\nmark = os.getpid()",
        "%%container --no-raise-error busybox\nkill -9 -1; kill -15 -1",
        "mark == os.getpid()",
        "%%container busybox\necho the engine answers",
    )
    assert notebook.cell(3).shown() == ["True"]
    assert notebook.cell(4).shown() == ["the engine answers"]
    assert "pid" in before
    assert wait_for(lambda: box.run("ipycontainers", "engine", "status") == (0, before))
