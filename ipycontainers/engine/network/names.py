"""By which names the containers of a network are to know one another.

Containers of a user's network know each other's names, aliases and short ids, and what each
calls others by links. The default bridge has links only.

Knows: members, names. Does not know: where names are written, the disk.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .endpoint import Endpoint, Lease

Line = tuple[str, tuple[str, ...]]
"""An address and the names that mean it."""


@dataclass(frozen=True)
class Member:
    """A running container in a network."""

    container: str  # its id
    name: str
    endpoint: Endpoint
    lease: Lease

    @property
    def names(self) -> tuple[str, ...]:
        """Its own first; each once."""
        own = (self.name, *(self.endpoint.aliases or ()), self.container[:12])
        return tuple(dict.fromkeys(own))


def known_to(member: Member, others: Iterable[Member]) -> Iterator[Line]:
    """What one of a user's network knows of all in it, itself too. No address of the machine's
    loopback means the same to one with a network of its own, nor the other way round."""
    yield member.lease.host, member.names
    links = [link.partition(":")[::2] for link in member.endpoint.links or ()]
    for other in others:
        if other.container != member.container and other.lease.is_own == member.lease.is_own:
            called = [alias or name for name, alias in links if is_called(other, name)]
            yield other.lease.host, tuple(dict.fromkeys((*called, *other.names)))


def is_called(member: Member, name: str) -> bool:
    """Whether ``name`` means it: its name, or the beginning of its id."""
    plain = name.removeprefix("/")
    return plain == member.name or (len(plain) >= 12 and member.container.startswith(plain))


def merged(lines: Iterable[Line]) -> list[str]:
    """Lines of hosts(5), one for each address, in their order."""
    found: dict[str, dict[str, None]] = {}
    for address, names in lines:
        found.setdefault(address, {}).update(dict.fromkeys(names))
    return [f"{address}\t{' '.join(names)}\n" for address, names in found.items() if names]
