"""What a notebook knows beyond its text: what is right on this engine, and how a check looks.

Each notebook has a module in ``lessons``, n04a for 04a, with one Lesson:

    lesson = Lesson("04a")

    @lesson.expects("C9")
    def own(lab: Lab, value: Any) -> bool: …         is this what this engine gives?

    @lesson.answers("04a-doors")
    def doors(lab: Lab) -> int | list[int]: …        the right choice, where the engine decides it

    @lesson.checks("04a-door")
    def door(lab: Lab) -> Answer: …                  looks at the engine, never at a cell's text

Knows: the lessons' functions by their ids. Does not know: engines, what is said of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, TypeAlias

from .answer import Answer
from .catalogue import unknown
from .lab import Lab

Check: TypeAlias = Callable[[Lab], Answer]
Expectation: TypeAlias = Callable[[Lab, Any], bool]
Right: TypeAlias = Callable[[Lab], "int | Sequence[int]"]


class Lesson:
    """The functions of one notebook."""

    def __init__(self, notebook: str) -> None:
        self.notebook = notebook
        self.check_of: dict[str, Check] = {}
        self.expectation_of: dict[str, Expectation] = {}
        self.right_of: dict[str, Right] = {}

    def checks(self, exercise: str) -> Callable[[Check], Check]:
        """The function looks whether the exercise is done."""
        return _into(self.check_of, exercise)

    def expects(self, claim: str) -> Callable[[Expectation], Expectation]:
        """The function says whether a measured value is what this engine gives."""
        return _into(self.expectation_of, claim)

    def answers(self, question: str) -> Callable[[Right], Right]:
        """The function says which choice of a prediction is right on this engine."""
        return _into(self.right_of, question)


def lesson(notebook: str) -> Lesson:
    """By the notebook's number; one without functions where it has no module."""
    name = f"{__package__}.lessons.n{notebook}"
    if not notebook.isalnum():
        return Lesson(notebook)
    try:
        found: Lesson = import_module(name).lesson
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        return Lesson(notebook)
    return found


def of(name: str) -> Lesson:
    """That of a question or an exercise, whose ids begin with the notebook's number."""
    return lesson(name.partition("-")[0])


def check_of(exercise: str) -> Check:
    """Raises Invalid where there is no such exercise."""
    found = of(exercise).check_of
    if exercise not in found:
        raise unknown("exercises", exercise, found)
    return found[exercise]


def _into(functions: dict[str, Any], name: str) -> Callable[[Any], Any]:
    def put(function: Any) -> Any:
        functions[name] = function
        return function

    return put
