"""The JSON objects of the API: version, container, exec, as dockerd 20.10 gives them.

    container(record)     the answer of GET /containers/ID/json
    config(given, image)  a container's Config, completed from its image

Knows: the Docker Engine API 1.41 (https://docs.docker.com/engine/api/v1.41). Does not
know: how anything is done. Everything here is a pure function of plain records.
"""

from __future__ import annotations

import shlex
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any

from ipycontainers.errors import EngineError, Invalid

from . import kinds, network_shapes, port_shapes
from .wire import API_VERSION, OLDEST_API, Json, time_text
from .wire import spelled as _spelled

# --- the engine ----------------------------------------------------------------------------------


def version(own: str, kernel: str, machine: str, launcher: str) -> Json:
    details = {"ApiVersion": API_VERSION, "MinAPIVersion": OLDEST_API, "Os": "linux"}
    return {
        "Platform": {"Name": "ipycontainers"},
        "Components": [
            {"Name": "ipycontainers", "Version": own, "Details": {**details, "Launcher": launcher}}
        ],
        "Version": own,
        "ApiVersion": API_VERSION,
        "MinAPIVersion": OLDEST_API,
        "GitCommit": "",
        "GoVersion": "",
        "Os": "linux",
        "Arch": architecture(machine),
        "KernelVersion": kernel,
        "BuildTime": "",
    }


def architecture(machine: str) -> str:
    """uname's word in Go's vocabulary."""
    return {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}.get(
        machine, machine
    )


CONFIG: Json = {
    "Hostname": "",
    "Domainname": "",
    "User": "",
    "AttachStdin": False,
    "AttachStdout": False,
    "AttachStderr": False,
    "Tty": False,
    "OpenStdin": False,
    "StdinOnce": False,
    "Env": None,
    "Cmd": None,
    "Image": "",
    "Volumes": None,
    "WorkingDir": "",
    "Entrypoint": None,
    "OnBuild": None,
    "Labels": None,
}


# --- containers ----------------------------------------------------------------------------------

HOST_CONFIG: Json = {
    "Binds": None,
    "ContainerIDFile": "",
    "LogConfig": {"Type": "json-file", "Config": {}},
    "NetworkMode": "default",
    "PortBindings": None,
    "RestartPolicy": {"Name": "", "MaximumRetryCount": 0},
    "AutoRemove": False,
    "VolumeDriver": "",
    "VolumesFrom": None,
    "CapAdd": None,
    "CapDrop": None,
    "CgroupnsMode": "private",
    "Dns": None,
    "DnsOptions": None,
    "DnsSearch": None,
    "ExtraHosts": None,
    "GroupAdd": None,
    "IpcMode": "private",
    "Cgroup": "",
    "Links": None,
    "OomScoreAdj": 0,
    "PidMode": "",
    "Privileged": False,
    "PublishAllPorts": False,
    "ReadonlyRootfs": False,
    "SecurityOpt": None,
    "UTSMode": "",
    "UsernsMode": "",
    "ShmSize": 64 << 20,
    "Runtime": "ipycontainers",
    "ConsoleSize": [0, 0],
    "Isolation": "",
    "CpuShares": 0,
    "Memory": 0,
    "NanoCpus": 0,
    "CgroupParent": "",
    "BlkioWeight": 0,
    **dict.fromkeys(("BlkioWeightDevice", "BlkioDeviceReadBps", "BlkioDeviceWriteBps")),
    **dict.fromkeys(("BlkioDeviceReadIOps", "BlkioDeviceWriteIOps")),
    **dict.fromkeys(("CpuPeriod", "CpuQuota", "CpuRealtimePeriod", "CpuRealtimeRuntime"), 0),
    "CpusetCpus": "",
    "CpusetMems": "",
    **dict.fromkeys(("Devices", "DeviceCgroupRules", "DeviceRequests")),
    **dict.fromkeys(("KernelMemory", "KernelMemoryTCP", "MemoryReservation", "MemorySwap"), 0),
    "MemorySwappiness": None,
    "OomKillDisable": False,
    "PidsLimit": None,
    "Ulimits": None,
    **dict.fromkeys(("CpuCount", "CpuPercent", "IOMaximumIOps", "IOMaximumBandwidth"), 0),
}
EXEC = (  # the keys of a request for one
    *("User", "Privileged", "Tty", "AttachStdin", "AttachStdout", "AttachStderr"),
    *("DetachKeys", "Env", "WorkingDir", "Cmd"),
)
_BODY = "ContainerConfigWrapper"  # Go's name of a create request
_IF_GIVEN = ("StopSignal", "StopTimeout", "Healthcheck", "ExposedPorts", "MacAddress", "Shell")

_WORDS = ("Cmd", "Entrypoint", "Shell")  # where a text is a list of one, as dockerd reads it


def spelled(body: Mapping[str, Any]) -> Json:
    """A create request with the keys that are looked for, however the client writes them."""
    made = _spelled(body, (*CONFIG, *_IF_GIVEN, "HostConfig", "NetworkingConfig"))
    _check(made)
    if host := made.get("HostConfig"):
        made["HostConfig"] = _spelled(host, HOST_CONFIG)
    return made


def _check(body: Json) -> None:
    """Raises EngineError, dockerd's status of such a body. A text that stands for a list of words
    becomes one."""
    networking = "NetworkingConfig.NetworkingConfig.EndpointsConfig"
    try:
        kinds.check(body.get("HostConfig"), f"{_BODY}.HostConfig", "container.HostConfig")
        asked = body.get("NetworkingConfig")
        kinds.check(asked, f"{_BODY}.NetworkingConfig", "network.NetworkingConfig")
        every = (asked or {}).get("EndpointsConfig")
        kinds.check(every, networking, "map[string]*network.EndpointSettings")
        for one in (every or {}).values():
            kinds.check(one, networking, "network.EndpointSettings")
        for key in _WORDS:
            body[key] = _listed(body.get(key), f"{_BODY}.{key}")
    except Invalid as error:
        raise EngineError(error.message) from error


def _listed(words: Any, place: str) -> list[str] | None:
    """Raises Invalid, in Go's words, for what is neither texts nor a text."""
    if isinstance(words, list) and all(isinstance(word, str) for word in words):
        return words
    kinds.check(words, place, "string")
    return None if words is None else [words]


def config(given: Mapping[str, Any], of_image: Mapping[str, Any], hostname: str) -> Json:
    """A container's Config: what was asked, completed from its image as dockerd does.

    Who gives an entrypoint takes none of the image's command; variables, volumes and
    labels are merged, the user's win.
    """
    asked = {key: given[key] for key in (*CONFIG, *_IF_GIVEN) if given.get(key)}
    merged: Json = {**CONFIG, **asked}
    if not merged["Entrypoint"]:
        merged["Entrypoint"] = of_image.get("Entrypoint") if given.get("Entrypoint") is None else []
        merged["Cmd"] = merged["Cmd"] or of_image.get("Cmd")
    if merged["Entrypoint"] == [""]:  # how a client asks for none
        merged["Entrypoint"] = None
    merged["Env"] = environment(of_image.get("Env") or (), merged["Env"] or ()) or None
    if ports := {**(of_image.get("ExposedPorts") or {}), **(merged.get("ExposedPorts") or {})}:
        merged["ExposedPorts"] = ports
    for key in ("User", "WorkingDir", "StopSignal"):
        if value := merged.get(key) or of_image.get(key):
            merged[key] = value
    checked = {**(of_image.get("Healthcheck") or {}), **_given(merged.get("Healthcheck"))}
    merged |= {"Healthcheck": checked} if checked else {}
    merged["Labels"] = {**(of_image.get("Labels") or {}), **(merged["Labels"] or {})}
    merged["Volumes"] = {**(of_image.get("Volumes") or {}), **(merged["Volumes"] or {})} or None
    merged["Hostname"] = merged["Hostname"] or hostname
    merged["Entrypoint"] = merged["Entrypoint"] or None
    return merged


def _given(check: Mapping[str, Any] | None) -> Json:
    """What of a health check takes the place of the image's: what is not empty."""
    return {key: value for key, value in (check or {}).items() if value}


def environment(of_image: Sequence[str], given: Sequence[str]) -> list[str]:
    """The user's variables and then the image's others; a bare name takes the image's away, and
    is shown.

    >>> environment(["A=1", "B=2", "D=5"], ["A=3", "B", "C=4"])
    ['A=3', 'B', 'C=4', 'D=5']
    """
    names = {word.partition("=")[0] for word in given}
    return [*given, *(word for word in of_image if word.partition("=")[0] not in names)]


def container(record: Mapping[str, Any]) -> Json:
    """``record`` is what ``Record.describe`` tells."""
    words = [*(record["config"]["Entrypoint"] or ()), *(record["config"]["Cmd"] or ())]
    return {
        "Id": record["id"],
        "Created": time_text(record["created"]),
        "Path": words[0] if words else "",
        "Args": words[1:],
        "State": _state(record),
        "Image": record["image"],
        **{key: record["etc"].get(name, "") for key, name in _GENERATED.items()},
        "LogPath": record["log"] if record["started"] else "",
        "Name": f"/{record['name']}",
        "RestartCount": record["restarts"],
        "Driver": "ipycontainers",
        "Platform": "linux",
        "MountLabel": "",
        "ProcessLabel": "",
        "AppArmorProfile": "",
        "ExecIDs": record["execs"] or None,
        "HostConfig": {**record["host_config"], "Links": record["linked"]},
        "GraphDriver": {"Data": None, "Name": "ipycontainers"},
        "Mounts": [mount_point(mount) for mount in record["mounts"]],
        "Config": record["config"],
        "NetworkSettings": network_shapes.settings(record),
    }


_GENERATED = {
    "ResolvConfPath": "resolv.conf",
    "HostnamePath": "hostname",
    "HostsPath": "hosts",
}


def _state(record: Mapping[str, Any]) -> Json:
    status = record["status"]
    return {
        "Status": status,
        "Running": status in ("running", "paused", "restarting"),
        "Paused": status == "paused",
        "Restarting": status == "restarting",
        "OOMKilled": record["oom_killed"],
        "Dead": status == "dead",
        "Pid": record["pid"],
        "ExitCode": record["exit_code"],
        "Error": record["error"],
        "StartedAt": time_text(record["started"]),
        "FinishedAt": time_text(record["finished"]),
        **({"Health": _health(record["health"])} if record["health"] else {}),
    }


def _health(health: Mapping[str, Any]) -> Json:
    return {
        "Status": health["status"],
        "FailingStreak": health["streak"],
        "Log": [
            {
                "Start": time_text(result["start"]),
                "End": time_text(result["end"]),
                "ExitCode": result["exit_code"],
                "Output": result["output"],
            }
            for result in health["log"]
        ],
    }


def mount_point(point: Mapping[str, Any]) -> Json:
    """``point`` is a MountPoint as plain data."""
    mount = point["mount"]
    is_volume = mount["type"] == "volume"
    return {
        "Type": mount["type"],
        **({"Name": point["name"]} if is_volume else {}),
        "Source": mount["source"],
        "Destination": mount["target"],
        **({"Driver": "local"} if is_volume else {}),
        "Mode": point["mode"],
        "RW": not mount["read_only"],
        "Propagation": "rprivate" if mount["type"] == "bind" else "",
    }


def container_summary(record: Mapping[str, Any], now: float) -> Json:
    words = [*(record["config"]["Entrypoint"] or ()), *(record["config"]["Cmd"] or ())]
    return {
        "Id": record["id"],
        "Names": [f"/{record['name']}", *record["called"]],
        "Image": record["config"]["Image"],
        "ImageID": record["image"],
        "Command": _command(words),
        "Created": int(record["created"]),
        "Ports": port_shapes.summary(record),
        "Labels": record["config"]["Labels"],
        "State": record["status"],
        "Status": _status(record, now),
        "HostConfig": {"NetworkMode": record["host_config"]["NetworkMode"]},
        "NetworkSettings": {"Networks": network_shapes.endpoints(record, briefly=True)},
        "Mounts": [mount_point(mount) for mount in record["mounts"]],
    }


def _command(words: Sequence[str]) -> str:
    """The first word as it is, those with blanks or quotes quoted: as dockerd lists it."""
    quoted = [word if shlex.quote(word) == word else "'" + word + "'" for word in words[1:]]
    return " ".join([*words[:1], *quoted])


def _status(record: Mapping[str, Any], now: float) -> str:
    if record["status"] == "restarting":
        return f"Restarting ({record['exit_code']}) {_ago(now - record['finished'])} ago"
    if record["status"] in ("running", "paused"):
        return f"Up {_ago(now - record['started'])}{_condition(record)}"
    if record["status"] == "exited":
        return f"Exited ({record['exit_code']}) {_ago(now - record['finished'])} ago"
    return str(record["status"]).capitalize()


def _condition(record: Mapping[str, Any]) -> str:
    if record["status"] == "paused":
        return " (Paused)"
    status = record["health"]["status"] if record["health"] else ""
    return f" (health: {status})" if status == "starting" else f" ({status})" if status else ""


def _ago(seconds: float) -> str:
    """As docker ps says it, by the units package of docker."""
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {unit}{'s' * (count > 1)}"
    return (
        f"{int(seconds)} second{'s' * (int(seconds) != 1)}"
        if seconds >= 1
        else ("Less than a second")
    )


def exec_(record: Mapping[str, Any]) -> Json:
    """``record`` is what an Exec tells of itself."""
    command = record["command"]
    return {
        "ID": record["id"],
        "Running": record["running"],
        "ExitCode": record["exit_code"],
        "ProcessConfig": {
            "tty": record["tty"],
            "entrypoint": command[0],
            "arguments": command[1:],
            "privileged": record["privileged"],
            **({"user": record["user"]} if record["user"] else {}),
        },
        "OpenStdin": record["stdin"],
        "OpenStderr": record["stderr"],
        "OpenStdout": record["stdout"],
        "CanRemove": False,
        "ContainerID": record["container"],
        "DetachKeys": b64encode(record["keys"]).decode(),
        "Pid": record["pid"],
    }
