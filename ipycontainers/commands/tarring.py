"""Files of this machine as a tar that is made while it is sent, and a tar that is read as it comes.

Owners, modes and times are those of the files, links stay links, a file with two names in it is
sent once; sockets are left out, as docker does.

Knows: tar, files. Does not know: containers.
"""

from __future__ import annotations

import io
import os
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path

from .console import failed

PIECE = 1 << 18
BLOCK = tarfile.BLOCKSIZE
Seen = dict[tuple[int, int], str]


def pieces(path: Path, name: str, *, follow: bool = False) -> Iterator[bytes]:
    """The tar of a file or folder, which is called ``name`` in it; "." is what is in a folder.

    ``follow`` a link, if ``path`` is one. Raises CommandFailed for what cannot be read.
    """
    try:
        yield from _packed(path, name, {}, follow=follow)
    except OSError as error:
        raise failed(f"open {error.filename}: {(error.strerror or '').lower()}") from error
    yield bytes(2 * BLOCK)


def _packed(path: Path, name: str, seen: Seen, *, follow: bool) -> Iterator[bytes]:
    status = path.stat() if follow else path.lstat()
    entry = tarfile.TarInfo(name)
    entry.mode, entry.mtime = stat.S_IMODE(status.st_mode), int(status.st_mtime)
    entry.uid, entry.gid = status.st_uid, status.st_gid
    if stat.S_ISREG(status.st_mode):
        yield from _file(path, entry, status, seen)
        return
    if stat.S_ISDIR(status.st_mode):
        entry.type = tarfile.DIRTYPE
        yield _head(entry)
        with os.scandir(path) as listed:
            inside = sorted(one.name for one in listed)
        for one in inside:
            yield from _packed(path / one, f"{name}/{one}", seen, follow=False)
    elif stat.S_ISLNK(status.st_mode):
        entry.type, entry.linkname = tarfile.SYMTYPE, str(path.readlink())
        yield _head(entry)
    elif stat.S_ISFIFO(status.st_mode):
        entry.type = tarfile.FIFOTYPE
        yield _head(entry)


def _file(
    path: Path, entry: tarfile.TarInfo, status: os.stat_result, seen: Seen
) -> Iterator[bytes]:
    known = (status.st_dev, status.st_ino)
    if status.st_nlink > 1 and known in seen:
        entry.type, entry.linkname = tarfile.LNKTYPE, seen[known]
        yield _head(entry)
        return
    if status.st_nlink > 1:
        seen[known] = entry.name
    with path.open("rb") as file:
        entry.size = left = status.st_size
        yield _head(entry)
        while left:
            piece = file.read(min(left, PIECE))
            if not piece:
                raise failed(f"{path} became smaller while it was sent")
            left -= len(piece)
            yield piece
    yield bytes(-entry.size % BLOCK)


def _head(entry: tarfile.TarInfo) -> bytes:
    return entry.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


class Reader(io.RawIOBase):
    """Pieces of bytes as a file that is read once."""

    def __init__(self, given: Iterator[bytes]) -> None:
        super().__init__()
        self._given = given
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._left:
            piece = next(self._given, None)
            if piece is None:
                return 0
            self._left = piece
        taken = self._left[: len(buffer)]
        buffer[: len(taken)] = taken
        self._left = self._left[len(taken) :]
        return len(taken)
