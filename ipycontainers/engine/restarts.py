"""Restart policies: whether a container that has ended starts again, and how soon.

The rules are those of dockerd's restartmanager: 100 ms at first, twice as long each time, a
minute at most; after ten seconds of running it begins anew.

Knows: records, policies. Does not know: time, how something is started.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import Any

from . import wire
from .record import Record

FIRST, LONGEST = 0.1, 60.0  # seconds
LONG_ENOUGH = 10.0  # seconds of running after which all is forgiven


def delay(record: Record, code: int, ran: float) -> float | None:
    """Seconds until it starts again, None: it does not. Notes how long that was."""
    if record.manually_stopped or record.claimed or not _wants(record, code):
        return None
    before = 0.0 if ran >= LONG_ENOUGH else record.waited
    record.waited = min(before * 2, LONGEST) if before else FIRST
    return record.waited


def is_due(record: Record) -> bool:
    """Whether one that has ended starts with the engine, as with dockerd's start."""
    if record.manually_stopped and _policy(record)[0] != "always":
        return False
    return _wants(record, record.exit_code)


def ends_it(record: Record, number: int) -> bool:
    """Whether the signal means that it is to end, and to stay so."""
    own = str(record.config.get("StopSignal") or "")
    return number == signal.SIGKILL or not own or number == wire.signal_number(own)


def _wants(record: Record, code: int) -> bool:
    name, most = _policy(record)
    if name == "on-failure":
        return code != 0 and (most == 0 or record.restarts < most)
    return name in ("always", "unless-stopped")


def _policy(record: Record) -> tuple[str, int]:
    return _words(record.host_config.get("RestartPolicy"))


def _words(given: Mapping[str, Any] | None) -> tuple[str, int]:
    policy = given or {}
    return str(policy.get("Name") or ""), int(policy.get("MaximumRetryCount") or 0)
