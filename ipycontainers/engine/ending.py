"""How a container's run has ended, as its supervisor has written it down.

Knows: exit.json, see ``supervise.control``. Does not know: what follows an end.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

from . import supervise
from .record import KILLED, Record


@dataclass(frozen=True)
class End:
    """Of a run, or of a try to start; ``started`` is 0 where it never began. Seconds since 1970."""

    code: int
    error: str
    started: float
    finished: float


def seen(directory: Path, told: int | None) -> End:
    """Of one that ran: 137 and now where the supervisor was killed. The code that was ``told``
    counts where nothing could be written."""
    if found := _read(directory):
        return found
    if told is not None:
        return End(told, "", 0, time.time())
    return End(KILLED, "its supervisor was killed", 0, time.time())


def unknown(record: Record) -> End | None:
    """Of a run, or a try to start, that the record does not know."""
    found = _read(record.directory)
    is_known = bool(record.finished or record.exit_code)
    if not found or found.finished == record.finished or (not found.started and is_known):
        return None
    return found


def _read(directory: Path) -> End | None:
    """None where there is none, or none that can be read."""
    try:
        told = json.loads((directory / supervise.END).read_text(encoding="utf-8"))
        times = float(told["started"]), float(told["finished"])
        return End(int(told["code"]), str(told.get("error") or ""), *times)
    except (OSError, ValueError, KeyError, TypeError):
        return None
