"""What an archive has, read once without writing anything: all that a step needs that is cached.

    listing = Listing.of(stream, {"Dockerfile"})        None for an archive that is not plain
    listing.checksum("src"), listing.kept["Dockerfile"]

A plain archive has files, folders and links under names of their own, and nothing below a link; so
where a path leads can be told from names alone, but for links, of which there is no answer here.

Knows: tar, dockerd's checksums. Does not know: what is built.
"""

from __future__ import annotations

import posixpath
import tarfile
from collections.abc import Container, Iterator
from typing import IO

from ipycontainers.oci.blob import Readable, buffered, decompressed, drain, reading
from ipycontainers.oci.entries import entries

from . import checksums
from .checksums import Told

LARGEST_KEPT = 4 << 20


class Listing:
    """``kept`` has the content of the files that were wanted."""

    def __init__(self) -> None:
        self.told = Told()
        self.kept: dict[str, bytes] = {}
        self._sums: dict[str, str] = {"": ""}
        self._folders = {""}
        self._links: set[str] = set()

    @classmethod
    def of(cls, stream: Readable, wanted: Container[str]) -> Listing | None:
        """Reads to the end of a plain archive. Invalid for what is broken."""
        made = cls()
        tar = decompressed(buffered(stream))
        with reading("the archive"):
            for entry, content in entries(tar, "the archive"):
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
        if not (is_named and is_plain) or path.split("/")[0] == ".." or path in self._sums:
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
        if entry.isdir():
            self._folders.add(path)
        elif entry.issym():
            self._links.add(path)
        return True

    def _add_above(self, path: str) -> bool:
        """Folders that have no entry of their own (yet): they count by their names."""
        above = posixpath.dirname(path)
        if above in self._folders:
            return True
        if above in self._sums or not self._add_above(above):
            return False
        self._folders.add(above)
        self._sums[above] = above
        return True

    def remove(self, path: str) -> None:
        """As if it had never been there."""
        self._sums.pop(path, None)

    def has(self, path: str) -> bool:
        """Whether this is the path of a file or a folder; False where only a link can tell."""
        return path in self._sums and path not in self._links

    def names(self) -> Iterator[str]:
        """Of everything, a folder before what is in it."""
        return iter(sorted(filter(None, self._sums), key=lambda path: path.split("/")))

    def checksum(self, path: str) -> str | None:
        """Of what COPY takes; None where links have a part in it."""
        if not self.has(path):
            return None
        if path not in self._folders:
            return f"file:{self._sums[path]}"
        prefix = f"{path}/" if path else ""
        below = [one for one in self._sums if one and one.startswith(prefix)]
        if not self._links.isdisjoint(below):
            return None
        sums = [self._sums[one] for one in below]
        return checksums.of_folder([*([self._sums[path]] if path else []), *sums])
