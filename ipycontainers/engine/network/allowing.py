"""What may be asked for in a network, and what of it is not to be had.

Knows: dockerd's words. Does not know: who asks.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from ipycontainers.errors import Forbidden, Invalid

from . import addresses
from .endpoint import Endpoint
from .network import Network


def check(endpoint: Endpoint, network: Network) -> None:
    """What a network allows to ask for. Raises Invalid, in dockerd's words."""
    ipam = endpoint.ipam or {}
    asks = bool(ipam.get("IPv4Address") or ipam.get("IPv6Address"))
    if network.is_predefined:
        if asks:
            raise Invalid("user specified IP address is supported on user defined networks only")
        if endpoint.aliases:
            raise Invalid(
                "network-scoped alias is supported only for containers in user defined networks"
            )
        return
    long_ones = any(":" in str(pool.get("Subnet")) for pool in network.pools)
    if (endpoint.address and not network.is_given) or (ipam.get("IPv6Address") and not long_ones):
        raise Invalid(
            "user specified IP address is supported only when connecting to networks with user "
            "configured subnets"
        )


def asked_address(asked: str, network: Network, taken: Collection[int]) -> int:
    if not addresses.is_address(asked):
        raise Invalid(f"Invalid IPv4 address: {asked})")
    address, pool = addresses.number(asked), network.pool
    if not pool or address not in pool:
        raise Invalid(
            f"Invalid address {asked}: It does not belong to any of this network's subnets"
        )
    if address in taken or not network.may_have(address):
        raise Forbidden("Address already in use")
    return address


def checked_mac(text: str) -> str:
    plain = text.lower().replace("-", ":")
    if not re.fullmatch(r"([0-9a-f]{2}:){5}[0-9a-f]{2}", plain):
        raise Invalid(f"address {text}: invalid MAC address")
    return plain
