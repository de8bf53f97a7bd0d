"""A TCP proxy before an engine, which can cut what goes through it, and hold it up.

Knows: sockets. Does not know: HTTP, containers.
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
from typing import Any


class Proxy:
    """Passes TCP on to an engine until ``cut``, and goes on with new connections then. What begins
    with ``held`` is passed on after ``seconds``, if its client has not left by then."""

    def __init__(
        self, family: int, target: Any, *, held: bytes | None = None, seconds: float = 0
    ) -> None:
        self._family, self._target = family, target
        self._held, self._seconds = held, seconds
        self._is_passing = True
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._asking: list[threading.Thread] = []  # each ends with its client
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                engine = socket.socket(self._family)
                engine.connect(self._target)
                self._pairs.append((client, engine))
                for one, other in ((client, engine), (engine, client)):
                    thread = threading.Thread(target=self._pass_on, args=(one, other), daemon=True)
                    thread.start()
                    if one is client:
                        self._asking.append(thread)

    def count(self) -> int:
        """How many connections clients have."""
        return sum(thread.is_alive() for thread in self._asking)

    def cut(self, *, reset: bool = False) -> None:
        pairs, self._pairs = self._pairs, []  # what is asked anew from here on passes
        for client, engine in pairs:
            if reset:
                self._is_passing = False
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                with contextlib.suppress(OSError):
                    client.shutdown(socket.SHUT_RD)  # ends the thread that would keep it open
                client.close()
            for one in (client, engine):
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
                one.close()
        self._is_passing = True

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def _pass_on(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                if self._held and data.startswith(self._held) and self._leaves(one):
                    break
                other.sendall(data)
            if self._is_passing:
                other.shutdown(socket.SHUT_WR)

    def _leaves(self, client: socket.socket) -> bool:
        """Within the time: it sends nothing more before it is answered."""
        return bool(select.select([client], [], [], self._seconds)[0])
