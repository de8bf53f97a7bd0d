"""The capstone: six claims with a verdict and a number, two sentences written anew.

Knows: which number proves which verdict, on every engine. Does not know: how each was measured,
the words of a sentence, which are in the catalogue.
"""

from __future__ import annotations

import re
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
LEAST: Final = 6  # words of one
NEAR: Final = 6  # words before a phrase, among which one may deny it
HELD: Final = 2  # verbs and small words that hold one together, at least one of them a verb


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
    """Whether the facts are named, by their words, in what is built like a sentence; not whether
    the sentence is a good one. The catalogue has the words, and patterns of words, of a language.
    """
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
    if phrase := _false(said, told["false"]):
        return keep_working("false", claims=name, phrase=phrase)
    lacking = [it["fact"] for it in told["facts"] if not _names(said, it)]
    if lacking:
        say = almost if len(lacking) == 1 else keep_working
        return say("fact", claims=name, fact=lacking[0])
    if not _is_sentence(said):
        return almost("list", claims=name)
    return almost("long", claims=name, most=MOST) if len(sentence) > MOST else correct()


def _plain(sentence: str) -> str:
    """Without what does not matter."""
    return " ".join(sentence.replace("’", "'").lower().split()).rstrip(".!")


def _names(said: str, fact: Mapping[str, str]) -> bool:
    """Whether one of its words, or one that begins so, is there, but for where it is denied."""
    denied = fact.get("denied")
    left = re.sub(rf"\b(?:{denied})\b", " ", said) if denied else said
    return bool(re.search(rf"\b(?:{fact['words']})", left))


def _false(said: str, phrases: str) -> str:
    """The first of the phrases that is there, and not denied by a word shortly before it."""
    denials = _kind("denials")
    for found in re.finditer(rf"\b(?:{phrases})", said):
        if not denials & set(_words(said[: found.start()])[-NEAR:]):
            return found[0]
    return ""


def _is_sentence(said: str) -> bool:
    """What holds words together: a list of them has none of it."""
    parts = [_words(part) for part in re.split(r"[,;:.!?()–—]| - ", said)]
    pairs = [pair for part in parts for pair in zip(["", *part], part, strict=False)]
    verbs = sum(_is_verb(before, word) for before, word in pairs)
    small = sum(word in _kind("small") for _, word in pairs)
    return len(pairs) >= LEAST and verbs > 0 and verbs + small >= HELD


def _is_verb(before: str, word: str) -> bool:
    """Some words are nouns too, where nothing or a word for nouns stands before them."""
    begin, apostrophe, _ = word.partition("'")
    if apostrophe and begin in _kind("small"):  # it's
        return True
    if word in _kind("nouns too"):
        return bool(before) and before not in _kind("before nouns")
    return word in _kind("verbs")


def _words(said: str) -> list[str]:
    return re.findall(r"[\w']+", said)


def _kind(of: str) -> frozenset[str]:
    return frozenset(catalogue.notebook("11")["grammar"][of].split("|"))
