"""Volumes and networks: docker volume create, rm; docker network create, connect, disconnect, rm.

Knows: the requests, what docker prints of them. Does not know: notebooks.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .console import failed, missing, refusals
from .life import each
from .result import Lines

if TYPE_CHECKING:
    from .call import Call
    from .console import Console


def pairs(texts: Iterable[str]) -> dict[str, str]:
    """``a=b`` and ``a`` as a mapping; of one name the last counts."""
    return {name: value for name, _, value in (text.partition("=") for text in texts)}


# --- volumes -------------------------------------------------------------------------------------


def create_volume(call: Call, console: Console) -> Lines:
    """``docker volume create [NAME]``"""
    body: dict[str, Any] = {
        "Driver": call.text("driver"),
        "DriverOpts": pairs(call.texts("opt")),
        "Labels": pairs(call.texts("label")),
        "Name": call.arguments[0] if call.arguments else "",
    }
    with refusals():
        made = console.daemon.post("volumes", "create", body=body)
    return Lines([str(made["Name"])])


def remove_volumes(call: Call, console: Console) -> Lines:
    """``docker volume rm [-f] VOLUME…``"""

    def one(name: str) -> None:
        with missing("volume", name):
            console.daemon.delete("volumes", name, force="1" if call.has("force") else "")

    return each(call, console, one)


# --- networks ------------------------------------------------------------------------------------


def create_network(call: Call, console: Console) -> Lines:
    """``docker network create [--subnet …] NAME``"""
    body: dict[str, Any] = {
        "CheckDuplicate": True,
        "Name": call.arguments[0],
        "Driver": call.text("driver"),
        "Options": pairs(call.texts("opt")),
        "Labels": pairs(call.texts("label")),
        "Internal": call.has("internal"),
        "EnableIPv6": call.has("ipv6"),
        "Attachable": call.has("attachable"),
        "Ingress": call.has("ingress"),
        "Scope": call.text("scope"),
        "ConfigOnly": call.has("config-only"),
        "IPAM": {
            "Driver": call.text("ipam-driver"),
            "Options": pairs(call.texts("ipam-opt")),
            "Config": pools(call),
        },
    }
    if source := call.text("config-from"):
        body["ConfigFrom"] = {"Network": source}
    with refusals():
        made = console.daemon.post("networks", "create", body=body)
    if warning := made.get("Warning"):
        console.err(f"WARNING: {warning}\n")
    return Lines([str(made["Id"])])


def pools(call: Call) -> list[dict[str, Any]]:
    """The subnets, each with the range, the gateway and the addresses that lie in it."""
    given, ranges, gateways = (
        _commas(call.texts(name)) for name in ("subnet", "ip-range", "gateway")
    )
    if len(given) < max(len(ranges), len(gateways)):
        raise failed("every ip-range or gateway must have a corresponding subnet")
    found: list[dict[str, Any]] = [{"Subnet": text} for text in given]
    if len(given) == 1 and not (ranges or gateways or call.texts("aux-address")):
        return found  # the engine says what is wrong with it
    subnets = [_network(text) for text in given]
    for at, one in enumerate(subnets):
        others = (other for other in subnets[:at] if other.version == one.version)
        if any(map(one.overlaps, others)):
            raise failed("multiple overlapping subnet configuration is not supported")
    for text in ranges:
        _place(subnets, found, _network(text).network_address, text)["IPRange"] = text
    for text in gateways:
        _place(subnets, found, _address(text), text)["Gateway"] = text
    for name, text in pairs(call.texts("aux-address")).items():
        pool = _place(subnets, found, _address(text, "aux-address"), text, "aux-address")
        pool.setdefault("AuxiliaryAddresses", {})[name] = text
    return found


Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def _commas(texts: Iterable[str]) -> list[str]:
    """docker's flags of the kind "strings" take several at once."""
    return [part for text in texts for part in text.split(",")]


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise failed(f"invalid CIDR address: {text}") from error


def _address(text: str, what: str = "gateway") -> Address:
    try:
        return ipaddress.ip_address(text)
    except ValueError as error:
        raise failed(f"no matching subnet for {what} {text}") from error


def _place(
    subnets: list[Network],
    found: list[dict[str, Any]],
    address: Address,
    text: str,
    what: str = "",
) -> dict[str, Any]:
    for subnet, pool in zip(subnets, found, strict=True):
        if subnet.version == address.version and address in subnet:
            return pool
    kind = what or ("range" if "/" in text else "gateway")
    raise failed(f"no matching subnet for {kind} {text}")


def connect(call: Call, console: Console) -> None:
    """``docker network connect [--alias NAME] NETWORK CONTAINER``"""
    network, container = call.arguments
    end: dict[str, Any] = {
        "IPAMConfig": {
            key: value
            for key, value in (
                ("IPv4Address", call.text("ip")),
                ("IPv6Address", call.text("ip6")),
                ("LinkLocalIPs", _commas(call.texts("link-local-ip"))),
            )
            if value
        },
        "Links": list(call.texts("link")),
        "Aliases": _commas(call.texts("alias")),
        "DriverOpts": pairs(_commas(call.texts("driver-opt"))),
    }
    body = {"Container": container, "EndpointConfig": end}
    with refusals():
        console.daemon.post("networks", network, "connect", body=body)


def disconnect(call: Call, console: Console) -> None:
    """``docker network disconnect [-f] NETWORK CONTAINER``"""
    network, container = call.arguments
    body = {"Container": container, "Force": call.has("force")}
    with refusals():
        console.daemon.post("networks", network, "disconnect", body=body)


def remove_networks(call: Call, console: Console) -> Lines:
    """``docker network rm NETWORK…``, their names."""

    def one(name: str) -> None:
        with missing("network", name):
            console.daemon.delete("networks", name)

    return each(call, console, one)
