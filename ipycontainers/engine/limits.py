"""What a container may use, from Docker's words: a control group's limits, and ulimits.

Knows: Docker's words for limits, what dockerd makes of them. Does not know: who enforces them.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .cgroup import PERIOD, Limits

NANO = 10**9
OPTIONS = {  # what docker run calls them, and which controller has them
    "Memory": ("--memory", "memory"),
    "MemoryReservation": ("--memory-reservation", "memory"),
    "NanoCpus": ("--cpus", "cpu"),
    "CpuShares": ("--cpu-shares", "cpu"),
    "CpuQuota": ("--cpu-quota", "cpu"),
    "CpuPeriod": ("--cpu-period", "cpu"),
    "CpusetCpus": ("--cpuset-cpus", "cpuset"),
    "CpusetMems": ("--cpuset-mems", "cpuset"),
    "PidsLimit": ("--pids-limit", "pids"),
    "BlkioWeight": ("--blkio-weight", "io"),
}
NOT_HERE = {  # of cgroup v1, or of devices: not even dockerd has them on v2, or they need root
    "MemorySwappiness": "--memory-swappiness",
    "OomKillDisable": "--oom-kill-disable",
    "KernelMemory": "--kernel-memory",
    "BlkioWeightDevice": "--blkio-weight-device",
    "BlkioDeviceReadBps": "--device-read-bps",
    "BlkioDeviceWriteBps": "--device-write-bps",
    "BlkioDeviceReadIOps": "--device-read-iops",
    "BlkioDeviceWriteIOps": "--device-write-iops",
    "CpuRealtimePeriod": "--cpu-rt-period",
    "CpuRealtimeRuntime": "--cpu-rt-runtime",
}
RESOURCES = {
    name.removeprefix("RLIMIT_").lower(): getattr(resource, name)
    for name in dir(resource)
    if name.startswith("RLIMIT_") and name != "RLIMIT_OFILE"
} | {"locks": 10}  # which does nothing since Linux 2.4
_NUMBERS = (
    *("Memory", "MemorySwap", "MemoryReservation", "NanoCpus", "CpuQuota", "CpuPeriod"),
    *("CpuShares", "PidsLimit", "BlkioWeight"),
)
LEAST_FILES = 16  # a launcher has a dozen open before it becomes the program
_NO_LIMIT = resource.RLIM_INFINITY


def of(host: Mapping[str, Any]) -> Limits:
    """``host`` is a checked HostConfig, where no number is also 0 or None."""
    found = {key: int(host.get(key) or 0) for key in _NUMBERS}
    memory, both, nano = found["Memory"], found["MemorySwap"], found["NanoCpus"]
    return Limits(
        memory=memory,
        # As dockerd: as much again as memory, where nothing else is said.
        swap=-1 if not memory or both < 0 else (both or 2 * memory) - memory,
        reservation=found["MemoryReservation"],
        quota=nano * PERIOD // NANO if nano else found["CpuQuota"],
        period=(not nano and found["CpuPeriod"]) or PERIOD,
        shares=found["CpuShares"],
        cpus=str(host.get("CpusetCpus") or ""),
        nodes=str(host.get("CpusetMems") or ""),
        pids=found["PidsLimit"],
        io_weight=found["BlkioWeight"],
    )


def conflict(host: Mapping[str, Any], asked: Mapping[str, Any]) -> str:
    """Why a container of ``host`` cannot be updated to what is ``asked``, as dockerd: or "".

    >>> conflict({"NanoCpus": 10**9}, {"CpuQuota": 5000})
    'Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set'
    """
    if asked.get("CpuQuota") and host.get("NanoCpus"):
        return "Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set"
    if asked.get("CpuPeriod") and host.get("NanoCpus"):
        return "Conflicting options: CPU Period cannot be updated as NanoCPUs has already been set"
    for key, name in (("CpuQuota", "Quota"), ("CpuPeriod", "Period")):
        if asked.get("NanoCpus") and host.get(key):
            return (
                f"Conflicting options: Nano CPUs cannot be updated as CPU {name} "
                "has already been set"
            )
    both = host.get("MemorySwap") or 0
    if both >= 0 and (asked.get("Memory") or 0) > both and not asked.get("MemorySwap"):
        return (
            "Memory limit should be smaller than already set memoryswap limit, "
            "update the memoryswap at the same time"
        )
    return ""


def ulimits(host: Mapping[str, Any]) -> tuple[tuple[int, int, int], ...]:
    """Resource, soft, hard, for setrlimit; none above what this process may have itself."""
    made = []
    for given in host.get("Ulimits") or ():
        kind = RESOURCES[str(given["Name"]).lower()]
        soft, hard = int(given.get("Soft") or 0), int(given.get("Hard") or 0)
        _, highest = resource.getrlimit(kind)
        least = LEAST_FILES if kind == resource.RLIMIT_NOFILE else 0
        made.append((kind, *(_within(asked, least, highest) for asked in (soft, hard))))
    return tuple(made)


def _within(asked: int, least: int, highest: int) -> int:
    if asked < 0:
        return highest
    return max(least, asked if highest == _NO_LIMIT else min(asked, highest))


def own_oom_score() -> int:
    """Of this process; who is not root may only raise it."""
    return int(Path("/proc/self/oom_score_adj").read_text())


def warnings(host: Mapping[str, Any], controllers: frozenset[str]) -> Iterator[str]:
    """Of what ``host`` asks and this process cannot give. ``controllers`` are those at hand."""
    for key, (option, controller) in OPTIONS.items():
        # A CpuQuota of -1 is none.
        if host.get(key) not in (None, 0, -1, "") and controller not in controllers:
            yield f"{option} is ignored: {_reason(controller, controllers)}"
    for key, option in NOT_HERE.items():
        if host.get(key) not in (None, 0, -1, False, []):
            yield f"{option} is ignored by this engine"
    asked, own = int(host.get("OomScoreAdj") or 0), own_oom_score()
    if asked < min(own, 0):
        yield f"--oom-score-adj is raised to {own}: only root may lower it to {asked}"
    for given, made in zip(host.get("Ulimits") or (), ulimits(host), strict=True):
        asked = int(given.get("Hard") or 0)
        name = given["Name"]
        if 0 <= asked < made[2]:
            yield f"--ulimit {name} is raised to {made[2]}: with fewer no container can be started"
        elif made[2] != asked:
            yield f"--ulimit {name} is lowered to {made[2]}: only root may raise it to {asked}"


def _reason(controller: str, controllers: frozenset[str]) -> str:
    if controllers:
        return f"no controller {controller} is delegated to this engine"
    return "no control group (cgroup v2) is delegated to this engine"
