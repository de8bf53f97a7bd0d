"""Layers seen as the one root that overlayfs makes of them, while it is not mounted.

For what must be known of a root before its container runs: where a path leads when links are
followed inside it, and what a small file says. Nothing here opens a path of more than one
unseen part: every step is looked at with lstat. Who can change a layer meanwhile is the user
that owns it, no container: one runs only after this.

Knows: whiteouts (character devices 0:0), opaque folders, links. Does not know: containers.
"""

from __future__ import annotations

import posixpath
import stat
from collections.abc import Sequence
from pathlib import Path

from ipycontainers.errors import Invalid
from ipycontainers.oci.view import is_opaque, is_whiteout

_MOST_LINKS = 40  # as Linux has it
_LARGEST = 1 << 20


class Tree:
    """``layers`` are the oldest first; a plain root is one layer."""

    def __init__(self, layers: Sequence[Path]) -> None:
        self._layers = tuple(reversed(layers))

    def real(self, path: str) -> str:
        """The path without links, as it will be in the container; its end need not exist.

        ``Invalid`` where links go round in a circle, a part on the way is a file, or no file can
        have such a path.
        """
        if "\0" in path:
            raise Invalid(f"lstat {path}: invalid argument")
        waiting = posixpath.join("/", path).split("/")[::-1]
        done: list[str] = []
        links = 0
        while waiting:
            part = waiting.pop()
            if part in ("", "."):
                continue
            if part == "..":
                del done[-1:]
                continue
            found = self.find("/".join([*done, part]))
            if found and found.is_symlink():
                if (links := links + 1) > _MOST_LINKS:
                    raise Invalid(f"{path}: too many levels of symbolic links")
                target = str(found.readlink())
                done = [] if target.startswith("/") else done
                waiting += target.split("/")[::-1]
                continue
            if found and waiting and any(waiting) and not found.is_dir():
                raise Invalid(f"{path}: /{'/'.join([*done, part])} is not a directory")
            done.append(part)
        return "/" + "/".join(done)

    def find(self, path: str) -> Path | None:
        """Where the newest layer has the path, whose folders are no links; None when nobody has."""
        parts = path.strip("/").split("/")
        for layer in self._layers:
            said, found = _look(layer, parts)
            if said:
                return found
        return None

    def names(self, path: str) -> set[str]:
        """What is in the folder ``path``, on whose way are no links."""
        inner = path.strip("/")
        found: set[str] = set()
        for layer in self._layers:
            _, folder = _look(layer, inner.split("/")) if inner else (True, layer)
            if folder and folder.is_dir() and not folder.is_symlink():
                found.update(child.name for child in folder.iterdir())
        return {name for name in found if self.find(f"{inner}/{name}")}

    def text(self, path: str) -> str:
        """A small file's; "" when there is none."""
        try:
            found = self.find(self.real(path))
        except Invalid:
            return ""
        if found is None or not found.is_file():
            return ""
        with found.open(encoding="utf-8", errors="replace") as file:
            return file.read(_LARGEST)


def _look(layer: Path, parts: Sequence[str]) -> tuple[bool, Path | None]:
    """Whether the layer decides about the path, and where it has it."""
    at, hides = layer, False
    for number, part in enumerate(parts):
        at /= part
        try:
            found = at.lstat()
        except (OSError, ValueError):  # a name that no file can have
            return hides, None
        if is_whiteout(found):
            return True, None
        if number == len(parts) - 1:
            return True, at
        if not stat.S_ISDIR(found.st_mode):
            return True, None
        hides = hides or is_opaque(str(at))
    return True, layer
