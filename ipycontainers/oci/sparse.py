"""Files with holes: where their data is, in a file and in the map of a tar.

Knows: SEEK_DATA, tar's maps. Does not know: what the files are for.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from typing import IO

from ipycontainers.errors import Invalid

Extents = list[tuple[int, int]]
"""Offset and size of each piece of data, in order."""
_PIECE = 1 << 20
_LEAST_HOLE = 1 << 16  # bytes; smaller ones cost more as entries of a map


def extents(handle: int) -> Extents | None:
    """Of an open file; None unless holes are worth it."""
    found = os.fstat(handle)
    size, pieces, at = found.st_size, Extents(), 0
    if size - found.st_blocks * 512 < _LEAST_HOLE:
        return None
    while at < size:
        try:
            start = os.lseek(handle, at, os.SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:  # ENXIO: only a hole is left
                return None
            break
        at = min(os.lseek(handle, start, os.SEEK_HOLE), size)
        pieces.append((start, at - start))
    return pieces


def checked(pieces: Iterable[tuple[int, int]], size: int) -> Extents:
    """Those of an archive. Invalid unless they are in order and within ``size`` bytes."""
    found = list(pieces)
    at = 0
    for offset, length in found:
        if length < 0 or offset < at or offset + length > size:
            raise Invalid(f"a file of {size} bytes that has data at {offset}")
        at = offset + length
    return found


def copy(source: IO[bytes], target: IO[bytes], pieces: Extents, size: int) -> None:
    """The data of ``source`` to the same places of ``target``, which has ``size`` bytes then."""
    for offset, length in pieces:
        source.seek(offset)
        target.seek(offset)
        left = length
        while left and (piece := source.read(min(_PIECE, left))):
            target.write(piece)
            left -= len(piece)
    target.truncate(size)
