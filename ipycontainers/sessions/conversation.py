"""Frames with the agent in a container, over an attachment, in two threads.

One thread writes, so that no interrupt leaves half a frame behind and no agent that does not
read holds up a cell. One reads: what belongs to the running cell waits in a bounded queue,
what comes late from earlier ones goes to a bounded log. What the agent sends is not trusted:
the first bytes that are no frame end the conversation, in words.

Knows: frames, threads, bounds. Does not know: what a frame says.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from ipycontainers import streams
from ipycontainers.errors import ContainerError
from ipycontainers.inbox import Inbox

from .agent import wire

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ipycontainers.client import Attachment

    Message = tuple[dict[str, Any], bytes]

LOG_LIMIT = 1 << 20
SLICE = 0.2  # seconds; on Windows an interrupt cannot end a longer wait


class Over(Exception):
    """There is nothing more to read; ``message`` says why, "" where the stream just ended."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.message = message


class Log:
    """The last ``limit`` bytes that were put into it."""

    def __init__(self, limit: int = LOG_LIMIT) -> None:
        self._parts: deque[bytes] = deque()
        self._size = 0
        self._limit = limit
        self._lock = threading.Lock()

    def feed(self, data: bytes) -> None:
        with self._lock:
            self._parts.append(data[-self._limit :])
            self._size += len(self._parts[-1])
            while self._size - len(self._parts[0]) >= self._limit:
                self._size -= len(self._parts.popleft())
            if len(self._parts) > 256:
                self._parts = deque([b"".join(self._parts)])

    def bytes(self) -> bytes:
        with self._lock:
            return b"".join(self._parts)[-self._limit :]


class Conversation:
    """Open until ``close``; ``late`` and ``errors`` are the logs of it."""

    def __init__(self, attachment: Attachment) -> None:
        self.late = Log()
        self.errors = Log(8192)
        self._attachment = attachment
        self._cell = 0
        self._failure = ""
        self._over = threading.Event()
        self._incoming: Inbox[list[Message] | None] = Inbox(8)
        self._outgoing: queue.SimpleQueue[Iterable[bytes] | None] = queue.SimpleQueue()
        self._ready: deque[Message] = deque()
        self._ended = False
        self._threads = [
            threading.Thread(target=target, name="ipycontainers-session", daemon=True)
            for target in (self._read, self._write)
        ]
        for thread in self._threads:
            thread.start()

    def listen_to(self, cell: int) -> None:
        """What comes from other cells is late from now on; 0 is no cell."""
        self._cell = cell

    def send(self, data: Iterable[bytes]) -> None:
        """Bytes or frames, in the order of the calls; does not wait."""
        self._outgoing.put(data)

    def receive(self, until: float | None = None) -> Message | None:
        """The next frame; None: nothing came for ``SLICE`` seconds, or until ``until``.

        Raises Over.
        """
        while True:
            while self._ready:
                head, data = self._ready.popleft()
                if self._is_current(head):
                    return head, data
                self._keep(head, data)
            if self._ended:
                raise Over(self._failure)
            patience = SLICE if until is None else min(SLICE, until - time.monotonic())
            try:
                batch = self._incoming.get(timeout=max(patience, 0.001))
            except queue.Empty:
                return None
            self._ended = batch is None
            self._ready += batch or ()

    def close(self) -> None:
        """Ends the attachment and the threads. May be called twice."""
        self._over.set()
        self._outgoing.put(None)
        self._attachment.close()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(1)

    def _read(self) -> None:
        parser = wire.Parser(piecewise=True)
        try:
            for batch in streams.batches(self._attachment.read):
                for part in batch:
                    if part.stream == streams.STDERR:
                        self.errors.feed(part.data)
                    else:
                        self._sort(parser.feed(part.data))
            if not parser.is_between:
                self._failure = "its last message is not complete"
        except wire.BadFrame as error:
            self._failure = f"it has sent {error}"
        except (OSError, ValueError, ContainerError):
            self._failure = "" if self._over.is_set() else "the connection broke"
        self._put(None)

    def _sort(self, messages: list[Message]) -> None:
        """Late output is kept at once, so that it never waits for a cell to be read."""
        current = []
        for head, data in messages:
            if self._is_current(head):
                current.append((head, data))
            else:
                self._keep(head, data)
        if current:
            self._put(current)

    def _is_current(self, head: dict[str, Any]) -> bool:
        return bool(head.get("cell", self._cell) == self._cell)

    def _keep(self, head: dict[str, Any], data: bytes) -> None:
        if head.get("op") == "stream":
            self.late.feed(data)

    def _put(self, batch: list[Message] | None) -> None:
        """Wait for room, which nobody makes any more once the session is closed."""
        self._incoming.put(batch, self._over.is_set)

    def _write(self) -> None:
        # A container that has ended is noticed by the reader.
        with contextlib.suppress(OSError, ValueError):
            while (parts := self._outgoing.get()) is not None:
                for part in parts:
                    self._attachment.write(part)
