"""What a build says, on its way from the build's threads to its client.

    Backlog(cancelling)     lines that wait for the client, whose reading holds the build up
    Kept()                  those of a quiet build, for when it fails

``put`` is the build's own thread's, which may wait. ``offer`` is for threads that work for others
too, such as a layer's transfer that several pulls have joined: it neither waits nor raises.

Knows: threads, one event loop. Does not know: what the lines say.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ipycontainers.engine.build.running import Cancelling

FULL = 1 << 20  # bytes of lines that a client has not read, at which the build waits
MOST_KEPT = 4 << 20  # bytes of lines of a quiet build


class Lines(Protocol):
    """Where a build's lines go to."""

    def put(self, line: bytes) -> None:
        """May wait, and raise Cancelled."""

    def offer(self, line: bytes, *, is_count: bool) -> None:
        """``is_count``: it may be left out, as the next says more."""


class Kept:
    """The latest lines, up to so many bytes."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._lock, self._most = threading.Lock(), most
        self._lines: deque[bytes] = deque()
        self._size = 0

    def put(self, line: bytes) -> None:
        with self._lock:
            self._lines.append(line)
            self._size += len(line)
            while self._size > self._most:
                self._size -= len(self._lines.popleft())

    def offer(self, line: bytes, *, is_count: bool) -> None:
        if not is_count:
            self.put(line)

    def all(self) -> list[bytes]:
        with self._lock:
            return list(self._lines)


class Backlog:
    """An asynchronous iterator of the lines, as many at once as are there."""

    def __init__(self, cancelling: Cancelling) -> None:
        """On the loop."""
        self.cancelling = cancelling
        self._loop = asyncio.get_running_loop()
        self._begun: asyncio.Future[None] = self._loop.create_future()
        self._room = threading.Condition()
        self._lines: list[bytes] = []
        self._size = 0
        self._ready = asyncio.Event()
        self._is_over = False

    # --- the build's side --------------------------------------------------------------------

    def begin(self) -> None:
        """There will be lines."""
        self._call(self._settle, None)

    def refuse(self, error: Exception) -> None:
        """There will be none."""
        self._call(self._settle, error)

    def _settle(self, error: Exception | None) -> None:
        if self._begun.done():
            return
        if error:
            self._begun.set_exception(error)
        else:
            self._begun.set_result(None)

    def put(self, line: bytes) -> None:
        with self._room:
            self._room.wait_for(lambda: self._size < FULL or self.cancelling.is_set)
            self.cancelling.check()
            self._add(line)
        self._call(self._ready.set)

    def offer(self, line: bytes, *, is_count: bool) -> None:
        with self._room:
            if self.cancelling.is_set or (is_count and self._size >= FULL):
                return
            self._add(line)
        self._call(self._ready.set)

    def _add(self, line: bytes) -> None:
        self._lines.append(line)
        self._size += len(line)

    def end(self) -> None:
        self._is_over = True
        self._call(self._ready.set)

    def _call(self, call: Callable[..., object], *words: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is over
            self._loop.call_soon_threadsafe(call, *words)

    # --- the client's side -------------------------------------------------------------------

    async def begun(self) -> None:
        """Raises what the build was refused for; who does not wait for it cancels it."""
        try:
            await self._begun
        except BaseException:
            await self.aclose()
            raise

    def __aiter__(self) -> Backlog:
        return self

    async def __anext__(self) -> bytes:
        while True:
            await self._ready.wait()
            self._ready.clear()
            with self._room:
                is_over, taken = self._is_over, b"".join(self._lines)
                self._lines.clear()
                self._size = 0
                self._room.notify_all()
            if taken:
                self._ready.set()
                return taken
            if is_over:
                raise StopAsyncIteration

    async def aclose(self) -> None:
        """Nobody reads any more."""
        self.cancelling.set()
        with self._room:
            self._room.notify_all()
