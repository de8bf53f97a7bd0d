"""Containers, their networks and published ports, of the answers of ``GET /containers/json`` and
``GET /networks``.

Knows: that JSON. Does not know: who asked for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

SHARED = "127.0.0.1"  # where those are found that have the host's own network


@dataclass(frozen=True)
class Isolating:
    """Whether an engine keeps containers without a network, and all ``others``, from the host's:
    our own cannot everywhere."""

    none: bool = True
    others: bool = True


@dataclass(frozen=True)
class Published:
    """A port of the host: connections to it come to ``inner`` of the container."""

    address: str
    port: int
    inner: int


@dataclass(frozen=True)
class Network:
    """``gateway`` is the host's address in it, ``internal``: nothing is routed out of it."""

    gateway: str = ""
    internal: bool = False


def networks(told: Iterable[Mapping[str, Any]]) -> dict[str, Network]:
    """By name."""
    found = {}
    for one in told:
        pools = (one.get("IPAM") or {}).get("Config") or ()
        gateways = (str(pool.get("Gateway") or "") for pool in pools)
        gateway = next((address for address in gateways if address and ":" not in address), "")
        found[str(one.get("Name"))] = Network(gateway, bool(one.get("Internal")))
    return found


@dataclass(frozen=True)
class Place:
    """A container that runs. ``networks`` are addresses by the network's name, ``gateways`` the
    host's in it; ``ports`` those of TCP that its image or somebody names; ``lender`` is the
    container whose network it has."""

    id: str
    name: str
    networks: Mapping[str, str] = field(default_factory=dict)
    gateways: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[int, ...] = ()
    published: tuple[Published, ...] = ()
    has_hosts_network: bool = False
    lender: str = ""

    @classmethod
    def of(
        cls, told: Mapping[str, Any], isolating: Isolating, known: Mapping[str, Network]
    ) -> Place:
        endpoints = (told.get("NetworkSettings") or {}).get("Networks") or {}
        mode = str((told.get("HostConfig") or {}).get("NetworkMode") or "")
        rows = [port for port in told.get("Ports") or () if port.get("Type", "tcp") == "tcp"]
        open_ones = (
            Published(str(one.get("IP") or ""), int(one["PublicPort"]), int(one["PrivatePort"]))
            for one in rows
            if one.get("PublicPort")
        )
        is_apart = isolating.none if mode == "none" else isolating.others
        is_lent = mode.startswith("container:")  # then the other one tells
        has_hosts = mode == "host" or not (is_apart or is_lent)
        addresses = {} if has_hosts else _of_each(endpoints, "IPAddress")
        # A container is told of none in a network that is internal.
        gateways = {name: known[name].gateway for name in addresses if name in known}
        gateways |= _of_each(endpoints, "Gateway")
        return cls(
            str(told["Id"]),
            next(iter(told.get("Names") or ["?"])).lstrip("/"),
            addresses,
            {name: address for name, address in gateways.items() if name in addresses and address},
            tuple(sorted({int(one["PrivatePort"]) for one in rows})),
            tuple(sorted(set(open_ones), key=lambda one: (one.port, one.address))),
            has_hosts,
        )

    @property
    def home(self) -> str:
        """Whose network it has: two of one home are to each other as programs of one machine."""
        return "" if self.has_hosts_network else self.lender or self.name

    @property
    def port(self) -> int:
        """The one to try; 9, discard, where nobody names any: it is refused, by who is there."""
        return self.ports[0] if self.ports else 9


def _of_each(networks: Mapping[str, Any], key: str) -> dict[str, str]:
    found = {str(name): str((one or {}).get(key) or "") for name, one in networks.items()}
    return {name: address for name, address in found.items() if address}


def places(
    told: Iterable[Mapping[str, Any]],
    isolating: Isolating,
    known: Mapping[str, Network] = MappingProxyType({}),
) -> tuple[Place, ...]:
    """By name."""
    every = list(told)
    made = {str(one["Id"]): Place.of(one, isolating, known) for one in every}
    modes = {str(one["Id"]): (one.get("HostConfig") or {}).get("NetworkMode") for one in every}
    found = (_lent(one, made, modes) for one in made.values())
    return tuple(sorted(found, key=lambda one: one.name))


def _lent(one: Place, made: Mapping[str, Place], modes: Mapping[str, Any]) -> Place:
    """With the network of ``--network container:NAME``, which is told of the other one only."""
    lender = one
    for _ in made:  # the other one may have borrowed it too
        kind, _, name = str(modes[lender.id] or "").partition(":")
        found = [it for it in made.values() if kind == "container" and _is_called(it, name)]
        if not found:
            break
        # A name goes before the beginning of an id, as engines have it.
        lender = next((it for it in found if name in (it.name, it.id)), found[0])
    if lender is one:
        return one
    return replace(
        one,
        networks=lender.networks,
        gateways=lender.gateways,
        has_hosts_network=lender.has_hosts_network,
        lender="" if lender.has_hosts_network else lender.name,
    )


def _is_called(one: Place, name: str) -> bool:
    return bool(name) and (one.name == name or one.id.startswith(name))


def address_for(source: Place, target: Place) -> tuple[str, str]:
    """Where ``source`` finds ``target``, and in which network: one that both are in, where there
    is any. ("", "") of one that has no address."""
    if source.home == target.home:
        return SHARED, "host" if source.has_hosts_network else f"container:{source.home}"
    if target.has_hosts_network:
        return next(iter(source.gateways.values()), ""), "host"
    shared = [name for name in target.networks if name in source.networks]
    for name in (*shared, *target.networks):
        return target.networks[name], name
    return "", ""
