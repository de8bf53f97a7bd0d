"""What an engine says, in the types that it has in Go.

JSON calls maps and structs objects, and null what is an empty list there; --format prints them
apart, and knows some fields by other names.

Knows: the API's types (moby's api/types). Does not know: templates, engines.
"""

from __future__ import annotations

from typing import Any

from .template_functions import NilList, NilMap, Struct

MAPS = frozenset(
    {
        "Annotations",
        "Attributes",
        "AuxiliaryAddresses",
        "Containers",
        "Data",
        "DriverOpts",
        "ExposedPorts",
    }
    | {"Labels", "LogConfig.Config", "Networks", "Options", "Ports", "Services", "Status"}
    | {"StorageOpt", "Sysctls", "Tmpfs", "Volumes"}
)
# What is a pointer: nothing of it prints as nothing; of a list as [], of a map as map[].
POINTERS = frozenset(
    {"Health", "Healthcheck", "IPAMConfig", "Init", "MemorySwappiness", "OomKillDisable"}
    | {"PidsLimit", "StopTimeout", "UsageData"}
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
}
JSON = frozenset(GO.values())
# Fields that JSON leaves out where there is nothing in them.
OMITTED: dict[str, Any] = {
    "ExposedPorts": NilMap(),
    "Health": None,
    "Healthcheck": None,
    "MacAddress": "",
    "Shell": NilList(),
    "StopSignal": "",
    "StopTimeout": None,
    "StorageOpt": NilMap(),
    "Sysctls": NilMap(),
    "Tmpfs": NilMap(),
}
# Structs of lists, all of whose fields print.
WHOLE = {
    "Mounts": ("Type", "Name", "Source", "Destination", "Driver", "Mode", "RW", "Propagation"),
    "IPAM.Config": ("Subnet", "IPRange", "Gateway", "AuxiliaryAddresses"),
}


class GoStruct(Struct):
    """Its fields have Go's names; as JSON it has JSON's."""

    def field(self, name: str) -> Any:
        if name in GO and GO[name] in self:
            return self[GO[name]]
        if name in JSON:
            raise KeyError(name)
        return self[name] if name in self else OMITTED[name]


def typed(value: Any, key: str = "", within: str = "") -> Any:
    """The value of a field ``key`` of what is the field ``within``."""
    if isinstance(value, dict):
        if key in MAPS or f"{within}.{key}" in MAPS:
            return {name: typed(one, f"{key}[]", key) for name, one in value.items()}
        return GoStruct({name: typed(one, name, key) for name, one in value.items()})
    if isinstance(value, list):
        ones = [typed(one, "", key) for one in value]
        fields = WHOLE.get(key) or WHOLE.get(f"{within}.{key}")
        return [_whole(one, fields) for one in ones] if fields else ones
    if value is None and key and key not in POINTERS:
        return NilMap() if key in MAPS or f"{within}.{key}" in MAPS else NilList()
    return value


def _whole(struct: Any, fields: tuple[str, ...]) -> Any:
    empty = {"AuxiliaryAddresses": NilMap()}
    return GoStruct({name: struct.get(name, empty.get(name, "")) for name in fields})
