"""Stop every process of a container, and let them go on.

A control group (cgroup v2) does that at once. Without one:
Each gets SIGSTOP, again and again until a look at /proc finds none that still runs: what was
forked meanwhile is found by the next look, and what is stopped forks no more. Children of a
stopped process stay its descendants, so nothing gets away.

Under PRoot a tracee that is stopped would be let go on by its tracer. So the tracer is
stopped first, and its tracees stop when they next would have to wait for it: at once, by the
signal. They are continued first and it last, which makes a stop of theirs that it had not
seen yet void (a SIGCONT does that in the kernel).

Knows: /proc, signals. Does not know: launchers, requests.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

from . import proc

_WITHIN = 10.0  # seconds
_STILL = "TtZX"  # stopped, stopped by a tracer, ended


class Freezer:
    """Of one container. ``processes`` lists all of it that there is, whenever it is called."""

    def __init__(self, processes: Callable[[], list[int]]) -> None:
        self._processes = processes
        self._group = ""
        self._stopped: list[int] = []
        self.is_frozen = False

    def freeze(self, tracers: Iterable[int], group: str = "") -> None:
        """TimeoutError when they do not stop, and then all go on. ``group`` is the folder of
        their control group, if they have one."""
        self.is_frozen = True
        self._tracers = list(tracers)
        self._group = group
        deadline = time.monotonic() + _WITHIN
        if group:
            _put(group, b"1")
            while not _is_frozen(group):
                self._wait(deadline)
            return
        _signal(self._tracers, signal.SIGSTOP)
        while any(proc.state(pid) not in _STILL for pid in self._tracers):
            self._wait(deadline)
        while running := self._running():
            for pid in running:
                if pid not in self._stopped:
                    self._stopped.append(pid)
            _signal(running, signal.SIGSTOP)
            self._wait(deadline)

    def thaw(self) -> None:
        """Those that had stopped before stay so. Idempotent."""
        if self._group:
            with suppress(FileNotFoundError):  # all have ended meanwhile
                _put(self._group, b"0")
            self._group, self.is_frozen = "", False
            return
        _signal(self._stopped, signal.SIGCONT)
        if self.is_frozen:
            _signal(self._tracers, signal.SIGCONT)
        self._stopped.clear()
        self.is_frozen = False

    def _running(self) -> list[int]:
        """A process in ``D`` that has its signal stops before it does anything: who waits for a
        child of vfork stays there until that child goes on, which is stopped."""
        found = {pid: proc.state(pid) for pid in self._processes()}
        return [
            pid
            for pid, state in found.items()
            if state not in _STILL and not (state == "D" and pid in self._stopped)
        ]

    def _wait(self, deadline: float) -> None:
        if time.monotonic() > deadline:
            self.thaw()
            raise TimeoutError("its processes do not stop")
        time.sleep(0.001)


def _put(group: str, word: bytes) -> None:
    handle = os.open(f"{group}/cgroup.freeze", os.O_WRONLY)
    os.write(handle, word)
    os.close(handle)


def _is_frozen(group: str) -> bool:
    with open(f"{group}/cgroup.events", "rb") as file:
        return b"frozen 1" in file.read()


def _signal(pids: Iterable[int], number: int) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
