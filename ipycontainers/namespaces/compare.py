"""Containers beside the machine they run on: what is their own, what is shared, who else is in it.

    host = host_of(proc.own())
    data = compare(host, [container, …], neighbours)       plain data, as the widget gives it

Own or shared is told of inodes where they are known of both, and else of what was declared.

Knows: snapshots. Does not know: how they were taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .kinds import KINDS, NAMES, Kind
from .snapshot import DECLARED, MEASURED, Machine, Snapshot, best

Data = Mapping[str, Any]
MOMENT = 10.0  # seconds that may lie between two looks at one clock
OPEN = (
    "PRoot makes no namespace. It is a tracer, which rewrites paths in the system calls of a "
    "program, so that / seems to be another folder. All else is the host's, and a program that "
    "wants out gets out."
)


@dataclass(frozen=True)
class Container:
    """``snapshots`` are of its first process, the best source first. ``proof`` says what shows
    that it runs on the kernel of this machine; "" where nothing does. ``launcher`` is our own
    engine's."""

    name: str
    id: str
    status: str
    snapshots: Sequence[Snapshot]
    proof: str = ""
    launcher: str = ""


@dataclass(frozen=True)
class Host:
    """``namespaces`` are inodes. ``is_here``: the machine of this program, which was measured;
    else another one, of which is known what Linux gives to each machine."""

    namespaces: Mapping[str, int]
    machine: Machine
    is_here: bool
    snapshot: Snapshot


def host_of(own: Snapshot | None) -> Host:
    """``own`` is of this program; None where the containers run on another machine."""
    if own is not None and own.namespaces:
        return Host(own.namespaces, own.machine or Machine(), True, own)
    fixed = {kind.name: kind.initial for kind in KINDS if kind.is_fixed}
    return Host(fixed, Machine(), False, Snapshot(DECLARED))


def proof(container_id: str, near: Snapshot, asked: Snapshot | None, own: Snapshot) -> str:
    """What shows that ``near``, which /proc of this machine says of the pid that the engine
    told, is that container; "" where nothing does, and the pid may be anybody's."""
    here = own.machine.boot_id if own.machine else ""
    there = asked.machine.boot_id if asked and asked.machine else ""
    if there and there != here:
        return ""
    # An id is 256 random bits: no other machine's group is called so.
    has_group = len(container_id) == 64 and container_id in (near.cgroup or "")
    if not there:
        return "control group" if has_group else ""
    if has_group:
        return "boot id and control group"
    theirs = asked.namespaces if asked else {}
    for kind in NAMES:
        inode = near.namespaces.get(kind)
        if inode and inode == theirs.get(kind) != own.namespaces.get(kind):
            return f"boot id and {kind} namespace"
    # PRoot's: a tracer's child, in our own pid namespace, where a pid has one meaning.
    pid = own.namespaces.get("pid")
    if near.tracer and pid and pid == theirs.get("pid") == near.namespaces.get("pid"):
        return "boot id and pid namespace"
    return ""


def compare(host: Host, containers: Sequence[Container], neighbours: Iterable[Container]) -> Data:
    """``neighbours`` are further containers, for who else is in a namespace."""
    every = {one.id: one for one in (*neighbours, *containers)}
    return {
        "host": _host(host, list(every.values())),
        "containers": [_container(one, host, every) for one in containers],
    }


def _host(host: Host, every: Sequence[Container]) -> Data:
    source = MEASURED if host.is_here else DECLARED
    return {
        "here": host.is_here,
        "namespaces": {
            kind.name: {
                "inode": host.namespaces.get(kind.name),
                "initial": _is_initial(kind, host),
                "source": source if kind.name in host.namespaces else None,
                "others": sorted(one.name for one in every if _is_shared(kind, one, host)),
            }
            for kind in KINDS
        },
        "machine": {
            "MemTotal": host.machine.memory,
            "uptime": host.machine.uptime,
            "boot_id": host.machine.boot_id or None,
            "kernel_command_line": host.machine.command_line or None,
        },
        **(_rights([host.snapshot]) if host.is_here else {}),
    }


def _is_initial(kind: Kind, host: Host) -> bool | None:
    """Whether it is the machine's own, and not that of a container around this program."""
    inode = host.namespaces.get(kind.name)
    if not inode or not host.is_here:
        return None
    return True if inode == kind.initial else False if kind.is_fixed else None


def _is_shared(kind: Kind, container: Container, host: Host) -> bool:
    return _relation(kind, container, host)["own"] is False


def _container(container: Container, host: Host, every: Mapping[str, Container]) -> Data:
    spaces = {
        kind.name: {
            **_relation(kind, container, host),
            "others": _others(kind.name, container, every.values()),
        }
        for kind in KINDS
    }
    is_open = all(space["own"] is False for space in spaces.values())
    pid, _ = best(container.snapshots, "pid")
    command, _ = best(container.snapshots, "command")
    return {
        "name": container.name,
        "id": container.id,
        "status": container.status,
        "pid": pid,
        "command": command,
        "same_kernel": container.proof or None,
        "namespaces": spaces,
        "why": OPEN if is_open and container.launcher == "ptrace" else None,
        "leaks": _leaks(container, host),
        **_rights(container.snapshots),
        "mounts": _listed(container.snapshots, "mounts"),
        "limits": _listed(container.snapshots, "limits"),
    }


def _relation(kind: Kind, container: Container, host: Host) -> Data:
    """Inode, own or shared, and how that is known."""
    known = ((it.namespaces.get(kind.name), it.source) for it in container.snapshots)
    inode, source = next(((it, of) for it, of in known if it), (None, None))
    theirs = host.namespaces.get(kind.name)
    if inode and (inode == kind.initial or inode == theirs):
        return {"inode": inode, "own": False, "source": source}
    if inode and theirs:
        return {"inode": inode, "own": True, "source": source}
    own = next((it.own[kind.name] for it in container.snapshots if kind.name in it.own), None)
    return {"inode": inode, "own": own, "source": None if own is None else DECLARED}


def _others(kind: str, container: Container, every: Iterable[Container]) -> list[str]:
    """The names of containers in the same namespace."""
    inode = _inode(kind, container)
    found = set()
    for other in every:
        if other.id == container.id:
            continue
        theirs = _inode(kind, other)
        is_same = inode == theirs if inode and theirs else _joins(kind, container, other)
        if is_same:
            found.add(other.name)
    return sorted(found)


def _inode(kind: str, container: Container) -> int | None:
    return next((it.namespaces[kind] for it in container.snapshots if kind in it.namespaces), None)


def _joins(kind: str, one: Container, other: Container) -> bool:
    """Whether one was declared to be in a namespace of the other."""
    for joining, joined in ((one, other), (other, one)):
        whose = next((it.joined[kind] for it in joining.snapshots if kind in it.joined), "")
        if whose and (whose == joined.name or joined.id.startswith(whose)):
            return True
    return False


# --- what leaks, rights, lists -------------------------------------------------------------------


def _leaks(container: Container, host: Host) -> Data:
    machine, source = best(container.snapshots, "machine")
    inside, outside = machine or Machine(), host.machine
    pairs = {
        "MemTotal": (outside.memory, inside.memory),
        "uptime": (outside.uptime, inside.uptime),
        "boot_id": (outside.boot_id or None, inside.boot_id or None),
        "kernel_command_line": (outside.command_line or None, inside.command_line or None),
    }
    return {
        name: {
            "host": there,
            "inside": here,
            "same": _is_same(there, here),
            "source": None if here is None else source,
        }
        for name, (there, here) in pairs.items()
    }


def _is_same(one: object, other: object) -> bool | None:
    if one is None or other is None:
        return None
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) < MOMENT
    return one == other


def _rights(snapshots: Sequence[Snapshot]) -> dict[str, Any]:
    effective, source = best(snapshots, "effective")
    bounding, _ = best(snapshots, "bounding")
    found: dict[str, Any] = {
        "capabilities": {
            "effective": None if effective is None else list(effective),
            "bounding": None if bounding is None else list(bounding),
            "source": source,
        }
    }
    for name in ("seccomp", "no_new_privileges"):
        value, source = best(snapshots, name)
        found[name] = {"value": value, "source": source}
    return {**found, **{name: _listed(snapshots, name) for name in ("uid_map", "gid_map")}}


def _listed(snapshots: Sequence[Snapshot], name: str) -> Data:
    values, source = best(snapshots, name)
    return {"rows": None if values is None else [asdict(it) for it in values], "source": source}
