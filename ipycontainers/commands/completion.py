"""What may stand where a line of %docker ends: verbs, flags, names of things.

Knows: the table. Does not know: IPython, how names are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .table import BY_NAME, GROUPS
from .verb import Flag, Verb

Names = Callable[[str], Sequence[str]]


def candidates(line: str, names: Names) -> list[str] | None:
    """Words that may replace the last one of ``line``, which begins with the magic's name; None
    where others know better (paths). ``names`` has those of a kind: container, image …"""
    _, *before, word = line.split(" ")
    before = [one for one in before if one]
    if not before:
        return [*GROUPS, *(name for name in BY_NAME if " " not in name)]
    if before[0] in GROUPS:
        if len(before) == 1:
            group = f"{before[0]} "
            return [name.removeprefix(group) for name in BY_NAME if name.startswith(group)]
        before = [" ".join(before[:2]), *before[2:]]
    verb = BY_NAME.get(before[0])
    return _of_verb(verb, before[1:], word, names) if verb else []


def _of_verb(verb: Verb, before: Sequence[str], word: str, names: Names) -> list[str] | None:
    if before and (waiting := _waiting(verb, before[-1])):
        return _values(waiting, word, names)
    is_command = not verb.mixed and _has_argument(verb, before)
    if word.startswith("-") and not is_command:
        name, equals, value = word.partition("=")
        found = next((flag for flag in verb.flags if name in flag.names), None)
        if equals and found:
            known = _values(found, value, names)
            return None if known is None else [f"{name}={value}" for value in known]
        return [flag.names[-1] for flag in verb.flags] + ["--help"]
    return [] if is_command else _offered(verb.offers, names)


def _waiting(verb: Verb, last: str) -> Flag | None:
    """The flag whose value comes next."""
    if len(last) < 2 or last[0] != "-" or "=" in last:
        return None
    name = last if last[1] == "-" else f"-{last[-1]}"
    return next((flag for flag in verb.flags if name in flag.names and flag.type), None)


def _has_argument(verb: Verb, before: Sequence[str]) -> bool:
    takes = ""
    for word in before:
        if takes:
            takes = ""
        elif word.startswith("-"):
            takes = word if _waiting(verb, word) else ""
        else:
            return True
    return False


def _values(flag: Flag, word: str, names: Names) -> list[str] | None:
    """What may replace the value that was begun."""
    if flag.type != "filter":
        return _offered(flag.offers, names)
    rules = dict(rule.split("=", 1) for rule in flag.offers.split())
    key, equals, _ = word.partition("=")
    if not equals:
        return [f"{key}=" for key in rules]
    return [f"{key}={value}" for value in _offered(rules.get(key, ""), names) or ()]


def _offered(offers: str, names: Names) -> list[str] | None:
    if offers == "path":
        return None
    if "|" in offers:
        return offers.split("|")
    kinds = ["container" if kind == "running" else kind for kind in offers.split()]
    return list(dict.fromkeys(name for kind in kinds for name in names(kind)))
