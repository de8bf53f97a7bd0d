"""Networks and what containers have in them, as dockerd tells of them.

Knows: the Docker Engine API 1.41. Does not know: how anything is done.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from . import port_shapes
from .network.endpoint import Endpoint, Lease
from .network.names import Member
from .network.network import BRIDGE, Network
from .wire import Json, time_text

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
_NO_LEASE: Json = Lease("", "").to_dict()


def network(given: Network, members: Iterable[Member] = ()) -> Json:
    return {
        "Name": given.name,
        "Id": given.id,
        "Created": time_text(given.created),
        "Scope": "local",
        "Driver": given.driver,
        "EnableIPv6": given.has_ipv6,
        "IPAM": {
            "Driver": "default",
            "Options": given.ipam_options,
            "Config": [dict(pool) for pool in given.pools],
        },
        "Internal": given.is_internal,
        "Attachable": given.is_attachable,
        "Ingress": False,
        "ConfigFrom": {"Network": ""},
        "ConfigOnly": False,
        "Containers": {member.container: _member(member) for member in members},
        "Options": given.options or {},
        "Labels": given.labels or {},
    }


def _member(member: Member) -> Json:
    return {
        "Name": member.name,
        "EndpointID": member.lease.id,
        "MacAddress": member.lease.mac,
        "IPv4Address": member.lease.address,
        "IPv6Address": "",
    }


def settings(record: Mapping[str, Any]) -> Json:
    """Of a container; ``record`` is what ``Record.describe`` tells."""
    ends = endpoints(record)
    own = {key: value for key, value in ends.get(BRIDGE, {}).items() if key in _SETTINGS}
    ports = port_shapes.settings(record)
    return {**_SETTINGS, **own, "Ports": ports, "Networks": ends}


def endpoints(record: Mapping[str, Any], *, briefly: bool = False) -> Json:
    """By the names of networks; ``briefly`` as a list of containers has it."""
    leases = record["leases"]
    return {
        end["name"]: _endpoint(Endpoint.of(end), leases.get(end["name"], _NO_LEASE), briefly)
        for end in sorted(record["endpoints"], key=lambda end: str(end["name"]))
    }


def _endpoint(end: Endpoint, lease: Mapping[str, Any], briefly: bool) -> Json:
    address, _, length = str(lease["address"]).partition("/")
    asked = {
        "IPAMConfig": end.ipam,
        "Links": _list(end.links),
        "Aliases": _list(end.aliases),
        "DriverOpts": end.options,
    }
    if briefly:
        asked = dict.fromkeys(asked)
    return {
        **asked,
        "NetworkID": end.network,
        "EndpointID": lease["id"],
        "Gateway": lease["gateway"],
        "IPAddress": address,
        "IPPrefixLen": int(length or 0),
        "IPv6Gateway": "",
        "GlobalIPv6Address": "",
        "GlobalIPv6PrefixLen": 0,
        "MacAddress": lease["mac"] or (end.mac if not lease["id"] else ""),
    }


def _list(words: tuple[str, ...] | None) -> list[str] | None:
    return None if words is None else list(words)
