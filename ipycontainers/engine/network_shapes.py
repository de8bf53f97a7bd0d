"""The three networks that every engine has, as dockerd tells of them; there are no others yet.

A container on "bridge" has the host's network: it is shown as dockerd shows it, without an
address of its own.

Knows: the Docker Engine API 1.41. Does not know: how anything is done.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import port_shapes
from .wire import ZERO_TIME, Json

DRIVERS = {"bridge": "bridge", "host": "host", "none": "null"}
_SETTINGS: Json = {
    "Bridge": "",
    "SandboxID": "",
    "HairpinMode": False,
    "LinkLocalIPv6Address": "",
    "LinkLocalIPv6PrefixLen": 0,
    "Ports": {},
    "SandboxKey": "",
    "SecondaryIPAddresses": None,
    "SecondaryIPv6Addresses": None,
    "EndpointID": "",
    "Gateway": "",
    "GlobalIPv6Address": "",
    "GlobalIPv6PrefixLen": 0,
    "IPAddress": "",
    "IPPrefixLen": 0,
    "IPv6Gateway": "",
    "MacAddress": "",
}
_ENDPOINT: Json = {
    "IPAMConfig": None,
    "Links": None,
    "Aliases": None,
    "NetworkID": "",
    "EndpointID": "",
    "Gateway": "",
    "IPAddress": "",
    "IPPrefixLen": 0,
    "IPv6Gateway": "",
    "GlobalIPv6Address": "",
    "GlobalIPv6PrefixLen": 0,
    "MacAddress": "",
    "DriverOpts": None,
}


def network_id(name: str) -> str:
    """The same at every start."""
    return name.encode().hex().ljust(64, "0")


def network(name: str) -> Json:
    """One of DRIVERS."""
    return {
        "Name": name,
        "Id": network_id(name),
        "Created": ZERO_TIME,
        "Scope": "local",
        "Driver": DRIVERS[name],
        "EnableIPv6": False,
        "IPAM": {"Driver": "default", "Options": None, "Config": []},
        "Internal": False,
        "Attachable": False,
        "Ingress": False,
        "ConfigFrom": {"Network": ""},
        "ConfigOnly": False,
        "Containers": {},
        "Options": {},
        "Labels": {},
    }


def settings(record: Mapping[str, Any]) -> Json:
    """Of a container; ``record`` is what ``Record.describe`` tells."""
    return {**_SETTINGS, "Ports": port_shapes.settings(record), "Networks": endpoints(record)}


def endpoints(record: Mapping[str, Any]) -> Json:
    mode = record["host_config"]["NetworkMode"]
    name = "bridge" if mode == "default" else mode
    known = {"NetworkID": network_id(name)} if record["started"] else {}
    return {name: {**_ENDPOINT, **known}}
