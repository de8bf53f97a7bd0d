"""The notebooks do what they show: under nbval, under nbconvert, and twice the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kernels
import nbformat
import pytest
from support import EXAMPLES, REPOSITORY
from validation import validate

FOLDER = REPOSITORY / "notebooks"
KEPT = {"kernelspec": {"display_name", "language", "name"}, "language_info": {"name"}}

pytestmark = pytest.mark.usefixtures("plain_images")
each = pytest.mark.parametrize("notebook", EXAMPLES, ids=lambda notebook: notebook.stem)


@pytest.fixture
def python(engine: Any, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """python("-m", …) runs Python in tmp_path, its kernels with the engine under test."""

    def run(*words: str | os.PathLike[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *words],
            cwd=tmp_path,
            env=kernels.environment(tmp_path, {"DOCKER_HOST": engine.candidate.address}),
            capture_output=True,
            text=True,
            check=False,
            timeout=150,
        )

    return run


def nbval(python: Callable[..., Any], notebook: Path) -> subprocess.CompletedProcess[str]:
    """As `make notebooks` does."""
    words = ["-m", "pytest", "-c", os.devnull, "--rootdir=.", "-p", "no:cacheprovider"]
    sanitize = ["--nbval-sanitize-with", FOLDER / "nbval.cfg"]
    done: subprocess.CompletedProcess[str] = python(*words, "--nbval", *sanitize, notebook)
    return done


def copy(notebook: Path, folder: Path, change: Callable[[Any], None] = lambda _: None) -> Path:
    """A copy that may write into its folder."""
    content = nbformat.read(notebook, as_version=4)
    change(content)
    target = folder / notebook.name
    nbformat.write(content, target)
    return target


@each
def test_nbval_finds_what_is_stored(
    python: Callable[..., Any], tmp_path: Path, notebook: Path
) -> None:
    done = nbval(python, copy(notebook, tmp_path))
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
    assert [file.name for file in tmp_path.glob("*.*")] == [notebook.name]


TAMPERED = {
    "stdout": lambda cells: cells["first-cell"].outputs[0].update(text="Hello from elsewhere\n"),
    "a result": lambda cells: cells["out-used"].outputs[0].data.update({"text/plain": "56"}),
    "an error": lambda cells: cells["fails-cell"].outputs[-1].update(evalue="exit code 2"),
    "nothing": lambda cells: cells["here-write"].outputs.append(
        nbformat.v4.new_output("stream", text="never said\n")
    ),
}


@pytest.mark.slow
def test_nbval_finds_stored_outputs_that_are_wrong(engine: Any, tmp_path: Path) -> None:
    def change(content: Any) -> None:
        for tamper in TAMPERED.values():
            tamper({cell.id: cell for cell in content.cells})

    path = copy(FOLDER / "examples/hello.ipynb", tmp_path, change)
    done = validate(path, tmp_path, engine.candidate.address)
    assert done.failed == {"first-cell", "out-used", "fails-cell", "here-write"}, done.text


def shown(content: Any) -> list[list[tuple[str, str]]]:
    """Of each code cell each output: the streams joined, an error with all its lines."""
    cells = []
    for cell in content.cells:
        outputs: dict[str, str] = {}
        for output in cell.get("outputs", ()):
            kind = output.get("name", output.output_type)
            lines = "\n".join(output.get("traceback", ()))
            text = output.get("text") or lines or json.dumps(output.data, sort_keys=True)
            outputs[kind] = outputs.get(kind, "") + text
        cells.append(sorted(outputs.items()))
    return cells


@each
def test_nbconvert_finds_what_is_stored(
    python: Callable[..., Any], tmp_path: Path, notebook: Path
) -> None:
    target = copy(notebook, tmp_path)
    done = python("-m", "nbconvert", "--to=notebook", "--execute", "--output=ran", target)
    assert done.returncode == 0, done.stderr
    ran = nbformat.read(tmp_path / "ran.ipynb", as_version=4)
    assert shown(ran) == shown(nbformat.read(notebook, as_version=4))


@each
@pytest.mark.slow
def test_outputs_are_stored_as_they_are(
    python: Callable[..., Any], tmp_path: Path, notebook: Path
) -> None:
    """The script that stores outputs changes nothing where they are right."""
    target = copy(notebook, tmp_path)
    done = python(Path(__file__).with_name("store.py"), target)
    assert done.returncode == 0, done.stderr
    assert target.read_text(encoding="utf-8") == notebook.read_text(encoding="utf-8")


@each
def test_a_notebook_says_nothing_of_the_machine_that_ran_it(notebook: Path) -> None:
    content = nbformat.read(notebook, as_version=4)
    assert {key: set(value) for key, value in content.metadata.items()} == KEPT
    assert all(set(cell.metadata) <= {"tags"} for cell in content.cells)


@each
def test_a_notebook_has_one_question_and_an_answer(notebook: Path) -> None:
    content = nbformat.read(notebook, as_version=4)
    titles = [
        line
        for cell in content.cells
        for line in cell.source.splitlines()
        if cell.cell_type == "markdown" and line.startswith("#")
    ]
    assert titles[0].startswith("# ")
    assert titles[0].endswith("?")
    assert titles[-1] == "## What we saw"
    assert all(title.startswith("## ") for title in titles[1:])
    assert content.cells[-1].cell_type == "markdown"
    assert sum(cell.cell_type == "code" for cell in content.cells) <= 25
    path = notebook.relative_to(FOLDER).as_posix()
    assert f"]({path})" in (FOLDER / "README.md").read_text(encoding="utf-8")
