"""Times as --since and --until have them: a moment, or how long ago.

    timestamp("10m")  timestamp("2026-01-02T03:04:05Z")  timestamp("1767323045.5")

Knows: docker's forms of them. Does not know: what they are for.
"""

from __future__ import annotations

import datetime
import re
import time

from ipycontainers.errors import Invalid

_MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:T(\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?)?"
    r"([zZ]|[+-]\d\d:\d\d)?",
    re.ASCII,
)
_SECONDS = re.compile(r"-?\d+(\.\d{1,9})?", re.ASCII)


def timestamp(text: str, now: float | None = None) -> str:
    """Seconds since 1970 as the API takes them; "" for "". Without a zone it is this machine's.

    Raises ValueError with docker's reason.
    """
    from ipycontainers.engine.build.durations import duration

    if not text:
        return ""
    if text != "0":
        try:
            ago = duration(text)
        except Invalid:
            pass  # a moment
        else:
            return str(int((time.time() if now is None else now) - ago / 1e9))
    if found := _MOMENT.fullmatch(text):
        day, hour, minute, second, fraction, zone = found.groups()
        written = f"{day}T{hour or '00'}:{minute or '00'}:{second or '00'}"
        if zone:
            written += "+00:00" if zone in "zZ" else zone
        try:
            moment = datetime.datetime.fromisoformat(written)
        except ValueError as error:  # "month must be in 1..12"
            part = str(error).split()[0]
            raise ValueError(f'parsing time "{text}": {part} out of range') from error
        return f"{int(moment.timestamp())}.{(fraction or '').ljust(9, '0')}"
    if _SECONDS.fullmatch(text):
        return text
    raise ValueError(f'failed to parse value as time or duration: "{text}"')
