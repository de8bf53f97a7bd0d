"""UDP through one listening socket: to the container from a socket for each peer, and back.

A peer is who sends, and the address of ours that it sent to: the answer comes from there. One
that has been silent for ``SILENT`` seconds is forgotten, and where there are ``MOST`` the one
that was silent longest.

Knows: sockets. Does not know: TCP, containers.
"""

from __future__ import annotations

import _socket
import struct
import time
from contextlib import suppress
from typing import Any

from ipycontainers.engine.supervise.loop import READ, Loop

from .place import Place

SILENT = 90.0  # as docker-proxy
MOST = 1024
_LARGEST = 65536
_TURN = 64  # datagrams after which others have their turn
_IP_PKTINFO = 8  # which _socket has no name for in Python 3.10
_IPV6_RECVPKTINFO, _IPV6_PKTINFO = 49, 50

Address = tuple[Any, ...]
Ancillary = list[tuple[int, int, bytes]]


class _Peer:
    __slots__ = ("address", "ours", "seen", "socket")

    def __init__(self, address: Address, ours: Ancillary, socket: _socket.socket) -> None:
        self.address = address
        self.ours = ours  # what makes an answer come from there
        self.socket = socket
        self.seen = time.monotonic()


class Datagrams:
    """Owns ``server``. ``port`` is the container's, at ``place``."""

    def __init__(self, loop: Loop, server: _socket.socket, place: Place, port: int) -> None:
        self._loop = loop
        self._server = server
        self._place = place
        self._port = port
        self._peers: dict[tuple[Address, bytes], _Peer] = {}
        self._is_6 = server.family == _socket.AF_INET6
        if self._is_6:
            server.setsockopt(_socket.IPPROTO_IPV6, _IPV6_RECVPKTINFO, 1)
        else:
            server.setsockopt(_socket.IPPROTO_IP, _IP_PKTINFO, 1)
        loop.watch(server.fileno(), READ, self._on_request)

    def __len__(self) -> int:
        return len(self._peers)

    def expire(self) -> None:
        """Forget who was silent for long."""
        latest = time.monotonic() - SILENT
        for key in [key for key, peer in self._peers.items() if peer.seen < latest]:
            self._forget(key)

    def _on_request(self, _: int) -> None:
        for _ in range(_TURN):
            try:
                data, told, _flags, sender = self._server.recvmsg(_LARGEST, 64)
            except OSError:  # nothing more, or an answer that nobody took
                return
            with suppress(OSError):  # as the network loses a datagram
                self._send(data, sender, _ours(told))

    def _send(self, data: bytes, sender: Address, ours: Ancillary) -> None:
        key = (sender, b"".join(data for _, _, data in ours))
        peer = self._peer(key, sender, ours)
        try:
            peer.socket.send(data)
        except ConnectionRefusedError:  # of the one before
            peer.socket.send(data)
        except OSError:  # the container may have another address now
            self._forget(key)
            raise

    def _peer(self, key: tuple[Address, bytes], sender: Address, ours: Ancillary) -> _Peer:
        peer = self._peers.pop(key, None) or self._meet(sender, ours)
        peer.seen = time.monotonic()
        self._peers[key] = peer  # the last now
        return peer

    def _meet(self, sender: Address, ours: Ancillary) -> _Peer:
        socket = self._socket()
        try:
            socket.setblocking(False)
            self._place.connect(socket, self._port)
        except OSError:
            socket.close()
            raise
        peer = _Peer(sender, ours, socket)
        self._loop.watch(socket.fileno(), READ, lambda _: self._on_answer(peer))
        return peer

    def _socket(self) -> _socket.socket:
        if len(self._peers) >= MOST:
            self._forget_one()
        kinds = (_socket.AF_INET, _socket.SOCK_DGRAM)
        try:
            return _socket.socket(*kinds)
        except OSError:  # there is no descriptor left
            if not self._peers:
                raise
            self._forget_one()
            return _socket.socket(*kinds)

    def _forget_one(self) -> None:
        self._forget(next(iter(self._peers)))

    def _on_answer(self, peer: _Peer) -> None:
        for _ in range(_TURN):
            try:
                data = peer.socket.recv(_LARGEST)
            except OSError:  # nothing more, or nobody listens there
                return
            peer.seen = time.monotonic()
            with suppress(OSError):
                self._server.sendmsg([data], peer.ours, 0, peer.address)

    def _forget(self, key: tuple[Address, bytes]) -> None:
        peer = self._peers.pop(key)
        self._loop.forget(peer.socket.fileno())
        peer.socket.close()


def _ours(told: Ancillary) -> Ancillary:
    """What says to which address of ours a datagram came, as what sends from there."""
    for level, kind, data in told:
        if (level, kind) == (_socket.IPPROTO_IP, _IP_PKTINFO):
            to = data[8:12]  # struct in_pktinfo: interface, local address, destination
            return [(level, kind, struct.pack("i", 0) + to + bytes(4))]
        if (level, kind) == (_socket.IPPROTO_IPV6, _IPV6_PKTINFO):
            return [(level, kind, data)]
    return []
