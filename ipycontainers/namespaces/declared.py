"""Declared: what the engine was told when the container was made, for what nobody can measure.

    snapshot(inspected, engine)     of the answer of GET /containers/ID/json

``joined`` says whose a namespace is: ENGINE, the one that the engine has itself, which is the
host's unless the engine runs in a container or without root; else a container by name or id.

Knows: the Docker Engine API's words. Does not know: whether what they say is so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ipycontainers import samples

from .kinds import NAMES
from .snapshot import DECLARED, LONG, MANY, Limit, Mount, Snapshot

ENGINE = "/"  # the name of no container
_MODES = {"pid": "PidMode", "net": "NetworkMode", "ipc": "IpcMode", "uts": "UTSMode"}


@dataclass(frozen=True)
class Engine:
    """What matters of an engine. ``launcher`` is our own engine's, else "". ``lack``: why its
    containers have the host's network, or "". ``enforces`` are the limits that it can set."""

    launcher: str = ""
    is_rootless: bool = False
    remaps_users: bool = False
    filters_calls: bool = False
    no_new_privileges: bool = False
    lack: str = ""
    enforces: frozenset[str] = samples.LIMITS


def snapshot(inspected: Mapping[str, Any], engine: Engine) -> Snapshot:
    host = inspected.get("HostConfig") or {}
    state = inspected.get("State") or {}
    security = [str(one) for one in host.get("SecurityOpt") or ()]
    words = [str(inspected.get("Path") or ""), *map(str, inspected.get("Args") or ())]
    return Snapshot(
        DECLARED,
        pid=int(state.get("Pid") or 0) or None,
        command=" ".join(words).strip()[:LONG] or None,
        of_host=_of_host(host, engine),
        joined=_joined(host, engine),
        seccomp=_seccomp(security, bool(host.get("Privileged")), engine),
        no_new_privileges=_no_new_privileges(security, engine),
        mounts=tuple(_mount(one) for one in (inspected.get("Mounts") or ())[:MANY]),
        limits=_limits(samples.limits(inspected, engine.enforces)),
    )


def _of_host(host: Mapping[str, Any], engine: Engine) -> dict[str, bool]:
    """What is not in it nobody has told."""
    if engine.launcher == "ptrace":
        return dict.fromkeys(NAMES, True)
    told = {kind: str(host.get(key) or "") for kind, key in _MODES.items()}
    # A container may have the host's too, and Podman takes a path to one of anybody.
    found = {
        kind: mode == "host"
        for kind, mode in told.items()
        if not mode.startswith(("container:", "ns:"))
    }
    if engine.lack:
        found["net"] = True
    separated = engine.remaps_users and host.get("UsernsMode") != "host"
    is_users_own = engine.launcher != "" or engine.is_rootless or separated
    found |= {"mnt": False, "user": not is_users_own}
    # An engine that does not say so may do either.
    if mode := host.get("CgroupnsMode"):
        found["cgroup"] = mode == "host"
    # No option of docker run makes one.
    return {**found, "time": True}


def _joined(host: Mapping[str, Any], engine: Engine) -> dict[str, str]:
    modes = {**_MODES, "user": "UsernsMode", "cgroup": "CgroupnsMode"}
    told = {kind: str(host.get(key) or "") for kind, key in modes.items()}
    found = {
        kind: ENGINE if mode == "host" else mode.removeprefix("container:")
        for kind, mode in told.items()
        if mode == "host" or mode.startswith("container:")
    }
    # Without root an engine has one user namespace for itself and all its containers; ours
    # makes one for each.
    if engine.is_rootless and not engine.launcher and not told["user"]:
        found["user"] = ENGINE
    if engine.lack:
        found["net"] = ENGINE
    return {**found, "time": ENGINE}


def _seccomp(security: list[str], is_privileged: bool, engine: Engine) -> str | None:
    if is_privileged or "seccomp=unconfined" in security or "seccomp:unconfined" in security:
        return "off"
    return "filter" if engine.filters_calls else None


def _no_new_privileges(security: list[str], engine: Engine) -> bool | None:
    if engine.launcher == "ptrace":
        return None
    said = {it.replace("=", ":") for it in security}
    if "no-new-privileges:false" in said:
        return False
    return engine.no_new_privileges or bool(said & {"no-new-privileges", "no-new-privileges:true"})


def _mount(point: Mapping[str, Any]) -> Mount:
    return Mount(
        target=str(point.get("Destination") or "")[:LONG],
        source=str(point.get("Name") or point.get("Source") or "")[:LONG],
        type=str(point.get("Type") or "")[:64],
        read_only=point.get("RW") is False,
    )


def _limits(found: samples.Limits) -> tuple[Limit, ...]:
    told = {"memory": found.memory, "processor": found.processors, "processes": found.pids}
    return tuple(Limit(name, float(limit) or None, None) for name, limit in told.items())
