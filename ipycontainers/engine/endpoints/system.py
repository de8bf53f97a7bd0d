"""The engine itself: ping, version, info, events.

Knows: what dockerd tells of itself. Does not know: containers, but for their number.
"""

from __future__ import annotations

import asyncio
import os
import platform
import time
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence

import ipycontainers
from ipycontainers.engine import events as happenings
from ipycontainers.engine import wire
from ipycontainers.engine.engine import Engine
from ipycontainers.engine.server import Answer, Chunks, Reply, Request
from ipycontainers.errors import ContainerError, Invalid


async def ping(engine: Engine, request: Request) -> Answer:
    headers = {"Cache-Control": "no-cache, no-store, must-revalidate", "Pragma": "no-cache"}
    return Reply(200, b"OK", {**headers, "Content-Type": "text/plain; charset=utf-8"})


async def version(engine: Engine, request: Request) -> Answer:
    from ipycontainers.engine.shapes import version as shape

    own = ipycontainers.__version__
    return Reply(200, shape(own, platform.release(), platform.machine(), engine.launcher.name))


LIMITS = {  # of docker info → the controller
    **dict.fromkeys(("MemoryLimit", "SwapLimit"), "memory"),
    **dict.fromkeys(("CpuCfsQuota", "CpuCfsPeriod", "CPUShares"), "cpu"),
    "CPUSet": "cpuset",
    "PidsLimit": "pids",
}
LACKS = {  # in dockerd's words
    "MemoryLimit": "No memory limit support",
    "SwapLimit": "No swap limit support",
    "CpuCfsQuota": "No cpu cfs quota support",
    "CpuCfsPeriod": "No cpu cfs period support",
    "CPUShares": "No cpu shares support",
    "CPUSet": "No cpuset support",
    "PidsLimit": "No pids limit support",
}
UNSAID = {  # what clients may look for, of an engine that has nothing of it
    **dict.fromkeys(("BridgeNfIptables", "BridgeNfIp6tables", "Debug", "KernelMemory"), False),
    **dict.fromkeys(("KernelMemoryTCP", "LiveRestoreEnabled", "OomKillDisable"), False),
    **dict.fromkeys(("HttpProxy", "HttpsProxy", "NoProxy", "InitBinary", "Isolation"), ""),
    **{key: {"ID": "", "Expected": ""} for key in ("ContainerdCommit", "InitCommit", "RuncCommit")},
    **dict.fromkeys(("NEventsListener", "NFd", "NGoroutines"), 0),
    "GenericResources": None,
    "OSVersion": "",
}
PLUGINS = {
    "Volume": ["local"],
    "Network": ["bridge", "host", "null"],
    "Log": ["json-file", "local", "none"],
}


async def info(engine: Engine, request: Request) -> Answer:
    lack = await asyncio.to_thread(engine.joining.lack)
    images, warnings = await asyncio.to_thread(lambda: (_images(engine), _warnings(engine, lack)))
    isolates = _isolates(engine, lack)
    return Reply(
        200,
        {
            "ID": f"ipycontainers-{os.getuid()}",
            **_counts([record.status for record in engine.containers()]),
            "Images": images,
            "Driver": "copy" if engine.launcher.needs_copy else "overlay",
            "DriverStatus": [
                ["Launcher", engine.launcher.name],
                ["Isolates", " ".join(sorted(isolates))],
                ["No own network", lack],
            ],
            "Plugins": PLUGINS,
            **_groups(engine.groups.controllers),
            **UNSAID,
            "IPv4Forwarding": True,
            "SystemTime": wire.time_text(time.time()),
            "LoggingDriver": "json-file",
            **_machine(),
            "IndexServerAddress": "https://index.docker.io/v1/",
            "RegistryConfig": {"IndexConfigs": {}, "Mirrors": []},
            "DockerRootDir": str(engine.data),
            "Labels": [],
            "ExperimentalBuild": False,
            "ServerVersion": ipycontainers.__version__,
            "Runtimes": {engine.launcher.name: {"path": engine.launcher.name}},
            "DefaultRuntime": engine.launcher.name,
            "Swarm": {"NodeID": "", "LocalNodeState": "inactive"},
            "SecurityOptions": _security(isolates),
            "Warnings": warnings or None,
        },
    )


def _counts(states: Sequence[str]) -> wire.Json:
    running, paused = states.count("running"), states.count("paused")
    return {
        "Containers": len(states),
        "ContainersRunning": running,
        "ContainersPaused": paused,
        "ContainersStopped": len(states) - running - paused,
    }


def _isolates(engine: Engine, lack: str) -> frozenset[str]:
    """What the launcher does, and what else was found to work."""
    limits = {"limits"} if engine.groups.controllers else set()
    has_own = "net" in engine.launcher.isolates and not lack
    return engine.launcher.isolates | limits | ({"network"} if has_own else set())


def _groups(controllers: Collection[str]) -> wire.Json:
    return {
        **{key: name in controllers for key, name in LIMITS.items()},
        "CgroupDriver": "cgroupfs" if controllers else "none",
        "CgroupVersion": "2" if controllers else "1",
    }


def _warnings(engine: Engine, lack: str) -> list[str]:
    lacking = (key for key, name in LIMITS.items() if name not in engine.groups.controllers)
    unreadable = (
        f"WARNING: container {folder.name} cannot be read ({why}) and is kept in {folder}"
        for folder, why in engine.unreadable.items()
    )
    networks = (
        f"WARNING: network {path.stem} cannot be read ({why}) and is kept in {path}"
        for path, why in engine.networks.unreadable.items()
    )
    return [
        *_network_warnings(engine, lack),
        *unreadable,
        *networks,
        *_damage(engine),
        *(f"WARNING: {LACKS[key]}" for key in lacking),
    ]


def _network_warnings(engine: Engine, lack: str) -> Iterator[str]:
    if lack:
        yield f"WARNING: containers have the host's network: {lack}"
    running = [record for record in engine.containers() if record.is_running]
    for record in engine.joining.lost(running):
        yield (
            f"WARNING: container {record.name} ({record.id[:12]}) has lost its network, since the "
            "process that kept it was killed. Restart the container"
        )


def _damage(engine: Engine) -> Iterator[str]:
    try:
        for names, manifest, error in engine.layout.damaged():
            named = ", ".join(names) or str(manifest.digest)
            yield f"WARNING: the image {named} cannot be read: {error.message}"
    except ContainerError as error:
        yield f"WARNING: no image can be found: {error.message}"


def _images(engine: Engine) -> int:
    try:
        return len(engine.layout.images())
    except ContainerError:  # told of as damage
        return 0


def _machine() -> wire.Json:
    return {
        "KernelVersion": platform.release(),
        "OperatingSystem": _system(),
        "OSType": "linux",
        "Architecture": platform.machine(),
        "NCPU": os.cpu_count(),
        "MemTotal": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "Name": platform.node(),
    }


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return "Linux"


def _security(isolates: frozenset[str]) -> list[str]:
    seccomp = ["name=seccomp,profile=default"] if "seccomp" in isolates else []
    return [*seccomp, "name=rootless"]


async def events(engine: Engine, request: Request) -> Answer:
    """Seconds with or without a fraction, or times of RFC 3339."""
    try:
        wanted = wire.filters(request.query.get("filters", ""))
        since, until = (
            wire.nanoseconds(text) if (text := request.query.get(name, "")) else None
            for name in ("since", "until")
        )
    except ValueError as error:
        raise Invalid(f"invalid filter or time: {error}") from error
    return Chunks(_follow(engine, wanted, since, until))


async def _follow(
    engine: Engine, wanted: Mapping[str, Sequence[str]], since: int | None, until: int | None
) -> AsyncIterator[bytes]:
    """Subscribes when it is first asked, which the server does with the head."""
    with happenings.Queue(engine.events) as queue:
        asks_for_old = since is not None or until is not None
        old = engine.events.between(since or 0, until) if asks_for_old else []
        for event in old:
            if happenings.matches(event, wanted):
                yield wire.line(event)
        async for event in queue.until(None if until is None else until / 1e9):
            if event not in old and happenings.matches(event, wanted):
                yield wire.line(event)
