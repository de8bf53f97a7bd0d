"""The flags of docker run and create → the body of POST /containers/create.

What %%container has too is read by its table of options; the rest has rows here.

Knows: where each flag's value goes. Does not know: requests, what is done with a container.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ipycontainers import options
from ipycontainers.engine.build.durations import duration
from ipycontainers.errors import CommandFailed, Invalid
from ipycontainers.options import Option, RunOptions, values

from . import objections
from .console import failed
from .life import restart_policy, wrong_value
from .names import named
from .objections import WRONG, wrong, wrong_flag
from .verb import Flag

if TYPE_CHECKING:
    from .call import Call
    from .console import Console

STREAMS = ("stdout", "stderr")


@dataclass(frozen=True)
class Order:
    """What is to be created: ``config`` is the body, ``pull`` missing, always or never."""

    config: dict[str, Any]
    name: str
    platform: str
    pull: str
    streams: tuple[str, ...]  # that are shown

    @property
    def image(self) -> str:
        return str(self.config["Image"])

    @property
    def has_terminal(self) -> bool:
        return bool(self.config.get("Tty"))


def _path_and(read: Callable[[str], Any], key: str) -> Callable[[str], dict[str, Any]]:
    """A reader of ``/dev/sda:VALUE``."""

    def pair(text: str) -> dict[str, Any]:
        path, colon, value = text.partition(":")
        if not colon or not path.startswith("/dev/"):
            raise ValueError(f"bad format: {text}")
        return {"Path": path, key: read(value)}

    return pair


def _pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name, value


# Where the values go, as in options.table; readers raise ValueError.
_PLACES: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "blkio-weight": ("HostConfig.BlkioWeight", values.integer),
    "blkio-weight-device": (
        "HostConfig.BlkioWeightDevice[]",
        _path_and(values.integer, "Weight"),
    ),
    "cgroup-parent": ("HostConfig.CgroupParent", values.text),
    "cpu-period": ("HostConfig.CpuPeriod", values.integer),
    "cpu-quota": ("HostConfig.CpuQuota", values.integer),
    "cpu-rt-period": ("HostConfig.CpuRealtimePeriod", values.integer),
    "cpu-rt-runtime": ("HostConfig.CpuRealtimeRuntime", values.integer),
    "cpu-shares": ("HostConfig.CpuShares", values.integer),
    "cpuset-mems": ("HostConfig.CpusetMems", values.text),
    "device-cgroup-rule": ("HostConfig.DeviceCgroupRules[]", values.text),
    "device-read-bps": ("HostConfig.BlkioDeviceReadBps[]", _path_and(values.size, "Rate")),
    "device-write-bps": ("HostConfig.BlkioDeviceWriteBps[]", _path_and(values.size, "Rate")),
    "device-read-iops": ("HostConfig.BlkioDeviceReadIOps[]", _path_and(values.integer, "Rate")),
    "device-write-iops": ("HostConfig.BlkioDeviceWriteIOps[]", _path_and(values.integer, "Rate")),
    "domainname": ("Domainname", values.text),
    "isolation": ("HostConfig.Isolation", values.text),
    "kernel-memory": ("HostConfig.KernelMemory", values.size),
    "link": ("HostConfig.Links[]", values.text),
    "mac-address": ("MacAddress", values.text),
    "memory-reservation": ("HostConfig.MemoryReservation", values.size),
    "memory-swappiness": ("HostConfig.MemorySwappiness", values.integer),
    "oom-kill-disable": ("HostConfig.OomKillDisable", values.text),
    "oom-score-adj": ("HostConfig.OomScoreAdj", values.integer),
    "restart": ("HostConfig.RestartPolicy", restart_policy),
    "runtime": ("HostConfig.Runtime", values.text),
    "storage-opt": ("HostConfig.StorageOpt{}", _pair),
    "volume-driver": ("HostConfig.VolumeDriver", values.text),
    "volumes-from": ("HostConfig.VolumesFrom[]", values.text),
}
# What docker says also where nothing was given, and an engine then tells.
_SENT: Mapping[str, Any] = {
    "PortBindings": {},
    "BlkioWeightDevice": [],
    "Devices": [],
    "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
}
# Read below, or of no meaning where there is no terminal to detach from.
_ELSEWHERE = {
    *("attach", "cidfile", "detach-keys", "disable-content-trust", "expose", "health-cmd"),
    *("health-interval", "health-retries", "health-start-period", "health-timeout"),
    *("interactive", "ip", "ip6", "link-local-ip", "log-driver", "log-opt", "no-healthcheck"),
    *("pull", "sig-proxy", "stdin"),
}


def order(call: Call, console: Console) -> Order:
    """What the words ask for. Raises CommandFailed, with docker's status for what is wrong."""
    from ipycontainers.options import EngineTraits

    image, *command = call.arguments
    is_shown = not (_is_detached(call) or call.typed.endswith("create"))
    if is_shown and call.has("interactive") and call.has("tty"):
        raise no_terminal()
    _check_image(call, image)
    given = _given(call)
    objections.check(call, console.folder)
    asked = RunOptions(image, tuple(command), (*given, *_kept(call)))
    connection = console.connection
    try:
        body = asked.create_config(
            folder=console.folder,
            environ=os.environ,
            traits=EngineTraits(
                shares_files=_meets_files(call) and connection.shares_files,
                podman=connection.engine_name == "Podman",
            ),
            stdin=_reads(call),
        )
    except Invalid as error:
        raise wrong(call, error.message) from error
    _complete(call, body)
    for warning in objections.warnings(body):
        console.err(f"{warning}\n")
    streams = _streams(call, body)
    return Order(body, call.text("name"), call.text("platform"), call.text("pull"), streams)


def no_terminal() -> CommandFailed:
    """-it, in docker's words and what does instead."""
    return CommandFailed(
        "the input device is not a TTY",
        "a cell has no keyboard for a program: leave -i out, or -t and give it --stdin NAME; "
        "%%container -s NAME is a shell that lives on",
        exit_code=1,
    )


def _check_image(call: Call, image: str) -> None:
    if re.fullmatch("[a-f0-9]{64}", image):
        return
    try:
        named(image)
    except CommandFailed as error:
        raise error if call.typed.endswith("create") else wrong(call, error.message) from error


def _is_detached(call: Call) -> bool:
    return bool(call.values.get("detach"))


def _streams(call: Call, body: dict[str, Any]) -> tuple[str, ...]:
    """What -a says is to be shown; without it both."""
    wanted = {text.lower() for text in call.texts("attach")}
    if unknown := wanted - {"stdin", *STREAMS}:
        reason = ValueError("valid streams are STDIN, STDOUT and STDERR")
        raise wrong_value(call, "attach", unknown.pop(), reason)
    if not wanted:
        return STREAMS
    if _is_detached(call):
        raise failed("Conflicting options: -a and -d")
    shown = tuple(stream for stream in STREAMS if stream in wanted)
    if not (shown or call.typed.endswith("create")):
        raise CommandFailed("-a stdin alone shows nothing", "-d, or add -a stdout", exit_code=WRONG)
    body.update(AttachStdout="stdout" in wanted, AttachStderr="stderr" in wanted)
    return shown


def _reads(call: Call) -> bool:
    return call.has("interactive") or call.is_given("stdin")


def _meets_files(call: Call) -> bool:
    return call.is_given("volume") or call.is_given("mount")


def _given(call: Call) -> list[tuple[Option, str | bool]]:
    """The flags that a container's configuration has, checked."""
    known = {one.name: one for one in options.OPTIONS if one.group == "docker"}
    given: list[tuple[Option, str | bool]] = []
    for name, value in call.values.items():
        flag = next(one for one in call.verb.flags if one.name == name)
        if name in _ELSEWHERE or name in ("rm", "detach"):
            continue
        option = known.get(name) or _row(flag)
        given += [
            (option, one if isinstance(one, bool) else _checked(call, option, flag, one))
            for one in (value if flag.repeats else (value,))
        ]
    return given


def _row(flag: Flag) -> Option:
    place, read = _PLACES[flag.name]
    return Option(flag.names, flag.type.upper(), flag.help, "", place, read)


def _checked(call: Call, option: Option, flag: Flag, value: object) -> str:
    text = value if isinstance(value, str) else str(value)
    try:
        option.read(text)
    except ValueError as error:
        if flag.name not in objections.FOUND_LATE:
            raise wrong_flag(call, flag.name, text, error) from error
    return text


def _kept(call: Call) -> list[tuple[Option, str | bool]]:
    """docker's containers stay when they end, and have logs; also those of --rm until then."""
    known = {one.name: one for one in options.OPTIONS}
    return [(known["keep"], True), (known["detach"], _is_detached(call))]


def _complete(call: Call, body: dict[str, Any]) -> None:
    """What options of %%container do not have."""
    host = body["HostConfig"]
    for name, empty in _SENT.items():
        host.setdefault(name, empty)
    if call.has("rm"):
        host["AutoRemove"] = True
    if _reads(call):
        body.update(OpenStdin=True, StdinOnce=not _is_detached(call))
    for text in call.texts("expose"):
        body.setdefault("ExposedPorts", {}).update(_exposed(call, text))
    if health := _health(call):
        body["Healthcheck"] = health
    if call.is_given("log-driver") or call.texts("log-opt"):
        settings = dict(_pair(text) for text in call.texts("log-opt"))
        host["LogConfig"] = {"Type": call.text("log-driver"), "Config": settings}
    if isinstance(host.get("OomKillDisable"), str):
        host["OomKillDisable"] = host["OomKillDisable"] == "true"
    _address(call, body)


def _exposed(call: Call, text: str) -> dict[str, dict[str, Any]]:
    """``80``, ``80/udp``, ``80-82/tcp`` as the API has it."""
    ports, _, protocol = text.partition("/")
    found = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", ports)
    reason = ""
    if not found or (protocol and protocol not in ("tcp", "udp", "sctp")):
        reason = f'strconv.ParseUint: parsing "{ports}": invalid syntax'
    elif int(found[2] or found[1]) < int(found[1]):
        reason = f"Invalid range specified for the Port: {ports}"
    if reason or not found:
        raise wrong(call, f"invalid range format for --expose: {text}, error: {reason}")
    first, last = int(found[1]), int(found[2] or found[1])
    return {f"{port}/{protocol or 'tcp'}": {} for port in range(first, min(last, 65535) + 1)}


def _health(call: Call) -> dict[str, Any]:
    command = call.text("health-cmd")
    times = {
        "Interval": "health-interval",
        "Timeout": "health-timeout",
        "StartPeriod": "health-start-period",
    }
    found: dict[str, Any] = {}
    for key, name in times.items():
        if call.is_given(name) and (nanoseconds := duration(call.text(name))):
            found[key] = nanoseconds
    if call.is_given("health-retries"):
        found["Retries"] = call.number("health-retries")
    if call.has("no-healthcheck"):
        if command or found:
            raise wrong(call, "--no-healthcheck conflicts with --health-* options")
        return {"Test": ["NONE"]}
    if command:
        found["Test"] = ["CMD-SHELL", command]
    return found


def _address(call: Call, body: dict[str, Any]) -> None:
    """--ip, --ip6, --link-local-ip: of the first network; where none is named docker has no use for
    them."""
    fixed: dict[str, Any] = {
        key: call.text(name)
        for key, name in (("IPv4Address", "ip"), ("IPv6Address", "ip6"))
        if call.text(name)
    }
    if local := call.texts("link-local-ip"):
        fixed["LinkLocalIPs"] = list(local)
    if not (fixed and call.is_given("network")):
        return
    network = str(body["HostConfig"]["NetworkMode"])
    ends = body.setdefault("NetworkingConfig", {}).setdefault("EndpointsConfig", {})
    ends.setdefault(network, {})["IPAMConfig"] = fixed
