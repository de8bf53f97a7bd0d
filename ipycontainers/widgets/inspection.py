"""What an engine, its containers and /proc tell of namespaces and processes.

    data = Inspection(connection).namespaces(["web"])       as ``Namespaces.data``
    found = Inspection(connection).processes("web")         who runs in it

Each container is looked at from three sides: what the engine says of it, what a script in it
reads of itself, and /proc of this machine, where it is proven that it runs on this kernel. What
one side refuses another tells: none of it is an error but a container that does not exist.

Knows: connections, namespaces. Does not know: how it is shown.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ipycontainers import answers
from ipycontainers.containers import called, find
from ipycontainers.errors import NotFound
from ipycontainers.namespaces import (
    ASKED,
    DECLARED,
    MEASURED,
    Container,
    Process,
    Snapshot,
    compare,
    host_of,
    proof,
    tree,
)
from ipycontainers.namespaces import declared as declaring
from ipycontainers.namespaces import inside as asking
from ipycontainers.namespaces import proc as measuring
from ipycontainers.samples import enforced

if TYPE_CHECKING:
    from ipycontainers.client import Connection

AT_ONCE = 4  # containers that are asked
MANY = 100  # other containers that are looked at


@dataclass(frozen=True)
class Running:
    """Who runs in a container. ``around`` are the host's processes above its first one.
    ``shares``: whether it has the host's pid namespace, so that one process has one number.
    ``launcher`` is our own engine's."""

    name: str
    status: str
    source: str | None
    found: tuple[Process, ...] = ()
    around: tuple[Process, ...] = ()
    shares: bool | None = None
    launcher: str = ""


class Inspection:
    """``proc`` is where this machine's /proc is."""

    def __init__(self, connection: Connection, proc: Path = measuring.PROC) -> None:
        self._connection = connection
        self._proc = proc
        self._own = measuring.own(proc)
        self._proven: set[tuple[object, ...]] = set()

    # Namespaces

    def namespaces(self, names: Sequence[str]) -> Mapping[str, Any]:
        """Of the containers or sessions of these names; of all that run, where none is named.
        Raises NotFound."""
        running = [str(one["Id"]) for one in self._connection.list_containers(all=False)][:MANY]
        details = [self.inspected(name) for name in names] if names else self._still(running)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            containers = list(pool.map(self._container, details))
        self._own = replace(self._own, machine=measuring.machine(self._proc))
        is_here = self._is_here(containers)
        known = {one.id for one in containers}
        others = self._still([one for one in running if one not in known])
        is_proven = any(one.proof for one in containers)
        return compare(
            host_of(self._own if is_here else None),
            containers,
            [self._neighbour(it, is_here=is_here, is_proven=is_proven) for it in others],
        )

    def _still(self, ids: Sequence[str]) -> list[Mapping[str, Any]]:
        """Of those containers that are still there."""
        found: list[Mapping[str, Any]] = []
        for one in ids:
            with suppress(NotFound):
                found.append(self._connection.inspect(one))
        return found

    def inspected(self, name: str) -> Mapping[str, Any]:
        """Of what is called so. Raises NotFound."""
        if found := find(self._connection, name):
            return found
        raise NotFound(
            f"there is no container and no session {name}",
            "%docker ps -a and %container sessions list them",
        )

    def _container(self, details: Mapping[str, Any]) -> Container:
        declared = declaring.snapshot(details, self._engine)
        asked = self._asked(details) if _is_up(details) else None
        near, shown = self._near(details, declared, asked)
        if not near or not near.limits:
            declared = self._with_usage(declared, details)
        return Container(
            *_named(details),
            snapshots=[it for it in (near, asked, declared) if it],
            proof=shown,
            launcher=self._engine.launcher,
        )

    @property
    def _engine(self) -> declaring.Engine:
        info = self._connection.info()
        options = [str(it) for it in info.get("SecurityOptions") or ()]
        return declaring.Engine(
            launcher=self._connection.launcher,
            is_rootless=self._connection.is_rootless,
            remaps_users="name=userns" in options,
            filters_calls=any(it.startswith("name=seccomp") for it in options),
            lack=self._connection.network_lack,
            enforces=enforced(info, is_rootless=self._connection.is_rootless),
        )

    def _asked(self, details: Mapping[str, Any]) -> Snapshot | None:
        output = answers.output(self._connection, str(details["Id"]), asking.SCRIPT)
        return asking.asked(output) if output else None

    def _near(
        self, details: Mapping[str, Any], declared: Snapshot, asked: Snapshot | None
    ) -> tuple[Snapshot | None, str]:
        """Of its first process in /proc, and what proves that it is; None and "" without."""
        there = asked.machine.boot_id if asked and asked.machine else ""
        here = self._own.machine.boot_id if self._own.machine else ""
        # Another kernel's pid is nobody's here; where none can be asked, it has to look as ours.
        if not declared.pid or (there != here if there else not self._looks_local):
            return None, ""
        near = measuring.snapshot(declared.pid, self._proc)
        shown = proof(str(details["Id"]), near, asked, self._own)
        if not shown:
            return None, ""
        limits = measuring.limits(near.cgroup or "", self._own.cgroup or "")
        return replace(near, limits=limits), shown

    @property
    def _looks_local(self) -> bool:
        """Whether the engine may be on this kernel: by a socket here, and the kernel's release."""
        release = os.uname().release if hasattr(os, "uname") else ""
        is_socket = self._connection.candidate.address.startswith("unix://")
        return is_socket and self._connection.info().get("KernelVersion") == release

    def _with_usage(self, declared: Snapshot, details: Mapping[str, Any]) -> Snapshot:
        """What is used, by the engine's word."""
        key = str(details["Id"])
        used = answers.used(self._connection, key) if _is_up(details) else {}
        limits = [replace(it, used=used.get(it.name)) for it in declared.limits or ()]
        return replace(declared, limits=tuple(limits))

    def _is_here(self, containers: Sequence[Container]) -> bool:
        """Whether the containers run on this machine's kernel."""
        own = self._own.machine.boot_id if self._own.machine else ""
        told = {
            it.machine.boot_id
            for one in containers
            for it in one.snapshots
            if it.machine and it.machine.boot_id
        }
        return told == {own} if told else self._looks_local

    def _neighbour(
        self, details: Mapping[str, Any], *, is_here: bool, is_proven: bool
    ) -> Container:
        """Another container, in which nothing is asked."""
        declared = declaring.snapshot(details, self._engine)
        snapshots = [declared]
        if declared.pid and is_here:
            near = measuring.snapshot(declared.pid, self._proc)
            # Of our own engine: one of its containers has shown that its pids are ours.
            is_ours = is_proven and bool(self._engine.launcher)
            if is_ours or str(details["Id"]) in (near.cgroup or ""):
                snapshots.insert(0, near)
        return Container(*_named(details), snapshots=snapshots)

    # Processes

    def processes(self, name: str) -> Running:
        """Who runs in a container or session. Raises NotFound."""
        details = self.inspected(name)
        shown, key, status = _named(details)
        running = Running(shown, status, None, launcher=self._engine.launcher)
        if not details["State"].get("Running"):
            return running
        declared = declaring.snapshot(details, self._engine)
        if declared.pid and self._is_proven(details, declared):
            return self._measured(running, key, declared.pid)
        return self._told(running, key)

    def _is_proven(self, details: Mapping[str, Any], declared: Snapshot) -> bool:
        """As at an earlier look, if the process is the one of then: a container that is looked at
        each second is asked once."""
        place = (str(details["Id"]), declared.pid, self._place(declared.pid))
        if place in self._proven:
            return True
        asked = self._asked(details) if _is_up(details) else None
        if not self._near(details, declared, asked)[1]:
            return False
        self._proven.add(place)
        return True

    def _place(self, pid: int | None) -> tuple[str, ...]:
        near = measuring.snapshot(pid or 0, self._proc)
        return near.cgroup or "", *map(str, near.namespaces.values())

    def _measured(self, running: Running, key: str, pid: int) -> Running:
        if running.launcher:
            pids = [it.number for it in answers.top(self._connection, key)]
        else:
            pids = list(tree.members(pid, key, self._proc))
        numbers = tree.numbers(pid, self._proc)
        return replace(
            running,
            source=MEASURED,
            found=tree.processes(pids, pid, self._proc),
            around=tree.ancestors(pid, self._proc),
            shares=len(numbers) == 1 if numbers else None,
        )

    def _told(self, running: Running, key: str) -> Running:
        """By a script in it, and by the engine; which is which of both is seen by their places."""
        output = b""
        if running.status != "paused":
            output = answers.output(self._connection, key, asking.PROCESSES)
        inside, outside = asking.processes(output), answers.top(self._connection, key)
        if inside:
            return replace(running, source=ASKED, found=tree.paired(inside, outside))
        return replace(running, source=DECLARED, found=outside)


def _named(details: Mapping[str, Any]) -> tuple[str, str, str]:
    """Name, id and status of a container."""
    state = details.get("State") or {}
    return called(details), str(details["Id"]), str(state.get("Status") or "")


def _is_up(details: Mapping[str, Any]) -> bool:
    """Whether something can be asked in it."""
    state = details.get("State") or {}
    return bool(state.get("Running")) and not state.get("Paused") and not state.get("Restarting")
