"""One network: what was asked for when it was made, and which addresses it gives.

    network = Network.of_request(body)       # without a pool yet, where none was asked for
    network.first_free(taken)

Knows: Docker's words for networks. Does not know: the disk, containers.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from ipycontainers.errors import Invalid

from . import outgoing
from .addresses import Pool, is_address, is_long_address, number, text

BRIDGE, HOST, NONE = "bridge", "host", "none"
PREDEFINED = (BRIDGE, HOST, NONE)
DRIVERS: Mapping[str, str] = {BRIDGE: "bridge", HOST: "host", NONE: "null"}
BRIDGE_NAME = "com.docker.network.bridge.name"
DEFAULT_BRIDGE = "docker0"
LONGEST_INTERFACE = 15  # Linux's IFNAMSIZ, less the zero
_ICC = "com.docker.network.bridge.enable_icc"
_TRUE = ("1", "t", "T", "true", "TRUE", "True")
_DEFAULT_OPTIONS = {
    "com.docker.network.bridge.default_bridge": "true",
    _ICC: "true",
    "com.docker.network.bridge.enable_ip_masquerade": "true",
    "com.docker.network.bridge.host_binding_ipv4": "0.0.0.0",
    BRIDGE_NAME: DEFAULT_BRIDGE,
    "com.docker.network.driver.mtu": "1500",
}


@dataclass(frozen=True)
class Network:
    """``pools`` are as they were sent: Subnet, IPRange, Gateway, AuxiliaryAddresses; where none of
    IPv4 was, the first is what ``is_given`` False says the engine has chosen."""

    id: str
    name: str
    created: float = 0
    driver: str = "bridge"
    pools: tuple[Mapping[str, Any], ...] = ()
    is_given: bool = False
    is_internal: bool = False
    is_attachable: bool = False
    has_ipv6: bool = False
    ipam_options: Mapping[str, str] | None = None
    options: Mapping[str, str] | None = None
    labels: Mapping[str, str] | None = None

    @property
    def is_predefined(self) -> bool:
        return self.id == predefined_id(self.name)

    @property
    def pool(self) -> Pool | None:
        """Of IPv4, from which addresses are given. None: it has none, as "host" and "none"."""
        return Pool.parse(str(self._given["Subnet"])) if self._given else None

    @property
    def gateway(self) -> str:
        """As dockerd: what was asked for, or the first address of the part that is given from."""
        if not self._given or not (pool := self.pool):
            return ""
        asked = str(self._given.get("Gateway") or "")
        if asked:
            return asked.partition("/")[0]
        first = self._part or pool
        return text(first.base + (first.base == pool.base))

    @property
    def interface(self) -> str:
        """The bridge's, at most 15 characters."""
        return str((self.options or {}).get(BRIDGE_NAME) or f"br-{self.id[:12]}")

    @property
    def keeps_apart(self) -> bool:
        """Whether its containers do not reach one another."""
        return (self.options or {}).get(_ICC, "true") not in _TRUE

    @property
    def _given(self) -> Mapping[str, Any]:
        return next((pool for pool in self.pools if "." in str(pool.get("Subnet"))), {})

    @property
    def _part(self) -> Pool | None:
        """Of the pool, that addresses are given from; a part that is none of it counts for nothing,
        as with dockerd."""
        words, pool = str(self._given.get("IPRange") or ""), self.pool
        part = Pool.parse(words) if words else None
        return part if part and pool and part.length >= pool.length and part.base in pool else None

    @property
    def reserved(self) -> frozenset[int]:
        """Addresses that no container gets."""
        auxiliary = self._given.get("AuxiliaryAddresses") or {}
        words = [*auxiliary.values(), *([self.gateway] if self.gateway else [])]
        return frozenset(map(number, words))

    def first_free(self, taken: Collection[int]) -> int | None:
        """The address of the next container; None where all are taken."""
        pool = self.pool
        return pool.first_free(self.reserved | frozenset(taken), self._part) if pool else None

    def may_have(self, address: int) -> bool:
        """Whether a container could have it if nobody else has."""
        pool = self.pool
        return bool(pool) and address not in (*self.reserved, pool.base, pool.last)  # type: ignore[union-attr]

    def with_pool(self, pool: Pool) -> Network:
        """One that was chosen for it."""
        chosen = {"Subnet": str(pool), "Gateway": text(pool.base + 1)}
        return replace(self, pools=(chosen, *self.pools))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for the disk."""
        return asdict(self)

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Network:
        """From ``to_dict``'s form, without what a newer engine has added.

        Raises ValueError, KeyError, TypeError, AttributeError, Invalid for what is none.
        """
        known = {name: plain[name] for name in cls.__dataclass_fields__ if name in plain}
        made = cls(**{**known, "pools": tuple(dict(pool) for pool in known.get("pools", ()))})
        if not (isinstance(made.name, str) and isinstance(made.created, (int, float))):
            raise ValueError(f"{made.name!r} is no name of a network")  # noqa: TRY004
        _ = made.gateway, made.reserved  # whether they can be read
        return made


def predefined_id(name: str) -> str:
    """The same at every start."""
    return name.encode().hex().ljust(64, "0")


def predefined(name: str) -> Network:
    """One of DRIVERS; "bridge" without its pool."""
    options = _DEFAULT_OPTIONS if name == BRIDGE else None
    return Network(predefined_id(name), name, driver=DRIVERS[name], options=options)


def of_request(body: Mapping[str, Any]) -> Network:
    """From a request whose words were looked at by ``refusals``."""
    ipam = body.get("IPAM") or {}
    pools = tuple(_without_empty(pool) for pool in ipam.get("Config") or ())
    return Network(
        secrets.token_hex(32),
        str(body["Name"]),
        time.time(),
        pools=pools,
        is_given=any("." in str(pool["Subnet"]) for pool in pools),
        is_internal=bool(body.get("Internal")),
        is_attachable=bool(body.get("Attachable")),
        has_ipv6=bool(body.get("EnableIPv6")),
        ipam_options=ipam.get("Options"),
        options=body.get("Options"),
        labels=body.get("Labels"),
    )


def _without_empty(pool: Mapping[str, Any]) -> dict[str, Any]:
    keys = ("Subnet", "IPRange", "Gateway", "AuxiliaryAddresses")
    return {key: pool[key] for key in keys if pool.get(key)}


# --- what cannot be ------------------------------------------------------------------------------


def refusals(body: Mapping[str, Any]) -> Iterator[str]:
    """Of what a request says of pools and options, in dockerd's words."""
    pools = (body.get("IPAM") or {}).get("Config") or ()
    for pool in pools:
        yield from _of_pool(pool, str(body.get("Name")))
    if sum("." in str(pool.get("Subnet")) for pool in pools) > 1:
        yield "bridge driver doesn't support multiple subnets"
    yield from _of_options(body.get("Options") or {})


def _of_pool(given: Mapping[str, Any], name: str) -> Iterator[str]:
    subnet, gateway = str(given.get("Subnet") or ""), str(given.get("Gateway") or "")
    if ":" in subnet:  # kept, and given to nobody
        if not is_long_address(subnet.partition("/")[0]):
            yield f"Invalid subnet {subnet} : invalid CIDR address: {subnet}"
        return
    try:
        pool = Pool.parse(subnet)
    except Invalid as error:
        yield f"Invalid subnet {subnet} : {error.message}"
        return
    if part := str(given.get("IPRange") or ""):
        try:
            Pool.parse(part)
        except Invalid:
            yield (
                f'failed to parse pool request for address space "LocalDefault" pool "{subnet}" '
                f'subpool "{part}": Invalid Address SubPool'
            )
    if gateway:
        yield from _of_gateway(gateway, pool)
    elif pool.length > 30:
        yield "failed to allocate gateway (): No available addresses on this pool"
    for key, address in (given.get("AuxiliaryAddresses") or {}).items():
        if not is_address(str(address)):
            yield f"non parsable secondary ip address ({key}:{address}) passed for network {name}"
        elif number(str(address)) not in pool:
            yield f"auxiliary address: ({key}:{address}) must belong to the master pool: {pool}"


def _of_gateway(gateway: str, pool: Pool) -> Iterator[str]:
    if not is_address(gateway):
        yield f"invalid gateway address {gateway} in Ipam configuration"
    elif number(gateway) not in pool:
        yield f"failed to allocate gateway ({gateway}): Requested address is out of range"
    elif number(gateway) in (pool.base, pool.last):
        yield f"failed to allocate gateway ({gateway}): Address already in use"


_SWITCHES = ("enable_icc", "enable_ip_masquerade", "inhibit_ipv4", "default_bridge")
_TRUTHS = {*_TRUE, "0", "f", "F", "false", "FALSE", "False"}
_MTU = "com.docker.network.driver.mtu"
_BINDING = "com.docker.network.bridge.host_binding_ipv4"


def _of_options(options: Mapping[str, str]) -> Iterator[str]:
    for word in _SWITCHES:
        value = options.get(key := f"com.docker.network.bridge.{word}")
        if value is not None and value not in _TRUTHS:
            yield _unparsed(key, value, "ParseBool")
    value = options.get(_MTU)
    if value is not None and not value.isdecimal():
        yield _unparsed(_MTU, value, "Atoi")
    value = options.get(_BINDING)
    if value is not None and not (is_address(value) or is_long_address(value)):
        yield f"failed to parse {_BINDING} value: {value} (nil ip)"
    name = options.get(BRIDGE_NAME) or ""
    if len(name) > LONGEST_INTERFACE:
        yield "failed to check bridge interface existence: numerical result out of range"
    elif name and (set(name) & set("/: \t\n") or name in (".", "..") or not name.isascii()):
        yield "invalid argument"


_NOT_DONE: Mapping[str, tuple[Collection[str], str]] = {
    "com.docker.network.bridge.enable_ip_masquerade": (
        _TRUE, "what leads out of it has the address of this machine; --internal keeps all inside"
    ),
    _BINDING: (("", "0.0.0.0"), "ports without an address are published on 127.0.0.1"),
    _MTU: (("", "0", "1500"), f"packets of up to {outgoing.MTU} bytes pass"),
}  # fmt: skip
"""Options, the values with which they ask for nothing, and what is so whatever they say."""


def warnings(options: Mapping[str, str]) -> Iterator[str]:
    """Of what will not be as it was asked; ``options`` have no ``refusals``."""
    for key, (usual, truth) in _NOT_DONE.items():
        value = options.get(key)
        if value is not None and value not in usual:
            yield f"{key}={value} is ignored by this engine: {truth}."


def _unparsed(key: str, value: str, function: str) -> str:
    reason = f'strconv.{function}: parsing "{value}": invalid syntax'
    return f"failed to parse {key} value: {value} ({reason})"
