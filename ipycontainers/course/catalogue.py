"""All words of the course that are not in a notebook, one folder per language.

    catalogue/en/words.json     of the package itself: states, buttons, engines
    catalogue/en/claims.json    the 33 claims of the orientation: in our words, and the verdict
    catalogue/en/04a.json       of one notebook: its questions and what its checks answer

    words("state.correct")
    claim("C9").text
    question("04a-doors").choices
    exercise("04a-door").words(answer)

A language is chosen by IPYCONTAINERS_COURSE_LANGUAGE, else by LANG; it counts where its folder has
every file and text that the English one has, so that no page is in two languages.

A text has its values as ``{name}``; every other brace stands for itself, as in docker's templates.
Values may come from a container: they are put in as they can be read, of a bounded length, and
nothing in them is looked at. Words between backticks are shown as code.

Knows: the files. Does not know: engines, what is shown where.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

from ipycontainers.errors import Invalid
from ipycontainers.oci.legible import printable

from .answer import Answer, State

FOLDER: Final = Path(__file__).parent / "catalogue"
SOURCE: Final = "en"
VERDICTS: Final = ("holds", "condition", "wrong", "opinion")
LONGEST: Final = 300  # letters of a value in a text
# These are no texts, and the same in each language.
_FIXED: Final = {"about", "claims", "images", "notebook", "sentence", "verdict"}


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
        """What is said of it: the exercise's own words, else the package's; a reason for which
        there are none is shown as it is, since a check stops nobody."""
        shared = _file(language(), "words").get(f"exercise.{answer.reason}", answer.reason)
        return filled(self.reasons.get(answer.reason) or str(shared), answer.values)

    def hint(self, answer: Answer) -> str:
        """What helps now: it looks at the mistake where there is a hint for that."""
        shared = _file(language(), "words").get(f"hint.{answer.reason}", "")
        found = self.hints.get(answer.reason) or shared or self.hints.get(answer.state.value)
        found = found or self.hints.get("")
        return filled(str(found), answer.values) if found else self.task


def filled(text: str, values: Mapping[str, Any]) -> str:
    """The text with its values; a name that has none stays.

    >>> filled("{name} ended: see {{.State}}", {"name": "{text.__class__}"})
    '{text.__class__} ended: see {{.State}}'
    """
    return re.sub(
        r"\{(\w+)\}", lambda one: legible(values[one[1]]) if one[1] in values else one[0], text
    )


def legible(value: object, longest: int = LONGEST) -> str:
    """On one line, as it can be read."""
    # Of a long text no more than is shown is looked at.
    line = " ".join(str(value)[: 4 * longest].split())
    shown = printable(line)
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


def language() -> str:
    """Of the learner, where it is there as a whole; else English."""
    wanted = os.environ.get("IPYCONTAINERS_COURSE_LANGUAGE") or os.environ.get("LANG", "")
    found = wanted[:2].lower()
    return found if found != SOURCE and found in languages() else SOURCE


@cache
def languages() -> tuple[str, ...]:
    """Those that are there as a whole."""
    wanted = _texts(FOLDER / SOURCE)
    found = (one for one in FOLDER.iterdir() if one.is_dir())
    return tuple(sorted(one.name for one in found if _texts(one) == wanted))


def words(key: str, **values: str | float) -> str:
    """One of the package's own texts. Raises KeyError where there is none."""
    return filled(str(_file(language(), "words")[key]), values)


def claim(name: str) -> Claim:
    """By its number: C9. Raises Invalid where there is none."""
    found = _file(language(), "claims")
    if name not in found:
        raise unknown("claim", name, found)
    return Claim(id=name, **found[name])


def claims() -> list[Claim]:
    """All, in the order of the orientation."""
    return [claim(name) for name in _file(SOURCE, "claims")]


def notebook(name: str) -> Mapping[str, Any]:
    """All of one notebook: title, minutes, question, claims …"""
    if name not in notebooks():
        raise unknown("notebook", name, notebooks())
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


def unknown(kind: str, name: object, there: Iterable[str]) -> Invalid:
    """What is raised where the learner names a ``kind`` of thing that is not there."""
    listed = ", ".join(there) or words("unknown.none")
    return Invalid(words(f"unknown.{kind}", name=str(name)), words("unknown.there", names=listed))


def _part(name: str, kind: str) -> Mapping[str, Any]:
    number = str(name).partition("-")[0]
    found: Mapping[str, Any] = notebook(number).get(kind, {})
    if name not in found:
        raise unknown(kind, name, found)
    part: Mapping[str, Any] = found[name]
    return part


@cache
def _file(language: str, name: str) -> Mapping[str, Any]:
    path = FOLDER / language / f"{name}.json"
    found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _texts(folder: Path) -> frozenset[str]:
    """Where the texts of a language stand, and all that is no text; empty where a file is none."""
    try:
        parts = {file.stem: _read(file) for file in folder.glob("*.json")}
    except (OSError, ValueError):
        return frozenset()
    return frozenset(place for name, part in parts.items() for place in _places(part, name))


def _read(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


def _places(value: Any, above: str, *, is_fixed: bool = False) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield from _places(one, f"{above}/{key}", is_fixed=key in _FIXED)
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from _places(one, f"{above}/{number}", is_fixed=is_fixed)
    elif isinstance(value, str) and not is_fixed:
        yield f"{above}: {'a text' if value.strip() else 'nothing'}"
    else:
        yield f"{above}: {value!r}"
