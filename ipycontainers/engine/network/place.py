"""Where a container is reached by the process that forwards to it: the address as of now.

A container that has a network of its own may be let go by one network and join another while it
runs. So before each connection the address is bound, which fails where it is no longer there, and
then the interfaces are asked which others there are.

Knows: sockets, interfaces. Does not know: ports, networks. Light, since supervisors have it.
"""

from __future__ import annotations

import _socket
import errno
import fcntl
import struct
from collections.abc import Iterator
from contextlib import suppress

_SIOCGIFADDR = 0x8915
_NO_PORT = 24  # IP_BIND_ADDRESS_NO_PORT: the port is chosen when it connects


class Place:
    """``is_own``: in a network namespace of the container's own, which this process has joined."""

    def __init__(self, address: str, *, is_own: bool) -> None:
        self._address = address
        self._is_own = is_own

    def connect(self, socket: _socket.socket, port: int) -> None:
        """A non-blocking one, which may go on connecting. OSError, also where no network has
        the container."""
        if self._is_own:
            self._bind(socket)
        with suppress(BlockingIOError):
            socket.connect((self._address, port))

    def _bind(self, socket: _socket.socket) -> None:
        socket.setsockopt(_socket.IPPROTO_IP, _NO_PORT, 1)
        try:
            socket.bind((self._address, 0))
        except OSError:
            self._address = next(_addresses(), "")
            if not self._address:
                raise OSError(errno.EADDRNOTAVAIL, "in no network") from None
            socket.bind((self._address, 0))


def _addresses() -> Iterator[str]:
    """Of all interfaces but the loopback's."""
    probe = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM)
    try:
        for _, name in _socket.if_nameindex():
            with suppress(OSError):  # it has none
                asked = struct.pack("256s", name.encode())
                packed = fcntl.ioctl(probe.fileno(), _SIOCGIFADDR, asked)[20:24]
                if packed[0] != 127:
                    yield _socket.inet_ntoa(packed)
    finally:
        probe.close()
