"""IPv4 addresses and the pools that they are taken from, as plain numbers.

    pool = Pool.parse("172.18.0.0/16")
    str(pool), text(pool.first_free({1}))

Numbers and not ``ipaddress``, which an idle engine would keep in memory for a few sums.

Knows: IPv4, which pools dockerd takes. Does not know: networks, containers. Light, since a keeper
has it.
"""

from __future__ import annotations

import _socket
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import NamedTuple

from ipycontainers.errors import Invalid


class Pool(NamedTuple):
    """``length`` bits of ``base`` are fixed; the others of it are 0."""

    base: int
    length: int

    @classmethod
    def parse(cls, words: str) -> Pool:
        """ "172.18.0.0/16"; bits of hosts are dropped. Raises Invalid, in Go's words.

        >>> str(Pool.parse("172.18.3.4/16"))
        '172.18.0.0/16'
        """
        address, slash, length = words.partition("/")
        if not (slash and length.isdecimal() and int(length) <= 32 and is_address(address)):
            raise Invalid(f"invalid CIDR address: {words}")
        return cls(number(address) & _mask(int(length)), int(length))

    def __str__(self) -> str:
        return f"{text(self.base)}/{self.length}"

    def __contains__(self, address: object) -> bool:
        return isinstance(address, int) and address & _mask(self.length) == self.base

    def overlaps(self, other: Pool) -> bool:
        """
        >>> Pool.parse("10.1.0.0/16").overlaps(Pool.parse("10.0.0.0/8"))
        True
        """
        shorter = _mask(min(self.length, other.length))
        return self.base & shorter == other.base & shorter

    @property
    def last(self) -> int:
        """The broadcast address."""
        return self.base | ~_mask(self.length) & 0xFFFFFFFF

    def first_free(self, taken: Collection[int], within: Pool | None = None) -> int | None:
        """The lowest address that a host may have, as dockerd gives them; None: there is none.

        ``within`` is the part of it that addresses are given from.
        """
        part = within or self
        for address in range(max(part.base, self.base), min(part.last, self.last) + 1):
            if address not in taken and address not in (self.base, self.last):
                return address
        return None


def _mask(length: int) -> int:
    return (0xFFFFFFFF << (32 - length)) & 0xFFFFFFFF


def is_address(words: str) -> bool:
    """Whether it is an IPv4 address in four numbers."""
    return _is(_socket.AF_INET, words)


def is_long_address(words: str) -> bool:
    """The same of IPv6."""
    return _is(_socket.AF_INET6, words)


def _is(family: int, words: str) -> bool:
    try:
        _socket.inet_pton(family, words)
    except (OSError, ValueError):
        return False
    return True


def usual(words: str) -> str | None:
    """An address of either kind as it is usually written; None for what is none.

    >>> usual("0:0::1"), usual("192.0.2.1"), usual("192.0.2")
    ('::1', '192.0.2.1', None)
    """
    for family, is_one in ((_socket.AF_INET, is_address), (_socket.AF_INET6, is_long_address)):
        if is_one(words):
            return _socket.inet_ntop(family, _socket.inet_pton(family, words))
    return None


def number(words: str) -> int:
    """
    >>> hex(number("172.18.0.2"))
    '0xac120002'
    """
    return int.from_bytes(_socket.inet_pton(_socket.AF_INET, words), "big")


def text(address: int) -> str:
    """
    >>> text(0xAC120002)
    '172.18.0.2'
    """
    return _socket.inet_ntop(_socket.AF_INET, address.to_bytes(4, "big"))


def mac(address: int) -> str:
    """dockerd's rule: an address of its own kind, which ends with the IPv4 address.

    >>> mac(number("172.18.0.2"))
    '02:42:ac:12:00:02'
    """
    return ":".join(f"{byte:02x}" for byte in (2, 0x42, *address.to_bytes(4, "big")))


def _pools() -> Iterator[Pool]:
    """Those that dockerd takes where none is asked for, in its order."""
    for second in range(17, 32):
        yield Pool(172 << 24 | second << 16, 16)
    for third in range(0, 256, 16):
        yield Pool(192 << 24 | 168 << 16 | third << 8, 20)


def free_pool(taken: Iterable[Pool]) -> Pool | None:
    """The first that overlaps with none of ``taken``."""
    others = list(taken)
    is_free: Callable[[Pool], bool] = lambda pool: not any(map(pool.overlaps, others))  # noqa: E731
    return next(filter(is_free, _pools()), None)
