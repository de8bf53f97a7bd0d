"""One TCP connection on its way: two sockets, and what moves between them.

    near ──► pipe ──► far          the bytes stay in the kernel: splice(2)
    near ◄── pipe ◄── far

A way has a pipe only while something is in it, so a connection that is silent costs its two
sockets. What is not taken at one end is not read at the other.

Knows: sockets, pipes, epoll's edges. Does not know: who connects, containers.
"""

from __future__ import annotations

import _socket
import fcntl
import os
import struct
from collections.abc import Callable
from contextlib import suppress

from ipycontainers.engine.supervise.loop import GONE, READ, WRITE, Loop

CHUNK = 1 << 20
TURN = 4 << 20  # bytes after which others have their turn
_FLAGS = 1 | 2  # SPLICE_F_MOVE, SPLICE_F_NONBLOCK
_ABORT = struct.pack("ii", 1, 0)  # SO_LINGER: close sends RST
_EDGES = READ | WRITE | 1 << 31  # EPOLLET


class Pipes:
    """Those that are empty now, to be used again."""

    WIDE = 8  # which take more at once; one user may have 64 MB of them (pipe(7))
    WIDTH = 1 << 20

    def __init__(self) -> None:
        self._free: list[tuple[int, int]] = []
        self._wide: set[tuple[int, int]] = set()

    def take(self) -> tuple[int, int]:
        """Its two ends. Raises OSError."""
        if self._free:
            return self._free.pop()
        pipe = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        if len(self._wide) < self.WIDE:
            with suppress(OSError):  # this user has too many
                fcntl.fcntl(pipe[1], fcntl.F_SETPIPE_SZ, self.WIDTH)
                self._wide.add(pipe)
        return pipe

    def give(self, pipe: tuple[int, int]) -> None:
        """One that is empty."""
        if pipe in self._wide:
            self._free.append(pipe)
        else:
            _close(pipe)

    def drop(self, pipe: tuple[int, int]) -> None:
        """One with something in it."""
        self._wide.discard(pipe)
        _close(pipe)


class _Way:
    """From ``source`` to ``sink``."""

    __slots__ = ("ended", "held", "is_over", "pipe", "readable", "sink", "source", "writable")

    def __init__(self, source: _socket.socket, sink: _socket.socket) -> None:
        self.source = source
        self.sink = sink
        self.pipe: tuple[int, int] | None = None
        self.held = 0  # bytes in the pipe
        self.readable = False
        self.writable = False
        self.ended = False  # the source has said its last
        self.is_over = False  # and the sink was told


class Relay:
    """Owns both sockets; ``closed`` is called once, with it, when they are. It is in ``again``
    while ``move`` is to be called."""

    __slots__ = (
        *("_again", "_back", "_closed", "_far", "_is_open", "_loop", "_near", "_pipes"),
        "_there",
    )

    def __init__(
        self,
        loop: Loop,
        near: _socket.socket,
        far: _socket.socket,
        pipes: Pipes,
        again: set[Relay],
        closed: Callable[[Relay], object],
    ) -> None:
        """``far`` may still be connecting."""
        self._loop = loop
        self._near = near
        self._far = far
        self._pipes = pipes
        self._again = again
        self._closed = closed
        self._is_open = True
        self._there = _Way(near, far)
        self._back = _Way(far, near)
        loop.watch(near.fileno(), _EDGES, self._on_near)
        loop.watch(far.fileno(), _EDGES, self._on_far)

    def _on_near(self, events: int) -> None:
        self._note(events, self._near, self._there, self._back)

    def _on_far(self, events: int) -> None:
        self._note(events, self._far, self._back, self._there)

    def _note(self, events: int, socket: _socket.socket, read: _Way, write: _Way) -> None:
        if not self._is_open:
            return
        if events & GONE and socket.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR):
            self.close(abort=True)
            return
        read.readable = read.readable or bool(events & (READ | GONE))
        write.writable = write.writable or bool(events & (WRITE | GONE))
        if self.move():
            self._again.add(self)

    def move(self) -> bool:
        """What can be moved now. Whether more could be, after others had their turn."""
        if not self._is_open:
            return False
        try:
            more = self._move(self._there)
            more = self._move(self._back) or more
        except OSError:
            self.close(abort=True)
            return False
        if self._there.is_over and self._back.is_over:
            self.close()
        return more and self._is_open

    def _move(self, way: _Way) -> bool:
        moved = 0
        while moved < TURN:
            if way.held:
                if not (sent := self._push(way)):
                    return False
                moved += sent
            elif way.ended:
                self._finish(way)
                return False
            elif not way.readable:
                return False
            else:
                self._pull(way)
        return True

    def _pull(self, way: _Way) -> None:
        """From the source to the pipe."""
        pipe = way.pipe or self._pipes.take()
        way.pipe = pipe
        try:
            way.held = os.splice(way.source.fileno(), pipe[1], CHUNK, flags=_FLAGS)
        except BlockingIOError:
            way.readable = False
        else:
            way.ended = not way.held
        if not way.held:
            self._free(way)

    def _push(self, way: _Way) -> int:
        """From the pipe to the sink: how much."""
        if not way.writable or way.pipe is None:
            return 0
        try:
            sent = os.splice(way.pipe[0], way.sink.fileno(), way.held, flags=_FLAGS)
        except BlockingIOError:
            way.writable = False
            return 0
        way.held -= sent
        return sent

    def _free(self, way: _Way) -> None:
        if way.pipe:
            self._pipes.give(way.pipe)
            way.pipe = None

    def _finish(self, way: _Way) -> None:
        if not way.is_over and way.writable:
            way.is_over = True
            with suppress(OSError):  # it has closed, and reads nothing
                way.sink.shutdown(_socket.SHUT_WR)

    def close(self, *, abort: bool = False) -> None:
        """Both sides; ``abort`` lets them see that the connection broke. Idempotent."""
        if not self._is_open:
            return
        self._is_open = False
        for way in (self._there, self._back):
            if way.pipe and way.held:
                self._pipes.drop(way.pipe)
            elif way.pipe:
                self._pipes.give(way.pipe)
        for socket in (self._near, self._far):
            self._loop.forget(socket.fileno())
            if abort:
                with suppress(OSError):
                    socket.setsockopt(_socket.SOL_SOCKET, _socket.SO_LINGER, _ABORT)
            socket.close()
        self._closed(self)


def _close(pipe: tuple[int, int]) -> None:
    for end in pipe:
        os.close(end)
