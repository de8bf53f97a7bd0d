"""Sockets in the host's namespace on which a container's ports are published.

Knows: bind and listen. Does not know: containers, what is done with who connects. Light, since
the process that every supervisor is forked from has it.
"""

from __future__ import annotations

import _socket
import errno
from collections.abc import Sequence

from .binding import Wanted, split

_BACKLOG = 4096  # the kernel takes no more than net.core.somaxconn
_TRIES = 8
_TAKEN = (errno.EADDRINUSE, errno.EACCES)  # another one of a range may be free


class NotBound(Exception):
    """``index`` is of the binding, ``number`` the errno."""

    def __init__(self, index: int, number: int) -> None:
        super().__init__(index, number)
        self.index = index
        self.number = number


def open_all(wanted: Sequence[Wanted]) -> list[_socket.socket | None]:
    """One listening socket each, None where none is to be held. Raises NotBound, and then none
    is left open."""
    opened: list[_socket.socket | None] = []
    try:
        for one in wanted:
            opened.append(_open(one))  # noqa: PERF401 - those before are to be closed
    except OSError as error:
        for server in filter(None, opened):
            server.close()
        raise NotBound(len(opened), error.errno or errno.EINVAL) from error
    return [_kept(server, one) for server, one in zip(opened, wanted, strict=True)]


def port_of(server: _socket.socket) -> int:
    return int(server.getsockname()[1])


def _kept(server: _socket.socket | None, one: Wanted) -> _socket.socket | None:
    if one.is_held or server is None:
        return server
    server.close()  # it was free
    return None


def _open(one: Wanted) -> _socket.socket:
    """The first that is free."""
    protocol = split(one.container_port)[1]
    if not one.is_held:
        return _bind(one.everywhere, protocol, one.first)
    if not one.last:
        return _any(one, protocol)
    refused = OSError(errno.EADDRINUSE, "in use")
    for port in range(one.first, one.last + 1):
        if port == one.avoided:
            continue
        try:
            return _bind(one.host_ip, protocol, port)
        except OSError as error:
            if error.errno not in _TAKEN:
                raise
            refused = error
    raise refused


def _any(one: Wanted, protocol: str) -> _socket.socket:
    for _ in range(_TRIES):
        server = _bind(one.host_ip, protocol, 0)
        if port_of(server) != one.avoided:
            break
        server.close()
    return server


def _bind(host_ip: str, protocol: str, port: int) -> _socket.socket:
    family = _socket.AF_INET6 if ":" in host_ip else _socket.AF_INET
    kind = _socket.SOCK_STREAM if protocol == "tcp" else _socket.SOCK_DGRAM
    server = _socket.socket(family, kind)
    try:
        server.setblocking(False)
        if family == _socket.AF_INET6:
            server.setsockopt(_socket.IPPROTO_IPV6, _socket.IPV6_V6ONLY, 1)
        if kind == _socket.SOCK_STREAM:  # for UDP it would let others take the port over
            server.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
        server.bind((host_ip, port))
        if kind == _socket.SOCK_STREAM:
            server.listen(_BACKLOG)
    except BaseException:
        server.close()
        raise
    return server
