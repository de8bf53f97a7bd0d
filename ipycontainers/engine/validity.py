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
from typing import Any

from ipycontainers.errors import Invalid

from . import wire
from .syscalls import CAPABILITIES

SMALLEST_MEMORY = 6 << 20
NANO = 10**9
RESTART_POLICIES = {"", "no", "always", "on-failure", "unless-stopped"}
PROFILES = re.compile(r"no-new-privileges([=:].*)?|(seccomp|apparmor|label)[=:].*|systempaths=.*")
CPU_SET = re.compile(r"(\d+(-\d+)?(,\d+(-\d+)?)*)?")


def check(config: Mapping[str, Any], host: Mapping[str, Any]) -> None:
    """Raises Invalid. ``config`` is the body of the request, ``host`` its HostConfig."""
    for findings in (_of_config(config), _of_host(host), _of_limits(host)):
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


def _of_host(host: Mapping[str, Any]) -> Iterator[str]:
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
    yield from _of_policy(host)


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


def _of_limits(host: Mapping[str, Any]) -> Iterator[str]:
    memory, swap, reservation, cpus, quota, shared = (
        _whole_number(host, key)
        for key in ("Memory", "MemorySwap", "MemoryReservation", "NanoCpus", "CpuQuota", "ShmSize")
    )
    here = os.cpu_count() or 1
    if 0 < memory < SMALLEST_MEMORY:
        yield "Minimum memory limit allowed is 6MB"
    if swap > 0 and not memory:
        yield "You should always set the Memory limit when using Memoryswap limit, see usage"
    if 0 < swap < memory:
        yield "Minimum memoryswap limit should be larger than memory limit, see usage"
    if 0 < memory < reservation:
        yield "Minimum memory limit can not be less than memory reservation limit, see usage"
    if not 0 <= cpus <= here * NANO:
        yield f"Range of CPUs is from 0.01 to {here}.00, as there are only {here} CPUs available"
    if 0 < quota < 1000:
        yield "CPU cfs quota can not be less than 1ms (i.e. 1000)"
    if shared < 0:
        yield "SHM size can not be less than 0"
    for key, what in (("CpusetCpus", "cpus"), ("CpusetMems", "mems")):
        numbers = str(host.get(key) or "")
        if not CPU_SET.fullmatch(numbers):
            yield f"Invalid value {numbers} for cpuset {what}: invalid format: {numbers}"


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
