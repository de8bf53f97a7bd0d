"""Bytes on their way: checked against a digest, and freed of their compression.

``verified`` gives a reader that raises IntegrityError at the end, or as soon as
there is more than there should be; what was read before is not to be trusted
until then. ``decompressed`` looks at the first bytes, as docker does, since
media types lie. Both read a piece at a time.

Knows: hashes, compressions, how reading fails. Does not know: where bytes are stored.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import importlib
import io
import lzma
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Protocol, cast

from ipycontainers.errors import IntegrityError, Invalid, Unsupported

from .descriptor import Digest
from .room import Room, refuse_more

PIECE = 1 << 20
_GZIP, _BZIP2, _XZ, _ZSTD = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd"
_MEMBER = zlib.MAX_WBITS | 16


class Readable(Protocol):
    """What has bytes to give; b"" is the end."""

    def read(self, size: int = ..., /) -> bytes: ...


class _Raw(io.RawIOBase):
    """Anything readable as what io.BufferedReader wants; closes it with itself."""

    def __init__(self, source: Readable) -> None:
        super().__init__()
        self._source = source

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        piece = self._source.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        if not self.closed:
            close = getattr(self._source, "close", None)
            if close:
                close()
        super().close()


class _Verified(_Raw):
    def __init__(self, source: Readable, digest: Digest, size: int | None) -> None:
        super().__init__(source)
        self._digest, self._size = digest, size
        self._hash, self._count = hashlib.sha256(), 0

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        count = super().readinto(buffer)
        self._hash.update(buffer[:count])
        self._count += count
        if self._size is not None and (
            self._count > self._size or (not count and self._count < self._size)
        ):
            raise IntegrityError(f"{self._digest} should have {self._size} bytes and has others")
        if not count and self._hash.hexdigest() != self._digest.hex:
            raise IntegrityError(f"what is stored as {self._digest} has another digest")
        return count


def buffered(source: Readable) -> io.BufferedReader:
    """The same bytes with peek(); closing it closes the source."""
    return io.BufferedReader(_Raw(source), PIECE)


def verified(source: Readable, digest: Digest, size: int | None = None) -> io.BufferedReader:
    """The same bytes; IntegrityError where they turn out not to be ``digest``'s."""
    return io.BufferedReader(_Verified(source, digest, size), PIECE)


class Joined:
    """Pieces as something to read from; ``close`` ends what makes them."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._left = pieces, b""

    def read(self, size: int = -1, /) -> bytes:
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._left = piece
        taken = self._left if size < 0 else self._left[:size]
        self._left = self._left[len(taken) :]
        return taken

    def close(self) -> None:
        closing = getattr(self._pieces, "close", None)
        if closing:
            closing()


class _Counted(_Raw):
    def __init__(self, source: Readable, passed: Callable[[int], object]) -> None:
        super().__init__(source)
        self._passed = passed

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        count = super().readinto(buffer)
        self._passed(count)
        return count


def counted(source: Readable, passed: Callable[[int], object]) -> io.BufferedReader:
    """The same bytes; ``passed`` is called with the number of each piece, in the reader's thread.

    What it raises ends the reading.
    """
    return io.BufferedReader(_Counted(source, passed), PIECE)


def bounded(source: Readable, stored: int) -> io.BufferedReader:
    """The same bytes; Invalid for more than ``stored`` bytes may unpack to (``room``)."""
    total = 0

    def passed(count: int) -> None:
        nonlocal total
        total += count
        refuse_more(total, stored)

    return counted(source, passed)


def copied(source: Readable, target: IO[bytes], room: Room) -> tuple[Digest, int]:
    """All of it written to ``target``: its digest and size. EngineError where there is no room."""
    digest, size = hashlib.sha256(), 0
    while piece := source.read(PIECE):
        digest.update(piece)
        size += len(piece)
        room.take(len(piece))
        target.write(piece)
    return Digest(digest.hexdigest()), size


def drain(source: Readable) -> None:
    """Read to the end, which is where ``verified`` judges."""
    while source.read(PIECE):
        pass


def is_compressed(head: bytes) -> bool:
    """Whether content that begins so is what ``decompressed`` undoes."""
    return head.startswith((_GZIP, _BZIP2, _XZ, _ZSTD))


def decompressed(source: io.BufferedReader) -> io.BufferedReader:
    """The bytes within gzip, bzip2, xz or zstd; other bytes as they are.

    Unsupported for zstd where this Python has neither compression.zstd (3.14)
    nor the package zstandard.
    """
    magic = source.peek(6)[:6]
    opened: object = None
    if magic.startswith(_GZIP):
        opened = _Gunzip(source)
    elif magic.startswith(_BZIP2):
        opened = bz2.open(source)  # noqa: SIM115
    elif magic.startswith(_XZ):
        opened = lzma.open(source)  # noqa: SIM115
    elif magic.startswith(_ZSTD):
        opened = _zstd(source)
    return buffered(_Owning(cast("IO[bytes]", opened), source)) if opened else source


class _Gunzip:
    """The bytes in gzip's members. zlib checks them; gzip's own reader takes twice the time, as
    it goes by 8 KiB."""

    def __init__(self, source: Readable) -> None:
        self._source, self._left, self._is_over = source, b"", False
        self._member = zlib.decompressobj(_MEMBER)

    def read(self, size: int = PIECE, /) -> bytes:
        while not (made := self._some(size)) and not self._is_over:
            pass
        return made

    def _some(self, size: int) -> bytes:
        piece = self._left or self._source.read(PIECE >> 3)
        if not self._member.eof:
            made = self._member.decompress(piece, size)
            self._left = self._member.unconsumed_tail or self._member.unused_data
            if not piece and not made and not self._member.eof:
                raise EOFError("compressed bytes end in the middle")
            return made
        self._is_over = not piece
        self._left = piece.lstrip(b"\0")  # tapes were padded so
        if self._left:
            self._member = zlib.decompressobj(_MEMBER)
        return b""


class _Owning:
    """A decompressor that closes what it reads from; these do not by themselves."""

    def __init__(self, inner: Readable, source: io.BufferedReader) -> None:
        self.read = inner.read
        self.close = source.close


def _zstd(source: io.BufferedReader) -> object:
    for name in ("compression.zstd", "zstandard"):
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        if name == "zstandard":
            return module.ZstdDecompressor().stream_reader(source, read_across_frames=True)
        return module.ZstdFile(source)
    raise Unsupported("this content is compressed with zstd", "pip install zstandard")


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Translate what tarfile and the decompressors raise on broken input to Invalid."""
    try:
        yield
    except (EOFError, gzip.BadGzipFile, lzma.LZMAError, tarfile.TarError, zlib.error) as error:
        raise Invalid(f"{what} is broken: {error}") from error
    except OSError as error:
        if error.errno is not None:  # the disk's, not bzip2's "Invalid data stream"
            raise
        raise Invalid(f"{what} is broken: {error}") from error
