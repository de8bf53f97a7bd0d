"""From the body of a request to the endpoints that a container asks for.

Knows: Docker's words. Does not know: which containers there are, addresses that are free.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ipycontainers.errors import ContainerError, Invalid

from .addresses import is_address, is_long_address
from .endpoint import Endpoint
from .network import BRIDGE, Network

OF_CONTAINER = "container:"
_LINKED = "can't be used with links. This would result in undefined behavior"


def endpoints(
    body: Mapping[str, Any], host: Mapping[str, Any], find: Callable[[str], Network]
) -> tuple[Endpoint, ...]:
    """Of a create request. ``find`` raises a ContainerError for what is no network: whether there
    is one is asked at the start, as dockerd does. Raises Invalid."""
    given = (body.get("NetworkingConfig") or {}).get("EndpointsConfig") or {}
    for said in _refusals(body, host, given):
        raise Invalid(said)
    mode = str(host.get("NetworkMode") or "default")
    if mode.startswith(OF_CONTAINER):
        return ()
    main = BRIDGE if mode == "default" else _name(mode, find)
    if not given:
        return (Endpoint(main),)
    return tuple(
        endpoint(main if name == "default" else _name(name, find), asked)
        for name, asked in given.items()
    )


def _name(term: str, find: Callable[[str], Network]) -> str:
    try:
        return find(term).name
    except ContainerError:
        return term


def endpoint(name: str, asked: Mapping[str, Any]) -> Endpoint:
    """Of an EndpointConfig."""
    return Endpoint(
        name,
        aliases=_words(asked.get("Aliases")),
        links=_words(asked.get("Links")),
        ipam=asked.get("IPAMConfig"),
        options=asked.get("DriverOpts"),
        mac=str(asked.get("MacAddress") or ""),
    )


def _words(given: Any) -> tuple[str, ...] | None:
    return None if given is None else tuple(map(str, given))


def _refusals(
    body: Mapping[str, Any], host: Mapping[str, Any], given: Mapping[str, Any]
) -> Iterator[str]:
    if len(given) > 1:
        yield f"Container cannot be connected to network endpoints: {', '.join(sorted(given))}"
    for name, asked in given.items():
        if asked is None:
            yield f"no EndpointSettings for {name}"
            return
        yield from _of_addresses(asked)
    yield from _of_mode(body, host)


def warnings(body: Mapping[str, Any], *, has_own: bool) -> Iterator[str]:
    """What asks for an interface of the container's own and finds none, or is not heeded at all."""
    given = ((body.get("NetworkingConfig") or {}).get("EndpointsConfig") or {}).values()
    ipams = [(asked or {}).get("IPAMConfig") or {} for asked in given]
    asked = {
        "--mac-address": not has_own and body.get("MacAddress"),
        "--ip": not has_own and any(ipam.get("IPv4Address") for ipam in ipams),
        "--ip6": any(ipam.get("IPv6Address") for ipam in ipams),
        "--link-local-ip": any(ipam.get("LinkLocalIPs") for ipam in ipams),
    }
    yield from (f"{option} is ignored by this engine" for option in asked if asked[option])


def _of_addresses(asked: Mapping[str, Any]) -> Iterator[str]:
    """What of an EndpointConfig is no address, in dockerd's words."""
    ipam = asked.get("IPAMConfig") or {}
    if (address := str(ipam.get("IPv4Address") or "")) and not is_address(address):
        yield f"invalid IPv4 address: {address}"
    if (address := str(ipam.get("IPv6Address") or "")) and not is_long_address(address):
        yield f"invalid IPv6 address: {address}"


def _of_mode(body: Mapping[str, Any], host: Mapping[str, Any]) -> Iterator[str]:
    mode = str(host.get("NetworkMode") or "")
    shares = mode.startswith(OF_CONTAINER)
    if mode == OF_CONTAINER:
        yield "Invalid network mode: invalid container format container:<name|id>"
    if shares and body.get("Hostname"):
        yield "conflicting options: hostname and the network mode"
    if mode == "host" and host.get("Links"):
        yield f"conflicting options: host type networking {_LINKED}"
    if shares and host.get("Links"):
        yield f"conflicting options: container type network {_LINKED}"
    if shares and host.get("Dns"):
        yield "conflicting options: dns and the network mode"
    if shares and host.get("ExtraHosts"):
        yield "conflicting options: custom host-to-IP mapping and the network mode"
    if (shares or mode == "host") and body.get("MacAddress"):
        yield "conflicting options: mac-address and the network mode"
    if shares and (host.get("PortBindings") or host.get("PublishAllPorts")):
        yield "conflicting options: port publishing and the container type network mode"
