"""What other threads hand to the thread that runs a cell, which an interrupt may hit anywhere.

``queue.Queue`` is written in Python: a KeyboardInterrupt inside its ``get`` can leave its lock
taken, and then everybody waits for ever. Here the taking side is one call into C, which an
interrupt leaves whole.

Knows: threads. Does not know: what is handed over.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")
PAUSE = 0.001  # seconds; only who is faster than the reader waits


class Inbox(Generic[T]):
    """At most about ``room`` things wait in it: each thread that puts may exceed it by one."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._things: queue.SimpleQueue[T] = queue.SimpleQueue()

    def put(self, thing: T, is_over: Callable[[], bool]) -> bool:
        """Waits for room; False: it ``is_over`` before there was any."""
        while not self.offer(thing):
            if is_over():
                return False
            time.sleep(PAUSE)
        return True

    def offer(self, thing: T) -> bool:
        """Whether there was room for it."""
        if self._things.qsize() >= self._room:
            return False
        self._things.put(thing)
        return True

    def get(self, timeout: float) -> T:
        """Raises queue.Empty when nothing has come for ``timeout`` seconds."""
        return self._things.get(timeout=timeout)

    def get_nowait(self) -> T:
        """Raises queue.Empty."""
        return self._things.get_nowait()

    def empty(self) -> bool:
        return self._things.empty()
