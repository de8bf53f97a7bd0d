"""Health checks: what is asked of a container, and what its answers make of it.

    containers/ID/health.json    the latest state; of the run that ``since`` says

The rules are dockerd's: one success is health, ``retries`` failures in a row are illness, and
in the start period failures do not count until there was a success.

Knows: Docker's Healthcheck and State.Health. Does not know: how a check is run.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

FILE = "health.json"
KEPT = 5  # results
LONGEST = 4096  # bytes of a result's output
FAILED = -1  # the exit code of a check that could not run, or not end in time
NANO = 1e9
Status = Literal["starting", "healthy", "unhealthy"]


@dataclass(frozen=True)
class Check:
    """Times are seconds."""

    command: tuple[str, ...]
    interval: float = 30
    timeout: float = 30
    start_period: float = 0
    retries: int = 3

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Check | None:
        """Of a container's Config; None where nothing is to be checked."""
        given = config.get("Healthcheck") or {}
        kind, *words = [str(word) for word in given.get("Test") or ("NONE",)]
        if kind not in ("CMD", "CMD-SHELL") or not words:
            return None
        if kind == "CMD-SHELL":
            words = [*(config.get("Shell") or ("/bin/sh", "-c")), words[0]]
        times = {
            name: given[key] / NANO
            for name, key in (
                ("interval", "Interval"),
                ("timeout", "Timeout"),
                ("start_period", "StartPeriod"),
            )
            if given.get(key)
        }
        return cls(tuple(words), **times, retries=given.get("Retries") or cls.retries)


@dataclass(frozen=True)
class Result:
    """Times are seconds since 1970."""

    start: float
    end: float
    exit_code: int
    output: str


@dataclass(frozen=True)
class Health:
    """``since`` is when the run began that it is about."""

    since: float
    status: Status = "starting"
    streak: int = 0  # of failures
    log: tuple[Result, ...] = field(default=())

    def after(self, result: Result, check: Check) -> Health:
        """What it is with one more result."""
        log = (*self.log, result)[-KEPT:]
        if result.exit_code == 0:
            return replace(self, status="healthy", streak=0, log=log)
        is_early = result.start - self.since < check.start_period
        if self.status == "starting" and is_early:
            return replace(self, log=log)
        streak = self.streak + 1
        status = "unhealthy" if streak >= check.retries else self.status
        return replace(self, status=status, streak=streak, log=log)

    def save(self, directory: Path) -> None:
        """Not to the disk: what a crash of the machine takes, the next check brings."""
        temporary = directory / f"{FILE}.new"
        temporary.write_text(json.dumps(asdict(self)), encoding="utf-8")
        temporary.replace(directory / FILE)

    @classmethod
    def load(cls, directory: Path) -> Health | None:
        """None where none was saved."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            plain = json.loads((directory / FILE).read_text(encoding="utf-8"))
            return cls(**{**plain, "log": tuple(Result(**it) for it in plain["log"])})
        return None


def shortened(output: bytes | bytearray) -> str:
    """A result's output, cut where it is too long."""
    text = output[:LONGEST].decode(errors="replace")
    return f"{text}..." if len(output) > LONGEST else text


def period(seconds: float) -> str:
    """As Go says it.

    >>> period(0.3), period(1), period(90)
    ('300ms', '1s', '1m30s')
    """
    if seconds < 1:
        return f"{seconds * 1000:g}ms"
    minutes, rest = divmod(seconds, 60)
    return f"{minutes:.0f}m{rest:g}s" if minutes else f"{rest:g}s"
