"""Which addresses this machine reaches: no pool that is chosen may lie across them.

Knows: proc(5), resolv.conf(5). Does not know: networks.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from .addresses import Pool, is_address, number

_FAR = "192.0.2.254"  # for documentation (RFC 5737): any that the default route leads to
_ROUTES, _RESOLVER = Path("/proc/net/route"), Path("/etc/resolv.conf")


def of_machine() -> list[Pool]:
    """Its routes but for the default one, and its name servers."""
    found = []
    with suppress(OSError):
        found += list(routes(_ROUTES.read_text()))
    with suppress(OSError):
        found += list(servers(_RESOLVER.read_text(errors="replace")))
    return found


def address() -> str:
    """Of this machine, from where it would send to others; its loopback where it has no others."""
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((_FAR, 9))  # which sends nothing
        return str(probe.getsockname()[0])
    return "127.0.0.1"


def routes(listed: str) -> Iterator[Pool]:
    """Of /proc/net/route, whose numbers are as they lie in this machine's memory."""
    for line in listed.splitlines()[1:]:
        words = line.split()
        with suppress(ValueError, IndexError):
            base, mask = (int(words[column], 16).to_bytes(4, sys.byteorder) for column in (1, 7))
            length = int.from_bytes(mask, "big").bit_count()
            if length:
                yield Pool(int.from_bytes(base, "big"), length)


def servers(configuration: str) -> Iterator[Pool]:
    """Of resolv.conf, each a pool of one address."""
    for values in said(configuration, "nameserver"):
        if is_address(values[0]):
            yield Pool(number(values[0]), 32)


def said(configuration: str, word: str) -> Iterator[list[str]]:
    """The values of each line of resolv.conf that begins with ``word`` and has some.

    >>> list(said("nameserver 192.0.2.1\\nnameserver \\n options  a b", "nameserver"))
    [['192.0.2.1']]
    """
    for line in configuration.splitlines():
        first, *values = line.split() or [""]
        if first == word and values:
            yield values
