"""One thread that waits for many descriptors.

Knows: epoll. Does not know: what is read or written.
"""

from __future__ import annotations

import os
import select
from collections.abc import Callable
from contextlib import suppress

READ = select.EPOLLIN
WRITE = select.EPOLLOUT
GONE = select.EPOLLHUP | select.EPOLLERR
"""Reported whether asked for or not."""

Handler = Callable[[int], None]


class Loop:
    """Calls a descriptor's handler with what is ready (``READ | WRITE | GONE``)."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._handlers: dict[int, Handler] = {}

    def watch(self, descriptor: int, events: int, handler: Handler) -> None:
        """Begin to, or change what is waited for."""
        if descriptor in self._handlers:
            self._epoll.modify(descriptor, events)
        else:
            self._epoll.register(descriptor, events)
        self._handlers[descriptor] = handler

    def forget(self, descriptor: int) -> None:
        """Before the descriptor is closed. Idempotent."""
        if self._handlers.pop(descriptor, None):
            with suppress(OSError):
                self._epoll.unregister(descriptor)

    def close(self) -> None:
        """And with it whatever is still watched."""
        self._epoll.close()
        for descriptor in self._handlers:
            with suppress(OSError):
                os.close(descriptor)
        self._handlers.clear()

    def turn(self, timeout: float) -> None:
        """Wait once, at most ``timeout`` seconds, and call the handlers of what is ready."""
        for descriptor, events in self._epoll.poll(timeout):
            handler = self._handlers.get(descriptor)  # an earlier handler may have forgotten it
            if handler:
                handler(events)
