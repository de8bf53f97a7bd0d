"""Which channel a cell writes to, and where what comes from each of them goes.

While a cell runs, the thread that runs it takes what all channels deliver, from one short
queue, so a flood waits in the container. Between cells everything goes to the log. The
first process's standard output also carries the marks of the keeper (``posix``): that a
shell has ended, and what it left.

Knows: channels, marks, the keeper's words. Does not know: engines, interrupts, shells' text.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from typing import TYPE_CHECKING

from ipycontainers.inbox import PAUSE, Inbox
from ipycontainers.streams import STDERR, STDOUT, Frame

from .channel import Channel, Log, Scanner

if TYPE_CHECKING:
    from collections.abc import Callable

    from ipycontainers.client import Attachment

STATE_LIMIT = 16 << 20  # bytes of variables that a new shell can take over


class Switchboard:
    """``main`` is the channel of the first process, ``current`` that of the cells.

    ``died`` is the exit code of a shell that has ended and has no successor yet, ``parts``
    what it left; ``ended`` says that the first process has. ``greeting`` is the end of what
    a shell said before it was ready.
    """

    def __init__(self, attachment: Attachment, key: str) -> None:
        self.main = Channel(attachment, self._deliver)
        self.current = self.main
        self.log = Log()
        self.died: int | None = None
        self.ended = False
        self.parts: dict[str, bytearray] = {}
        self._part = ""
        self._keeper = {name: Scanner(f"{key}:{key}".encode()) for name in (STDOUT, STDERR)}
        self._silent = {STDOUT: True, STDERR: True}  # while a shell says hello and prompts
        self.greeting = bytearray()
        self._queue: Inbox[tuple[Channel, list[Frame] | None]] = Inbox(8)
        self._lock = threading.Lock()
        self._take: Callable[[Frame], None] | None = None
        self._scanners: dict[str, Scanner] = {}
        self._marks: dict[str, list[str]] = {}

    def channel(self, attachment: Attachment, holder: str, paths: tuple[str, str]) -> Channel:
        """A further channel, of a program beside."""
        return Channel(attachment, self._deliver, holder, paths)

    # While a cell runs: called by its thread

    def listen(self, needle: str, take: Callable[[Frame], None]) -> None:
        """From now on output of the current channel is for ``take``, up to marks of ``needle``."""
        self._scanners = {name: Scanner(needle.encode()) for name in (STDOUT, STDERR)}
        self._marks = {STDOUT: [], STDERR: []}
        with self._lock:
            self._take = take

    def wait(self, number: int, until: float | None) -> list[str]:
        """The words of mark ``number``, when it has come on both streams.

        An empty list: the shell has died, the first process has ended, or ``until`` (of
        ``time.monotonic``) has passed. Takes interrupts.
        """
        while not self._is_marked(number) and self.died is None and not self.is_cut:
            # The wait is short because on Windows an interrupt cannot end it.
            patience = 0.2 if until is None else min(0.2, until - time.monotonic())
            if patience <= 0:
                return []
            with contextlib.suppress(queue.Empty):
                self._process(*self._queue.get(timeout=patience))
        return self._marks[STDOUT] if self._is_marked(number) else []

    def _is_marked(self, number: int) -> bool:
        words = (self._marks[name] for name in (STDOUT, STDERR))
        return all(one and one[0] == str(number) for one in words)

    @property
    def is_cut(self) -> bool:
        """Whether no mark can come any more on the current channel."""
        return self.ended or (self.current.over.is_set() and self._queue.empty())

    def rest(self) -> None:
        """Nobody listens any more: the rest is for the log."""
        if not self._take:
            return
        for name, scanner in self._scanners.items():
            if (held := scanner.rest()) and not self._marks[name]:
                self._take(Frame(name, held))
        with self._lock:
            self._take = None
            with contextlib.suppress(queue.Empty):
                while True:
                    self._process(*self._queue.get_nowait())

    def successor(self) -> tuple[int, dict[str, str]]:
        """The exit code and the remains of a shell that died; there is to be another."""
        code, parts = self.died or 0, self.parts
        self.died, self.parts, self._part = None, {}, ""
        return code, {name: part.decode("utf-8", "replace") for name, part in parts.items()}

    def close(self) -> None:
        """Of both channels, the container goes on."""
        self.main.close()
        self.current.close()

    # What comes

    def _deliver(self, channel: Channel, batch: list[Frame] | None) -> None:
        """Called in the thread of the channel: waits for room while a cell runs."""
        while True:
            with self._lock:
                if self._take is None:
                    self._process(channel, batch)
                    return
                if self._queue.offer((channel, batch)):  # while it is certain that it is read
                    return
            time.sleep(PAUSE)

    def _process(self, channel: Channel, batch: list[Frame] | None) -> None:
        if batch is None:
            self.ended |= channel is self.main
        for frame in batch or ():
            if channel is not self.main:
                self._output(channel, frame)
                continue
            for piece in self._keeper[frame.stream].feed(frame.data):
                if isinstance(piece, str):
                    self._kept(frame.stream, piece)
                else:
                    self._of_main(Frame(frame.stream, piece))

    def _kept(self, stream: str, text: str) -> None:
        word, _, value = text.partition(" ")
        if word == "state":
            self._part = value
            self.parts[value] = bytearray()
        elif word == "ready":
            self._silent[stream] = False
        elif word == "gone" and value.isdigit():
            self._silent[stream] = True
            if stream == STDOUT:
                self._part, self.died = "", int(value)

    def _of_main(self, frame: Frame) -> None:
        if self._silent[frame.stream]:
            self.greeting = (self.greeting + frame.data)[-1000:]
        elif self._part and frame.stream == STDOUT:
            part = self.parts[self._part]
            part += frame.data[: STATE_LIMIT - len(part)]
        else:
            self._output(self.main, frame)

    def _output(self, channel: Channel, frame: Frame) -> None:
        if channel is self.current and self._take:
            for piece in self._scanners[frame.stream].feed(frame.data):
                if isinstance(piece, str):
                    self._marks[frame.stream] = piece.split()
                elif self._marks[frame.stream]:
                    self.log.add(piece)
                else:
                    self._take(Frame(frame.stream, piece))
        else:
            self.log.add(frame.data)
