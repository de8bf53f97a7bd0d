"""Processes as /proc shows them.

Knows: /proc/PID. Does not know: who started what.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress


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


def tracer(pid: int) -> int:
    """Who traces it, or 0."""
    with suppress(OSError), open(f"/proc/{pid}/status", "rb") as file:
        found = re.search(rb"^TracerPid:\s*(\d+)", file.read(), re.MULTILINE)
        return int(found[1]) if found else 0
    return 0
