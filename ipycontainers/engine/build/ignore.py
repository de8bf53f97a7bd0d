"""A .dockerignore: which paths of a context it leaves out.

    ignored = Ignore.parse("*.log\\n!keep.log\\n")
    ignored.leaves_out("a.log"), ignored.leaves_out("keep.log")     True, False

* and ? match within a name, ** any number of folders, [a-z] one character; the last line that
matches a path or a folder that it is in decides, ! takes in again. As with the docker command, a
folder that is left out is not looked into, unless a line with ! begins with its path.
https://docs.docker.com/reference/dockerfile/#dockerignore-file

The docker command and docker-py apply the file before they send a context; dockerd itself only
asks it whether to hide the Dockerfile and the .dockerignore, which are read all the same.

No regular expressions, so no pattern takes for ever.

Knows: that notation. Does not know: files.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass

from ipycontainers.errors import Invalid

from .words import SPACE


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
    """One line: ``path`` without its !."""

    path: str
    takes_in: bool
    tokens: tuple[_Token, ...]

    @classmethod
    def parse(cls, line: str) -> Pattern:
        """Invalid for a bracket that is not closed, or a ! alone."""
        takes_in = line.startswith("!")
        path = line[1:].strip(SPACE) if takes_in else line
        if not path:
            raise Invalid('illegal exclusion pattern: "!"')
        path = posixpath.normpath(path)
        if len(path) > 1:
            path = path.lstrip("/") or "/"
        return cls(path, takes_in, tuple(_tokens(path)))

    def matches(self, path: str) -> bool:
        """The path itself, or as many of its first names as the pattern has."""
        if _match(self.tokens, path):
            return True
        names = path.split("/")
        count = self.path.count("/") + 1
        return count < len(names) and _match(self.tokens, "/".join(names[:count]))


@dataclass(frozen=True)
class Ignore:
    """The lines of a .dockerignore, in their order."""

    patterns: tuple[Pattern, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Ignore:
        """Invalid for a pattern that is none."""
        lines = text.removeprefix("\ufeff").split("\n")
        told = (line.strip(SPACE) for line in lines if not line.startswith("#"))
        return cls(tuple(Pattern.parse(line) for line in told if line))

    def leaves_out(self, path: str) -> bool:
        """Whether the file or folder of this path, from the context's root, is left out."""
        path = posixpath.normpath("/" + path).lstrip("/")
        if not path:
            return False  # the context itself
        names = path.split("/")
        folders = ("/".join(names[:count]) for count in range(1, len(names)))
        return any(map(self._closes, folders)) or self._matches(path)

    def _closes(self, folder: str) -> bool:
        """Whether nothing below the folder is asked any more."""
        below = f"{folder}/"
        return self._matches(folder) and not any(
            pattern.takes_in and f"{pattern.path}/".startswith(below) for pattern in self.patterns
        )

    def _matches(self, path: str) -> bool:
        for pattern in reversed(self.patterns):
            if pattern.matches(path):
                return not pattern.takes_in
        return False


def _tokens(path: str) -> list[_Token]:
    found: list[_Token] = []
    position = 0
    while position < len(path):
        character = path[position]
        position += 1
        if path.startswith("**", position - 1):
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


def _match(tokens: tuple[_Token, ...], path: str) -> bool:
    """Every way through the tokens at the same time."""
    states = _reached({0}, tokens)
    for character in path:
        states = _reached(set().union(*(_next(tokens, at, character) for at in states)), tokens)
    return len(tokens) in states


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
