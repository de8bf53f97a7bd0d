"""What tests of the course share.

lab         the engine under test as a notebook's lab, with the course's images
progress    an empty file of progress, which is the one that the package's functions use
attempt     makes containers as a learner would, for an exercise
attempts_on the same on another engine's lab
podman_lab  Podman's, run by root and by an ordinary user
look        what the exercise's check answers; answered is the short form
made_up     a notebook 98 that the course has not, with a lesson of its own
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from turns import turn

from ipycontainers.client import Candidate, open_candidate
from ipycontainers.course import catalogue, images, lesson
from ipycontainers.course.answer import Answer, State
from ipycontainers.course.lab import LABEL, Lab
from ipycontainers.course.progress import Progress

TOOLBOX = "ipyc/toolbox:1"


@pytest.fixture
def lab(engine: Any) -> Lab:
    images.ensure(connection=engine)
    return Lab.on(engine)


@pytest.fixture(params=["podman", "podman_rootless"])
def podman_lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    candidate = Candidate("test", request.getfixturevalue(request.param), True)
    with open_candidate(candidate) as connection:
        images.ensure(connection=connection)
        yield Lab.on(connection)


@pytest.fixture
def progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Progress:
    monkeypatch.setenv("IPYCONTAINERS_COURSE_PROGRESS", str(tmp_path / "progress.json"))
    return Progress.here()


@pytest.fixture(autouse=True)
def _turn(request: pytest.FixtureRequest) -> Iterator[None]:
    """Of tests of a notebook's checks, test_n04a.py: nobody else is at them."""
    number = re.fullmatch(r"test_n(\d\d[a-z]?)", request.path.stem)
    if not number or "engine" not in request.fixturenames:
        yield
        return
    with turn(number[1], request.getfixturevalue("engine").candidate.address):
        yield


class Attempts:
    """Containers as a learner makes them for an exercise; they are gone after the test.

    attempt("01-name", "hostname", environment={…}) → the id, when its program has ended
    """

    def __init__(self, lab: Lab) -> None:
        self._docker = lab.engine.docker
        self._made: list[Any] = []

    def __call__(
        self, exercise: str, script: str, *, wait: bool = True, image: str = TOOLBOX, **options: Any
    ) -> str:
        made = self.start(exercise, "sh", "-c", script, image=image, **options)
        if wait:
            self._made[-1].wait()
        return made

    def start(self, exercise: str, *command: str, image: str = TOOLBOX, **options: Any) -> str:
        """Of any program; without words it is the image's."""
        made = self.create(exercise, *command, image=image, **options)
        self._made[-1].start()
        return made

    def create(self, exercise: str, *command: str, image: str = TOOLBOX, **options: Any) -> str:
        """Without starting it."""
        words = list(command) or None
        labels = {LABEL: exercise}
        self._made.append(self._docker.containers.create(image, words, labels=labels, **options))
        return str(self._made[-1].id)

    def remove(self) -> None:
        for one in self._made:
            with contextlib.suppress(Exception):  # the test has removed it
                one.remove(force=True)


@pytest.fixture
def attempts_on() -> Iterator[Callable[[Lab], Attempts]]:
    with contextlib.ExitStack() as opened:

        def on(lab: Lab) -> Attempts:
            attempts = Attempts(lab)
            opened.callback(attempts.remove)
            return attempts

        yield on


@pytest.fixture
def attempt(lab: Lab, attempts_on: Callable[[Lab], Attempts]) -> Attempts:
    return attempts_on(lab)


@pytest.fixture
def look(request: pytest.FixtureRequest) -> Callable[[str], Answer]:
    """look("01-name") is the answer of its check; words and a hint are in the catalogue."""
    is_podman = "podman_lab" in request.fixturenames
    lab: Lab = request.getfixturevalue("podman_lab" if is_podman else "lab")

    def found(exercise: str) -> Answer:
        answer = lesson.check_of(exercise)(lab)
        words = catalogue.exercise(exercise)
        assert words.words(answer)
        assert words.hint(answer) or answer.state in {State.CORRECT, State.CANNOT}
        return answer

    return found


@pytest.fixture
def answered(look: Callable[[str], Answer]) -> Callable[[str], tuple[str, str]]:
    """answered("01-name") → (state, reason)."""

    def told(exercise: str) -> tuple[str, str]:
        answer = look(exercise)
        return answer.state.value, answer.reason

    return told


MADE_UP = {
    "title": "Made up",
    "question": "Is it?",
    "minutes": 1,
    "claims": ["C9"],
    "images": [],
    "predictions": {
        "98-one": {
            "text": "Which?",
            "choices": ["`this`", "that"],
            "right": 1,
            "why": ["No.", "Yes."],
        },
        "98-rows": {
            "text": "Which are shared?",
            "choices": ["shared", "own"],
            "rows": ["files", "kernel"],
            "why": "Files are its own.",
        },
    },
    "quizzes": {
        "98-recall": {
            "text": "Which was it?",
            "choices": ["<b>red</b>", "blue"],
            "right": 0,
            "why": ["It was.", "Blue was another."],
            "about": "01",
        }
    },
    "exercises": {
        "98-door": {
            "task": "Make a container.",
            "reasons": {"runs": "{name} still runs."},
            "hints": {"runs": "Stop {name}:\n`docker stop {name}`", "": "Begin."},
        },
        "98-window": {"task": "Make another."},
    },
}


@pytest.fixture
def made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[lesson.Lesson]:
    """Its lesson, to which a test adds what it needs."""
    folder = tmp_path / "catalogue"
    shutil.copytree(catalogue.FOLDER, folder)
    (folder / "en" / "98.json").write_text(json.dumps(MADE_UP))
    module = ModuleType("ipycontainers.course.lessons.n98")
    module.lesson = made = lesson.Lesson("98")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(catalogue, "FOLDER", folder)
    catalogue._file.cache_clear()
    yield made
    catalogue._file.cache_clear()
