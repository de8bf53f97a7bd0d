"""Containers, their networks and published ports, of the answer of ``GET /containers/json``.

Knows: that JSON. Does not know: who asked for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
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
class Place:
    """A container that runs. ``networks`` are addresses by the network's name, ``gateways`` the
    host's in it; ``ports`` those of TCP that its image or somebody names."""

    id: str
    name: str
    networks: Mapping[str, str] = field(default_factory=dict)
    gateways: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[int, ...] = ()
    published: tuple[Published, ...] = ()
    has_hosts_network: bool = False

    @classmethod
    def of(cls, told: Mapping[str, Any], isolating: Isolating) -> Place:
        networks = (told.get("NetworkSettings") or {}).get("Networks") or {}
        mode = str((told.get("HostConfig") or {}).get("NetworkMode") or "")
        rows = [port for port in told.get("Ports") or () if port.get("Type", "tcp") == "tcp"]
        open_ones = (
            Published(str(one.get("IP") or ""), int(one["PublicPort"]), int(one["PrivatePort"]))
            for one in rows
            if one.get("PublicPort")
        )
        is_apart = isolating.none if mode == "none" else isolating.others
        has_hosts = mode == "host" or not is_apart
        return cls(
            str(told["Id"]),
            next(iter(told.get("Names") or ["?"])).lstrip("/"),
            {} if has_hosts else _of_each(networks, "IPAddress"),
            {} if has_hosts else _of_each(networks, "Gateway"),
            tuple(sorted({int(one["PrivatePort"]) for one in rows})),
            tuple(sorted(set(open_ones), key=lambda one: (one.port, one.address))),
            has_hosts,
        )

    @property
    def port(self) -> int:
        """The one to try; 9, discard, where nobody names any: it is refused, by who is there."""
        return self.ports[0] if self.ports else 9


def _of_each(networks: Mapping[str, Any], key: str) -> dict[str, str]:
    found = {str(name): str((one or {}).get(key) or "") for name, one in networks.items()}
    return {name: address for name, address in found.items() if address}


def places(told: Iterable[Mapping[str, Any]], isolating: Isolating) -> tuple[Place, ...]:
    """By name."""
    return tuple(sorted((Place.of(one, isolating) for one in told), key=lambda one: one.name))


def address_for(source: Place, target: Place) -> tuple[str, str]:
    """Where ``source`` finds ``target``, and in which network: one that both are in, where there
    is any. ("", "") of one that has no address."""
    if target.has_hosts_network:
        common = next(iter(source.gateways.values()), "")
        return (SHARED if source.has_hosts_network else common), "host"
    shared = [name for name in target.networks if name in source.networks]
    for name in (*shared, *target.networks):
        return target.networks[name], name
    return "", ""
