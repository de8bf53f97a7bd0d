"""One program's input and output, and who is connected to them.

Knows: pipes, terminals, frames, who is slow. Does not know: requests, how it was started.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack

from . import terminal
from .client import Client
from .log import Reader, Writer
from .loop import GONE, READ, WRITE, Loop
from .output import frame
from .process import Streams

_CHUNK = 65536
_INPUT_FULL = 1 << 16


class Session:
    """Begins without a program, so that one can connect before it starts.

    What clients send is its input; what it writes goes to all of them and to ``log``. A client
    that takes nothing makes the program wait: nothing is lost and nothing grows.
    """

    def __init__(
        self, loop: Loop, *, tty: bool, stdin: bool, once: bool, log: tuple[int, int] | None
    ) -> None:
        """``log`` is the size of a file of it and how many there may be."""
        self.tty = tty
        self.clients: list[Client] = []
        self._loop = loop
        self._stdin_wanted = stdin
        self._once = once
        self._has_log = log is not None
        self._log = Writer(*log) if log else None
        self._behind: dict[Client, Iterator[bytes]] = {}
        self._brief: set[Client] = set()  # of those behind: who wants only what was written
        self._input = bytearray()
        self._input_ended = False
        self._stdin = -1
        self._sources: dict[int, int] = {}
        self._paused = False
        self._size: tuple[int, int] | None = None
        self.is_over = False

    # --- the program -----------------------------------------------------------------------------

    def open(self, within: int = 0) -> tuple[Streams, int]:
        """Descriptors for the program, and where to read its standard error. ``within`` is a
        process that shares its /dev."""
        if self.tty:
            master, slave = terminal.pair(within)
            self._stdin, self._sources = master, {master: 1}
            if self._size:
                self.resize(*self._size)
            return Streams(slave, slave, slave), master
        with ExitStack() as undone:
            (out, out_write), (err, err_write) = _pipe(undone), _pipe(undone)
            if self._stdin_wanted:
                stdin, self._stdin = os.pipe()
            else:
                stdin = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
            undone.pop_all()
        self._sources = {out: 1, err: 2}
        return Streams(stdin, out_write, err_write), err

    def began(self, early: bytes) -> None:
        """The program has its descriptors: move what goes in and out from now on."""
        for descriptor in {self._stdin, *self._sources} - {-1}:
            os.set_blocking(descriptor, False)
        if early:
            self._emit(2, early)
        self._watch_output()
        self._write_input()

    def ended(self) -> None:
        """The program is gone: pass on what it left in its pipes, and let go of the clients."""
        for descriptor in list(self._sources):
            os.set_blocking(descriptor, False)  # of one that never began
            while descriptor in self._sources and self._read(descriptor):
                pass
            self._close_source(descriptor)
        self._close_stdin()
        if self._log:
            self._log.close()
            self._log = None
        self.is_over = True
        for client in list(self.clients):
            if client not in self._behind:
                self._part(client)

    def resize(self, height: int, width: int) -> None:
        """Of the terminal; kept for later when there is none yet."""
        self._size = height, width
        if self.tty and self._stdin >= 0:
            terminal.resize(self._stdin, height, width)

    # --- clients ---------------------------------------------------------------------------------

    def join(self, client: Client, *, stdin: bool, logs: bool, stream: bool) -> None:
        """Connect ``client``: first, with ``logs``, what was written so far, then what comes."""
        self.clients.append(client)
        if logs and self._has_log:
            self._behind[client] = self._replay()
            self._brief |= set() if stream else {client}
        client.follow(self, stdin=stdin and stream and self._stdin_wanted)
        self.relieve(client)
        if (self.is_over or not stream) and client not in self._behind:
            self._part(client)

    def leave(self, client: Client) -> None:
        """It has closed its connection."""
        self._behind.pop(client, None)
        self._brief.discard(client)
        if client in self.clients:
            self.clients.remove(client)
        self.relieve(None)

    def relieve(self, client: Client | None) -> None:
        """A client has room again."""
        replay = self._behind.get(client) if client else None
        while client and replay and not client.is_full and not client.closed:
            data = next(replay, None)
            if data is None:
                self._behind.pop(client, None)
                if self.is_over or client in self._brief:
                    self._part(client)
                break
            client.send(data)
        if self._paused and not self._is_blocked():
            self._watch_output()

    @property
    def input_is_full(self) -> bool:
        """Whether the program takes its input so slowly that clients must wait."""
        return len(self._input) >= _INPUT_FULL

    def put(self, data: bytes) -> None:
        """From a client, for the program."""
        self._input += data
        self._write_input()

    def end_input(self) -> None:
        """A client has ended its input. Only with ``once`` does the program see an end."""
        if self._once:
            self._input_ended = True
            self._write_input()

    def _replay(self) -> Iterator[bytes]:
        log = Reader(".")
        try:
            for entry in log.records():
                yield frame(entry.stream, entry.data, raw=self.tty)
        finally:
            log.close()

    def _part(self, client: Client) -> None:
        self.clients.remove(client)
        self._brief.discard(client)
        client.finish()

    # --- output ----------------------------------------------------------------------------------

    def _is_blocked(self) -> bool:
        return any(client.is_full for client in self.clients if client not in self._behind)

    def _watch_output(self) -> None:
        self._paused = False
        for descriptor in self._sources:
            self._watch_source(descriptor)

    def _watch_source(self, descriptor: int) -> None:
        events = 0 if self._paused else READ
        if descriptor == self._stdin and self._input:
            events |= WRITE
        self._loop.watch(descriptor, events, lambda got: self._on_source(descriptor, got))

    def _on_source(self, descriptor: int, events: int) -> None:
        if events & WRITE:
            self._write_input()
        if events & (READ | GONE) and descriptor in self._sources:
            if self._paused:
                # A writer is gone while nobody may read: epoll would say so without end.
                self._loop.forget(descriptor)
                return
            self._read(descriptor)

    def _read(self, descriptor: int) -> bool:
        try:
            data = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            return False
        except OSError:  # EIO, a terminal that nobody has open any more
            data = b""
        if not data:
            self._close_source(descriptor)
            return False
        self._emit(self._sources[descriptor], data)
        return True

    def _emit(self, stream: int, data: bytes) -> None:
        if self._log:
            self._log.write(stream, data)
        framed = frame(stream, data, raw=self.tty)
        for client in list(self.clients):
            if client not in self._behind:
                client.send(framed)
        if not self._paused and self._is_blocked():
            self._paused = True
            for descriptor in self._sources:
                self._watch_source(descriptor)

    def _close_source(self, descriptor: int) -> None:
        if self._sources.pop(descriptor, None):
            self._loop.forget(descriptor)
            if descriptor == self._stdin:
                self._stdin = -1
            os.close(descriptor)

    # --- input -----------------------------------------------------------------------------------

    def _write_input(self) -> None:
        was_full = self.input_is_full
        try:
            while self._input and self._stdin >= 0:
                del self._input[: os.write(self._stdin, self._input[:_CHUNK])]
        except BlockingIOError:
            pass
        except OSError:  # EPIPE: it no longer reads
            self._input.clear()
            self._close_stdin()
        if self._stdin >= 0:
            self._watch_input()
        if was_full and not self.input_is_full:
            for client in list(self.clients):
                client.resume()

    def _watch_input(self) -> None:
        if self._stdin in self._sources:
            self._watch_source(self._stdin)
        elif self._input:
            self._loop.watch(self._stdin, WRITE, lambda _: self._write_input())
        elif self._input_ended:
            self._close_stdin()
        else:
            self._loop.forget(self._stdin)

    def _close_stdin(self) -> None:
        if self._stdin >= 0 and self._stdin not in self._sources:
            self._loop.forget(self._stdin)
            os.close(self._stdin)
            self._stdin = -1


def _pipe(undone: ExitStack) -> tuple[int, int]:
    made = os.pipe()
    for end in made:
        undone.callback(os.close, end)
    return made
