"""Output on its way: Docker's frames to clients, records to the log.

A record of the log is a head of 16 bytes – stream number, three zero bytes, length (4),
nanoseconds since 1970 (8), big endian –, the data as it was read from the program, and its
length (4) once more, so that a log can be read from its end.

Knows: both layouts. Does not know: sockets, processes, which files a log is.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

_HEAD = struct.Struct(">BxxxIQ")
_TAIL = struct.Struct(">I")
_FRAME = struct.Struct(">BxxxI")
AROUND = _HEAD.size + _TAIL.size
"""Bytes of a record besides its data."""


class Record(NamedTuple):
    """``data`` was written to ``stream`` (1 output, 2 error) at ``time``, in nanoseconds."""

    stream: int
    time: int
    data: bytes


def frame(stream: int, data: bytes, *, raw: bool) -> bytes:
    """As Docker sends it on an attached connection; ``raw`` with a terminal."""
    return data if raw else _FRAME.pack(stream, len(data)) + data


def record(stream: int, data: bytes) -> bytes:
    """``data`` as it is appended to the log, with the time of now."""
    return _HEAD.pack(stream, len(data), time.time_ns()) + data + _TAIL.pack(len(data))


def records(file: BinaryIO, end: int | None = None) -> Iterator[Record]:
    """What the file holds from its position on, up to ``end``; it stands after what was read.

    A record that is being written, or was cut by a full disk, is left out.
    """
    position = file.tell()
    while len(head := file.read(_HEAD.size)) == _HEAD.size:
        stream, length, at = _HEAD.unpack(head)
        data = file.read(length + _TAIL.size)
        following = position + AROUND + length
        if len(data) < length + _TAIL.size or (end is not None and following > end):
            break
        position = following
        yield Record(stream, at, data[:length])
    file.seek(position)


def record_before(file: BinaryIO, end: int) -> tuple[int, Record] | None:
    """The record that ends at byte ``end``, and where it begins; None where none does."""
    if end < AROUND:
        return None
    file.seek(end - _TAIL.size)
    (length,) = _TAIL.unpack(file.read(_TAIL.size))
    start = end - AROUND - length
    if start < 0:
        return None
    file.seek(start)
    stream, said, at = _HEAD.unpack(file.read(_HEAD.size))
    return (start, Record(stream, at, file.read(length))) if said == length else None
