"""What of a create request no engine could do: refused before anything is made.

The words are dockerd's, since clients and their users know them.

Knows: Docker's words for a container. Does not know: images, launchers, the disk.
"""

from __future__ import annotations

import json
import os
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ipycontainers.errors import Invalid

from . import wire
from .limits import NANO, RESOURCES
from .network import addresses, ports
from .syscalls import CAPABILITIES

SMALLEST_MEMORY = 6 << 20
SHORTEST = 10**6  # nanoseconds, of a health check
RESTART_POLICIES = {"", "no", "always", "on-failure", "unless-stopped"}
_KEPT = {"max-size", "max-file", "compress"}
_TOLD = {"labels", "labels-regex", "env", "env-regex", "tag"}
LOG_OPTIONS = {"json-file": _KEPT | _TOLD, "local": _KEPT, "none": _KEPT | _TOLD}
PROFILES = re.compile(r"no-new-privileges([=:].*)?|(seccomp|apparmor|label)[=:].*|systempaths=.*")
LOG_DRIVERS = {
    *("", "json-file", "none", "local", "journald", "syslog", "gelf", "fluentd"),
    *("awslogs", "splunk", "gcplogs", "logentries"),
}
RUNTIMES = {"ipycontainers", "bubblewrap", "ptrace", "runc", "io.containerd.runc.v2"}
MOST_PROCESSORS = 8192
IPC_MODES = {"", "none", "private", "shareable", "host"}
CPU_SET = re.compile(r"(\d+(-\d+)?(,\d+(-\d+)?)*)?")


def check(config: Mapping[str, Any], host: Mapping[str, Any]) -> None:
    """Raises Invalid. ``config`` is the body of the request, ``host`` its HostConfig."""
    for findings in (_of_config(config), _of_host(config, host), _of_limits(host)):
        for said in findings:
            raise Invalid(said)
    try:
        json.dumps([config, host])
    except ValueError as error:
        raise Invalid(f"the request cannot be kept: {error}") from error


def _of_config(config: Mapping[str, Any]) -> Iterator[str]:
    folder = str(config.get("WorkingDir") or "")
    if folder and not posixpath.isabs(folder):
        yield f"the working directory '{folder}' is invalid, it needs to be an absolute path"
    for line in _words(config, "Env"):
        if line.startswith("=") or not line:
            yield f"invalid environment variable: {line}"
    if config.get("StopSignal"):
        wire.signal_number(str(config["StopSignal"]))
    yield from _of_health_check(config)


def _of_health_check(config: Mapping[str, Any]) -> Iterator[str]:
    check = config.get("Healthcheck") or {}
    for key in ("Interval", "Timeout", "StartPeriod"):
        nanoseconds = _whole_number(check, key)
        if nanoseconds and nanoseconds < SHORTEST:
            yield f"{key} in Healthcheck cannot be less than 1ms"
    if _whole_number(check, "Retries") < 0:
        yield "Retries in Healthcheck cannot be negative"
    _words(check, "Test")


def _of_host(config: Mapping[str, Any], host: Mapping[str, Any]) -> Iterator[str]:
    for key in ("CapAdd", "CapDrop"):
        for word in _words(host, key):
            name = word.upper().removeprefix("CAP_")
            if name != "ALL" and name not in CAPABILITIES:
                yield f'invalid {key}: unknown capability: "CAP_{name}"'
    for option in _words(host, "SecurityOpt"):
        if not PROFILES.fullmatch(option):
            yield f"invalid --security-opt 2: {json.dumps(option)}"
    for host_line in _words(host, "ExtraHosts"):
        if not re.fullmatch(r"[^:]+:.+", host_line):
            yield f"bad format for add-host: {json.dumps(host_line)}"
        elif not _is_address(address := host_line.partition(":")[2]):
            yield f"invalid IP address in add-host: {json.dumps(address)}"
    yield from ports.mistakes(host)
    yield from _of_modes(config, host)
    yield from _of_plugins(host)
    yield from _of_policy(host)
    yield from _of_log(host.get("LogConfig") or {})


def _of_log(log: Mapping[str, Any]) -> Iterator[str]:
    driver, options = str(log.get("Type") or "json-file"), log.get("Config") or {}
    if driver not in LOG_OPTIONS:
        yield f'error looking up logging plugin {driver}: plugin "{driver}" not found'
        return
    for option in options:
        if option not in LOG_OPTIONS[driver]:
            yield f"unknown log opt '{option}' for {driver} log driver"


def _of_policy(host: Mapping[str, Any]) -> Iterator[str]:
    policy = host.get("RestartPolicy") or {}
    name, count = str(policy.get("Name") or ""), _whole_number(policy, "MaximumRetryCount")
    if name not in RESTART_POLICIES:
        yield f"invalid restart policy '{name}'"
    if count < 0:
        yield "maximum retry count cannot be negative"
    if count and name not in ("", "on-failure"):
        yield f"maximum retry count cannot be used with restart policy '{name}'"
    if host.get("AutoRemove") and name not in ("", "no"):
        yield "can't create 'AutoRemove' container with restart policy"


def _of_modes(config: Mapping[str, Any], host: Mapping[str, Any]) -> Iterator[str]:
    ipc, cgroup = str(host.get("IpcMode") or ""), str(host.get("CgroupnsMode") or "")
    if ipc not in IPC_MODES and not ipc.startswith("container:"):
        yield f"Invalid IPC mode: {ipc}"
    if cgroup not in ("", "private", "host"):
        yield f"invalid cgroup namespace mode: {cgroup}"
    if host.get("UTSMode") == "host" and config.get("Hostname"):
        yield "conflicting options: hostname and the UTS mode"


def _of_plugins(host: Mapping[str, Any]) -> Iterator[str]:
    driver, runtime = str((host.get("LogConfig") or {}).get("Type") or ""), host.get("Runtime")
    if driver not in LOG_DRIVERS:
        yield f'error looking up logging plugin {driver}: plugin "{driver}" not found'
    if runtime and runtime not in RUNTIMES:
        yield f"Unknown runtime specified {runtime}"
    if (isolation := str(host.get("Isolation") or "default")) != "default":
        yield f"Invalid isolation: {json.dumps(isolation)} - linux only supports 'default'"


def _is_address(text: str) -> bool:
    return text == "host-gateway" or addresses.usual(text) is not None


def _of_limits(host: Mapping[str, Any]) -> Iterator[str]:
    numbers = {key: _whole_number(host, key) for key in (*_LEAST, *_NUMBERS)}
    for key, what in _LEAST.items():
        if 0 < numbers[key] < SMALLEST_MEMORY:
            yield f"Minimum {what} allowed is 6MB"
    yield from _of_memory(numbers)
    yield from _of_processors(numbers)
    if numbers["ShmSize"] < 0:
        yield "SHM size can not be less than 0"
    if not -1 <= numbers["MemorySwappiness"] <= 100:
        told = numbers["MemorySwappiness"]
        yield f"Invalid value: {told}, valid memory swappiness range is 0-100"
    if not -1000 <= (score := numbers["OomScoreAdj"]) <= 1000:
        yield f"Invalid value {score}, range for oom score adj is [-1000, 1000]"
    yield from _of_sets(host)
    yield from _of_ulimits(host)


_LEAST = {
    "Memory": "memory limit",
    "MemoryReservation": "memory reservation",
    "KernelMemory": "kernel memory limit",
}
_NUMBERS = (
    *("MemorySwap", "MemorySwappiness", "NanoCpus", "CpuQuota", "CpuPeriod", "CpuShares"),
    *("PidsLimit", "BlkioWeight", "ShmSize", "OomScoreAdj"),
)


def _of_memory(numbers: Mapping[str, int]) -> Iterator[str]:
    memory, both = numbers["Memory"], numbers["MemorySwap"]
    if both > 0 and not memory:
        yield "You should always set the Memory limit when using Memoryswap limit, see usage"
    if 0 < both < memory:
        yield "Minimum memoryswap limit should be larger than memory limit, see usage"
    if 0 < memory < numbers["MemoryReservation"]:
        yield "Minimum memory limit can not be less than memory reservation limit, see usage"


def _of_processors(numbers: Mapping[str, int]) -> Iterator[str]:
    here = os.cpu_count() or 1
    nano, quota, period = numbers["NanoCpus"], numbers["CpuQuota"], numbers["CpuPeriod"]
    if not 0 <= nano <= here * NANO:
        yield f"Range of CPUs is from 0.01 to {here}.00, as there are only {here} CPUs available"
    if nano and (quota or period):
        other = "Quota" if quota else "Period"
        yield f"Conflicting options: Nano CPUs and CPU {other} cannot both be set"
    if 0 < quota < 1000:
        yield "CPU cfs quota can not be less than 1ms (i.e. 1000)"
    if period and not 1000 <= period <= NANO // 1000:
        yield (
            "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)"
        )
    if numbers["CpuShares"] < 0:
        yield f"invalid CPU shares ({numbers['CpuShares']}): value must be a positive integer"


def _of_sets(host: Mapping[str, Any]) -> Iterator[str]:
    here = {
        "CpusetCpus": ("cpus", "CPUs", os.sched_getaffinity(0)),
        "CpusetMems": ("mems", "memory nodes", _nodes()),
    }
    for key, (what, whose, available) in here.items():
        numbers = str(host.get(key) or "")
        if not CPU_SET.fullmatch(numbers):
            yield f"Invalid value {numbers} for cpuset {what}: invalid format: {numbers}"
        elif any(int(number) > MOST_PROCESSORS for number in re.findall(r"\d+", numbers)):
            told = f"value of out range, maximum is {MOST_PROCESSORS}"
            yield f"Invalid value {numbers} for cpuset {what}: {told}"
        elif not numbers_of(numbers) <= available:
            has = _ranges(available)
            yield f"Requested {whose} are not available - requested {numbers}, available: {has}"


def _of_ulimits(host: Mapping[str, Any]) -> Iterator[str]:
    def is_list(value: Any) -> bool:
        return isinstance(value, list) and all(isinstance(one, dict) for one in value)

    for one in _typed(host, "Ulimits", is_list, "[]*units.Ulimit") or ():
        name, soft, hard = one.get("Name"), _whole_number(one, "Soft"), _whole_number(one, "Hard")
        if str(name).lower() not in RESOURCES:
            yield f"invalid ulimit type: {name}"
        if hard >= 0 and (soft > hard or soft < 0):
            yield f"ulimit soft limit must be less than or equal to hard limit: {soft} > {hard}"


def numbers_of(text: str) -> set[int]:
    """
    >>> sorted(numbers_of("0-2,5"))
    [0, 1, 2, 5]
    """
    found: set[int] = set()
    for part in text.split(",") if text else ():
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found


def _ranges(numbers: set[int]) -> str:
    """The other way round: 0-2,5."""
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and parts[-1][1] == number - 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ",".join(f"{a}-{b}" if b > a else str(a) for a, b in parts)


def _nodes() -> set[int]:
    try:
        text = Path("/sys/devices/system/node/online").read_text().strip()
    except OSError:
        text = "0"
    return numbers_of(text)


def _whole_number(host: Mapping[str, Any], key: str) -> int:
    return int(_typed(host, key, lambda value: isinstance(value, int), "int64") or 0)


def _words(config: Mapping[str, Any], key: str) -> list[str]:
    def is_list(value: Any) -> bool:
        return isinstance(value, list) and all(isinstance(word, str) for word in value)

    return list(_typed(config, key, is_list, "[]string") or ())


def _typed(config: Mapping[str, Any], key: str, fits: Callable[[Any], bool], kind: str) -> Any:
    value = config.get(key)
    if value is not None and not fits(value):
        raise Invalid(f"json: cannot unmarshal {key} into Go value of type {kind}")
    return value
