"""The entries of a tar, one after the other, without the traps of hostile ones.

A tar may say that the name of its next entry has ten gigabytes, which tarfile
would read into memory; here a name and all extra fields of an entry have 1 MiB at
most, as in Go's reader. An entry is forgotten when the next is asked for, so that
memory does not grow with their number.

Knows: tar. Does not know: what the entries are for.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from typing import IO, Any, cast

from .blob import Readable, reading

LARGEST_HEADER = 1 << 20
MOST_PIECES = 1 << 17  # of a sparse file
LONGEST_NUMBER = 32
AT_ONCE = 1 << 17  # tarfile copies each several times, which is quick in a processor's cache
_HEADERS = frozenset(
    {
        tarfile.XHDTYPE,
        tarfile.XGLTYPE,
        tarfile.SOLARIS_XHDTYPE,
        tarfile.GNUTYPE_LONGNAME,
        tarfile.GNUTYPE_LONGLINK,
    }
)


class Judged(tarfile.TarInfo):
    """Judges a header before what it announces is read."""

    def _proc_member(self, tar: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type in _HEADERS and not 0 <= self.size <= LARGEST_HEADER:
            raise tarfile.ReadError(f"an entry whose header has {self.size} bytes")
        if self.size < 0:
            raise tarfile.ReadError("an entry of less than no bytes")
        return cast("tarfile.TarInfo", super()._proc_member(tar))  # type: ignore[misc]

    def _proc_sparse(self, tar: Any) -> tarfile.TarInfo:
        """GNU's old map of a sparse file: four places in the header, then 21 in each block."""
        own: Any = self
        places, more, size = own._sparse_structs
        del own._sparse_structs
        while more:
            block = _block(tar.fileobj)
            for at in range(0, 21 * 24, 24):
                if not block[at]:
                    break
                places.append((_octal(block[at : at + 12]), _octal(block[at + 12 : at + 24])))
            if len(places) > MOST_PIECES:
                raise tarfile.ReadError(f"a file in more than {MOST_PIECES} pieces")
            more = block[504]
        own.sparse, own.offset_data = places, tar.fileobj.tell()
        tar.offset = own.offset_data + own._block(self.size)
        self.size = size
        return self

    def _proc_gnusparse_10(self, entry: Any, _: object, tar: Any) -> None:
        """The map of GNU's PAX format 1.0: decimal numbers in front of the data."""
        text, wanted = b"", 1
        numbers: list[int] = []
        while len(numbers) < wanted:
            number, end, rest = text.partition(b"\n")
            if not end:
                if len(text) > LONGEST_NUMBER:
                    raise tarfile.ReadError("a sparse file whose map is no list of numbers")
                text += _block(tar.fileobj)
                continue
            numbers.append(_number(number))
            text, wanted = rest, 1 + 2 * numbers[0]
            if numbers[0] > MOST_PIECES:
                raise tarfile.ReadError(f"a file in more than {MOST_PIECES} pieces")
        entry.offset_data = tar.fileobj.tell()
        entry.sparse = list(zip(numbers[1::2], numbers[2::2], strict=True))


def _block(stream: IO[bytes]) -> bytes:
    block = stream.read(tarfile.BLOCKSIZE)
    if len(block) < tarfile.BLOCKSIZE:
        raise tarfile.ReadError("a sparse file whose map ends early")
    return block


def _number(text: bytes) -> int:
    if not text.isdigit() or len(text) > LONGEST_NUMBER:
        raise tarfile.ReadError("a sparse file whose map is no list of numbers")
    return int(text)


def _octal(text: bytes) -> int:
    """A number of a header; large ones are binary, behind a bit."""
    if text[0] & 0x80:
        return int.from_bytes(text[1:], "big")
    try:
        return int(text.strip(b" \0") or b"0", 8)
    except ValueError as error:
        raise tarfile.ReadError("a sparse file whose map is no list of numbers") from error


def next_entry(tar: Any, last: tarfile.TarInfo | None) -> tarfile.TarInfo | None:
    """The next entry. An archive may end where its last content does, without the zeros that should
    follow: Go reads it, and the docker command sends such ones (docker build -f OUTSIDE)."""
    try:
        return cast("tarfile.TarInfo | None", tar.next())
    except tarfile.ReadError as error:
        is_whole = last is not None and tar.fileobj.tell() >= last.offset_data + last.size
        if str(error) == "unexpected end of data" and is_whole:
            return None
        raise


def entries(stream: Readable, what: str) -> Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]:
    """Each entry with its content (None unless it is a file), which is to be read at once.

    Reads no further than the end that the tar itself marks. Invalid, saying
    ``what`` is broken, when it is no tar; an empty stream has no entries.
    """
    with reading(what):
        try:
            tar = tarfile.open(  # noqa: SIM115
                fileobj=cast("IO[bytes]", stream),
                mode="r|",
                tarinfo=Judged,
                bufsize=AT_ONCE,
                encoding="utf-8",
                errors="surrogateescape",
            )
        except tarfile.ReadError as error:
            if str(error) == "empty file":
                return
            raise
        with tar:
            entry: tarfile.TarInfo | None = None
            while (entry := next_entry(tar, entry)) is not None:
                tar.members.clear()  # type: ignore[attr-defined]
                yield entry, tar.extractfile(entry) if entry.isreg() else None
