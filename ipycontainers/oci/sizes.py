"""Bytes as Docker's commands show them.

Knows: arithmetic. Does not know: what is counted.
"""

from __future__ import annotations

UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def size(count: float) -> str:
    """In powers of 1000, of at most four digits: 36.45kB.

    >>> size(36_450), size(12)
    ('36.45kB', '12B')
    """
    for unit in UNITS:
        if count < 1000 or unit == UNITS[-1]:
            break
        count /= 1000
    return f"{count:.4g}{unit}"
