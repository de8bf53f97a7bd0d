"""Limits, by a control group for each container below one that is ours (cgroup v2).

    BASE/                            the nearest group around this process that belongs to its
                                     user and may hand controllers on to what is below
    BASE/ipycontainers-HASH/ID/      a container's; HASH is of the engine's data directory
    BASE/ipycontainers-HASH.engine/  the engine and its supervisors, where they were alone in
                                     BASE: a group that hands controllers on has no processes

Such a group is *delegated*: a systemd session's `user@UID.service` is, and what
`systemd-run --user --scope -p Delegate=yes` starts. Where there is none nothing is limited.

The kernel's Documentation/admin-guide/cgroup-v2.rst.

Knows: the files of cgroup v2. Does not know: containers, Docker's words, who is started.
"""

from __future__ import annotations

import errno
import hashlib
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROCESSES = "cgroup.procs"
EVENTS = "memory.events"
_HANDS_ON = "cgroup.subtree_control"
_CONTROLLERS = ("memory", "pids", "cpu", "cpuset", "io")
_NEEDED = {"memory", "pids"}
PERIOD = 100_000  # microseconds, the kernel's and Docker's
_WITHIN = 5.0  # seconds that killed processes may take to leave


@dataclass(frozen=True)
class Limits:
    """What one container may use; 0 and "" are no limit.

    ``memory`` and ``reservation`` are bytes; ``swap`` bytes beside memory, -1 as much as there
    is; ``quota`` microseconds of processor time in each ``period``; ``shares`` 2 to 262144 and
    ``io_weight`` 10 to 1000, both as cgroup v1 counted them, which Docker still does.
    """

    memory: int = 0
    swap: int = -1
    reservation: int = 0
    quota: int = 0
    period: int = PERIOD
    shares: int = 0
    cpus: str = ""
    nodes: str = ""
    pids: int = 0
    io_weight: int = 0

    def files(self, own: int = 0) -> dict[str, str]:
        """What stands in which file; ``own`` processes of a launcher come on top of ``pids``."""
        io_weight = 1 + (self.io_weight - 10) * 9999 // 990 if self.io_weight else 100
        return {
            "memory.max": str(self.memory or "max"),
            "memory.swap.max": str(self.swap if self.swap >= 0 else "max"),
            "memory.low": str(self.reservation),
            "cpu.max": f"{self.quota if self.quota > 0 else 'max'} {self.period}",
            "cpu.weight": str(1 + (self.shares - 2) * 9999 // 262142 if self.shares else 100),
            "cpuset.cpus": self.cpus,
            "cpuset.mems": self.nodes,
            "pids.max": str(self.pids + own if self.pids > 0 else "max"),
            "io.weight": f"default {io_weight}",
        }


@dataclass(frozen=True)
class Usage:
    """What a group has used so far: bytes, microseconds, processes; absent files count 0."""

    memory: int
    memory_limit: int  # 0: none
    memory_failures: int
    memory_details: Mapping[str, int]
    processor: int
    processor_details: Mapping[str, int]
    pids: int
    pids_limit: int
    read: int
    written: int


@dataclass(frozen=True)
class Tree:
    """``path`` is BASE/ipycontainers-HASH; ``controllers`` work in the groups below it."""

    path: Path
    controllers: frozenset[str]

    def make(self, name: str, limits: Limits, own: int = 0) -> Path:
        """A fresh group; what was left there is killed. OSError where the kernel refuses."""
        place = self.path / name
        remove(place)
        place.mkdir()
        try:
            self.apply(place, limits, own)
        except OSError:
            remove(place)
            raise
        return place

    def apply(self, place: Path, limits: Limits, own: int = 0) -> None:
        """From now on these. OSError names the file and the kernel's reason."""
        for name, content in limits.files(own).items():
            file = place / name
            # memory.swap.max and io.weight are not in every kernel that has their controller.
            is_there = name.partition(".")[0] in self.controllers and file.exists()
            if is_there and (content or file.read_text().strip()):
                file.write_text(f"{content}\n")

    def close(self) -> None:
        """Removes the tree, unless containers run on in it."""
        with suppress(OSError):
            self.path.rmdir()

    def sweep(self, kept: Sequence[str]) -> None:
        """Removes the groups of other names, with what still runs in them."""
        for place in self.path.iterdir():
            if place.is_dir() and place.name not in kept:
                remove(place)


def find(data: Path, others: Sequence[int] = ()) -> Tree | None:
    """The tree of the engine that has its data there; None where no group is delegated.

    ``others`` are processes that go with this one where it has to leave its group.
    """
    name = f"ipycontainers-{hashlib.sha256(os.fsencode(data)).hexdigest()[:12]}"
    for base in _candidates():
        with suppress(OSError):
            _hand_on(base, name, {os.getpid(), *others})
            (base / name).mkdir(exist_ok=True)
            _enable(base / name)
            return Tree(base / name, frozenset(_words(base / name / _HANDS_ON)))
    return None


def remove(place: Path) -> None:
    """Kills what is in it and in the groups below, and removes them. Idempotent.

    OSError where a process does not end.
    """
    deadline = time.monotonic() + _WITHIN
    while place.is_dir():
        kill(place)
        try:
            for folder, _, _ in os.walk(place, topdown=False):
                Path(folder).rmdir()
        except FileNotFoundError:
            continue
        except OSError:  # busy: who was killed is on its way
            if time.monotonic() > deadline:
                raise
            time.sleep(0.005)


def kill(place: Path) -> None:
    """Every process in it and below, at once; Linux before 5.14 one by one."""
    file = place / "cgroup.kill"
    if file.exists():
        file.write_text("1")
        return
    for pid in processes(place):
        with suppress(ProcessLookupError):
            os.kill(pid, 9)


def freeze(place: Path, *, frozen: bool = True) -> None:
    """Every process in it stands still, or goes on, when this returns."""
    (place / "cgroup.freeze").write_text(f"{frozen:d}")
    deadline = time.monotonic() + _WITHIN
    while _numbers(place / "cgroup.events").get("frozen") != frozen:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{place.name} does not {'freeze' if frozen else 'thaw'}")
        time.sleep(0.002)


def processes(place: Path) -> list[int]:
    """Pids in it, as this process sees them."""
    return [int(word) for word in _words(place / PROCESSES)]


def kills(place: Path) -> int:
    """How many of its processes were killed since it had no memory left."""
    with suppress(OSError):
        return kills_in((place / EVENTS).read_text())
    return 0


def kills_in(events: str) -> int:
    """The same of the text of ``EVENTS``.

    >>> kills_in("oom 2\\noom_kill 1\\n")
    1
    """
    return next((int(line.split()[1]) for line in events.splitlines() if "oom_kill " in line), 0)


def usage(place: Path) -> Usage:
    """As it is now. FileNotFoundError where the group is gone."""
    if not place.is_dir():
        raise FileNotFoundError(place)
    events, processor = _numbers(place / EVENTS), _numbers(place / "cpu.stat")
    moved = dict.fromkeys(("rbytes", "wbytes"), 0)
    for word in _words(place / "io.stat"):
        key, _, number = word.partition("=")
        if key in moved:
            moved[key] += int(number)
    return Usage(
        memory=_number(place / "memory.current"),
        memory_limit=_number(place / "memory.max"),
        memory_failures=events.get("max", 0),
        memory_details=_numbers(place / "memory.stat"),
        processor=processor.get("usage_usec", 0),
        processor_details=processor,
        pids=_number(place / "pids.current"),
        pids_limit=_number(place / "pids.max"),
        read=moved["rbytes"],
        written=moved["wbytes"],
    )


# --- whose group this is ---------------------------------------------------------------------


def _candidates() -> Iterator[Path]:
    """The group of this process and those above it, as long as they are its user's."""
    own = next((line[3:] for line in _lines("/proc/self/cgroup") if line.startswith("0::")), "")
    for line in _lines("/proc/self/mountinfo"):
        before, _, after = line.partition(" - ")
        root, point = before.split()[3:5]
        if after.split()[:1] == ["cgroup2"] and own and ".." not in own.split("/"):
            mount = Path(point)
            place = mount / os.path.relpath(own, root)
            while _is_ours(place) and place.is_relative_to(mount) and ".." not in place.parts:
                yield place
                place = place.parent
            return


def _is_ours(place: Path) -> bool:
    files = (place, place / PROCESSES, place / _HANDS_ON)
    return all(os.access(file, os.W_OK) for file in files)


def _hand_on(base: Path, name: str, ours: set[int]) -> None:
    """Raises OSError where others than we are in ``base``: it is not ours to empty."""
    if _missing(base) and (inside := set(processes(base))) and inside <= ours:
        shelter = base / f"{name}.engine"
        shelter.mkdir(exist_ok=True)
        for pid in inside:
            (shelter / PROCESSES).write_text(str(pid))
    _enable(base)


def _enable(place: Path) -> None:
    """Raises OSError where what limits need cannot be."""
    for controller in _missing(place):
        with suppress(OSError):
            (place / _HANDS_ON).write_text(f"+{controller}")
    if not set(_words(place / _HANDS_ON)) >= _NEEDED:
        raise OSError(errno.EBUSY, "no controllers can be handed on", str(place))


def _missing(place: Path) -> list[str]:
    there, handed = _words(place / "cgroup.controllers"), _words(place / _HANDS_ON)
    return [name for name in _CONTROLLERS if name in there and name not in handed]


# --- files -----------------------------------------------------------------------------------


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(errors="surrogateescape").splitlines()
    except OSError:
        return []


def _words(file: Path) -> list[str]:
    try:
        return file.read_text().split()
    except OSError:
        return []


def _number(file: Path) -> int:
    """0 for "max" and for none."""
    word = "".join(_words(file)[:1])
    return int(word) if word.isdigit() else 0


def _numbers(file: Path) -> dict[str, int]:
    """Of lines with a name and a number."""
    words = _words(file)
    return {name: int(number) for name, number in zip(words[::2], words[1::2], strict=False)}
