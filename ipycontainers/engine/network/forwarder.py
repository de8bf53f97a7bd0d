"""The process beside a container that has published ports: whoever connects is led inside.

It is forked by the container's supervisor and ends with it, and with the container. In the host's
network namespace it opens the ports; then it enters the container's, where that has its own,
and connects from there to the container's address. So it has sockets on both sides, and needs
no route between them. A container reaches it with the bytes of its connections only.

    asked    {"bindings": [[container_port, host_ip, first, last, avoided], …],
              "to": "172.18.0.2", "enter": ["/proc/…/ns/user", "/proc/…/ns/net"]}
    said     {"ports": [[container_port, host_ip, host_port], …]}
         or  {"error": text, "index": 0, "errno": 98}     the binding that cannot be

Knows: sockets, namespaces. Does not know: the engine, Docker's words. Light, since the process
that supervisors are forked from has it.
"""

from __future__ import annotations

import _socket
import gc
import json
import os
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from ipycontainers.engine import syscalls
from ipycontainers.engine.supervise import entering
from ipycontainers.engine.supervise.failure import StartError, of_exception
from ipycontainers.engine.supervise.loop import READ, Loop

from .binding import Wanted, split
from .datagrams import Datagrams
from .listening import NotBound, open_all, port_of
from .place import Place
from .relay import Pipes, Relay

_DESCRIPTORS_EACH = 6  # of a connection: two sockets, two pipes
_SPARE = 256  # descriptors for all else; peers of UDP are not counted and find out
_AT_ONCE = 64  # connections that are taken before others have their turn
_TIDYING = 10.0  # seconds


class Forwarder:
    """Made where the ports are to be open, and run where the container is."""

    def __init__(self, wanted: Sequence[Wanted]) -> None:
        """Raises NotBound."""
        self._wanted = wanted
        self._servers = open_all(wanted)
        self.has_any = any(self._servers)
        self._loop = Loop()
        self._pipes = Pipes()
        self._relays: set[Relay] = set()
        self._again: set[Relay] = set()
        self._datagrams: list[Datagrams] = []
        self._accepting: list[tuple[_socket.socket, int]] = []
        self._is_full = False
        self._tidied = time.monotonic()
        self._most = max((syscalls.raise_descriptors() - _SPARE) // _DESCRIPTORS_EACH, 1)

    def bindings(self) -> list[tuple[str, str, int]]:
        """What is open: container port, address, port."""
        return [
            (one.container_port, one.host_ip, port_of(server))
            if server
            else (one.container_port, one.everywhere, one.first)
            for one, server in zip(self._wanted, self._servers, strict=True)
        ]

    def run(self, place: Place) -> None:
        """Does not return."""
        self._place = place
        for one, server in zip(self._wanted, self._servers, strict=True):
            number, protocol = split(one.container_port)
            if server and protocol == "udp":
                self._datagrams.append(Datagrams(self._loop, server, place, number))
            elif server:
                self._accepting.append((server, number))
        self._watch()
        while True:
            self.turn()

    def turn(self) -> None:
        """Wait once, and move what can be moved."""
        waits = 0 if self._again else _TIDYING if any(map(len, self._datagrams)) else -1
        self._loop.turn(waits)
        for relay in list(self._again):
            if not relay.move():
                self._again.discard(relay)
        if time.monotonic() - self._tidied > _TIDYING:
            self._tidied = time.monotonic()
            for datagrams in self._datagrams:
                datagrams.expire()

    def _watch(self) -> None:
        for server, port in self._accepting:
            self._loop.watch(server.fileno(), READ, partial(self._accept, server, port))

    def _accept(self, server: _socket.socket, port: int, _: int) -> None:
        for _ in range(_AT_ONCE):
            if len(self._relays) >= self._most:
                self._pause()
                return
            try:
                number, _address = server._accept()  # type: ignore[attr-defined]
            except BlockingIOError:
                return
            except OSError:  # it has gone again, or there is no descriptor left
                if self._relays:
                    self._pause()
                return
            near = _socket.socket(fileno=number)
            near.setblocking(False)
            self._connect(near, port)

    def _connect(self, near: _socket.socket, port: int) -> None:
        far = None
        try:
            far = _socket.socket()
            far.setblocking(False)
            for socket in (near, far):
                socket.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
                socket.setsockopt(_socket.SOL_SOCKET, _socket.SO_KEEPALIVE, 1)
            self._place.connect(far, port)
        except OSError:
            for socket in filter(None, (near, far)):
                socket.close()
            return
        self._relays.add(Relay(self._loop, near, far, self._pipes, self._again, self._end))

    def _pause(self) -> None:
        """Who connects now waits in the kernel, until one of ours has ended."""
        self._is_full = True
        for server, _ in self._accepting:
            self._loop.forget(server.fileno())

    def _end(self, relay: Relay) -> None:
        self._relays.discard(relay)
        self._again.discard(relay)
        if self._is_full:
            self._is_full = False
            self._watch()


def begin(asked: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
    """The pid of a forwarder that listens, 0 where none is needed, and what it said."""
    said, say = os.pipe()
    parent = os.getpid()
    try:
        pid = os.fork()
        if pid == 0:
            _live(asked, say, parent)  # never returns
    except BaseException:
        os.close(said)
        raise
    finally:
        os.close(say)
    try:
        text = b""
        while piece := os.read(said, 65536):
            text += piece
    finally:
        os.close(said)
    answer = json.loads(text) if text else {"error": "the process that publishes ports has ended"}
    if not answer.pop("stays", False):
        os.waitpid(pid, 0)
        pid = 0
    return pid, answer


def _live(asked: Mapping[str, Any], say: int, parent: int) -> None:
    """In the forked process."""
    try:
        gc.freeze()  # what the parent has shall not be closed here by its number
        signal.set_wakeup_fd(-1)
        syscalls.handle(signal.SIGCHLD, int(signal.SIG_DFL))
        syscalls.close_all_but(say)
        forwarder = _open(asked, say)
        if forwarder and os.getppid() == parent:
            os.close(say)
            forwarder.run(Place(asked["to"], is_own=bool(asked.get("enter"))))
    except StartError as error:
        _say(say, {"error": str(error)})
    except BaseException as error:  # noqa: BLE001 - there is nobody else to hear it
        _say(say, {"error": of_exception(error)})
    finally:
        os._exit(0)


def _open(asked: Mapping[str, Any], say: int) -> Forwarder | None:
    """None where there is nothing to do; what is open has been said."""
    try:
        forwarder = Forwarder([Wanted(*one) for one in asked["bindings"]])
    except NotBound as error:
        told = {"index": error.index, "errno": error.number}
        _say(say, {"error": os.strerror(error.number).lower(), **told})
        return None
    entering.join(asked.get("enter") or ())
    if asked.get("enter"):  # where it has got every right over what is in there
        syscalls.limit_capabilities(frozenset())
        syscalls.hide_from_peers()
    syscalls.die_with_parent(signal.SIGKILL)  # not before: who enters has it undone
    _say(say, {"ports": forwarder.bindings(), "stays": forwarder.has_any})
    return forwarder if forwarder.has_any else None


def _say(say: int, answer: Mapping[str, Any]) -> None:
    with suppress(OSError):  # said already, or nobody listens any more
        os.write(say, json.dumps(answer).encode())
