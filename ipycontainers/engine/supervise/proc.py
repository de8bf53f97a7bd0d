"""Processes as /proc shows them, and how they ended.

Knows: /proc/PID. Does not know: who started what.
"""

from __future__ import annotations

import os
import re
import time
from contextlib import suppress

from ipycontainers.engine import syscalls

REAPED_WITHIN = 5.0  # seconds


def image(pid: int) -> tuple[int, int] | None:
    """Which file it runs; None when that cannot be seen (any more)."""
    try:
        found = os.stat(f"/proc/{pid}/exe")
    except OSError:
        return None
    return found.st_dev, found.st_ino


def first_child(pid: int) -> int:
    """The oldest living child of ``pid``, or 0."""
    with suppress(OSError), open(f"/proc/{pid}/task/{pid}/children", "rb") as file:
        return min(map(int, file.read().split()), default=0)
    return min(children().get(pid, ()), default=0)


def children() -> dict[int, list[int]]:
    """Parent → children, of every process that can be seen."""
    found: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:
                parent = int(file.read().rpartition(b")")[2].split()[1])
                found.setdefault(parent, []).append(int(name))
    return found


def descendants(pid: int) -> list[int]:
    """Children of ``pid``, their children, and so on."""
    by_parent = children()
    found: list[int] = []
    waiting = [pid]
    while waiting:
        below = by_parent.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def has_children() -> bool:
    """Whether anything is left: as a subreaper this process is the parent of every orphan."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def is_outside(pid: int) -> bool:
    """Whether it is seen to be in no other pid namespace than this process."""
    try:
        return os.stat(f"/proc/{pid}/ns/pid").st_ino == os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        return False


def state(pid: int) -> str:
    """The letter of /proc/PID/stat; X for a process that is gone."""
    with suppress(OSError), open(f"/proc/{pid}/stat", "rb") as file:
        return chr(file.read().rpartition(b") ")[2][0])
    return "X"


def tracer(pid: int) -> int:
    """Who traces it, or 0."""
    with suppress(OSError), open(f"/proc/{pid}/status", "rb") as file:
        found = re.search(rb"^TracerPid:\s*(\d+)", file.read(), re.MULTILINE)
        return int(found[1]) if found else 0
    return 0


def status_of(handle: int) -> int | None:
    """The wait status of a pidfd's process that has ended, where the kernel says it.

    Its parent, the launcher, reaps it within a moment, and not before is it told. Where the
    launcher was killed with it, it is this process's child.
    """
    deadline = time.monotonic() + REAPED_WITHIN
    while time.monotonic() < deadline:
        with suppress(ChildProcessError):
            if ended := os.waitid(os.P_PIDFD, handle, os.WEXITED | os.WNOHANG):
                code = int(ended.si_status)
                return code << 8 if ended.si_code == os.CLD_EXITED else code
        try:
            status = syscalls.exit_status(handle)
        except OSError:
            return None
        if status is not None:
            return status
        time.sleep(0.0005)
    return None


def code(status: int) -> int:
    """As a shell says it: 128 + N for one that signal N ended."""
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code
