"""The capstone: six claims with a verdict and a number, two sentences written anew.

Knows: which number proves which verdict, on every engine. Does not know: how each was measured,
the words of a sentence, which are in the catalogue.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ipycontainers.course import catalogue
from ipycontainers.course.answer import Answer, almost, correct, keep_working, not_started
from ipycontainers.course.catalogue import VERDICTS, words
from ipycontainers.course.evidence import quoted
from ipycontainers.course.lab import Lab
from ipycontainers.course.lesson import Lesson
from ipycontainers.course.progress import Progress

lesson = Lesson("11")
PROOF: Final = "11-proof"
REWRITE: Final = "11-rewrite"
MOST: Final = 300  # letters of a sentence


@dataclass(frozen=True)
class Proof:
    """``number`` is so on every engine (the lesson's tests measure it); ``verdicts`` are those
    that can be argued from it, the course's first."""

    number: int
    verdicts: Sequence[str]


PROOFS: Final = {
    "C1": Proof(2, ["condition"]),
    "C7": Proof(0, ["holds", "condition"]),
    "C8": Proof(0, ["wrong"]),
    "C21": Proof(1, ["holds"]),
    "C25": Proof(3, ["condition", "wrong"]),
    "C27": Proof(1, ["wrong"]),
}


@lesson.checks(PROOF)
def proof(lab: Lab) -> Answer:  # noqa: ARG001
    """What was handed in by ``found``: a verdict and a number for each of PROOFS."""
    given = _handed_in(PROOF)
    if given is None:
        return not_started()
    if not isinstance(given, Mapping) or not set(given) & set(PROOFS):
        return keep_working("form", given=quoted(str(given)))
    wrong: dict[str, list[str]] = {}
    for name in PROOFS:
        wrong.setdefault(_looked_at(name, given), []).append(name)
    for reason in ("pair", "word", "number", "verdict", "missing"):
        if reason in wrong:
            is_last = sum(map(len, wrong.values())) - len(wrong.get("", ())) == 1
            say = almost if is_last else keep_working
            return say(reason, claims=", ".join(wrong[reason]))
    return correct()


def _looked_at(name: str, given: Mapping[str, Any]) -> str:
    """The reason why it is not right; "" where it is."""
    if name not in given:
        return "missing"
    pair = given[name]
    if not isinstance(pair, list) or len(pair) != 2 or (number := _number(pair[1])) is None:
        return "pair"
    if (verdict := _verdict(pair[0])) is None:
        return "word"
    if number != PROOFS[name].number:
        return "number"
    return "" if verdict in PROOFS[name].verdicts else "verdict"


def _number(given: object) -> float | None:
    try:
        return float(str(given))
    except ValueError:
        return None


def _verdict(given: object) -> str | None:
    """By its short name, or as the buttons have it."""
    said = str(given).strip().lower()
    return next((it for it in VERDICTS if said in (it, words(f"verdict.{it}").lower())), None)


def _handed_in(exercise: str) -> Any:
    return Progress.here().of("answers").get(exercise)


# --- sentences ----------------------------------------------------------------------------------


@lesson.checks(REWRITE)
def rewrite(lab: Lab) -> Answer:  # noqa: ARG001
    """Whether the facts are named, by their words; not whether the sentence is a good one."""
    given, sought = _handed_in(REWRITE), catalogue.notebook("11")["sentences"]
    if given is None:
        return not_started()
    if not isinstance(given, Mapping) or not all(isinstance(it, str) for it in given.values()):
        return keep_working("form")
    missing = [name for name in sought if not given.get(name, "").strip()]
    if missing:
        return keep_working("missing", claims=", ".join(missing))
    found = [_read(name, given[name], told) for name, told in sought.items()]
    wrong = [it for it in found if it.reason != "correct"]
    if wrong:
        return wrong[0]
    return correct(**{name: told["model"] for name, told in sought.items()})


def _read(name: str, sentence: str, told: Mapping[str, Any]) -> Answer:
    said = _plain(sentence)
    if said == _plain(catalogue.claim(name).text):
        return keep_working("same", claims=name)
    for phrase in filter(None, told["never"].split("|")):
        if phrase in said.replace(f"not {phrase}", ""):
            return keep_working("false", claims=name, phrase=phrase)
    lacking = [it["fact"] for it in told["facts"] if not _names(said, it["words"])]
    if lacking:
        say = almost if len(lacking) == 1 else keep_working
        return say("fact", claims=name, fact=lacking[0])
    return almost("long", claims=name, most=MOST) if len(sentence) > MOST else correct()


def _plain(sentence: str) -> str:
    """Without what does not matter."""
    return " ".join(sentence.replace("’", "'").lower().split()).rstrip(".!")


def _names(said: str, either: str) -> bool:
    """Whether one of the words, or one that begins so, is there."""
    return any(f" {word}" in f" {said}" for word in either.split("|"))
