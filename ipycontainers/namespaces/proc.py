"""What /proc of this machine tells, and control groups.

    snapshot(4711)      of a process, MEASURED; what may not be read is left out
    machine()           of the machine
    limits("0::/a/b", "b")      of the container's among those that /proc/PID/cgroup names

Where there is no /proc, as on macOS, all of it is empty.

Knows: where the kernel's files are. Does not know: containers.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from .kinds import NAMES
from .snapshot import MEASURED, Limit, Machine, Snapshot, number, of_files, of_machine

PROC = Path("/proc")
GROUPS = Path("/sys/fs/cgroup")
MOST = 1 << 20  # bytes of one file
NO_LIMIT = 1 << 60  # cgroup v1 has a number near the largest for none
# The control group last: it says whose process this was, and a pid is given anew.
FILES = ("status", "uid_map", "gid_map", "mountinfo", "cmdline", "cgroup")
MACHINE = ("meminfo", "uptime", "sys/kernel/random/boot_id")


def snapshot(pid: int | str, proc: Path = PROC) -> Snapshot:
    """``pid`` may be "self"."""
    at = proc / str(pid)
    links = {f"ns/{name}": link for name in NAMES if (link := _link(at / "ns" / name))}
    if root := _link(at / "root"):
        links["root"] = root
    texts = {name: text for name in FILES if (text := read(at / name)) is not None}
    return of_files(MEASURED, {**links, **texts}, number(str(pid)))


def machine(proc: Path = PROC) -> Machine:
    files = {name: read(proc / name) or "" for name in MACHINE}
    return of_machine({**files, "kernel/cmdline": read(proc / "cmdline") or ""})


def own(proc: Path = PROC) -> Snapshot:
    """Of this process, with the machine."""
    return replace(snapshot("self", proc), machine=machine(proc))


def read(path: Path) -> str | None:
    """Its text, of at most ``MOST`` bytes; None where it may not be read."""
    try:
        with path.open("rb") as file:
            return file.read(MOST).decode("utf-8", "replace")
    except OSError:
        return None


def _link(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:
        return ""


# --- control groups ------------------------------------------------------------------------------


def groups(cgroup: str) -> dict[str, str]:
    """The path in each hierarchy by controller; "" is cgroup v2's.

    >>> groups("4:cpu,cpuacct:/a\\n0::/b\\n")
    {'cpu': '/a', 'cpuacct': '/a', '': '/b'}
    """
    rows = [line.split(":", 2) for line in cgroup.splitlines()]
    return {name: row[2] for row in rows if len(row) == 3 for name in row[1].split(",")}


def limits(cgroup: str, container: str, at: Path = GROUPS) -> tuple[Limit, ...] | None:
    """Of the container's groups, which have its id in their names: its first process may be in
    one below. None where it is in none: what stands there is others' too."""
    every = ((name, _cut(path, container)) for name, path in groups(cgroup).items())
    theirs = {name: path for name, path in every if path}
    found = []
    for name, read_one in (
        ("memory", _memory),
        ("processor", _processor),
        ("processes", _processes),
    ):
        controller = {"processor": "cpu", "processes": "pids"}.get(name, name)
        kind = controller if controller in theirs else ""
        if kind not in theirs:
            continue
        folder = _folder(at, kind, theirs)
        if folder and folder.is_dir():
            found.append(read_one(name, folder, theirs, at))
    return tuple(found) or None


def own_limits(proc: Path = PROC, at: Path = GROUPS) -> tuple[Limit, ...]:
    """Of this program: the lowest of its groups and of those around them that are seen from here.
    What no group that is seen here counts is left out."""
    mounted = _mounted(read(proc / "self" / "mountinfo") or "")
    theirs = {
        name: _below(path, mounted.get(name, "/"))
        for name, path in groups(read(proc / "self" / "cgroup") or "").items()
    }
    found = []
    for name, controller, read_one in (
        ("memory", "memory", _memory),
        ("processor", "cpu", _processor),
        ("processes", "pids", _processes),
    ):
        kind = controller if controller in theirs else ""
        folder = _folder(at, kind, theirs) if kind in theirs else None
        if folder and (folder / "cgroup.procs").exists():
            found.append(read_one(name, folder, theirs, at))
    return tuple(found)


def _mounted(mountinfo: str) -> dict[str, str]:
    """By controller the group that is the root of what is mounted, "" is cgroup v2's."""
    roots = {}
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        words, kind = before.split(), after.split()
        if len(words) > 4 and len(kind) > 2 and kind[0] in {"cgroup", "cgroup2"}:
            for name in kind[2].split(",") if kind[0] == "cgroup" else ("",):
                roots[name] = words[3]
    return roots


def _below(path: str, root: str) -> str:
    """In a container without a namespace of control groups the path is the host's, and what is
    mounted is the container's own group."""
    if root == "/" or not f"{path}/".startswith(f"{root}/"):
        return path
    return path[len(root) :] or "/"


def _cut(path: str, container: str) -> str:
    """Up to the part that has the id; "" where none has."""
    before, found, after = path.partition(container)
    return f"{before}{found}{after.partition('/')[0]}" if found else ""


def _folder(at: Path, controller: str, paths: Mapping[str, str]) -> Path | None:
    path = paths[controller].lstrip("/")
    # One that lies above what is seen here is not known here.
    if ".." in path.split("/"):
        return None
    if not controller:
        return (at / "unified" if (at / "unified").is_dir() else at) / path
    mounted = next((it for it in at.glob("*") if controller in it.name.split(",")), at / controller)
    return mounted / path


def _memory(name: str, folder: Path, *_: object) -> Limit:
    limit = _least(folder, ("memory.max", "memory.limit_in_bytes"))
    return Limit(name, limit, _first(folder, "memory.current", "memory.usage_in_bytes"))


def _processes(name: str, folder: Path, *_: object) -> Limit:
    return Limit(name, _least(folder, ("pids.max",)), _first(folder, "pids.current"))


def _processor(name: str, folder: Path, paths: Mapping[str, str], at: Path) -> Limit:
    every = (*map(_quota, _around(folder)), _set(folder, paths, at))
    found = [it for it in every if it is not None]
    return Limit(name, min(found, default=None), _time(folder, paths, at))


def _set(folder: Path, paths: Mapping[str, str], at: Path) -> float | None:
    """How many processors it may run on (cpuset(7)); None where these are all."""
    place = _folder(at, "cpuset", paths) if "cpuset" in paths else folder
    for name in ("cpuset.cpus.effective", "cpuset.effective_cpus"):
        text = (read(place / name) or "").strip() if place else ""
        ranges = re.findall(r"(\d{1,6})(?:-(\d{1,6}))?", text)
        if count := sum(int(last or first) - int(first) + 1 for first, last in ranges):
            return count if count < (os.cpu_count() or 1) else None
    return None


def _quota(group: Path) -> float | None:
    """Processors; None where there is no limit."""
    quota, _, period = (read(group / "cpu.max") or "").strip().partition(" ")
    if not period:
        quota = (read(group / "cpu.cfs_quota_us") or "").strip()
        period = (read(group / "cpu.cfs_period_us") or "").strip()
    allowed, each = number(quota), number(period)
    return allowed / each if allowed and each else None


def _time(folder: Path, paths: Mapping[str, str], at: Path) -> float | None:
    """Seconds of processor time."""
    for line in (read(folder / "cpu.stat") or "").splitlines():
        if line.startswith("usage_usec "):
            return int(line.split()[1]) / 1e6
    counted = _folder(at, "cpuacct", paths) if "cpuacct" in paths else None
    used = _first(counted, "cpuacct.usage") if counted else None
    return used / 1e9 if used is not None else None


def _first(folder: Path, *names: str) -> float | None:
    for name in names:
        text = (read(folder / name) or "").strip()
        if text.isdigit():
            return float(text)
    return None


def _least(folder: Path, names: tuple[str, ...]) -> float | None:
    """The lowest limit of this group and those around it, which all hold."""
    found = []
    for group in _around(folder):
        value = _first(group, *names)
        if value is not None and value < NO_LIMIT:
            found.append(value)
    return min(found, default=None)


def _around(folder: Path) -> Iterator[Path]:
    while (folder / "cgroup.procs").exists():
        yield folder
        folder = folder.parent
