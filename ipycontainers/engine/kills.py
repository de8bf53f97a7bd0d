"""Hear at once of a process that the kernel killed since its container's memory was full.

A group's ``memory.events`` is polled as the kernel offers it: a change is "urgent" (EPOLLPRI)
until the file is read. One epoll stands for all of them, and the loop waits for that one.

Knows: epoll, the files of control groups. Does not know: what is done about it.
"""

from __future__ import annotations

import os
import select
from collections.abc import Callable
from pathlib import Path

from .cgroup import EVENTS, kills_in
from .record import Record


class Kills:
    """Owns a descriptor for each container that it watches. To be used from one thread."""

    def __init__(self, told: Callable[[Record], object]) -> None:
        """``told`` is called with a container in which one more was killed."""
        self._told = told
        self._epoll = select.epoll()
        self._watched: dict[int, tuple[Record, int]] = {}

    def fileno(self) -> int:
        """Readable when ``look`` has something to do."""
        return self._epoll.fileno()

    def watch(self, record: Record) -> Callable[[], None]:
        """Until what is returned is called. What the record has of it is not told again."""
        try:
            handle = os.open(Path(record.cgroup) / EVENTS, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:  # it has ended already
            return lambda: None
        self._watched[handle] = record, 1 if record.oom_killed else 0
        self._epoll.register(handle, select.EPOLLPRI)
        self._read(handle)
        return lambda: self._drop(handle, record)

    def look(self) -> None:
        """Tell what has happened."""
        for handle, _ in self._epoll.poll(0):
            self._read(handle)

    def close(self) -> None:
        """Watch nothing any more."""
        for handle, (record, _) in list(self._watched.items()):
            self._drop(handle, record)
        self._epoll.close()

    def _read(self, handle: int) -> None:
        record, before = self._watched[handle]
        try:
            now = kills_in(os.pread(handle, 4096, 0).decode())
        except OSError:  # the group is gone
            self._drop(handle, record)
            return
        self._watched[handle] = record, max(before, now)
        if now > before:
            self._told(record)

    def _drop(self, handle: int, record: Record) -> None:
        """Idempotent."""
        if self._watched.get(handle, (None, 0))[0] is record:
            del self._watched[handle]
            os.close(handle)  # and the epoll forgets it
