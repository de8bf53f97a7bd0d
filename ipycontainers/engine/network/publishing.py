"""From a container's record to what its supervisor is to publish, and from a refusal to words.

Knows: records, Docker's words for what failed. Does not know: sockets, HTTP.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ipycontainers.engine.record import Record

from . import holders, ports
from .binding import Binding, Wanted, split

PRIVILEGED = (
    "ports below 1024 are not this user's. Publish another one, such as -p 8080:{port}, or let "
    "root run: sysctl net.ipv4.ip_unprivileged_port_start={host_port}"
)


class Publisher:
    """``records`` gives all containers there are: one of them may have a port. Of those that
    are not ``reachable`` nothing is published, as with dockerd."""

    def __init__(
        self, records: Callable[[], Iterable[Record]], reachable: Callable[[Record], bool]
    ) -> None:
        self._records = records
        self._is_reachable = reachable

    def asked(self, record: Record, joins: Sequence[str] = ()) -> dict[str, Any] | None:
        """What to tell its supervisor; None where nothing is published. ``joins`` are the
        namespaces that the container is about to join."""
        is_own = record.network == "own"
        wanted = ports.wanted(record.config, record.host_config, shares_host=not is_own)
        if not wanted or not self._is_reachable(record):
            return None
        own = (lease.host for lease in record.leases.values() if lease.is_own)
        to = next(own, ports.LOCAL)
        return {"bindings": wanted, "to": to, "enter": joins}

    def refusal(self, record: Record, answer: Mapping[str, Any]) -> str:
        """Why it was not started, where its ports are the reason; else ""."""
        asked = self.asked(record)
        if not asked or "index" not in answer:
            return ""
        one: Wanted = asked["bindings"][answer["index"]]
        said = self._reason(record, one, int(answer["errno"]))
        endpoint = f"{record.name} ({record.id[:12]})"
        return f"driver failed programming external connectivity on endpoint {endpoint}: {said}"

    def _reason(self, record: Record, one: Wanted, number: int) -> str:
        container_port, protocol = split(one.container_port)
        where = _where(one)
        if number == errno.EACCES:
            how = PRIVILEGED.format(port=container_port, host_port=one.first)
            return f"Bind for {where} failed: permission denied: {how}"
        if number == errno.EADDRNOTAVAIL:
            return (
                f"Bind for {where} failed: cannot assign requested address: this machine has no "
                f"address {one.host_ip}"
            )
        if number != errno.EADDRINUSE:
            return f"Bind for {where} failed: {errno.errorcode.get(number, number)}"
        if one.first != one.last:
            return f"Bind for {where} failed: all ports of the range are allocated"
        if other := self._container(record, one, protocol):
            return f"Bind for {where} failed: port is already allocated by {other}"
        host_ip = one.host_ip if one.is_held else one.everywhere
        holder = holders.of(protocol, host_ip, one.first)
        by = holder.words if holder else "nobody any more, try again"
        if holder and (owner := self._container_of(holder.pid)):
            by = f"the container {owner.name} ({owner.id[:12]}), by its {by}"
        return f"listen {protocol} {where}: bind: address already in use by {by}"

    def _container_of(self, pid: int) -> Record | None:
        """The one that has this process: under the host's network its programs have ports too."""
        programs = {record.pid: record for record in self._records() if record.pid}
        found = (programs[above] for above in holders.line(pid) if above in programs)
        return next(found, None)

    def _container(self, record: Record, one: Wanted, protocol: str) -> str:
        """Which container has it."""
        taken = [
            other
            for other in self._records()
            for binding in other.ports
            if split(binding.container_port)[1] == protocol
            and binding.host_port == one.first
            and (not one.is_held or ports.overlaps(binding.host_ip, one.host_ip))
        ]
        if taken:
            return f"the container {taken[0].name} ({taken[0].id[:12]})"
        asked = self.asked(record) or {"bindings": ()}
        twice = [it for it in asked["bindings"] if _where(it) == _where(one)]
        return "another binding of this container" if len(twice) > 1 else ""


def opened(answer: Mapping[str, Any]) -> tuple[Binding, ...]:
    """What a supervisor said is open."""
    return tuple(Binding(*one) for one in answer.get("ports") or ())


def _where(one: Wanted) -> str:
    text = ports.address_text(one.host_ip, one.first)
    return text if one.first == one.last else f"{text}-{one.last}"
