"""Durations as Go writes them, "1m30s", in nanoseconds.

https://pkg.go.dev/time#ParseDuration

Knows: that notation. Does not know: what takes so long.
"""

from __future__ import annotations

import re

from ipycontainers.errors import Invalid

from .quotes import quoted

_UNITS = {
    "ns": 1,
    "us": 10**3,
    "\xb5s": 10**3,
    "\u03bcs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_PART = re.compile(r"([0-9]*)(?:\.([0-9]*))?([^0-9.]*)")
_LARGEST = 2**63 - 1
_DIGITS = 25  # more than any duration has, and few enough to reckon with


def duration(text: str) -> int:
    """Nanoseconds. Invalid, in Go's words.

    >>> duration("1m0.5s")
    60500000000
    """
    wrong = Invalid(f"time: invalid duration {quoted(text)}")
    rest = text[1:] if text[:1] in ("+", "-") else text
    if rest == "0":
        return 0
    if not rest:
        raise wrong
    total = 0
    while rest:
        match = _PART.match(rest)
        if not match or not (match[1] or match[2]) or len(match[1]) > _DIGITS:
            raise wrong
        if not match[3]:
            raise Invalid(f"time: missing unit in duration {quoted(text)}")
        if match[3] not in _UNITS:
            raise Invalid(f"time: unknown unit {quoted(match[3])} in duration {quoted(text)}")
        unit, decimals = _UNITS[match[3]], (match[2] or "")[:_DIGITS]
        total += int(match[1] or 0) * unit + int(decimals or 0) * unit // 10 ** len(decimals)
        if total > _LARGEST:
            raise wrong
        rest = rest[match.end() :]
    return -total if text.startswith("-") else total


def duration_text(nanoseconds: int) -> str:
    """The same in Go's form.

    >>> duration_text(60_500_000_000), duration_text(1_500_000), duration_text(0)
    ('1m0.5s', '1.5ms', '0s')
    """
    if not nanoseconds:
        return "0s"
    for unit in ("ns", "\xb5s", "ms"):
        if nanoseconds < 1000 * _UNITS[unit]:
            return _decimal(nanoseconds, _UNITS[unit]) + unit
    minutes, rest = divmod(nanoseconds, _UNITS["m"])
    hours, minutes = divmod(minutes, 60)
    text = _decimal(rest, _UNITS["s"]) + "s"
    if hours:
        return f"{hours}h{minutes}m{text}"
    return f"{minutes}m{text}" if minutes else text


def _decimal(number: int, unit: int) -> str:
    whole, rest = divmod(number, unit)
    digits = str(rest).rjust(len(str(unit)) - 1, "0").rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)
