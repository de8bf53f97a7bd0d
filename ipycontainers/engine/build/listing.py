"""What an archive has, read once without writing anything: all that a step needs that is cached.

    listing = Listing.of(file, {"Dockerfile"})        None for an archive that is not plain
    listing.checksum("src"), listing.kept["Dockerfile"]

A plain archive has files, folders and symbolic links under names of their own, and nothing below a
link; so where a path leads can be told from names and targets alone.

Knows: tar, dockerd's checksums. Does not know: what is built.
"""

from __future__ import annotations

import posixpath
import tarfile
from collections.abc import Container, Iterator
from typing import IO

from ipycontainers.errors import Invalid
from ipycontainers.oci import unpack
from ipycontainers.oci.blob import Readable, bounded, buffered, decompressed, drain, reading
from ipycontainers.oci.entries import entries
from ipycontainers.oci.inside import DEEPEST, LONGEST, MOST_LINKS

from . import checksums
from .checksums import Told

LARGEST_KEPT = 4 << 20


class Listing:
    """``kept`` has the content of the files that were wanted."""

    def __init__(self) -> None:
        self.told = Told()
        self.kept: dict[str, bytes] = {}
        self._sums: dict[str, str] = {"": ""}
        self._below: dict[str, list[str]] = {"": []}  # of each folder, else a COPY looks at all
        self._links: dict[str, str] = {}

    @classmethod
    def of(cls, stream: Readable, wanted: Container[str], stored: int) -> Listing | None:
        """Reads to the end of a plain archive of ``stored`` bytes. Invalid for what is broken, and
        for what was made to take all time and memory."""
        made, count = cls(), 0
        tar = bounded(decompressed(buffered(stream)), stored)
        with reading("the archive"):
            for entry, content in entries(tar, "the archive"):
                if (count := count + 1) > unpack.MOST_ENTRIES:
                    raise Invalid(f"an archive of more than {unpack.MOST_ENTRIES:,} entries")
                if not made._add(entry, content, wanted):
                    return None
            drain(tar)
        return made

    def _add(
        self, entry: tarfile.TarInfo, content: IO[bytes] | None, wanted: Container[str]
    ) -> bool:
        path = posixpath.normpath(entry.name)
        if path == "." and entry.isdir():
            return True  # the context itself
        is_named = path == entry.name.removeprefix("./").removesuffix("/") and path[:1] != "/"
        is_plain = (content and not entry.issparse()) or entry.isdir() or entry.issym()
        is_short = len(path) <= LONGEST and len(entry.linkname) <= LONGEST
        is_flat = path.count("/") < DEEPEST
        is_inside = path.split("/")[0] != ".." and path not in self._sums
        if not (is_named and is_plain and is_short and is_flat and is_inside):
            return False
        if not self._add_above(path):
            return False
        self.told.add(entry, path)
        head = self.told.head(path)
        assert head is not None
        if content and path in wanted and entry.size <= LARGEST_KEPT:
            self.kept[path] = content.read()
            self._sums[path] = checksums.of_bytes(head, self.kept[path])
        else:
            self._sums[path] = checksums.of_entry(head, content)
        self._below[posixpath.dirname(path)].append(path)
        if entry.isdir():
            self._below[path] = []
        elif entry.issym():
            self._links[path] = entry.linkname
        return True

    def _add_above(self, path: str) -> bool:
        """Folders that have no entry of their own (yet): they count by their names."""
        above = posixpath.dirname(path)
        if above in self._below:
            return True
        if above in self._sums or not self._add_above(above):
            return False
        self._below[posixpath.dirname(above)].append(above)
        self._below[above] = []
        self._sums[above] = above
        return True

    def remove(self, path: str) -> None:
        """As if what it leads to had never been there."""
        if real := self.real(path):
            self._sums.pop(real, None)
            self._below[posixpath.dirname(real)].remove(real)

    def real(self, path: str) -> str | None:
        """Where it leads, as ``Tree.real``; None where nothing is."""
        waiting = path.split("/")[::-1]
        done: list[str] = []
        links = 0
        while waiting:
            part = waiting.pop()
            if part == "..":
                del done[-1:]
            if part in ("", ".", ".."):
                continue
            at = "/".join([*done, part])
            if (target := self._links.get(at)) is None:
                if at in self._sums and at not in self._below and any(waiting):
                    return None
                done.append(part)
                continue
            if (links := links + 1) > MOST_LINKS:
                return None
            done = [] if target.startswith("/") else done
            waiting += target.split("/")[::-1]
        real = "/".join(done)
        return real if real in self._sums else None

    def names(self) -> Iterator[str]:
        """Of everything, a folder before what is in it."""
        return iter(sorted(filter(None, self._sums), key=lambda path: path.split("/")))

    def checksum(self, path: str) -> str | None:
        """Of what COPY takes; None where nothing is."""
        real = self.real(path)
        if real is None:
            return None
        if real not in self._below:
            return f"file:{self._sums[real]}"
        below = map(self._sum, self._inside(real))
        return checksums.of_folder([*([self._sums[real]] if path else []), *below])

    def _inside(self, folder: str) -> Iterator[str]:
        """All below it."""
        waiting = [folder]
        while waiting:
            for path in self._below[waiting.pop()]:
                yield path
                if path in self._below:
                    waiting.append(path)

    def _sum(self, path: str) -> str:
        """A link counts as what it leads to, one that leads to nothing as its name."""
        if path not in self._links:
            return self._sums[path]
        real = self.real(path)
        return path if real is None else self._sums[real]
