"""One process, two numbers: who runs in a container, as the host and as the container see it.

    pids = members(4711)            of the host, by pid namespace or control group
    found = processes(pids, 4711)   (inside=1, outside=4711), (inside=7, outside=4720), …
    for depth, process in tree(found): …

Knows: NSpid in /proc/PID/status (proc(5)). Does not know: containers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from .proc import PROC, groups, read
from .snapshot import LONG, fields, number

DEEP = 64  # steps of the drawing
_ID = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Process:
    """``inside`` is its number in the container, ``outside`` that of this machine; None where it
    is not known. ``number`` is one of the two, and ``parent`` of the same kind: 0 where there is
    none in the container."""

    number: int
    parent: int
    inside: int | None
    outside: int | None
    command: str
    user: int | None = None  # by the host's numbers


def members(pid: int, container: str, proc: Path = PROC) -> tuple[int, ...]:
    """The host's pids of a container whose first process is ``pid`` and whose id is ``container``:
    those of its control groups, and those of its pid namespace, where that is not this process's
    and they are in no other container's group, as one that has joined its namespace is."""
    namespace, here = _namespace(pid, proc), _namespace("self", proc)
    is_own = bool(namespace) and namespace != here
    ours = _containers(pid, proc)
    found = {pid}
    for entry in proc.glob("[0-9]*"):
        one = number(entry.name)
        if one is None:
            continue
        theirs = _containers(one, proc)
        is_in_space = is_own and theirs <= ours and _namespace(one, proc) == namespace
        if container in theirs or is_in_space:
            found.add(one)
    return tuple(sorted(found))


def _containers(pid: int, proc: Path) -> set[str]:
    """The ids in the names of its control groups."""
    paths = groups(read(proc / str(pid) / "cgroup") or "").values()
    # Podman's monitor, on the host, has a group that is called so too.
    parts = {part for path in paths for part in path.split("/") if "conmon" not in part}
    return {found[0] for part in parts if (found := _ID.search(part))}


def _namespace(pid: int | str, proc: Path) -> int:
    """Its inode; 0 where it may not be read."""
    try:
        return (proc / str(pid) / "ns" / "pid").stat().st_ino
    except OSError:
        return 0


def processes(pids: Iterable[int], first: int, proc: Path = PROC) -> tuple[Process, ...]:
    """Those that are still there. ``first`` is one whose innermost pid namespace is the
    container's: processes in a deeper one have a number in there too."""
    depth = len(numbers(first, proc)) or 1
    found = []
    for pid in sorted(set(pids)):
        if not (status := _status(pid, proc)):
            continue
        inner = _numbers(status)
        line = (read(proc / str(pid) / "cmdline") or "").rstrip("\0").replace("\0", " ")
        found.append(
            Process(
                number=pid,
                inside=inner[depth - 1] if len(inner) >= depth else None,
                outside=pid,
                parent=number(status.get("PPid", "")) or 0,
                command=line[:LONG] or f"[{status.get('Name', '?')}]",
                user=number(status.get("Uid", "").partition("\t")[0]),
            )
        )
    return rooted(found)


def ancestors(pid: int, proc: Path = PROC) -> tuple[Process, ...]:
    """Of a process of this machine, from the first on."""
    found: list[Process] = []
    while len(found) < DEEP and (parent := number(_status(pid, proc).get("PPid", ""))):
        line = (read(proc / str(parent) / "cmdline") or "").rstrip("\0").replace("\0", " ")
        command = line[:LONG] or f"[{_status(parent, proc).get('Name', '?')}]"
        found.append(Process(parent, 0, inside=None, outside=parent, command=command))
        pid = parent
    return tuple(reversed(found))


def rooted(found: Sequence[Process]) -> tuple[Process, ...]:
    """The same; a parent that is not among them is none."""
    known = {process.number for process in found}
    return tuple(it if it.parent in known else replace(it, parent=0) for it in found)


def numbers(pid: int, proc: Path = PROC) -> list[int]:
    """Of one process, in this machine's pid namespace and each that is within; [] of none."""
    return _numbers(_status(pid, proc))


def _status(pid: int, proc: Path) -> Mapping[str, str]:
    return fields(read(proc / str(pid) / "status") or "")


def _numbers(status: Mapping[str, str]) -> list[int]:
    return [int(word) for word in status.get("NSpid", "").split() if word.isdigit()]


def tree(found: Sequence[Process]) -> Iterator[tuple[int, Process]]:
    """Each after its parent, with its depth."""
    children: dict[int, list[Process]] = {}
    for process in rooted(found):
        children.setdefault(process.parent, []).append(process)
    waiting = [(0, it) for it in reversed(children.pop(0, []))]
    while waiting:
        depth, process = waiting.pop()
        yield depth, process
        below = children.pop(process.number, [])
        waiting += [(min(depth + 1, DEEP), it) for it in reversed(below)]


def paired(inside: Sequence[Process], outside: Sequence[Process]) -> tuple[Process, ...]:
    """The same processes as two sides list them: each of ``inside`` with the host's number, where
    it is beyond doubt which is which. Podman tells both numbers, of others nothing but command
    and place in the tree does."""
    known = {it.inside: it.outside for it in outside}
    known.pop(None, None)
    if known:
        return tuple(replace(it, outside=known.get(it.inside)) for it in inside)
    ours, theirs = _by_place(inside), _by_place(outside)
    made = []
    for place, group in ours.items():
        there = theirs.get(place, [])
        number = there[0].outside if len(group) == len(there) == 1 else None
        made += [replace(it, outside=number) for it in group]
    return tuple(made)


def _by_place(found: Sequence[Process]) -> dict[tuple[str, ...], list[Process]]:
    places: dict[tuple[str, ...], list[Process]] = {}
    path: list[str] = []
    for depth, process in tree(found):
        path[depth:] = [process.command]
        places.setdefault(tuple(path), []).append(process)
    return places
