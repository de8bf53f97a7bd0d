"""A layer of what differs: a container's files against its image's.

    for piece in Difference(Packing(owner), copied=False).pieces(upper, View(layers)): …

What overlayfs keeps as devices and opaque folders comes out as .wh.NAME, one for each name
that is gone; so it is the same layer whether a container wrote to layers or to a copy.
https://github.com/opencontainers/image-spec/blob/main/layer.md

Knows: whiteouts. Does not know: containers, mounts.
"""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Iterator
from contextlib import ExitStack, suppress

from .blob import PIECE
from .inside import check_depth
from .pack import END, Packing, capability, parents, whiteout
from .unpack import check_count
from .view import Spot, View, is_opaque, is_whiteout


class Difference:
    """A layer of what differs between a container's folder and its image.

    ``copied``: the folder is a whole root, which is compared with the image's by kind, mode,
    size and time; else it is overlayfs's upper one. ``own`` are paths of mount points, which
    are left out. Folders are in it that are new, have another mode or hold what is in it; their
    times alone do not count, so that both kinds of folders give the same layer. ``whole``: of
    overlayfs's folder everything, also what was written as it was.
    """

    def __init__(
        self,
        packing: Packing,
        *,
        copied: bool,
        own: frozenset[str] = frozenset(),
        whole: bool = False,
    ) -> None:
        self._packing, self._copied, self._own, self._whole = packing, copied, own, whole
        self._above = {p for path in own for p in parents(path)}
        self._waiting: list[tuple[Spot, str, os.stat_result]] = []
        self._count = 0

    def pieces(self, here: int, before: View) -> Iterator[bytes]:
        """The tar, with its end. ``here`` is the container's folder. UnsafeLayer for folders that
        are deeper, Invalid for more entries than a layer may have them."""
        yield from self._folder(here, before, "", everything=self._copied)
        yield END

    def _folder(self, here: int, before: View, path: str, *, everything: bool) -> Iterator[bytes]:
        names = set(os.listdir(here))
        if everything:
            names.update(before.names())
        for name in sorted(names):
            inner = posixpath.join(path, name)
            if inner in self._own:
                continue
            with suppress(FileNotFoundError):
                yield from self._name(Spot(here, name), before, inner, everything=everything)

    def _name(self, spot: Spot, before: View, path: str, *, everything: bool) -> Iterator[bytes]:
        old = before.find(spot.name)
        try:
            found = spot.stat()
        except FileNotFoundError:
            found = None
        if found is None or is_whiteout(found):
            if old:
                yield from self._write_waiting()
                yield whiteout(path)
        elif stat.S_ISDIR(found.st_mode):
            yield from self._inner(spot, found, old, before, path, everything=everything)
        elif self._whole or old is None or self._differs(spot, found, old):
            yield from self._write_waiting()
            yield from self._entry(spot, path)

    def _inner(
        self,
        spot: Spot,
        found: os.stat_result,
        old: Spot | None,
        before: View,
        path: str,
        *,
        everything: bool,
    ) -> Iterator[bytes]:
        check_depth(path)
        self._waiting.append((spot, path, found))
        is_new = (old is None or self._whole) and path not in self._above
        if is_new or (old is not None and old.stat().st_mode != found.st_mode):
            yield from self._write_waiting()
        with spot.folder() as handle, before.folder(spot.name) as below:
            everything = everything or is_opaque(handle)
            yield from self._folder(handle, below, path, everything=everything)
        if self._waiting and self._waiting[-1][1] == path:
            self._waiting.pop()

    def _write_waiting(self) -> Iterator[bytes]:
        waiting, self._waiting = self._waiting, []
        for spot, path, found in waiting:
            yield from self._entry(spot, path, found)

    def _entry(self, spot: Spot, path: str, found: os.stat_result | None = None) -> Iterator[bytes]:
        self._count += 1
        check_count(self._count)
        yield from self._packing.entry(spot, path, path, found)

    def _differs(self, spot: Spot, found: os.stat_result, old: Spot) -> bool:
        was = old.stat()
        if found.st_mode != was.st_mode:
            return True
        if stat.S_ISLNK(found.st_mode):
            return spot.target() != old.target()
        if not stat.S_ISREG(found.st_mode):
            return False
        if (found.st_size, found.st_mtime_ns) != (was.st_size, was.st_mtime_ns):
            return True
        return not self._copied and not _is_same(spot, old)


def _is_same(one: Spot, other: Spot) -> bool:
    """In content, and in what a setcap gave it."""
    with ExitStack() as opened:
        files = [opened.enter_context(os.fdopen(spot.open(), "rb")) for spot in (one, other)]
        if (given := capability(files[0].fileno())) and given != capability(files[1].fileno()):
            return False
        while True:
            first, second = (file.read(PIECE) for file in files)
            if first != second or not first:
                return first == second
