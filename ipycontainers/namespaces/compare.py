"""Containers beside the machine they run on: what is their own, what is shared, who else is in it.

    host = host_of(proc.own())
    data = compare(host, [container, …], neighbours)       plain data, as the widget gives it

Own or shared is told of inodes where they are known of both, and else of what was declared. Own
is what is neither the host's, nor its engine's, nor that of another container that runs.

Knows: snapshots. Does not know: how they were taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .declared import ENGINE
from .kinds import KINDS, NAMES, Kind
from .snapshot import DECLARED, MEASURED, Machine, Snapshot, best

Data = Mapping[str, Any]
MOMENT = 10.0  # seconds that may lie between two looks at one clock
DEEP = 64  # containers that have joined one another
# Who has a namespace too: the host, as this program sees it; its machine, of a program that is
# in a container itself, or of another kernel's container; other containers; the engine alone.
HOST, MACHINE, CONTAINERS, ENGINES = "host", "machine", "containers", "engine"
OPEN = (
    "PRoot makes no namespace. It is a tracer, which rewrites paths in the system calls of a "
    "program, so that / seems to be another folder. All else is the host's, and a program that "
    "wants out gets out."
)


@dataclass(frozen=True)
class Container:
    """``snapshots`` are of its first process, the best source first. ``proof`` says what shows
    that it runs on the kernel of this machine; "" where nothing does. ``launcher`` is our own
    engine's. ``silence``: why nothing was asked inside, or ""."""

    name: str
    id: str
    status: str
    snapshots: Sequence[Snapshot]
    proof: str = ""
    launcher: str = ""
    silence: str = ""


@dataclass(frozen=True)
class Host:
    """``namespaces`` are inodes. ``is_here``: the machine of this program, which was measured;
    False of another one, None where nobody knows: of both is known what Linux gives to each."""

    namespaces: Mapping[str, int]
    machine: Machine
    is_here: bool | None
    snapshot: Snapshot


def host_of(own: Snapshot, *, is_here: bool | None = True) -> Host:
    """``own`` is of this program."""
    if is_here and own.namespaces:
        return Host(own.namespaces, own.machine or Machine(), True, own)
    return Host({}, Machine(), None if is_here is None else False, Snapshot(DECLARED))


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


def compare(
    host: Host, containers: Sequence[Container], neighbours: Iterable[Container], left_out: int = 0
) -> Data:
    """``neighbours`` are further containers, for who else is in a namespace. ``left_out``: how
    many more run, which were not looked at."""
    every = {one.id: one for one in (*neighbours, *containers)}
    views = {kind.name: _View.of(kind, host, every) for kind in KINDS}
    return {
        "host": {**_host(host, views), "left_out": left_out},
        "containers": [_container(one, host, views) for one in containers],
    }


def _host(host: Host, views: Mapping[str, _View]) -> Data:
    return {
        "here": host.is_here,
        "namespaces": {
            kind.name: {
                "inode": host.namespaces.get(kind.name),
                "initial": _is_initial(kind, host),
                "source": MEASURED if kind.name in host.namespaces else None,
                "others": views[kind.name].of_host(),
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


def _container(container: Container, host: Host, views: Mapping[str, _View]) -> Data:
    spaces = {name: view.space(container) for name, view in views.items()}
    is_open = all(space["shared_with"] in (HOST, MACHINE) for space in spaces.values())
    pid, _ = best(container.snapshots, "pid")
    command, _ = best(container.snapshots, "command")
    return {
        "name": container.name,
        "id": container.id,
        "status": container.status,
        "pid": pid,
        "command": command,
        "same_kernel": container.proof or None,
        "not_asked": container.silence or None,
        "namespaces": spaces,
        "why": OPEN if is_open and container.launcher == "ptrace" else None,
        "leaks": _leaks(container, host),
        **_rights(container.snapshots),
        "mounts": _listed(container.snapshots, "mounts"),
        "limits": _listed(container.snapshots, "limits"),
    }


# --- one kind of namespace -----------------------------------------------------------------------


@dataclass(frozen=True)
class _Seen:
    """Of one container. ``whose``: HOST, MACHINE, "" of neither, None where it is not known.
    ``joined``: as in Snapshot. ``kernel``: its boot id, "" where nobody has told."""

    inode: int | None
    whose: str | None
    source: str | None
    joined: str
    kernel: str


def _seen(kind: Kind, container: Container, host: Host) -> _Seen:
    known = ((it.namespaces.get(kind.name), it.source) for it in container.snapshots)
    inode, source = next(((it, of) for it, of in known if it), (None, None))
    machine, _ = best(container.snapshots, "machine")
    here, kernel = host.machine.boot_id, (machine or Machine()).boot_id
    if container.proof:
        kernel = here
    is_elsewhere = bool(here and kernel) and here != kernel
    theirs = None if is_elsewhere else host.namespaces.get(kind.name)
    whose: str | None = None
    if inode and inode == theirs:
        whose = HOST
    elif inode and inode == kind.initial:
        whose = MACHINE if theirs or is_elsewhere else HOST
    elif inode and (theirs or kind.is_fixed):
        whose = ""
    else:
        told = [it.of_host[kind.name] for it in container.snapshots if kind.name in it.of_host]
        whose, source = (HOST if told[0] else "", DECLARED) if told else (None, source)
    joined = next(
        (it.joined[kind.name] for it in container.snapshots if kind.name in it.joined), ""
    )
    return _Seen(inode, whose, source, joined, kernel)


@dataclass(frozen=True)
class _View:
    """``every`` and ``seen`` are by the containers' ids."""

    every: Mapping[str, Container]
    seen: Mapping[str, _Seen]

    @classmethod
    def of(cls, kind: Kind, host: Host, every: Mapping[str, Container]) -> _View:
        return cls(every, {key: _seen(kind, one, host) for key, one in every.items()})

    def of_host(self) -> list[str]:
        """The names of those that have the host's."""
        return sorted(self.every[key].name for key, it in self.seen.items() if it.whose == HOST)

    def space(self, container: Container) -> Data:
        """Its own, or with whom it is shared, and how that is known."""
        seen = self.seen[container.id]
        others = sorted(
            one.name
            for key, one in self.every.items()
            if key != container.id and self._is_same(container.id, key)
        )
        shared_with = seen.whose or _shared_with(seen, others)
        own = False if shared_with else None if seen.whose is None else True
        return {
            "inode": seen.inode,
            "own": own,
            "source": None if own is None else seen.source or DECLARED,
            "shared_with": shared_with,
            "others": others,
        }

    def _is_same(self, one: str, other: str) -> bool:
        """Whether both are in one namespace."""
        first, second = self.seen[one], self.seen[other]
        if first.kernel and second.kernel and first.kernel != second.kernel:
            return False
        if first.inode and second.inode:
            return first.inode == second.inode
        if first.whose and first.whose == second.whose:
            return True
        return self._owner(one) == self._owner(other)

    def _owner(self, key: str) -> str:
        """The id of the container whose namespace it was declared to have, its own where it has
        joined none, or ENGINE."""
        for _ in range(DEEP):
            whose = self.seen[key].joined
            if whose == ENGINE or (whose and not (joined := self._found(whose))):
                return whose
            if not whose:
                break
            key = joined
        return key

    def _found(self, called: str) -> str:
        """As an engine looks: by name or id, and only then by the first digits of the id."""
        named = (key for key, it in self.every.items() if called in (it.name, key))
        begun = (key for key in self.every if key.startswith(called))
        return next(named, "") or next(begun, "")


def _shared_with(seen: _Seen, others: Sequence[str]) -> str | None:
    """Of a namespace that is not the host's, or of which that is not known."""
    if others or (seen.joined not in ("", ENGINE) and not seen.inode):
        return CONTAINERS
    return ENGINES if seen.joined == ENGINE and seen.whose == "" else None


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
            "same": _is_equal(there, here),
            "source": None if here is None else source,
        }
        for name, (there, here) in pairs.items()
    }


def _is_equal(one: object, other: object) -> bool | None:
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
