"""Output on its way: Docker's frames to clients, records to ``output.log``.

A record of the log is a head of 16 bytes – stream number, three zero bytes, length (4),
nanoseconds since 1970 (8), big endian – and then the data, as it was read from the program.

Knows: both layouts. Does not know: sockets, processes.
"""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Iterator
from typing import NamedTuple

LOG = "output.log"
_RECORD = struct.Struct(">BxxxIQ")
_FRAME = struct.Struct(">BxxxI")


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
    return _RECORD.pack(stream, len(data), time.time_ns()) + data


def records(path: os.PathLike[str] | str, start: int = 0) -> Iterator[Record]:
    """What the log holds from byte ``start`` on; none without a log.

    A record that is being written, or was cut by a full disk, is left out.
    """
    try:
        file = open(path, "rb")  # noqa: SIM115
    except FileNotFoundError:
        return
    with file:
        file.seek(start)
        while len(head := file.read(_RECORD.size)) == _RECORD.size:
            stream, length, at = _RECORD.unpack(head)
            if len(data := file.read(length)) < length:
                return
            yield Record(stream, at, data)
