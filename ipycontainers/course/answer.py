"""What a check answers: one of five states, why, and what of it is worth a hint.

    return correct(exit_code=137)
    return keep_working("still-running", name="lab")

The reason is a key into the catalogue, where the words are; the values are put into them.

Knows: the states. Does not know: words, engines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum


class State(Enum):
    """How far an exercise is. The value is the key of its words in the catalogue."""

    NOT_STARTED = "not started"
    KEEP_WORKING = "keep working"
    ALMOST = "almost"
    CORRECT = "correct"
    CANNOT = "cannot be checked here"


@dataclass(frozen=True)
class Answer:
    """``reason`` is a key of the exercise's words in the catalogue, ``values`` what is put into
    them: text and numbers that were found, which may come from a container."""

    state: State
    reason: str = ""
    values: Mapping[str, str | int | float] = field(default_factory=dict)


def not_started(reason: str = "not-started", **values: str | float) -> Answer:
    """Nothing of the exercise is there yet."""
    return Answer(State.NOT_STARTED, reason, values)


def keep_working(reason: str, **values: str | float) -> Answer:
    """Something is there, and it is not yet what was asked for."""
    return Answer(State.KEEP_WORKING, reason, values)


def almost(reason: str, **values: str | float) -> Answer:
    """One thing is missing, and ``reason`` names it."""
    return Answer(State.ALMOST, reason, values)


def correct(reason: str = "correct", **values: str | float) -> Answer:
    """All that was asked for is so, and was measured."""
    return Answer(State.CORRECT, reason, values)


def best(answers: Sequence[Answer]) -> Answer:
    """Of what is said of each container of an exercise, the newest first: one that is right is
    enough, and of wrong ones the newest is spoken of."""
    right = (one for one in answers if one.state is State.CORRECT)
    return next(right, answers[0] if answers else not_started())


def cannot(reason: str, **values: str | float) -> Answer:
    """This engine cannot show it, and ``reason`` says why. Never a silent pass."""
    return Answer(State.CANNOT, reason, values)
