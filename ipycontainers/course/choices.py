"""Answers to a question: as a learner gives them, as they are kept, as they are judged.

    parsed(question, "b")               1: by a letter, the number from 0, or the text of a choice
    parsed(question, ["a", "a", "b"])   [0, 0, 1], where the question has rows
    judged(question, 1)                 True, False, or None where a lesson has to say it

An answer is the index of a choice, or a list with one for each row, None where a row has none yet.

Knows: questions. Does not know: the learner's progress, how it is shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ipycontainers.errors import Invalid

from .catalogue import Question, words


def parsed(question: Question, answer: object) -> Any:
    """An answer that stands in the cell. Raises Invalid where it is none."""
    if not question.rows:
        return _one(question, answer)
    if not isinstance(answer, list | tuple) or len(answer) != len(question.rows):
        raise Invalid(
            words("answer.rows", name=question.id, count=len(question.rows)),
            words("answer.rows.hint", rows=", ".join(question.rows)),
        )
    return [_one(question, it) for it in answer]


def _one(question: Question, answer: object) -> int:
    choices = list(question.choices)
    if isinstance(answer, str):
        if answer in choices:
            return choices.index(answer)
        if len(answer) == 1 and 0 <= ord(answer.lower()) - 97 < len(choices):
            return ord(answer.lower()) - 97
    if isinstance(answer, int) and not isinstance(answer, bool) and 0 <= answer < len(choices):
        return answer
    letters = ", ".join(f'"{letter(number)}" ({one})' for number, one in enumerate(choices))
    raise Invalid(
        words("answer.unknown", answer=repr(answer), name=question.id),
        words("unknown.there", names=letters),
    )


def letter(number: int) -> str:
    """By which a choice is named: a, b …"""
    return chr(97 + number)


def pressed(question: Question, given: Any, numbers: Sequence[int]) -> Any:
    """The answer with one more choice: ``[CHOICE]`` or ``[ROW, CHOICE]``. Raises ValueError or
    IndexError where there is none such."""
    if not 0 <= numbers[-1] < len(question.choices):
        raise IndexError(numbers)
    if not question.rows:
        (chosen,) = numbers
        return chosen
    at, chosen = numbers
    if not 0 <= at < len(question.rows):
        raise IndexError(numbers)
    answer = list(given or [None] * len(question.rows))
    answer[at] = chosen
    return answer


def known(question: Question, kept: Any) -> Any:
    """What is kept, if it is an answer to this question: the file may be from an older course."""
    if not question.rows:
        return kept if _is_choice(question, kept) else None
    if not isinstance(kept, list) or len(kept) != len(question.rows):
        return None
    return kept if all(one is None or _is_choice(question, one) for one in kept) else None


def _is_choice(question: Question, kept: Any) -> bool:
    is_number = isinstance(kept, int) and not isinstance(kept, bool)
    return is_number and 0 <= kept < len(question.choices)


def is_whole(question: Question, given: Any) -> bool:
    """Whether every row has its answer."""
    return given is not None and (not question.rows or None not in given)


def judged(question: Question, given: Any, right: Any = None) -> bool | None:
    """Whether it is right; ``right`` is the lesson's, where the engine decides it."""
    wanted = question.right if right is None else right
    if wanted is None:
        return None
    return bool(given == (list(wanted) if isinstance(wanted, Sequence) else wanted))


def reason(question: Question, given: Any) -> str:
    """Why the choice is right or wrong."""
    if isinstance(question.why, str):
        return question.why
    return question.why[given] if isinstance(given, int) else " ".join(question.why)


def shown(question: Question, given: Any) -> str:
    """An answer in words."""
    if isinstance(given, list):
        pairs = zip(question.rows, given, strict=True)
        return ", ".join(f"{row}: {question.choices[it]}" for row, it in pairs if it is not None)
    return question.choices[given] if isinstance(given, int) else ""
