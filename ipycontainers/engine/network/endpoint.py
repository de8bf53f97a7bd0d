"""A container's place in a network: what was asked for, and what it has while it runs.

Knows: values. Does not know: the disk, Docker's JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Endpoint:
    """``network`` is the id that the name was last found to mean, "" before the first start.

    Absent and empty are two things to who asks: None and (). ``links`` are "CONTAINER:ALIAS";
    ``ipam`` is as it was sent.
    """

    name: str  # of the network
    network: str = ""
    aliases: tuple[str, ...] | None = None
    links: tuple[str, ...] | None = None
    ipam: Mapping[str, Any] | None = None
    options: Mapping[str, str] | None = None
    mac: str = ""

    @property
    def address(self) -> str:
        """That was asked for, or ""."""
        return str((self.ipam or {}).get("IPv4Address") or "")

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for the record on the disk."""
        return asdict(self)

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Endpoint:
        """From ``to_dict``'s form; what a newer engine has added is left out."""
        known = {name: plain[name] for name in cls.__dataclass_fields__ if name in plain}
        for name in ("aliases", "links"):
            if known.get(name) is not None:
                known[name] = tuple(map(str, known[name]))
        return cls(**known)


@dataclass(frozen=True)
class Lease:
    """What a running container has in a network. ``address`` is "172.18.0.2/16"; without a network
    of its own it is the host's 127.0.0.1, and there is neither ``gateway`` nor ``mac``."""

    network: str  # its id
    id: str  # of the endpoint
    address: str = ""
    gateway: str = ""
    mac: str = ""

    @property
    def is_own(self) -> bool:
        """Whether it is an address in a network namespace of the container's own."""
        return bool(self.mac)

    @property
    def host(self) -> str:
        """The address without the length of its network."""
        return self.address.partition("/")[0]

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Lease:
        """From ``to_dict``'s form."""
        return cls(**{name: plain[name] for name in cls.__dataclass_fields__ if name in plain})
