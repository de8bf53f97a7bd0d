"""The few messages of rtnetlink(7) that a keeper sends: links, addresses, routes, rules.

pyroute2 has them all, and costs 90 ms and 19 MB at its import; a keeper lives beside every
engine whose containers have networks, so these few are written out here.

    with Netlink() as netlink:      # of the network namespace that this process is in now
        netlink.ask(add_bridge("docker0"), up("docker0"))

Knows: Linux's structures. Does not know: which networks there are.
"""

from __future__ import annotations

import _socket
import os
import struct
from collections.abc import Iterator

NEWLINK, DELLINK, SETLINK = 16, 17, 19
NEWADDR, NEWROUTE, DELROUTE, NEWRULE, DELRULE = 20, 24, 25, 32, 33
_REQUEST, _ACK, _EXCL, _CREATE, _REPLACE = 1, 4, 0x200, 0x400, 0x100
_ERROR = 2
_AF_BRIDGE = 7
_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_MTU, _IFLA_MASTER, _IFLA_LINKINFO = 1, 3, 4, 10, 18
_IFLA_NET_NS_FD = 28
_IFLA_PROTINFO, _NESTED, _IFLA_BRPORT_STATE, _DISABLED = 12, 0x8000, 1, 0
_IFLA_BRPORT_ISOLATED = 33
_INFO_KIND, _INFO_DATA = 1, 2
_VETH_INFO_PEER = 1
_IFF_UP = 1
_IFA_ADDRESS, _IFA_LOCAL, _IFA_BROADCAST = 1, 2, 4
_RTA_DST, _RTA_OIF, _RTA_GATEWAY, _RTA_TABLE = 1, 4, 5, 15
_FRA_IIFNAME, _FRA_PRIORITY, _FRA_TABLE = 3, 6, 15
_TO_TABLE = 1
_UNICAST, _UNREACHABLE = 1, 7
_PROTO_BOOT, _PROTO_STATIC = 3, 4
MAIN = 254
"""The routing table that there is always."""

Message = tuple[int, int, bytes]
"""Type, flags beside those that every request has, body."""


class Netlink:
    """A socket of the network namespace in which it was made, wherever this process goes."""

    def __init__(self) -> None:
        self._socket = _socket.socket(_socket.AF_NETLINK, _socket.SOCK_RAW, 0)
        self._sent = 0

    def ask(self, *messages: Message) -> None:
        """In this order, as one; OSError with the number of the first that was refused."""
        text, first = b"", self._sent + 1
        for kind, flags, body in messages:
            self._sent += 1
            head = struct.pack(
                "=IHHII", 16 + len(body), kind, flags | _REQUEST | _ACK, self._sent, 0
            )
            text += _padded(head + body)
        self._socket.send(text)
        failure, due = 0, len(messages)
        while due:
            for kind, number, code in _answers(self._socket.recv(65536)):
                if kind == _ERROR and number >= first:
                    due -= 1
                    failure = failure or -code
        if failure:
            raise OSError(failure, os.strerror(failure))

    def close(self) -> None:
        self._socket.close()


def _answers(text: bytes) -> Iterator[tuple[int, int, int]]:
    """Type, number of the request, and what it came to (0: done)."""
    at = 0
    while at + 20 <= len(text):
        length, kind, _, number, _, code = struct.unpack_from("=IHHIIi", text, at)
        yield kind, number, code
        at += (length + 3) & ~3


# --- links -----------------------------------------------------------------------------------


def add_bridge(name: str, mac: str) -> Message:
    """It is up. The kernel refuses (EEXIST) one that there is."""
    info = _attribute(_IFLA_LINKINFO, _attribute(_INFO_KIND, b"bridge"))
    body = _link(up=True) + _name(name) + _attribute(_IFLA_ADDRESS, _mac(mac)) + info
    return NEWLINK, _CREATE | _EXCL, body


def add_pair(
    name: str, bridge: int, *, number: int, into: int, peer: str, index: int, mac: str, mtu: int
) -> Message:
    """Two ends of a cable: ``name`` here, up and at the ``bridge`` of this index, and ``peer``,
    not up, in the network namespace of the descriptor ``into``, where it has this ``index``: the
    kernel gives it that only where ``name`` is given an index too, ``number``."""
    far = _link(index) + _name(peer) + _attribute(_IFLA_ADDRESS, _mac(mac))
    far += _number(_IFLA_MTU, mtu) + _number(_IFLA_NET_NS_FD, into)
    data = _attribute(_INFO_DATA, _attribute(_VETH_INFO_PEER, far))
    info = _attribute(_IFLA_LINKINFO, _attribute(_INFO_KIND, b"veth") + data)
    near = _link(number, up=True) + _name(name) + _number(_IFLA_MASTER, bridge)
    return NEWLINK, _CREATE | _EXCL, near + _number(_IFLA_MTU, mtu) + info


def remove_link(index: int) -> Message:
    """A cable goes with both its ends."""
    return DELLINK, 0, _link(index)


def silence(index: int) -> Message:
    """The bridge neither gives this end of a cable anything nor takes anything from it."""
    state = _attribute(_IFLA_BRPORT_STATE, struct.pack("=B", _DISABLED))
    head = struct.pack("=BxHiII", _AF_BRIDGE, 0, index, 0, 0)
    return SETLINK, 0, head + _attribute(_IFLA_PROTINFO | _NESTED, state)


def keep_apart(index: int) -> Message:
    """Of a bridge's ends, those that are kept apart give nothing to one another."""
    apart = _attribute(_IFLA_BRPORT_ISOLATED, struct.pack("=B", 1))
    head = struct.pack("=BxHiII", _AF_BRIDGE, 0, index, 0, 0)
    return SETLINK, 0, head + _attribute(_IFLA_PROTINFO | _NESTED, apart)


def up(index: int) -> Message:
    """So that it carries packets."""
    return SETLINK, 0, _link(index, up=True)


def _link(index: int = 0, *, up: bool = False) -> bytes:
    return struct.pack("=BxHiII", 0, 0, index, _IFF_UP * up, _IFF_UP * up)


# --- addresses, routes, rules ------------------------------------------------------------------


def add_address(index: int, address: str, broadcast: str) -> Message:
    """``address`` is ``172.18.0.2/16``."""
    text, _, length = address.partition("/")
    head = struct.pack("=BBBBI", _socket.AF_INET, int(length), 0, 0, index)
    own = _attribute(_IFA_LOCAL, _ip(text)) + _attribute(_IFA_ADDRESS, _ip(text))
    return NEWADDR, _CREATE | _EXCL, head + own + _attribute(_IFA_BROADCAST, _ip(broadcast))


def add_default_route(index: int, gateway: str, table: int = MAIN) -> Message:
    """Over the interface of this index; in place of the one that there was."""
    way = _attribute(_RTA_GATEWAY, _ip(gateway)) + _number(_RTA_OIF, index)
    return NEWROUTE, _CREATE | _REPLACE, _route(_UNICAST, 0) + way + _number(_RTA_TABLE, table)


def add_dead_end(table: int, network: str = "0.0.0.0/0") -> Message:
    """What is looked up in this table is unreachable, if it is of ``network``."""
    return NEWROUTE, _CREATE | _REPLACE, _to(network, _UNREACHABLE) + _number(_RTA_TABLE, table)


def remove_dead_end(table: int, network: str) -> Message:
    return DELROUTE, 0, _to(network, 0) + _number(_RTA_TABLE, table)


def remove_default_route(table: int = MAIN) -> Message:
    return DELROUTE, 0, _route(0, 0) + _number(_RTA_TABLE, table)


def add_rule(interface: str, table: int) -> Message:
    """What comes in by ``interface`` and is not for this machine is looked up in ``table``, in
    lower ones first."""
    return NEWRULE, _CREATE | _EXCL, _rule(interface, table)


def remove_rule(interface: str, table: int) -> Message:
    return DELRULE, 0, _rule(interface, table)


def _route(kind: int, length: int) -> bytes:
    return struct.pack("=BBBBBBBBI", _socket.AF_INET, length, 0, 0, 0, _PROTO_BOOT, 0, kind, 0)


def _to(network: str, kind: int) -> bytes:
    text, _, length = network.partition("/")
    return _route(kind, int(length)) + _attribute(_RTA_DST, _ip(text))


def _rule(interface: str, table: int) -> bytes:
    head = struct.pack("=BBBBBBBBI", _socket.AF_INET, 0, 0, 0, 0, 0, 0, _TO_TABLE, 0)
    named = _attribute(_FRA_IIFNAME, interface.encode() + b"\0")
    return head + named + _number(_FRA_PRIORITY, table) + _number(_FRA_TABLE, table)


# --- attributes --------------------------------------------------------------------------------


def _attribute(kind: int, value: bytes) -> bytes:
    return _padded(struct.pack("=HH", 4 + len(value), kind) + value)


def _number(kind: int, value: int) -> bytes:
    return _attribute(kind, struct.pack("=I", value))


def _name(text: str) -> bytes:
    return _attribute(_IFLA_IFNAME, text.encode() + b"\0")


def _mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def _ip(text: str) -> bytes:
    return _socket.inet_aton(text)


def _padded(value: bytes) -> bytes:
    return value + b"\0" * (-len(value) % 4)
