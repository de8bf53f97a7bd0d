"""Who comes to ``control.sock``, of a supervisor or of the keeper of networks.

Knows: sockets, their descriptors. Does not know: requests.
"""

from __future__ import annotations

import _socket
import os
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from .client import Client
from .control import SOCKET, listen
from .loop import READ, Loop

_PAUSE = 0.02  # seconds, where there is no descriptor left for who comes


class Service:
    """In the working directory; ``answer`` is called with every request of ``clients``."""

    def __init__(self, loop: Loop, answer: Callable[[Client, Any], None]) -> None:
        self.clients: list[Client] = []
        self._loop = loop
        self._answer = answer
        self._server = listen()
        self._server.setblocking(False)
        self._is_open = True
        loop.watch(self._server.fileno(), READ, lambda _: self._on_client())

    def _on_client(self) -> None:
        self._accept()

    def _accept(self) -> bool:
        """Whether somebody came who can be heard."""
        try:
            handle, _ = self._server._accept()  # type: ignore[attr-defined]
        except BlockingIOError:
            return False
        except OSError:  # who comes waits in the kernel until somebody has left
            time.sleep(_PAUSE)
            return False
        self.clients.append(Client(self._loop, _socket.socket(fileno=handle), self._answer))
        return True

    def tidy(self) -> None:
        """Forget who has left."""
        self.clients = [client for client in self.clients if not client.closed]

    def hide(self) -> None:
        """Be found no more: the next one of this place may come. Idempotent."""
        if not self._is_open:
            return
        self._is_open = False
        with suppress(FileNotFoundError):
            os.unlink(SOCKET)
        while self._accept():
            pass  # who has come before that is still heard
        self._loop.forget(self._server.fileno())
        self._server.close()
