"""The layer of what a step wrote to a whole root, found by what was there before.

    written = Written(root, before, own, settling)
    layout.put(written.pieces()); written.after; written.remember(record)

It is the tar that ``oci.delta`` makes of overlayfs's folder after the same step.

Knows: snapshots, whiteouts. Does not know: containers.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path

from ipycontainers.oci.inside import Inside
from ipycontainers.oci.pack import END, Packing, parents, whiteout
from ipycontainers.oci.record import Unpacked
from ipycontainers.oci.view import Spot

from .settling import Settling
from .snapshot import Snapshot, mark


class Written:
    """``own`` are paths that the engine made, or mounted on."""

    def __init__(
        self, root: Path, before: Snapshot, own: frozenset[str], settling: Settling
    ) -> None:
        self._root, self._own, self._settling = root, own, settling
        closed: dict[str, int] = {}
        now = Snapshot.of(root, own, closed)
        settling.modes = closed
        written, gone = before.changes(now)
        above = {parent for path in own for parent in parents(path)}
        self._written = [path for path in written if path not in above]
        self._written += [
            path for path in above & set(written) if _has_another_mode(path, before, now)
        ]
        self._untouched = above - set(self._written)
        self._before = before
        self._gone = [path for path in gone if path not in own and now.is_folder_above(path)]
        self.after = now

    def pieces(self) -> Iterator[bytes]:
        """The tar, with its end. What is packed was settled before."""
        with closing(Inside(self._root)) as inside:
            packed = {*self._written, *self._above(self._written), *self._above(self._gone)}
            self._give_back(inside, self._untouched - packed)
            for path in sorted(packed):
                with inside.parent(path) as (folder, name, _):
                    self._settling.entry(folder, name, path)
            with inside.folder("") as root:
                self._settling.compiled(root)
            yield from self._packed(inside)
            for path in packed:
                with inside.parent(path) as (folder, name, _):
                    found = os.stat(name, dir_fd=folder, follow_symlinks=False)
                    self.after.marks[path] = mark(found)
        yield END

    def _above(self, paths: Iterable[str]) -> set[str]:
        return {parent for path in paths for parent in parents(path)}

    def _give_back(self, inside: Inside, paths: Iterable[str]) -> None:
        """The times of folders in which only the engine has made something."""
        for path in paths:
            if known := self._before.marks.get(path):
                with suppress(OSError), inside.parent(path) as (folder, name, _):
                    os.utime(name, ns=(known[1], known[1]), dir_fd=folder, follow_symlinks=False)
                    self.after.marks[path] = known

    def _packed(self, inside: Inside) -> Iterator[bytes]:
        owners = self._settling.owner_of
        packing, told = Packing(owners, sparse=True), {""}
        both = [(path, False) for path in self._written] + [(path, True) for path in self._gone]
        for path, is_gone in sorted(both, key=lambda one: one[0].split("/")):
            for above in (*reversed(list(parents(path))), *(() if is_gone else (path,))):
                if above not in told:
                    told.add(above)
                    with inside.parent(above) as (folder, name, _):
                        yield from packing.entry(Spot(folder, name), above, above)
            if is_gone:
                yield whiteout(path)

    def remember(self, record: Unpacked) -> None:
        """``record`` is of the whole root."""
        brought = self._settling.record
        for path in [p for p in record.owners if _is_below(p, set(self._gone))]:
            del record.owners[path]
        for path in self._written:
            record.owners.pop(path, None)
        record.owners.update(brought.owners)
        record.newest = max(record.newest, brought.newest)


def _has_another_mode(path: str, before: Snapshot, now: Snapshot) -> bool:
    return path in before.marks and before.marks[path][0] != now.marks[path][0]


def _is_below(path: str, gone: set[str]) -> bool:
    return path in gone or any(parent in gone for parent in parents(path))
