"""What an engine says, in the types that it has in Go.

JSON calls maps and structs objects, and null what is an empty list there; --format prints them
apart, and knows some fields by other names.

Knows: the API's types (moby's api/types). Does not know: templates, engines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from . import columns
from .template_functions import NIL, Map, NilList, NilMap, Struct

if TYPE_CHECKING:
    from typing_extensions import Self

MAPS = frozenset(
    {"Annotations", "Attributes", "AuxiliaryAddresses", "Containers", "Data", "DriverOpts"}
    | {"ExposedPorts", "IndexConfigs", "Labels", "LogConfig.Config", "Networks", "Options"}
    | {"PortBindings", "Ports", "Runtimes", "Services", "Status", "StorageOpt", "Sysctls"}
    | {"Tmpfs", "Volumes"}
)
# What index gives for a key that such a map has not, where that is no text.
ZEROS: dict[str, Any] = {
    "Containers": Struct(),
    "IndexConfigs": NIL,
    "Networks": NIL,
    "Runtimes": Struct(),
    "Volumes": Struct(),
}
BY_PORT = frozenset({"ExposedPorts", "PortBindings", "Ports"})
# What is a pointer: nothing of it prints as <nil>; of a list as [], of a map as map[].
POINTERS = frozenset(
    {"Health", "Healthcheck", "IPAMConfig", "Init", "MemorySwappiness", "OomKillDisable"}
    | {"PidsLimit", "SizeRootFs", "SizeRw", "StopTimeout", "UsageData"}
)
# Fields by Go's name that JSON calls otherwise.
GO = {
    "ID": "Id",
    "DNS": "Dns",
    "DNSOptions": "DnsOptions",
    "DNSSearch": "DnsSearch",
    "CPUCount": "CpuCount",
    "CPUPercent": "CpuPercent",
    "CPUPeriod": "CpuPeriod",
    "CPUQuota": "CpuQuota",
    "CPURealtimePeriod": "CpuRealtimePeriod",
    "CPURealtimeRuntime": "CpuRealtimeRuntime",
    "CPUShares": "CpuShares",
    "NanoCPUs": "NanoCpus",
    "AuxAddress": "AuxiliaryAddresses",
    # Of the engine: info and version.
    "APIVersion": "ApiVersion",
    "BridgeNfIP6tables": "BridgeNfIp6tables",
    "CPUCfsPeriod": "CpuCfsPeriod",
    "CPUCfsQuota": "CpuCfsQuota",
    "HTTPProxy": "HttpProxy",
    "HTTPSProxy": "HttpsProxy",
}
JSON = frozenset(GO.values())
# Fields that JSON leaves out where there is nothing in them, by the struct that has them.
OMITTED: Mapping[str, Mapping[str, Any]] = {
    "": {
        "BuildTime": "",
        "Experimental": False,
        "KernelVersion": "",
        "OsVersion": "",
        "Peers": NilList(),
        "Services": NilMap(),
        "SizeRootFs": NIL,
        "SizeRw": NIL,
        "Status": NilMap(),
        "UsageData": NIL,
        "Variant": "",
    },
    "Config": {
        "ArgsEscaped": False,
        "ExposedPorts": NilMap(),
        "Healthcheck": NIL,
        "MacAddress": "",
        "NetworkDisabled": False,
        "Shell": NilList(),
        "StopSignal": "",
        "StopTimeout": NIL,
    },
    "HostConfig": {
        "Init": NIL,
        "KernelMemoryTCP": 0,
        "Mounts": NilList(),
        "Runtime": "",
        "StorageOpt": NilMap(),
        "Sysctls": NilMap(),
        "Tmpfs": NilMap(),
    },
    "IPAM.Config": {"AuxiliaryAddresses": NilMap(), "Gateway": "", "IPRange": ""},
    "Mounts": {"Driver": "", "Name": ""},
    "State": {"Health": NIL},
}
DURATIONS = frozenset({"Interval", "StartPeriod", "Timeout"})
# Structs of which all fields print, in Go's order.
WHOLE = {
    "Config": (
        *("Hostname", "Domainname", "User", "AttachStdin", "AttachStdout", "AttachStderr"),
        *("ExposedPorts", "Tty", "OpenStdin", "StdinOnce", "Env", "Cmd", "Healthcheck"),
        *("ArgsEscaped", "Image", "Volumes", "WorkingDir", "Entrypoint", "NetworkDisabled"),
        *("MacAddress", "OnBuild", "Labels", "StopSignal", "StopTimeout", "Shell"),
    ),
    "Healthcheck": ("Test", "Interval", "Timeout", "StartPeriod", "Retries"),
    "IPAM.Config": ("Subnet", "IPRange", "Gateway", "AuxiliaryAddresses"),
    "Mounts": ("Type", "Name", "Source", "Destination", "Driver", "Mode", "RW", "Propagation"),
}


class Duration(int):
    """Nanoseconds, which print as 1m30s."""

    def __str__(self) -> str:
        from ipycontainers.engine.build.durations import duration_text

        return duration_text(self)


class Moment(str):
    """A time of JSON, which prints as Go prints one; without the zeros at its end."""

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        return super().__new__(cls, re.sub(r"(\.\d*?)0+Z$", r"\1Z", text).replace(".Z", "Z"))

    def __str__(self) -> str:
        return columns.moment(str.__str__(self))


class GoStruct(Struct):
    """Its fields have Go's names; as JSON it has JSON's, and only those that came."""

    def __init__(self, fields: Mapping[str, Any], key: str = "", whole: Iterable[str] = ()) -> None:
        """``key`` is the field that it is the value of; ``whole`` are the fields that print."""
        super().__init__(fields)
        self._omitted = OMITTED.get(key, {})
        if key == "Healthcheck":
            self._omitted = {"Retries": 0, **dict.fromkeys(DURATIONS, Duration())}
        self._whole = tuple(whole)

    def field(self, name: str) -> Any:
        if name in GO and GO[name] in self:
            return self[GO[name]]
        if name in JSON:
            raise KeyError(name)
        return self[name] if name in self else self._omitted[GO.get(name, name)]

    def printed(self) -> Iterable[Any]:
        names = self._whole or (*self, *(name for name in self._omitted if name == "Health"))
        for name in names:
            yield self.get(name, self._omitted.get(name, ""))


def typed(value: Any, key: str = "", within: str = "") -> Any:
    """The value of a field ``key`` of what is the field ``within``."""
    path = f"{within}.{key}"
    if isinstance(value, dict):
        if key in MAPS or path in MAPS:
            made = Map({name: typed(one, f"{key}[]", key) for name, one in value.items()})
            made.zero = ZEROS.get(key, "")
            made.key = "nat.Port" if key in BY_PORT else ""
            return made
        fields = {name: typed(one, name, key) for name, one in value.items()}
        if "IPAM" in fields:  # only a network's is a time in Go
            fields["Created"] = Moment(fields.get("Created") or "")
        return GoStruct(
            fields, path if path in OMITTED else key, WHOLE.get(path, WHOLE.get(key, ()))
        )
    if isinstance(value, list):
        # Of a list's structs the list is the field.
        return [typed(one, key, within) if isinstance(one, dict) else one for one in value]
    if value is None and key:
        if key in POINTERS:
            return NIL
        return NilMap() if key in MAPS or path in MAPS else NilList()
    if key == "LastTagTime":
        return Moment(value)
    if within == "Healthcheck" and key in DURATIONS:
        return Duration(value)
    return value
