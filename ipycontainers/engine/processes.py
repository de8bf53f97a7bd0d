"""The processes of a container as the host's /proc shows them, and what they have used.

    found = read_all(pids)
    measure(found, reaped)      what a cgroup would have counted, as far as /proc tells

The kernel adds what an ended process has used to the parent that waited for it. So the sum
over those that live, with what each got from its children, misses only those that nobody
waited for; what a container's supervisor has waited for it tells as ``reaped``.

Knows: proc(5). Does not know: which processes are a container's, Docker's JSON.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .cgroup import Usage

TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Process:
    """Times are seconds, sizes bytes; ``started`` is since 1970."""

    pid: int
    parent: int
    name: str
    args: tuple[str, ...]
    uid: int
    state: str
    group: int
    session: int
    terminal: int
    foreground: int
    user: float
    system: float
    waited_user: float
    waited_system: float
    nice: int
    threads: int
    started: float
    size: int
    resident: int


def read_all(pids: Iterable[int]) -> list[Process]:
    """Those that are still there, by pid."""
    boot = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    found = []
    for pid in sorted(pids):
        with suppress(OSError, ValueError, IndexError):
            found.append(_read(pid, boot))
    return found


def _read(pid: int, boot: float) -> Process:
    stat = _file(pid, "stat").decode(errors="replace")
    head, _, rest = stat.rpartition(") ")
    words = rest.split()  # from the third field on
    numbers = [0, *map(int, words[1:22])]
    line = _file(pid, "cmdline").rstrip(b"\0").decode(errors="replace")
    return Process(
        pid=pid,
        parent=numbers[1],
        name=head.partition("(")[2],
        args=tuple(line.split("\0")) if line else (),
        uid=Path(f"/proc/{pid}").stat().st_uid,
        state=words[0],
        group=numbers[2],
        session=numbers[3],
        terminal=numbers[4],
        foreground=numbers[5],
        user=numbers[11] / TICK,
        system=numbers[12] / TICK,
        waited_user=numbers[13] / TICK,
        waited_system=numbers[14] / TICK,
        nice=numbers[16],
        threads=numbers[17],
        started=boot + numbers[19] / TICK,
        size=numbers[20],
        resident=numbers[21] * PAGE,
    )


def _file(pid: int, name: str) -> bytes:
    return Path(f"/proc/{pid}/{name}").read_bytes()


@dataclass(frozen=True)
class Sample:
    """What was used up to ``time``. Processor times are seconds, the rest bytes.

    ``read`` and ``written`` are None where the kernel tells nobody.
    """

    time: float
    user: float
    system: float
    memory: int
    threads: int
    read: int | None
    written: int | None
    machine: float  # processor time of all that the machine did
    group: Usage | None = None  # what the control group has counted, where there is one


def measure(pids: Iterable[int], reaped: float) -> Sample:
    """Memory is each process's share (Pss), or what it has resident where that is hidden."""
    found = read_all(pids)
    moved = [moved for it in found if (moved := _moved(it.pid))]
    return Sample(
        time=time.time(),
        user=sum(it.user + it.waited_user for it in found) + reaped,
        system=sum(it.system + it.waited_system for it in found),
        memory=sum(_share(it) for it in found),
        threads=sum(it.threads for it in found),
        read=sum(it[0] for it in moved) if moved else None,
        written=sum(it[1] for it in moved) if moved else None,
        machine=_machine(),
    )


def _share(process: Process) -> int:
    with suppress(OSError):
        shares = _file(process.pid, "smaps_rollup")
        if found := re.search(rb"^Pss:\s*(\d+) kB", shares, re.MULTILINE):
            return int(found[1]) << 10
    return process.resident


def _moved(pid: int) -> tuple[int, int] | None:
    """Bytes from and to block devices."""
    with suppress(OSError):
        counts = dict(line.split(b": ") for line in _file(pid, "io").splitlines())
        return int(counts[b"read_bytes"]), int(counts[b"write_bytes"])
    return None


def _machine() -> float:
    with Path("/proc/stat").open("rb") as file:
        return sum(map(int, file.readline().split()[1:9])) / TICK
