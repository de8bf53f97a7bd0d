"""What a program in a container prints, on its way to the notebook.

    with Following(console, read, close, tty=False) as following:
        following.all()

A thread reads, the thread of the cell shows; so an interrupt ends the waiting at once, and a flood
waits in the engine and not in memory. What is shown of a flood is bounded, as in any cell; a
variable gets all of it.

Knows: frames, threads. Does not know: requests, verbs.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from ipycontainers import display, streams
from ipycontainers.errors import ContainerError
from ipycontainers.inbox import Inbox

if TYPE_CHECKING:
    from typing_extensions import Self

    from ipycontainers.client import Attachment
    from ipycontainers.streams import Frame

    from .console import Console

WAIT = 0.2  # seconds; short because on Windows an interrupt cannot end a longer one


class Following:
    """The streams of one program; leaving the block closes them. ``broke``: they were cut."""

    def __init__(
        self,
        console: Console,
        read: Callable[[int], bytes],
        close: Callable[[], None],
        *,
        tty: bool,
    ) -> None:
        self._read, self._close, self._tty = read, close, tty
        shown: streams.Sink = _Whole(console)
        if not console.collects:
            shown = display.Display(lambda stream, text: _write(console, stream, text))
        self._output = streams.Output(shown, shown, tty=tty)
        self._frames: Inbox[list[Frame] | None] = Inbox(8)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ipycontainers-read", daemon=True)
        self.broke = False

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._close()
        self._thread.join(1)
        self._output.close()

    def _run(self) -> None:
        try:
            for batch in streams.batches(self._read, tty=self._tty):
                self._frames.put(batch, self._over.is_set)
        except (OSError, ValueError, ContainerError):
            self.broke = not self._over.is_set()
        self._frames.put(None, self._over.is_set)

    def all(self, seconds: float | None = None) -> bool:
        """Show all until the streams end (True), or for so long (False)."""
        end = None if seconds is None else time.monotonic() + seconds
        while True:
            patience = WAIT if end is None else min(WAIT, end - time.monotonic())
            if patience <= 0:
                return False
            try:
                batch = self._frames.get(timeout=patience)
            except queue.Empty:
                continue
            if batch is None:
                return True
            for frame in batch:
                self._output.feed(frame)


class _Whole:
    """All of it, for a variable, whose bound is its own."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._text = {streams.STDOUT: streams.Text(), streams.STDERR: streams.Text()}

    def feed(self, stream: str, data: bytes, /) -> None:
        _write(self._console, stream, self._text[stream].feed(data))

    def close(self) -> None:
        for stream, text in self._text.items():
            _write(self._console, stream, text.close())


def _write(console: Console, stream: str, text: str) -> None:
    (console.out if stream == streams.STDOUT else console.err)(text)


def fed(attachment: Attachment, data: bytes) -> None:
    """Gives a program its input, in a thread of its own; it need not read all of it."""

    def feed() -> None:
        with contextlib.suppress(OSError, ValueError, ContainerError):
            attachment.write(data)
            attachment.close_write()

    threading.Thread(target=feed, name="ipycontainers-stdin", daemon=True).start()
