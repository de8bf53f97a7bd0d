"""A Dockerfile's lines: directives, comments, and lines that go on in the next one.

    source = Source(text)
    for line in source:                # Line(text="RUN a   b", number=3)
        source.body(heredoc)           # takes the lines after it, if it has a here-document

https://docs.docker.com/reference/dockerfile/#format. As in dockerd, a comment between continued
lines is left out, a blank line there as well, with a warning.

Knows: what joins lines. Does not know: instructions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ipycontainers.errors import Invalid

from .heredocs import Heredoc
from .words import SPACE

LONGEST = 65535  # bytes of one line of the file: dockerd's bufio.MaxScanTokenSize less one
_DIRECTIVE = re.compile(r"#[\t\n\f\r ]*([a-zA-Z][a-zA-Z0-9]*)[\t\n\f\r ]*=[\t\n\f\r ]*(.+?)\s*")
_DIRECTIVES = {"check", "escape", "syntax"}


@dataclass(frozen=True)
class Line:
    """What one instruction is written in: ``number`` is where it begins, from 1."""

    text: str
    number: int


class Source:
    """The lines of a file, read once. Invalid for directives and lines that cannot be."""

    def __init__(self, text: str) -> None:
        self.escape = "\\"
        self.warnings: list[str] = []
        self._lines = iter(text.removeprefix("\ufeff").split("\n"))
        self._number = 0
        self._directives: set[str] | None = set()  # those seen; None after the first other line

    def __iter__(self) -> Iterator[Line]:
        while (line := self._next()) is not None:
            line = line.lstrip(SPACE)
            self._directive(line)
            line = "" if line.startswith("#") else line
            number = self._number
            text, goes_on = self._continued(line)
            if text or goes_on:
                yield Line(self._rest(text) if goes_on else text, number)

    def body(self, heredoc: Heredoc) -> Heredoc:
        """The here-document with its content. Invalid where it does not end."""
        content: list[str] = []
        while (line := self._next()) is not None:
            if heredoc.is_end(line):
                return replace(heredoc, content="".join(content))
            content.append(line + "\n")
        raise Invalid("unterminated heredoc")

    def _next(self) -> str | None:
        """A line of the file without its end."""
        line = next(self._lines, None)
        if line is None:
            return None
        self._number += 1
        if len(line) > LONGEST // 4 and len(line.encode("utf-8", "replace")) > LONGEST:
            raise Invalid(f"dockerfile line greater than max allowed size of {LONGEST}")
        return line.removesuffix("\r")

    def _rest(self, text: str) -> str:
        """``text``, which goes on, with what follows it."""
        parts, goes_on, has_blank = [text], True, False
        while goes_on and (line := self._next()) is not None:
            if not line.lstrip(SPACE):
                has_blank = True
            elif not line.lstrip(SPACE).startswith("#"):
                part, goes_on = self._continued(line)
                parts.append(part)
        joined = "".join(parts)
        if has_blank:
            self.warnings.append(f"[WARNING]: Empty continuation line found in:\n    {joined}")
        return joined

    def _continued(self, line: str) -> tuple[str, bool]:
        """The line without its last escape character, and whether there was one."""
        text = line.rstrip("\t ")
        if not text.endswith(self.escape) or text[-2:-1] == self.escape:
            return line, False
        return text[:-1], True

    def _directive(self, line: str) -> None:
        if self._directives is None:
            return
        match = _DIRECTIVE.fullmatch(line)
        name = match[1].lower() if match else ""
        if not match or name not in _DIRECTIVES:
            self._directives = None
            return
        if name in self._directives:
            raise Invalid(f"only one {name} parser directive can be used")
        self._directives.add(name)
        if name == "escape":
            if match[2] not in ("`", "\\"):
                raise Invalid(f"invalid escape token '{match[2]}' does not match ` or \\")
            self.escape = match[2]
