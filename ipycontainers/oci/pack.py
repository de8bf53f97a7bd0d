"""Folders become tars: what of a container goes into a layer, an export, an archive.

    for piece in Packing(owner).tree(view): …           the whole tree, as bytes of a tar
    yield END

The same files always give the same bytes: names are sorted, headers are PAX with times in
whole seconds. A file with several names is stored once, holes may stay holes (GNU's PAX
format 1.0), sockets are left out, what its owner may not read is opened up for the moment.

Knows: tar. Does not know: containers, what is to be packed.
"""

from __future__ import annotations

import os
import posixpath
import stat
import tarfile
from collections.abc import Callable, Container, Iterator
from contextlib import suppress

from .blob import PIECE
from .record import XATTR, Owner
from .sparse import Extents, extents
from .view import OVERLAY, Spot, View

_BLOCK = 512
END = bytes(2 * _BLOCK)
CAPABILITY = "security.capability"
_PLAIN, _NAMESPACED, _NAMESPACED_SIZE = 2, 3, 24  # VFS_CAP_REVISION_2 and _3 in the last byte


def nobody(path: str) -> Owner | None:  # noqa: ARG001
    """No path has another owner than root."""
    return None


class Packing:
    """One tar. ``owner`` gives what is recorded of a path, which has no slash in front;
    ``without`` are such paths that stay out of trees."""

    def __init__(
        self,
        owner: Callable[[str], Owner | None] = nobody,
        *,
        sparse: bool = False,
        without: Container[str] = (),
    ) -> None:
        self._owner, self._sparse, self._without = owner, sparse, without
        self._seen: dict[tuple[int, int], str] = {}

    def tree(self, view: View, path: str = "", shown: str = "") -> Iterator[bytes]:
        """All below the folder ``path``, not itself, under the name ``shown``."""
        for name in view.names():
            with suppress(FileNotFoundError):  # removed meanwhile
                spot = view.find(name)
                if spot is None:
                    continue
                inner, called = posixpath.join(path, name), posixpath.join(shown, name)
                if inner in self._without:
                    continue
                yield from self.entry(spot, inner, called)
                if stat.S_ISDIR(spot.stat().st_mode):
                    with view.folder(name) as below:
                        yield from self.tree(below, inner, called)

    def entry(
        self, spot: Spot, path: str, shown: str, found: os.stat_result | None = None
    ) -> Iterator[bytes]:
        """What is at ``spot``; of a folder only itself. Nothing for sockets and devices."""
        found = found or spot.stat()
        entry = self._described(found, path, shown)
        if stat.S_ISREG(found.st_mode):
            yield from self._file(spot, found, entry)
        elif stat.S_ISDIR(found.st_mode):
            entry.type, entry.name = tarfile.DIRTYPE, f"{shown}/"
            handle = spot.open(os.O_DIRECTORY)
            try:
                _add_attributes(entry, handle)
            finally:
                os.close(handle)
            yield header(entry)
        elif stat.S_ISLNK(found.st_mode):
            entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, spot.target(), 0o777
            yield header(entry)
        elif stat.S_ISFIFO(found.st_mode):
            entry.type = tarfile.FIFOTYPE
            yield header(entry)

    def _described(self, found: os.stat_result, path: str, shown: str) -> tarfile.TarInfo:
        entry = tarfile.TarInfo(shown)
        entry.mode, entry.mtime = stat.S_IMODE(found.st_mode), int(found.st_mtime // 1)
        owner = self._owner(path)
        if owner:
            entry.uid, entry.gid = owner.uid, owner.gid
            entry.mode = stat.S_IMODE(owner.given_back(found.st_mode))
            for name, value in owner.attributes.items():
                _set(entry, XATTR + name, value)
        return entry

    def _file(self, spot: Spot, found: os.stat_result, entry: tarfile.TarInfo) -> Iterator[bytes]:
        key = (found.st_dev, found.st_ino)
        if found.st_nlink > 1 and key in self._seen:
            entry.type, entry.linkname = tarfile.LNKTYPE, self._seen[key]
            entry.pax_headers = {}
            yield header(entry)
            return
        handle = spot.open()
        try:
            now = os.fstat(handle)
            if not stat.S_ISREG(now.st_mode):
                return  # another thing has taken its place
            self._seen[key] = entry.name
            _add_attributes(entry, handle)
            entry.size = now.st_size
            pieces = extents(handle) if self._sparse else None
            if pieces is None:
                yield header(entry)
                yield from _content(handle, [(0, now.st_size)])
            else:
                yield from _sparse(handle, entry, [*pieces, (now.st_size, 0)])
        finally:
            os.close(handle)


def header(entry: tarfile.TarInfo) -> bytes:
    """With the PAX records that it needs, also for names that are no UTF-8."""
    return entry.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def whiteout(path: str) -> bytes:
    """What says in a layer that nothing is at the path any more."""
    above, name = posixpath.split(path)
    entry = tarfile.TarInfo(posixpath.join(above, f".wh.{name}"))
    entry.mode = 0o600  # as dockerd's
    return header(entry)


def parents(path: str) -> Iterator[str]:
    """The folders on the way to a path that has no slash in front, the nearest first."""
    while path := posixpath.dirname(path):
        yield path


def _set(entry: tarfile.TarInfo, key: str, value: bytes) -> None:
    text = value.decode("utf-8", "surrogateescape")
    entry.pax_headers = {**entry.pax_headers, key: text}


def _add_attributes(entry: tarfile.TarInfo, handle: int) -> None:
    """What the user may set, less overlayfs's own, and what root of a container may."""
    with suppress(OSError):
        for name in sorted(os.listxattr(handle)):
            if name.startswith("user.") and not name.startswith(OVERLAY):
                _set(entry, XATTR + name, os.getxattr(handle, name))
    value = capability(handle)
    if value is not None:
        _set(entry, XATTR + CAPABILITY, value)


def capability(handle: int) -> bytes | None:
    """The file's, as it is outside of a user namespace: without whose root it means.

    linux/capability.h, struct vfs_cap_data and vfs_ns_cap_data.
    """
    try:
        value = os.getxattr(handle, CAPABILITY)
    except OSError:
        return None
    if len(value) != _NAMESPACED_SIZE or value[3] != _NAMESPACED:
        return value
    return value[:3] + bytes([_PLAIN]) + value[4:-4]


def _content(handle: int, pieces: Extents) -> Iterator[bytes]:
    """As many bytes as were announced, padded: a file may shrink while it is read."""
    total = 0
    for offset, size in pieces:
        end, at = offset + size, offset
        while at < end:
            piece = os.pread(handle, min(PIECE, end - at), at)
            piece = piece or bytes(min(PIECE, end - at))
            yield piece
            at += len(piece)
        total += size
    yield bytes(-total % _BLOCK)


def _sparse(handle: int, entry: tarfile.TarInfo, pieces: Extents) -> Iterator[bytes]:
    """GNU's format 1.0: https://www.gnu.org/software/tar/manual/html_node/PAX-1.html"""
    numbers = [len(pieces), *(number for piece in pieces for number in piece)]
    places = "".join(f"{number}\n" for number in numbers).encode()
    places += bytes(-len(places) % _BLOCK)
    entry.pax_headers = {
        **entry.pax_headers,
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.name": entry.name,
        "GNU.sparse.realsize": str(entry.size),
    }
    entry.name = "GNUSparseFile.0/file"  # never shown, and never too long for a header
    entry.size = len(places) + sum(size for _, size in pieces)
    yield header(entry)
    yield places
    yield from _content(handle, pieces)
