"""What runs beside the container's program: begun, resized, signalled, and how it ended.

    execs/ID.json    {"exit"}

Knows: sessions, starts. Does not know: requests, the container's own program.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress

from . import process
from .folder import reserve, write
from .session import Session


class Exec:
    """One of them."""

    def __init__(self, session: Session, started: process.Started) -> None:
        self.session = session
        self.started = started
        self.exit: int | None = None


class Execs:
    """Those that have not been reaped: a number of a process may be another's soon after."""

    def __init__(self) -> None:
        self._known: dict[str, Exec] = {}

    def __iter__(self) -> Iterator[tuple[str, Exec]]:
        return iter(list(self._known.items()))

    def add(self, name: str, made: Exec) -> None:
        self._known[name] = made

    def find(self, name: str) -> Exec:
        """KeyError for one that has ended."""
        return self._known[name]

    def end(self, name: str, code: int) -> None:
        """Its program has ended; idempotent."""
        it = self._known.get(name)
        if it and it.exit is None:
            it.exit = code
            record(name, code)
            it.session.ended()

    def forget(self, name: str) -> None:
        self._known.pop(name, None)


def record(name: str, code: int) -> None:
    """How it ended, for the engine."""
    os.makedirs("execs", exist_ok=True)
    with suppress(OSError):  # a full disk; there is room for what was ``promised``
        write(f"execs/{name}.json", {"exit": code}, lasting=False)


def promise(name: str) -> None:
    """How it ends will find room on the disk. OSError where there is none."""
    os.makedirs("execs", exist_ok=True)
    reserve(f"execs/{name}.json")
