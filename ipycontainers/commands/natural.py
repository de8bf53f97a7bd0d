"""The order of names in which web2 comes before web10, as the docker command sorts.

Knows: digits. Does not know: what has the names.
"""

from __future__ import annotations

import re


def order(name: str) -> list[tuple[int, int, str, int]]:
    """A key for ``sorted``: a number stands where its digits would, by its value; of 7 and 07, 7
    comes first, whatever follows them (the docker command's sortorder.NaturalLess)."""
    return [_part(part) for part in re.findall(r"[0-9]+|[^0-9]", name)]


def _part(part: str) -> tuple[int, int, str, int]:
    if part[0] not in "0123456789":
        return ord(part), 0, part, 0
    digits = part.lstrip("0")
    return ord("0"), len(digits), digits, len(part) - len(digits)
