"""Bytes as Docker's commands show them, and how many there are of a thing.

Knows: arithmetic, as go-units has it. Does not know: what is counted.
"""

from __future__ import annotations

UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB")
BINARY_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB")


def size(count: float, digits: int = 4, *, binary: bool = False) -> str:
    """In powers of 1000, or of 1024, of at most so many digits: 36.45kB.

    >>> size(36_450), size(1_234_567, 3), size(1536, binary=True)
    ('36.45kB', '1.23MB', '1.5KiB')
    """
    base, units = (1024, BINARY_UNITS) if binary else (1000, UNITS)
    at = 0
    while count >= base and at < len(units) - 1:
        count, at = count / base, at + 1
    return f"{count:.{digits}g}{units[at]}"


def counted(count: int, what: str) -> str:
    """
    >>> counted(1, "layer"), counted(1200, "file")
    ('1 layer', '1,200 files')
    """
    return f"{count:,} {what}{'' if count == 1 else 's'}"
