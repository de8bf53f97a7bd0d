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
from typing import IO, cast

from .blob import Readable, reading

LARGEST_HEADER = 1 << 20
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


class _Entry(tarfile.TarInfo):
    """Judges a header before what it announces is read."""

    def _proc_member(self, tar: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type in _HEADERS and not 0 <= self.size <= LARGEST_HEADER:
            raise tarfile.ReadError(f"an entry whose header has {self.size} bytes")
        if self.size < 0:
            raise tarfile.ReadError("an entry of less than no bytes")
        return cast("tarfile.TarInfo", super()._proc_member(tar))  # type: ignore[misc]


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
                tarinfo=_Entry,
                bufsize=AT_ONCE,
                encoding="utf-8",
                errors="surrogateescape",
            )
        except tarfile.ReadError as error:
            if str(error) == "empty file":
                return
            raise
        with tar:
            while (entry := tar.next()) is not None:
                tar.members.clear()  # type: ignore[attr-defined]
                yield entry, tar.extractfile(entry) if entry.isreg() else None
