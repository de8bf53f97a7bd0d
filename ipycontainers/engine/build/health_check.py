"""HEALTHCHECK: its flags and command as a Config has them.

https://docs.docker.com/reference/dockerfile/#healthcheck

Knows: its rules. Does not know: who checks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ipycontainers.errors import Invalid

from .durations import duration, duration_text
from .quotes import listed, quoted, quoted_character

_SHORTEST = 10**6  # nanoseconds
_MOST_RETRIES = 2**31 - 1
_DURATIONS = {"interval": "Interval", "timeout": "Timeout", "start-period": "StartPeriod"}


def config(
    arguments: Sequence[str], flags: Mapping[str, str | tuple[str, ...]], is_json: bool
) -> dict[str, Any]:
    """Durations in nanoseconds, without those that are not given. Invalid, in dockerd's words."""
    kind, *words = arguments
    if kind.upper() == "NONE":
        if words:
            raise Invalid("HEALTHCHECK NONE takes no arguments")
        return {"Test": ["NONE"]}
    if kind.upper() != "CMD":
        raise Invalid(f"Unknown type {quoted(kind.upper())} in HEALTHCHECK (try CMD)")
    if not words:
        raise Invalid("Missing command after HEALTHCHECK CMD")
    check: dict[str, Any] = {"Test": ["CMD" if is_json else "CMD-SHELL", *words]}
    for name, key in _DURATIONS.items():
        if text := flags.get(name):
            check[key] = _interval(name, str(text))
    if retries := flags.get("retries"):
        check["Retries"] = _retries(str(retries))
    return check


def shown(check: Mapping[str, Any]) -> str:
    """As a history shows it: Go's form of its struct."""
    durations = (quoted(duration_text(check.get(key, 0))) for key in _DURATIONS.values())
    retries = quoted_character(check.get("Retries", 0))
    return f"&{{{' '.join([listed(check['Test']), *durations, retries])}}}"


def _interval(name: str, text: str) -> int:
    long = duration(text)
    if long < _SHORTEST:
        raise Invalid(f"Interval {quoted(name)} cannot be less than 1ms")
    return long


def _retries(text: str) -> int:
    digits = text[1:] if text[:1] in ("+", "-") else text
    if not (digits.isascii() and digits.isdigit()):
        raise Invalid(f"strconv.ParseInt: parsing {quoted(text)}: invalid syntax")
    if len(digits.lstrip("0")) > 10 or not -_MOST_RETRIES - 1 <= int(text) <= _MOST_RETRIES:
        raise Invalid(f"strconv.ParseInt: parsing {quoted(text)}: value out of range")
    if int(text) < 1:
        raise Invalid(f"--retries must be at least 1 (not {int(text)})")
    return int(text)
