"""The router's side of networks: a bridge for each, cables to containers, ways out.

Packets between the containers of one network go over its bridge. Whatever else comes in by a
bridge is looked up in a table that knows of every network that it is not to be reached, and then
in one of that bridge's own, which knows the way out, or, of a network that is internal or where
there is none, that there is no way. So no network reaches another one, without any filter: those
are seldom there for users who are not root.

Knows: which bridge and which cable there are. Does not know: processes, requests.
"""

from __future__ import annotations

import _socket
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from . import netlink as messages
from . import outgoing
from .addresses import Pool, mac, number, text
from .netlink import Netlink
from .spaces import Space, set_kernel

_DEAD_ENDS = 1000
_FIRST_NUMBER = 1 << 20  # of a cable's end here; the kernel counts its own from 1


class Bridge(NamedTuple):
    name: str
    number: int
    internal: bool
    network: str  # 172.18.0.0/16

    @property
    def table(self) -> int:
        """Of routes, and the place of the rule that names it."""
        return _DEAD_ENDS + self.number


class Cable(NamedTuple):
    """From a bridge to a container's interface."""

    near: int  # indexes of its two ends
    far: int
    gateway: str
    internal: bool


class Router:
    """Made in a process that ``spaces.become_router``."""

    def __init__(self) -> None:
        self.goes_out = False
        self._netlink = Netlink()
        self._netlink.ask(messages.up(1))
        self._bridges: dict[str, Bridge] = {}
        self._cables = 0

    def find_way(self) -> bool:
        """Whether ``outgoing.TAP`` is there by now, with the way out behind it; then it is used."""
        with open("/proc/self/net/route", encoding="ascii") as routes:
            if not any(line.startswith(f"{outgoing.TAP}\t00000000\t") for line in routes):
                return False
        self.goes_out = True
        set_kernel(f"net/ipv4/conf/{outgoing.TAP}/proxy_arp", "1")
        set_kernel(f"net/ipv4/neigh/{outgoing.TAP}/proxy_delay", "0")
        for bridge in self._bridges.values():
            self._netlink.ask(self._way(bridge))
        return True

    def close_way(self) -> None:
        """It has gone, and its routes with it."""
        self.goes_out = False
        for bridge in self._bridges.values():
            self._netlink.ask(self._way(bridge))

    def add(self, space: Space, cables: Mapping[str, Cable], wanted: Mapping[str, Any]) -> Cable:
        """A cable from a container that has ``cables`` to the network that is ``wanted`` (an
        ``Attachment`` in plain values), which is made if there is none yet."""
        bridge = self._bridges.get(wanted["network"]) or self._make(wanted)
        self._cables += 1
        near = f"veth{self._cables}"
        far = max((cable.far for cable in cables.values()), default=1) + 1
        pair = messages.add_pair(
            near,
            bridge.number,
            number=_FIRST_NUMBER + self._cables,
            into=space.net,
            peer=f"eth{far - 2}",
            index=far,
            mac=wanted["mac"],
            mtu=outgoing.MTU,
        )
        self._netlink.ask(pair)
        index = _socket.if_nametoindex(near)
        cable = Cable(index, far, wanted["gateway"], bool(wanted.get("internal")))
        address = wanted["address"]
        own = messages.add_address(far, address, text(Pool.parse(address).last))
        try:
            if wanted.get("apart"):
                self._netlink.ask(messages.keep_apart(index))
            space.netlink.ask(own, messages.up(far))
        except BaseException:
            self.cut(cable)
            raise
        return cable

    def route(self, space: Space, cables: Mapping[str, Cable]) -> None:
        """The container's way to everything else: its first network that leads out, or any."""
        ways = sorted(cables.values(), key=lambda cable: cable.internal)
        if ways:
            space.netlink.ask(messages.add_default_route(ways[0].far, ways[0].gateway))

    def cut(self, *cables: Cable) -> None:
        """These, as far as they are there."""
        for cable in cables:
            with suppress(OSError):  # it went with the container
                self._netlink.ask(messages.remove_link(cable.near))

    def silence(self, *cables: Cable) -> None:
        """Of a container that has ended: its addresses may be another's at once. The kernel takes
        the cables away by itself, in its own time, which is 20 ms for each."""
        for cable in cables:
            with suppress(OSError):
                self._netlink.ask(messages.silence(cable.near))

    def remove(self, network: str) -> None:
        """The bridge. Idempotent."""
        if bridge := self._bridges.pop(network, None):
            self._take_away(bridge)

    def _take_away(self, bridge: Bridge) -> None:
        """As far as it is there."""
        for message in (
            messages.remove_rule(bridge.name, _DEAD_ENDS),
            messages.remove_rule(bridge.name, bridge.table),
            messages.remove_dead_end(_DEAD_ENDS, bridge.network),
            messages.remove_default_route(bridge.table),
            messages.remove_link(bridge.number),
        ):
            with suppress(OSError):
                self._netlink.ask(message)

    def _make(self, wanted: Mapping[str, Any]) -> Bridge:
        """Whole, or nothing of it."""
        name, gateway = wanted["bridge"], wanted["gateway"]
        self._netlink.ask(messages.add_bridge(name, mac(number(gateway))))
        own = f"{gateway}/{wanted['address'].partition('/')[2]}"
        pool, internal = Pool.parse(own), bool(wanted.get("internal"))
        bridge = Bridge(name, _socket.if_nametoindex(name), internal, str(pool))
        try:
            self._netlink.ask(
                messages.add_address(bridge.number, own, text(pool.last)),
                self._way(bridge),
                messages.add_dead_end(_DEAD_ENDS, bridge.network),
                messages.add_rule(name, _DEAD_ENDS),
                messages.add_rule(name, bridge.table),
            )
        except BaseException:
            self._take_away(bridge)
            raise
        self._bridges[wanted["network"]] = bridge
        return bridge

    def _way(self, bridge: Bridge) -> messages.Message:
        if bridge.internal or not self.goes_out:
            return messages.add_dead_end(bridge.table)
        tap = _socket.if_nametoindex(outgoing.TAP)
        return messages.add_default_route(tap, outgoing.GATEWAY, bridge.table)
