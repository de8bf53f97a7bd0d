"""What a learner writes in a cell: what a check says, on an engine that dies and without one, and
that nothing of what was done is stored."""

from __future__ import annotations

import gc
import html
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import embedded
import kernels
import nbformat
import pytest
from support import REPOSITORY

from ipycontainers.client import connect
from ipycontainers.course import catalogue, check, claim, hint, ledger, recorded
from ipycontainers.course import lab as labs
from ipycontainers.course.answer import (
    Answer,
    State,
    almost,
    cannot,
    correct,
    keep_working,
    not_started,
)
from ipycontainers.course.cards import Card
from ipycontainers.course.lab import Lab
from ipycontainers.course.lesson import Lesson
from ipycontainers.course.progress import Progress
from ipycontainers.errors import Conflict, Invalid


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Callable[[Lab], None]:
    """here(lab): where the notebook runs."""
    return lambda lab: monkeypatch.setattr(labs.Lab, "here", lambda **_: lab)


def text(card: Card) -> str:
    return html.unescape(re.sub(r"<[^>]*>", " ", card.form))


# --- a check --------------------------------------------------------------------------------

ANSWERS = {
    "not started": (not_started(), "There is nothing to look at yet.", "Begin."),
    "keep working": (keep_working("runs", name="w{0}"), "w{0} still runs.", "Stop w{0}:"),
    "almost": (almost("unknown-reason"), "unknown-reason", "Begin."),
    "correct": (correct(), "Done.", None),
    "cannot be checked here": (cannot("unknown"), "unknown", "Begin."),
}


@pytest.mark.parametrize("state", ANSWERS)
def test_a_check_says_how_far_it_is_why_and_what_helps(
    state: str, made_up: Lesson, progress: Progress, lab: Lab, here: Callable[[Lab], None]
) -> None:
    answer, said, helps = ANSWERS[state]
    made_up.checks("98-door")(lambda _: answer)
    here(lab)
    card = check("98-door")
    assert repr(card) == f"98-door: {state}. {said}"
    assert progress.of("checks")["98-door"]["state"] == state
    assert ("<summary>Hint</summary>" in card.form) == (helps is not None)
    if helps:
        assert helps in text(card)
        assert repr(hint("98-door")).startswith(helps)


def test_a_hint_has_its_lines_and_its_code(
    made_up: Lesson, progress: Progress, lab: Lab, here: Callable[[Lab], None]
) -> None:
    made_up.checks("98-door")(lambda _: keep_working("runs", name="<b>"))
    here(lab)
    assert (
        "<p>Stop &lt;b&gt;:</p><p><code>docker stop &lt;b&gt;</code></p>" in check("98-door").form
    )


def test_what_was_correct_once_is_remembered(
    made_up: Lesson, progress: Progress, lab: Lab, here: Callable[[Lab], None]
) -> None:
    answers = iter([correct(), not_started()])
    made_up.checks("98-door")(lambda _: next(answers))
    here(lab)
    check("98-door")
    done = progress.of("checks")["98-door"]["done"]
    assert repr(check("98-door")).startswith("98-door: not started")
    assert progress.of("checks")["98-door"]["done"] == done
    assert "1 of 2 exercises done" in ledger("98").summary()


@pytest.mark.parametrize("ask", [check, hint])
def test_what_is_no_exercise_is_said(ask: Callable[[str], Card]) -> None:
    for name in ("98-nothing", "01-worlds", "", "../x"):
        with pytest.raises(Invalid, match="there is no"):
            ask(name)


def test_without_an_engine_it_cannot_be_checked(
    made_up: Lesson, progress: Progress, here: Callable[[Lab], None]
) -> None:
    made_up.checks("98-door")(lambda _: correct())
    here(Lab(labs.NONE, why="no socket (start one)"))
    said = "98-door: cannot be checked here. No engine runs here: no socket (start one)"
    assert repr(check("98-door")) == said
    assert "Start the engine again" in repr(hint("98-door"))
    assert "done" not in progress.of("checks")["98-door"]


def test_a_name_of_an_engine_that_makes_no_sense_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "nonsense://x")
    lab = Lab.here()
    assert lab.tier == labs.NONE
    assert "nonsense" in lab.why


# --- an engine that dies, hangs, or refuses -------------------------------------------------


# docker-py leaves a socket that could not be connected to the garbage collector.
untidy = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@untidy
@pytest.mark.launcher
def test_an_engine_that_dies_in_the_middle_is_said(
    made_up: Lesson, progress: Progress, here: Callable[[Lab], None]
) -> None:
    with embedded.running("ptrace") as own, connect(f"unix://{own.socket}") as connection:

        @made_up.checks("98-door")
        def door(lab: Lab) -> Answer:
            lab.made_for("98-door")
            own.kill9()
            return correct() if lab.made_for("98-door") else not_started()

        here(Lab.on(connection))
        card = check("98-door")
        assert repr(card).startswith(
            "98-door: cannot be checked here. The engine does not answer any more: "
        )
        assert "Start the engine again" in text(card)
        assert repr(hint("98-door")).startswith("Start the engine again")
    gc.collect()


@untidy
@pytest.mark.launcher
def test_an_engine_that_hangs_is_waited_for_no_longer_than_others(
    made_up: Lesson, progress: Progress, here: Callable[[Lab], None]
) -> None:
    with (
        embedded.running("ptrace") as own,
        connect(f"unix://{own.socket}", timeout=2) as connection,
    ):
        assert own.process
        made_up.checks("98-door")(lambda lab: correct(count=len(lab.made_for("98-door"))))
        here(Lab.on(connection))
        own.process.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        try:
            assert ": cannot be checked here. " in repr(check("98-door"))
        finally:
            own.process.send_signal(signal.SIGCONT)
        assert time.monotonic() - began < 15


@pytest.mark.parametrize("way", ["ours", "docker-py"])
def test_what_an_engine_refuses_is_said(
    way: str, made_up: Lesson, progress: Progress, lab: Lab, here: Callable[[Lab], None]
) -> None:
    @made_up.checks("98-door")
    def door(lab: Lab) -> Answer:
        if way == "ours":
            raise Conflict("it is in the way", "move it")
        lab.engine.docker.containers.get("nothing-of-this-name")
        return correct()

    here(lab)
    said = repr(check("98-door"))
    assert said.startswith("98-door: cannot be checked here. The engine could not tell: ")
    assert "\n" not in said


def test_a_mistake_of_ours_is_not_hidden(
    made_up: Lesson, progress: Progress, lab: Lab, here: Callable[[Lab], None]
) -> None:
    made_up.checks("98-door")(lambda _: 1 / 0)
    here(lab)
    with pytest.raises(ZeroDivisionError):
        check("98-door")


INTERRUPTED = """
from ipycontainers.course import check, lesson
exercise = "01-name"
def looks(lab):
    print("begin", flush=True)
    lab.engine.docker.containers.get({name!r}).wait()
lesson.of(exercise).check_of[exercise] = looks
"""


def test_interrupting_a_check_leaves_nothing_behind(kernel: Any, lab: Lab, attempt: Any) -> None:
    name = attempt("98-none", "sleep 100", wait=False)
    kernel.run(INTERRUPTED.format(name=name))
    cell = kernel.submit("check(exercise)")
    cell.wait_for("begin")
    time.sleep(0.5)
    kernel.interrupt()
    done = cell.result(timeout=20)
    assert done.error.ename == "KeyboardInterrupt"
    again = kernel.run(
        "from ipycontainers.course.answer import correct\n"
        "from ipycontainers.course.progress import Progress\n"
        "print(Progress.here().of('checks'))\n"
        "lesson.of(exercise).check_of[exercise] = lambda lab: correct() if lab.info else None\n"
        "check(exercise)"
    )
    assert again.stdout == "{}\n"
    assert again.data["text/plain"].startswith("01-name: correct. ")


# --- what is stored -------------------------------------------------------------------------


def _everything() -> list[str]:
    told = catalogue.notebook("01")
    return [
        'claim("C7", "C9")',
        *(f"predict({name!r})" for name in told["predictions"]),
        'quiz("01")',
        *(f"verdict({one!r})" for one in told["claims"]),
        'ledger("01")',
        "ledger()",
        *(f"recorded({one.stem!r})" for one in recorded_files()),
    ]


def recorded_files() -> list[Path]:
    return sorted((Path(catalogue.__file__).parent / "recordings").glob("*.json"))


FULL = {
    "version": 1,
    "seen": {"01-worlds": "now"},
    "later": {"01-worlds": [1, 1, 1, 1]},
}


def test_what_is_stored_does_not_tell_what_a_learner_has_done(tmp_path: Path, engine: Any) -> None:
    """Executed twice by a program, with different progress, and with a damaged one."""
    cells = ["%load_ext ipycontainers", f"from ipycontainers.course import {NAMES}", *_everything()]
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(one) for one in cells])
    kept = {"nothing": None, "all": _all_done(), "damaged": "{"}
    found = {}
    for name, content in kept.items():
        folder = tmp_path / name
        folder.mkdir()
        if content is not None:
            (folder / "course-progress.json").write_text(content)
        nbformat.write(made, folder / "all.ipynb")
        subprocess.run(
            [sys.executable, STORE, folder / "all.ipynb"],
            env=kernels.environment(tmp_path, {"DOCKER_HOST": engine.candidate.address}),
            check=True,
            timeout=150,
        )
        ran = nbformat.read(folder / "all.ipynb", as_version=4)
        found[name] = [one.get("outputs") for one in ran.cells]
    assert all(outputs for outputs in found["nothing"][2:])
    assert found["nothing"] == found["all"] == found["damaged"]


STORE = REPOSITORY / "tests" / "notebooks" / "store.py"
NAMES = "claim, predict, quiz, verdict, ledger, recorded"


def _all_done() -> str:
    told = catalogue.notebook("01")
    predictions = {
        name: [0] * len(one["rows"]) if "rows" in one else 0
        for name, one in told["predictions"].items()
    }
    return json.dumps(
        {
            **FULL,
            "predictions": predictions,
            "quizzes": dict.fromkeys(told["quizzes"], 1),
            "verdicts": {one.id: "holds" for one in catalogue.claims()},
            "measured": {one.id: {"value": "x", "engine": "y"} for one in catalogue.claims()},
            "checks": {name: {"state": "correct", "done": "then"} for name in told["exercises"]},
        }
    )


def test_a_claim_says_where_it_is_made() -> None:
    card = claim("C9")
    assert repr(card) == f"C9: {catalogue.claim('C9').text}"
    assert 'href="https://github.com/bitlogic/hello-docker/blob/' in card.form
    with pytest.raises(Invalid, match="no claim C0"):
        claim("C9", "C0")


@pytest.mark.parametrize("file", recorded_files(), ids=lambda file: file.stem)
def test_a_recording_says_that_it_is_one_and_of_what(file: Path) -> None:
    card = recorded(file.stem)
    assert repr(card).startswith("Recorded, not measured by you · recorded 20")
    assert 'class="card recorded"' in card.form
    assert "Recorded, not measured by you" in text(card)


def test_one_that_is_not_there_is_said() -> None:
    with pytest.raises(Invalid, match="no recording nothing"):
        recorded("nothing")


def test_every_state_has_words() -> None:
    assert [catalogue.state_words(one) for one in State] == [one.value for one in State]
