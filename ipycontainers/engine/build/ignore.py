"""A .dockerignore: which paths of a context it leaves out.

    ignored = Ignore.parse("*.log\\n!keep.log\\n")
    ignored.leaves_out("a.log"), ignored.leaves_out("keep.log")     True, False

* and ? match within a name, ** any number of folders, [a-z] one character; the last line that
matches a path or a folder that it is in decides, ! takes in again. As with the docker command, a
folder that is left out is not looked into, unless a line with ! begins with its path.
https://docs.docker.com/reference/dockerfile/#dockerignore-file

The docker command and docker-py apply the file before they send a context; dockerd itself only
asks it whether to hide the Dockerfile and the .dockerignore, which are read all the same.

Knows: that notation. Does not know: files.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass

from ipycontainers.errors import Invalid

from .patterns import Pattern
from .words import SPACE


@dataclass(frozen=True)
class Line:
    """``path`` is without its !."""

    path: str
    takes_in: bool
    pattern: Pattern

    @classmethod
    def parse(cls, line: str) -> Line:
        """Invalid for a bracket that is not closed, or a ! alone."""
        takes_in = line.startswith("!")
        path = line[1:].strip(SPACE) if takes_in else line
        if not path:
            raise Invalid('illegal exclusion pattern: "!"')
        path = posixpath.normpath(path)
        if len(path) > 1:
            path = path.lstrip("/") or "/"
        return cls(path, takes_in, Pattern.parse(path, folders=True))

    def matches(self, path: str) -> bool:
        """The path itself, or as many of its first names as the pattern has."""
        if self.pattern.fits(path):
            return True
        names = path.split("/")
        count = self.path.count("/") + 1
        return count < len(names) and self.pattern.fits("/".join(names[:count]))


@dataclass(frozen=True)
class Ignore:
    """The lines of a .dockerignore, in their order."""

    lines: tuple[Line, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Ignore:
        """Invalid for a pattern that is none."""
        lines = text.removeprefix("\ufeff").split("\n")
        told = (line.strip(SPACE) for line in lines if not line.startswith("#"))
        return cls(tuple(Line.parse(line) for line in told if line))

    def leaves_out(self, path: str) -> bool:
        """Whether the file or folder of this path, from the context's root, is left out."""
        path = posixpath.normpath("/" + path).lstrip("/")
        if not path:
            return False  # the context itself
        names = path.split("/")
        folders = ("/".join(names[:count]) for count in range(1, len(names)))
        return any(map(self.closes, folders)) or self._matches(path)

    def closes(self, folder: str) -> bool:
        """Whether nothing below the folder is asked any more: it need not be looked into."""
        below = f"{folder}/"
        return self._matches(folder) and not any(
            line.takes_in and f"{line.path}/".startswith(below) for line in self.lines
        )

    def _matches(self, path: str) -> bool:
        for line in reversed(self.lines):
            if line.matches(path):
                return not line.takes_in
        return False
