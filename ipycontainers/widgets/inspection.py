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
import time
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
MANY = 100  # containers that are looked at
NOBODY = "its sh cannot read /proc"
SILENT = {"created": "it was not started", "exited": "it has ended", "paused": "it is paused"}


@dataclass(frozen=True)
class Running:
    """Who runs in a container. ``around`` are the host's processes above its first one.
    ``shares``: whether it has the host's pid namespace, so that one process has one number.
    ``launcher`` is our own engine's. ``missing``: why none is found though some may run."""

    name: str
    status: str
    source: str | None
    found: tuple[Process, ...] = ()
    around: tuple[Process, ...] = ()
    shares: bool | None = None
    launcher: str = ""
    missing: str = ""


class Inspection:
    """``proc`` is where this machine's /proc is."""

    def __init__(self, connection: Connection, proc: Path = measuring.PROC) -> None:
        self.connection = connection
        self._proc = proc
        self._own = measuring.own(proc)
        self._proven: set[tuple[object, ...]] = set()
        self._began = time.monotonic()

    # Namespaces

    def namespaces(self, names: Sequence[str]) -> Mapping[str, Any]:
        """Of the containers or sessions of these names; of all that run, where none is named.
        Raises NotFound."""
        running = [str(one["Id"]) for one in self.connection.list_containers(all=False)]
        looked_at = running[:MANY]
        # One moment for all clocks, however long the containers take to answer.
        self._began = time.monotonic()
        self._own = replace(self._own, machine=measuring.machine(self._proc))
        with ThreadPoolExecutor(AT_ONCE) as pool:
            details = (
                [self.inspected(name) for name in names] if names else self._still(looked_at, pool)
            )
            each = {str(it["Id"]): it for it in details}  # one may be called by two names
            containers = list(pool.map(self._container, each.values()))
            known = {one.id for one in containers}
            others = self._still([one for one in looked_at if one not in known], pool)
        is_proven = any(one.proof for one in containers)
        is_here = is_proven or self._is_here(containers)
        may_be = self._looks_local if is_here is None else is_here
        neighbours = [self._neighbour(it, is_here=may_be, is_proven=is_proven) for it in others]
        # Their groups have shown it too.
        if is_here is None and any(len(one.snapshots) > 1 for one in neighbours):
            is_here = True
        return compare(
            host_of(self._own, is_here=is_here),
            containers,
            neighbours,
            left_out=len(running) - len(looked_at),
        )

    def _still(self, ids: Sequence[str], pool: ThreadPoolExecutor) -> list[Mapping[str, Any]]:
        """Of those containers that are still there."""

        def inspected(one: str) -> Mapping[str, Any] | None:
            with suppress(NotFound):
                return self.connection.inspect(one)
            return None

        return [it for it in pool.map(inspected, ids) if it is not None]

    def inspected(self, name: str) -> Mapping[str, Any]:
        """Of what is called so. Raises NotFound."""
        if found := find(self.connection, name):
            return found
        raise NotFound(
            f"there is no container and no session {name}",
            "%docker ps -a and %container sessions list them",
        )

    def _container(self, details: Mapping[str, Any]) -> Container:
        asked, silence = self._asked(details)
        if not asked and _is_up(details):
            details = self._now(details)
            silence = silence if _is_up(details) else _silence(details)
        declared = declaring.snapshot(details, self._engine)
        near, shown = self._near(details, declared, asked)
        if not near or not near.limits:
            declared = self._with_usage(declared, details, is_here=near is not None)
        return Container(
            *_named(details),
            snapshots=[it for it in (near, asked, declared) if it],
            proof=shown,
            launcher=self._engine.launcher,
            silence=silence,
        )

    def _now(self, details: Mapping[str, Any]) -> Mapping[str, Any]:
        """Of the same container, which may have ended meanwhile."""
        try:
            return self.connection.inspect(str(details["Id"]))
        except NotFound:
            return {**details, "State": {"Status": "removed"}}

    @property
    def _engine(self) -> declaring.Engine:
        info = self.connection.info()
        options = [str(it) for it in info.get("SecurityOptions") or ()]
        return declaring.Engine(
            launcher=self.connection.launcher,
            is_rootless=self.connection.is_rootless,
            remaps_users="name=userns" in options,
            filters_calls=any(it.startswith("name=seccomp") for it in options),
            no_new_privileges="name=no-new-privileges" in options,
            lack=self.connection.network_lack,
            enforces=enforced(info, is_rootless=self.connection.is_rootless),
        )

    def _asked(self, details: Mapping[str, Any]) -> tuple[Snapshot | None, str]:
        """And why there is none, or ""."""
        if not _is_up(details):
            return None, _silence(details)
        told = answers.told(self.connection, str(details["Id"]), asking.SCRIPT)
        asked = asking.asked(told.output)
        if asked is None:
            return None, told.lack or NOBODY
        if asked.machine and asked.machine.uptime is not None:
            since = max(0.0, time.monotonic() - self._began)
            machine = replace(asked.machine, uptime=round(asked.machine.uptime - since, 2))
            asked = replace(asked, machine=machine)
        return asked, ""

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
        limits = measuring.limits(near.cgroup or "", str(details["Id"]))
        return replace(near, limits=limits), shown

    @property
    def _looks_local(self) -> bool:
        """Whether the engine may be on this kernel: by a socket here, and the kernel's release."""
        release = os.uname().release if hasattr(os, "uname") else ""
        is_socket = self.connection.candidate.address.startswith("unix://")
        return is_socket and self.connection.info().get("KernelVersion") == release

    def _with_usage(
        self, declared: Snapshot, details: Mapping[str, Any], *, is_here: bool
    ) -> Snapshot:
        """What is used, by the engine's word. Where the container is seen to have no control group
        of its own it has no limit, and only our engine counts its processes: others count all that
        is in the group."""
        is_counted = _is_up(details) and not (is_here and not self._engine.launcher)
        used = answers.used(self.connection, str(details["Id"])) if is_counted else {}
        limits = [
            replace(it, limit=None if is_here else it.limit, used=used.get(it.name))
            for it in declared.limits or ()
        ]
        return replace(declared, limits=tuple(limits))

    def _is_here(self, containers: Sequence[Container]) -> bool | None:
        """Whether the containers run on this machine's kernel; None where none has told."""
        own = self._own.machine.boot_id if self._own.machine else ""
        told = {
            it.machine.boot_id
            for one in containers
            for it in one.snapshots
            if it.machine and it.machine.boot_id
        }
        return told == {own} if told else None

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
        if not self._near(details, declared, self._asked(details)[0])[1]:
            return False
        self._proven.add(place)
        return True

    def _place(self, pid: int | None) -> tuple[str, ...]:
        near = measuring.snapshot(pid or 0, self._proc)
        return near.cgroup or "", *map(str, near.namespaces.values())

    def _measured(self, running: Running, key: str, pid: int) -> Running:
        if running.launcher:
            # It runs, whatever the engine cannot tell.
            pids = [pid, *(it.number for it in answers.top(self.connection, key))]
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
        told = answers.Told(b"", SILENT["paused"])
        if running.status != "paused":
            told = answers.told(self.connection, key, asking.PROCESSES)
        inside, outside = asking.processes(told.output), answers.top(self.connection, key)
        if inside:
            return replace(running, source=ASKED, found=tree.paired(inside, outside))
        # One that begins anew has none for a moment.
        missing = "" if outside or running.status == "restarting" else told.lack or NOBODY
        return replace(running, source=DECLARED, found=outside, missing=missing)


def _named(details: Mapping[str, Any]) -> tuple[str, str, str]:
    """Name, id and status of a container."""
    state = details.get("State") or {}
    return called(details), str(details["Id"]), str(state.get("Status") or "")


def _is_up(details: Mapping[str, Any]) -> bool:
    """Whether something can be asked in it."""
    state = details.get("State") or {}
    return bool(state.get("Running")) and not state.get("Paused") and not state.get("Restarting")


def _silence(details: Mapping[str, Any]) -> str:
    """Why nothing can be asked in it."""
    status = _named(details)[2]
    return SILENT.get(status, f"it is {status}")
