"""What is tried from one place to another, and what an answer means.

Knows: words of nc, bash and Python for what goes wrong. Does not know: engines.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from .places import SHARED, Place, address_for

HERE = "this machine"
# A program answered; the other side answered that no program listens; nobody answered.
REACHED, REFUSED, SILENT = "reached", "refused", "timed out"
UNREACHABLE, NAMELESS, UNKNOWN = "unreachable", "no such name", "not known"
TIMED_OUT = (124, 137, 142, 143)  # of timeout, and of alarms
_MEANINGS = (
    (REFUSED, r"refused|reset by peer"),
    (NAMELESS, r"bad address|not known|name resolution|name or service|getaddrinfo|no address"),
    (UNREACHABLE, r"unreachable|no route|host is down"),
    (SILENT, r"timed out|time-?out"),
)


@dataclass(frozen=True)
class Attempt:
    """From ``source`` to ``target``, by its "address", its "name", or a "published port";
    ``measured`` says whether a connection was tried, or the result is what the networks say."""

    source: str
    target: str
    by: str
    address: str = ""
    port: int = 0
    network: str = ""
    result: str = UNKNOWN
    measured: bool = False

    @property
    def plain(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return asdict(self)

    @property
    def answers(self) -> bool:
        """Whether anybody is there, listening or not."""
        return self.result in (REACHED, REFUSED)

    def found(self, result: str) -> Attempt:
        """As measured."""
        return replace(self, result=result, measured=True)


def meaning(code: int, said: str) -> str:
    """Of a program's exit code and its words."""
    if code == 0:
        return REACHED
    for result, words in _MEANINGS:
        if re.search(words, said, re.IGNORECASE):
            return result
    return SILENT if code in TIMED_OUT else UNKNOWN


def of_container(
    source: Place, every: Sequence[Place], host: tuple[str, int] | None
) -> list[Attempt]:
    """To all others, and to ``host``, the address and the port at which this machine listens; ""
    where the container has no way to it, None where nobody can say."""
    found: list[Attempt] = []
    for target in every:
        if target is not source:
            found += _between(source, target)
    result = UNKNOWN if host is None else _declared(bool(host[0]))
    return [*found, Attempt(source.name, HERE, "address", *(host or ("", 0)), result=result)]


def host_for(source: Place) -> str:
    """The address by which a container finds its engine's machine; "" where there is none."""
    if source.has_hosts_network:
        return SHARED
    return next(iter(source.gateways.values()), "")


def _between(source: Place, target: Place) -> list[Attempt]:
    address, network = address_for(source, target)
    shares = source.home == target.home or network in source.networks or network == "host"
    one = Attempt(
        *(source.name, target.name, "address", address, target.port, network),
        result=_declared(shares and bool(address)),
    )
    if network not in source.networks or target.lender:
        return [one]
    # The network named bridge knows no names.
    named = REACHED if network not in ("bridge", "podman") else NAMELESS
    return [one, replace(one, by="name", address=target.name, result=named)]


def of_here(
    every: Sequence[Place], engine_host: str, foreign: Collection[str] = (), *, is_here: bool = True
) -> list[Attempt]:
    """From the machine of the notebook; ``engine_host`` is where ports are published. What is in
    ``foreign`` networks, or on another machine where the engine is not here, cannot be tried by
    its address: that may be somebody else's here."""
    found: list[Attempt] = []
    for target in every:
        network, address = next(iter(target.networks.items()), ("", ""))
        result = _declared(bool(address))
        if target.has_hosts_network:
            address, network = engine_host, "host"
        elif network in foreign or not is_here:
            address, result = "", UNKNOWN
        found.append(Attempt(HERE, target.name, "address", address, target.port, network, result))
        for one in target.published:
            everywhere = one.address in ("", "0.0.0.0")
            # The same port again, of IPv6; or an address of the other machine.
            if ":" in one.address or not (everywhere or is_here):
                continue
            at = engine_host if everywhere else one.address
            by = f"published port {one.port}"
            found.append(Attempt(HERE, target.name, by, at, one.port, result=REACHED))
    return found


def _declared(is_so: bool) -> str:
    return REACHED if is_so else UNREACHABLE
