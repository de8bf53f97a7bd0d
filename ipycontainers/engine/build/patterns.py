"""Patterns of paths: those of a .dockerignore, and those of COPY and ADD.

    Pattern.parse("d/*.txt", folders=False).fits("d/a.txt")

* and ? match within a name, [a-z] one character, a backslash takes the next as it is. Only a
.dockerignore has ** for any number of folders (``folders``); elsewhere it is as one *, as in Go's
filepath.Match.

No regular expressions, so no pattern takes for ever.

Knows: that notation. Does not know: files, what a pattern is for.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from ipycontainers.errors import Invalid


@dataclass(frozen=True)
class _Class:
    """[a-z], [^a-z]."""

    ranges: tuple[tuple[str, str], ...]
    is_negated: bool

    def has(self, character: str) -> bool:
        return any(low <= character <= high for low, high in self.ranges) != self.is_negated


@dataclass(frozen=True)
class _Any:
    """One character of a name."""

    def has(self, character: str) -> bool:
        return character != "/"


@dataclass(frozen=True)
class _Stars:
    """Any number of characters: of a name (*), or of whole folders (**)."""

    folders: bool


_Token = str | _Class | _Any | _Stars


@dataclass(frozen=True)
class Pattern:
    """``start`` is what every path that fits begins with."""

    start: str
    tokens: tuple[_Token, ...]

    @classmethod
    def parse(cls, text: str, *, folders: bool) -> Pattern:
        """Invalid for a bracket that is not closed, and the like."""
        tokens = tuple(_tokens(text, folders=folders))
        plain = itertools.takewhile(lambda token: isinstance(token, str), tokens)
        return cls("".join(map(str, plain)), tokens)

    def fits(self, path: str) -> bool:
        """The whole path. Goes every way through the tokens at the same time."""
        if not path.startswith(self.start):
            return False
        states = _reached({len(self.start)}, self.tokens)
        for character in path[len(self.start) :]:
            if not states:
                return False
            nexts = (_next(self.tokens, at, character) for at in states)
            states = _reached(set().union(*nexts), self.tokens)
        return len(self.tokens) in states


def _tokens(path: str, *, folders: bool) -> list[_Token]:
    found: list[_Token] = []
    position = 0
    while position < len(path):
        character = path[position]
        position += 1
        if folders and path.startswith("**", position - 1):
            position += 2 if path.startswith("/", position + 1) else 1
            found.append(_Stars(folders=True))
        elif character == "*":
            found.append(_Stars(folders=False))
        elif character == "?":
            found.append(_Any())
        elif character == "[":
            token, position = _class(path, position)
            found.append(token)
        elif character == "\\":
            if position == len(path):
                raise Invalid("syntax error in pattern")
            found.append(path[position])
            position += 1
        else:
            found.append(character)
    return found


def _class(path: str, position: int) -> tuple[_Class, int]:
    """What stands between [ and ]; ``position`` is behind [, the answer's behind ]."""
    is_negated = path.startswith("^", position)
    position += is_negated
    ranges: list[tuple[str, str]] = []
    while not ranges or not path.startswith("]", position):
        low, position = _bound(path, position)
        high = low
        if path.startswith("-", position):
            high, position = _bound(path, position + 1)
        ranges.append((low, high))
    return _Class(tuple(ranges), is_negated), position + 1


def _bound(path: str, position: int) -> tuple[str, int]:
    if path.startswith("\\", position):
        position += 1
    elif path.startswith(("-", "]"), position):
        raise Invalid("syntax error in pattern")
    if position + 1 >= len(path):
        raise Invalid("syntax error in pattern")
    return path[position], position + 1


# Where the matching is: before token N is N; within the folders of a ** at N is ~N.


def _next(tokens: tuple[_Token, ...], state: int, character: str) -> set[int]:
    """Where one character leads."""
    at = ~state if state < 0 else state
    if at == len(tokens):
        return set()
    token = tokens[at]
    if isinstance(token, str):
        return {at + 1} if token == character else set()
    if not isinstance(token, _Stars):
        return {at + 1} if token.has(character) else set()
    if not token.folders:
        return {at} if character != "/" else set()
    if at + 1 == len(tokens):
        return {at}
    return {~at, at + 1} if character == "/" else {~at}


def _reached(states: set[int], tokens: tuple[_Token, ...]) -> set[int]:
    """With those that stars reach by standing for nothing."""
    found = set(states)
    for state in states:
        at = state
        while 0 <= at < len(tokens) and isinstance(tokens[at], _Stars):
            at += 1
            found.add(at)
    return found
