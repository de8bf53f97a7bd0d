"""How the docker command lays out: columns, ages, dates, ports, what is cut.

    tabulated("NAMES\\tSTATUS\\nweb\\tUp 3 hours\\n")     columns of at least 10, 3 apart
    age(10800) → "3 hours"

Knows: text and numbers. Does not know: what they are of.
"""

from __future__ import annotations

import datetime
import time
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

SHORT = 12  # digits of an id that is cut
_ESCAPES = {"\a": "a", "\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t", "\v": "v",
            '"': '"', "\\": "\\"}  # fmt: skip


def tabulated(text: str, *, least: int = 10, padding: int = 3) -> str:
    """Text whose cells end with tabs, as Go's text/tabwriter lays it out with spaces.

    A column is a run of lines that all have such a cell there; what stands behind a line's
    last tab belongs to none. Each is as wide as its widest cell and ``padding``, and ``least``.
    """
    lines = [line.split("\t") for line in text.split("\n")]
    widths: list[list[int]] = [[] for _ in lines]
    blocks = [(0, len(lines), 0)]
    while blocks:
        first, last, column = blocks.pop()
        for begin, end in _runs(lines, first, last, column):
            wanted = (len(lines[at][column]) + padding for at in range(begin, end))
            width = max(least, *wanted)
            for at in range(begin, end):
                widths[at].append(width)
            blocks.append((begin, end, column + 1))
    return "\n".join(
        "".join(f"{cell:<{width}}" for cell, width in zip(cells, wide, strict=False)) + cells[-1]
        for cells, wide in zip(lines, widths, strict=True)
    )


def _runs(
    lines: Sequence[Sequence[str]], first: int, last: int, column: int
) -> Iterable[tuple[int, int]]:
    """The runs of lines, from one up to another, that have a cell which ends there."""
    at = first
    while at < last:
        begin = at
        while at < last and column < len(lines[at]) - 1:
            at += 1
        if at > begin:
            yield begin, at
        else:
            at += 1


# --- numbers and times ---------------------------------------------------------------------------


def age(seconds: float) -> str:
    """How long, as go-units says it."""
    whole = int(seconds)
    minutes, hours = whole // 60, int(seconds / 3600 + 0.5)
    if whole < 60:
        return {0: "Less than a second", 1: "1 second"}.get(max(whole, 0), f"{whole} seconds")
    if minutes < 60:
        return "About a minute" if minutes == 1 else f"{minutes} minutes"
    if hours < 48:
        return "About an hour" if hours == 1 else f"{hours} hours"
    days = hours // 24
    for limit, length, word in ((14, 1, "days"), (60, 7, "weeks"), (730, 30, "months")):
        if days < limit:
            return f"{days // length} {word}"
    return f"{int(seconds / 3600) // 24 // 365} years"


def ago(seconds_since_1970: float) -> str:
    return f"{age(time.time() - seconds_since_1970)} ago"


def date(seconds_since_1970: float) -> str:
    """As Go prints a time, in this machine's zone: 2026-11-26 13:38:00 +0000 UTC."""
    moment = _moment(seconds_since_1970)
    # strftime has no zeros before a year of one digit.
    return f"{moment:%Y}".zfill(4) + f"{moment:-%m-%d %H:%M:%S %z %Z}"


def moment(text: str) -> str:
    """As Go prints 2026-11-26T13:38:00.123Z: 2026-11-26 13:38:00.123 +0000 UTC."""
    if not text.endswith("Z"):
        return text
    seconds, _, rest = text[:-1].replace("T", " ").partition(".")
    rest = rest.rstrip("0")
    return f"{seconds}{'.' if rest else ''}{rest} +0000 UTC"


def rfc3339(seconds_since_1970: int, nanoseconds: int | None = None) -> str:
    """2026-11-26T13:38:00Z, or 2026-11-26T13:38:00.123456789Z, in this machine's zone."""
    text = _moment(seconds_since_1970).isoformat()
    fraction = "" if nanoseconds is None else f".{nanoseconds:09}"
    return text[:19] + fraction + text[19:].replace("+00:00", "Z")


def _moment(seconds: float) -> datetime.datetime:
    # Not fromtimestamp, which knows no year 1: an image without a date has that.
    start = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    moment = start + datetime.timedelta(seconds=seconds)
    try:
        return moment.astimezone()
    except (OverflowError, ValueError, OSError):
        return moment


# --- text ----------------------------------------------------------------------------------------


def short(identifier: str) -> str:
    """The first twelve digits of an id or digest."""
    return identifier.rpartition(":")[2][:SHORT]


def cut(text: str, width: int) -> str:
    """Text of at most so many columns of a terminal, the last one being … where it is cut."""
    if text.isascii():
        return text if len(text) <= width else f"{text[: width - 1]}…"
    if sum(map(_width, text)) <= width:
        return text
    taken = 0
    for at, char in enumerate(text):
        taken += _width(char)
        if taken > width - 1:
            return f"{text[:at]}…"
    return text


def _width(char: str) -> int:
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def quoted(text: str) -> str:
    """As Go's strconv.Quote writes it, so that nothing of it is a line break or a control."""
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return f"\\{_ESCAPES[char]}"
    if char.isprintable():
        return char
    number = ord(char)
    if number < 0x80:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


# --- ports ---------------------------------------------------------------------------------------


def ports(published: Iterable[Mapping[str, Any]]) -> str:
    """``0.0.0.0:80-81->80-81/tcp, 443/tcp``: those in a row are one, those that have another
    number outside come last."""
    groups: dict[tuple[str, str], list[int]] = {}
    done, mapped = [], []
    for port in sorted(published, key=_order):
        address, kind = str(port.get("IP") or ""), str(port.get("Type"))
        inside, outside = int(port["PrivatePort"]), int(port.get("PublicPort") or 0)
        if address and outside != inside:
            mapped.append(f"{address}:{outside}->{inside}/{kind}")
            continue
        group = groups.setdefault((address, kind), [inside, inside])
        if inside == group[1] + 1:
            group[1] = inside
        elif inside != group[1]:
            done.append(_range((address, kind), group))
            groups[address, kind] = [inside, inside]
    return ", ".join([*done, *(_range(key, group) for key, group in groups.items()), *mapped])


def _order(port: Mapping[str, Any]) -> tuple[int, str, int, str]:
    return (
        int(port["PrivatePort"]),
        str(port.get("IP") or ""),
        int(port.get("PublicPort") or 0),
        str(port.get("Type")),
    )


def _range(key: tuple[str, str], group: Sequence[int]) -> str:
    address, kind = key
    first, last = group
    numbers = str(first) if first == last else f"{first}-{last}"
    return f"{address}:{numbers}->{numbers}/{kind}" if address else f"{numbers}/{kind}"
