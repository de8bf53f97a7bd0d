"""All words of the course that are not in a notebook, one folder per language.

    catalogue/en/words.json     of the package itself: states, buttons, engines
    catalogue/en/claims.json    the 33 claims of the orientation: in our words, and the verdict
    catalogue/en/04a.json       of one notebook: its questions and what its checks answer

    words("state.correct")
    claim("C9").text
    question("04a-doors").choices
    exercise("04a-door").words(answer)

A language is chosen by IPYCONTAINERS_COURSE_LANGUAGE, else by LANG; it counts where its folder has
every file and key that the English one has, so that no page is in two languages.

Knows: the files. Does not know: engines, what is shown where.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

from ipycontainers.errors import Invalid

from .answer import Answer, State

FOLDER: Final = Path(__file__).parent / "catalogue"
SOURCE: Final = "en"
VERDICTS: Final = ("holds", "condition", "wrong", "opinion")


@dataclass(frozen=True)
class Claim:
    """``sentence`` is the number of the sentence in the orientation that makes it; ``notebook``
    judges it; ``verdict`` is one of VERDICTS, and ``because`` what was measured."""

    id: str
    sentence: str
    text: str
    notebook: str
    verdict: str
    because: str


@dataclass(frozen=True)
class Question:
    """``choices`` are in the order in which they are shown. ``rows``, where there are some, are
    asked one by one with the same choices. ``right`` is the index of the right choice, or one for
    each row; None where it depends on the engine and a lesson says it. ``why`` explains each
    choice, or is one text for all."""

    id: str
    text: str
    choices: Sequence[str]
    rows: Sequence[str] = ()
    right: int | Sequence[int] | None = None
    why: str | Sequence[str] = ""
    about: str = ""


@dataclass(frozen=True)
class Exercise:
    """``task`` is what a student's copy shows in place of the solution, and ``start``, where there
    is one, the cell that it begins with; ``reasons`` are what a check can answer, ``hints`` what
    helps: by a reason, by a state, or "" for all others."""

    id: str
    task: str
    reasons: Mapping[str, str] = field(default_factory=dict)
    hints: Mapping[str, str] = field(default_factory=dict)
    start: str = ""

    def words(self, answer: Answer) -> str:
        """What is said of it. Raises KeyError where the catalogue lacks the reason."""
        found = self.reasons.get(answer.reason) or words(f"exercise.{answer.reason}")
        return found.format(**answer.values)

    def hint(self, answer: Answer) -> str:
        """What helps now: it looks at the mistake where there is a hint for that."""
        found = self.hints.get(answer.reason) or self.hints.get(answer.state.value)
        found = found or self.hints.get("")
        return found.format(**answer.values) if found else self.task


def language() -> str:
    """Of the learner, where it is there as a whole; else English."""
    wanted = os.environ.get("IPYCONTAINERS_COURSE_LANGUAGE") or os.environ.get("LANG", "")
    found = wanted[:2].lower()
    return found if found in languages() else SOURCE


@cache
def languages() -> tuple[str, ...]:
    """Those that are there as a whole."""
    all_keys = _keys(SOURCE)
    return tuple(
        sorted(one.name for one in FOLDER.iterdir() if one.is_dir() and _keys(one.name) == all_keys)
    )


def words(key: str, **values: str | float) -> str:
    """One of the package's own texts. Raises KeyError where there is none."""
    return str(_file(language(), "words")[key]).format(**values)


def claim(name: str) -> Claim:
    """By its number: C9. Raises Invalid where there is none."""
    found = _file(language(), "claims")
    if name not in found:
        raise Invalid(f"there is no claim {name}", f"they are {', '.join(found)}")
    return Claim(id=name, **found[name])


def claims() -> list[Claim]:
    """All, in the order of the orientation."""
    return [claim(name) for name in _file(SOURCE, "claims")]


def notebook(name: str) -> Mapping[str, Any]:
    """All of one notebook: title, minutes, question, claims …"""
    if not (FOLDER / SOURCE / f"{name}.json").is_file():
        raise Invalid(f"there is no notebook {name}", f"they are {', '.join(notebooks())}")
    return _file(language(), name)


def notebooks() -> list[str]:
    """The numbers of all notebooks: 00, 01 …"""
    return sorted(file.stem for file in (FOLDER / SOURCE).glob("[0-9]*.json"))


def question(name: str, kind: str = "predictions") -> Question:
    """By its id, which begins with the notebook's number. ``kind`` is predictions or quizzes."""
    return Question(id=name, **_part(name, kind))


def quizzes(name: str) -> list[Question]:
    """The recall questions of a notebook."""
    return [question(one, "quizzes") for one in notebook(name).get("quizzes", {})]


def exercise(name: str) -> Exercise:
    """By its id, which begins with the notebook's number."""
    return Exercise(id=name, **_part(name, "exercises"))


def state_words(state: State) -> str:
    """As it is shown."""
    return words(f"state.{state.value}")


def _part(name: str, kind: str) -> Mapping[str, Any]:
    number = name.partition("-")[0]
    found: Mapping[str, Any] = notebook(number).get(kind, {}) if number in notebooks() else {}
    if name not in found:
        close = f"those of {number} are {', '.join(found)}" if found else "see the notebook's cell"
        raise Invalid(f"there is no {kind.removesuffix('s')} {name}", close)
    part: Mapping[str, Any] = found[name]
    return part


@cache
def _file(language: str, name: str) -> Mapping[str, Any]:
    path = FOLDER / language / f"{name}.json"
    found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _keys(language: str) -> frozenset[str]:
    folder = FOLDER / language
    return frozenset(
        f"{file.stem}:{key}" for file in folder.glob("*.json") for key in _paths(_read(file))
    )


def _read(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


def _paths(value: Any, above: str = "") -> list[str]:
    """Where in it the texts stand; of lists also how long they are."""
    if isinstance(value, dict):
        return [path for key, one in value.items() for path in _paths(one, f"{above}/{key}")]
    if isinstance(value, list):
        return [
            path for number, one in enumerate(value) for path in _paths(one, f"{above}/{number}")
        ]
    return [above]
