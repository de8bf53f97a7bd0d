"""A tar that is made while it is sent, so that an array in it is never copied.

``Connection.put_archive`` takes it: it has a length, and gives bytes when iterated.

Knows: tar. Does not know: what the files are for.
"""

from __future__ import annotations

import posixpath
import tarfile
import time
from collections.abc import Iterator
from typing import IO, cast

from .folders import Reader

Buffer = bytes | bytearray | memoryview
PIECE = 1 << 20
AT_ONCE = 1 << 16  # what tarfile copies several times stays in a processor's cache


class Archive:
    """Folders and files, in the order in which they were added."""

    def __init__(self) -> None:
        self._entries: list[tuple[tarfile.TarInfo, tuple[memoryview, ...]]] = []

    def __len__(self) -> int:
        """Bytes of the whole tar."""
        return sum(map(len, self))

    def __iter__(self) -> Iterator[memoryview]:
        for entry, parts in self._entries:
            yield memoryview(entry.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape"))
            for part in parts:
                for start in range(0, len(part), PIECE):
                    yield part[start : start + PIECE]
            if padding := -entry.size % tarfile.BLOCKSIZE:
                yield memoryview(bytes(padding))
        yield memoryview(bytes(2 * tarfile.BLOCKSIZE))

    def add_folder(self, path: str, mode: int = 0o755) -> None:
        entry = self._entry(path, mode)
        entry.type = tarfile.DIRTYPE
        self._entries.append((entry, ()))

    def add(self, path: str, *parts: Buffer, mode: int = 0o444) -> None:
        """A file with these bytes, one part behind the other."""
        views = tuple(memoryview(part).cast("B") for part in parts if len(part))
        entry = self._entry(path, mode)
        entry.size = sum(map(len, views))
        self._entries.append((entry, views))

    def _entry(self, path: str, mode: int) -> tarfile.TarInfo:
        entry = tarfile.TarInfo(path.strip("/"))
        entry.mode, entry.mtime = mode, int(time.time())
        return entry

    def add_tar(self, data: Buffer, folder: str) -> None:
        """What is in a tar of our own, in ``folder``."""
        view = memoryview(data)
        with tarfile.open(fileobj=cast("IO[bytes]", _buffered(view)), mode="r:") as tar:
            for entry in tar:
                content = view[entry.offset_data : entry.offset_data + entry.size]
                self._entries.append((_moved(entry, folder), (content,) if entry.isreg() else ()))

    def below(self, folder: str, mode: int = 0o755) -> Archive:
        """The same in ``folder``, which it makes, to be unpacked at the root."""
        moved = Archive()
        moved.add_folder(folder, mode)
        for entry, parts in self._entries:
            moved._entries.append((_moved(entry, folder.strip("/")), parts))
        return moved


def _buffered(view: memoryview) -> object:
    import io

    return io.BytesIO(view) if len(view) < PIECE else _Seekable(view)


class _Seekable(Reader):
    """A view with a position, for tarfile, which copies nothing that it does not read."""

    def __init__(self, view: memoryview) -> None:
        super().__init__(view)
        self._whole = view

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return len(self._whole) - len(self._left)

    def seek(self, offset: int, whence: int = 0) -> int:
        base = {0: 0, 1: self.tell(), 2: len(self._whole)}[whence]
        self._left = self._whole[max(0, base + offset) :]
        return self.tell()


def _moved(entry: tarfile.TarInfo, folder: str) -> tarfile.TarInfo:
    made = tarfile.TarInfo(posixpath.join(folder, entry.name))
    target = posixpath.join(folder, entry.linkname) if entry.islnk() else entry.linkname
    made.type, made.linkname, made.size = entry.type, target, entry.size if entry.isreg() else 0
    made.mode, made.mtime = entry.mode, entry.mtime
    return made


def read_into(source: object, size: int) -> bytearray:
    """``size`` bytes of a file in a tar, in memory once. EOFError when there are fewer."""
    read = cast("IO[bytes]", source).read
    data, start = bytearray(), 0
    while start < size:
        piece = read(min(AT_ONCE, size - start))
        if not piece:
            raise EOFError("it ends early")
        data += piece
        start += len(piece)
    return data
