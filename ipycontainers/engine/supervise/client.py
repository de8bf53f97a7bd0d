"""One connection on the control socket: lines first, perhaps a stream afterwards.

Knows: buffers. Does not know: what a request does.
"""

from __future__ import annotations

import _socket
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from .loop import GONE, READ, WRITE, Loop

if TYPE_CHECKING:
    from .session import Session

FULL = 1 << 20
"""With this much unsent the program's output is no longer read (dockerd: 1e6)."""
_LINE_LIMIT = 8 << 20
_CHUNK = 65536


class Client:
    """Owns the connection. ``answer`` is called with every request."""

    def __init__(
        self, loop: Loop, connection: _socket.socket, answer: Callable[[Client, Any], None]
    ) -> None:
        connection.setblocking(False)
        self._loop = loop
        self._socket = connection
        self._answer = answer
        self._incoming = bytearray()
        self._outgoing = bytearray()
        self._reading = True
        self._closing = False
        self._session: Session | None = None
        self._takes_input = False
        self.closed = False
        self.awaits = False
        """Whether an answer is still owed to it."""
        self._watch()

    @property
    def is_full(self) -> bool:
        """Whether it takes its output so slowly that the program must wait."""
        return len(self._outgoing) >= FULL

    @property
    def is_idle(self) -> bool:
        """Whether it waits for nothing: all was sent and it follows no program."""
        return not (self._outgoing or self._session or self.awaits)

    def reply(self, answer: Mapping[str, Any]) -> None:
        """One line."""
        self.send(json.dumps(answer).encode() + b"\n")

    def follow(self, session: Session, *, stdin: bool) -> None:
        """From now on a stream: its bytes are ``session``'s input."""
        self._session = session
        self._takes_input = stdin
        self._feed()

    def send(self, data: bytes) -> None:
        """Queue it, and send what goes."""
        if not self.closed:
            self._outgoing += data
            self._flush()

    def finish(self) -> None:
        """Close when all that is queued was sent."""
        self._closing = True
        self._session = None
        self._flush()

    def close(self) -> None:
        """Now. Idempotent."""
        if self.closed:
            return
        self.closed = True
        self._loop.forget(self._socket.fileno())
        self._socket.close()
        if session := self._session:
            self._session = None
            session.leave(self)

    def resume(self) -> None:
        """The session has room for input again."""
        if not self.closed:
            self._feed()

    def _watch(self) -> None:
        waits = self._session is not None and self._session.input_is_full
        events = READ if self._reading and not waits else 0
        self._loop.watch(self._socket.fileno(), events | (WRITE if self._outgoing else 0), self._on)

    def _on(self, events: int) -> None:
        if events & WRITE:
            self._flush()
        if events & READ and not self.closed:
            self._receive()
        if events & GONE and not events & READ and not self.closed:
            self.close()

    def _flush(self) -> None:
        was_full = self.is_full
        try:
            while self._outgoing:
                del self._outgoing[: self._socket.send(self._outgoing[:_CHUNK])]
        except BlockingIOError:
            pass
        except OSError:
            self._outgoing.clear()
            self.close()
            return
        if self._closing and not self._outgoing:
            self.close()
            return
        self._watch()
        if was_full and not self.is_full and self._session:
            self._session.relieve(self)

    def _receive(self) -> None:
        try:
            data = self._socket.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        if not data:
            self._reading = False
            if self.is_idle:
                self.close()
                return
        self._incoming += data
        self._feed()

    def _feed(self) -> None:
        """Hand on what came: lines to ``answer``, and in a stream bytes to the program."""
        while self._session is None and (end := self._incoming.find(b"\n")) >= 0:
            line = bytes(self._incoming[:end])
            del self._incoming[: end + 1]
            self._answer(self, line)
            if self.closed:
                return
        if self._session is None and len(self._incoming) > _LINE_LIMIT:
            self.close()
            return
        if (session := self._session) is not None:
            data = bytes(self._incoming)
            self._incoming.clear()  # before put, which may call back for more
            if self._takes_input and data:
                session.put(data)
            if not self._reading and self._takes_input:
                self._takes_input = False
                session.end_input()
        if not self.closed:
            self._watch()
