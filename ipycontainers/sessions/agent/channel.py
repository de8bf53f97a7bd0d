"""The interpreter's end of the socket to the multiplexer, safe from interrupts.

A KeyboardInterrupt may come between any two instructions of a cell, and would leave half a
frame behind where it came in the middle of one. So the handler of SIGINT waits while a frame
is moved.

Knows: signals, frames. Does not know: what is said.
"""

import array
import contextlib
import json
import os
import select
import socket
import threading

from . import wire


class Interrupts:
    """The handler of SIGINT: it raises KeyboardInterrupt in a cell and nowhere else."""

    def __init__(self) -> None:
        self._allowed = False
        self._held = 0
        self._pending = False

    def __call__(self, _number: int, _frame: object) -> None:
        if self._held:
            self._pending = self._allowed
        elif self._allowed:
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def allowed(self) -> "Iterator[None]":
        """Around a cell."""
        self._pending = False
        try:
            self._allowed = True
            yield
        finally:
            self._allowed = False

    @contextlib.contextmanager
    def held(self) -> "Iterator[None]":
        """Around what must not stop half way; an interrupt comes at its end."""
        if threading.current_thread() is not MAIN:
            yield  # where no handler runs
            return
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
        if self._pending and not self._held:
            self._pending = False
            raise KeyboardInterrupt


class Channel:
    """Frames to the multiplexer from every thread, and from it to the main thread."""

    def __init__(self, sock: "socket.socket", interrupts: Interrupts) -> None:
        self._socket = sock
        self._interrupts = interrupts
        self._parser = wire.Parser(piecewise=True)
        self._received: "list[tuple[dict[str, object], bytes]]" = []
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._asked = 0

    @property
    def is_ours(self) -> bool:
        """Whether this process is the interpreter, and not a fork that a cell has made."""
        return os.getpid() == self._pid

    @property
    def can_ask(self) -> bool:
        """Whether this thread may wait for an answer."""
        return self.is_ours and threading.current_thread() is MAIN

    def send(
        self, head: "dict[str, object]", data: bytes = b"", descriptors: "tuple[int, ...]" = ()
    ) -> None:
        """Returns when the multiplexer is about to have it."""
        if not self.is_ours:
            return
        for start, piece in wire.divided(head, data):
            with self._interrupts.held(), self._lock:
                if descriptors:
                    rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))
                    self._socket.sendmsg([start[:1]], [rights])
                    start = start[1:]  # noqa: PLW2901
                self._socket.sendall(start)
                self._socket.sendall(piece)

    def send_value(self, head: "dict[str, object]", meta: object, data: object) -> None:
        """A value: ``meta`` as JSON before ``data``, which is bytes-like or a binary file."""
        text = json.dumps(meta).encode()
        head = dict(head, meta=len(text))
        if not hasattr(data, "read"):
            self.send(dict(head, more=True), text)
            self.send(head, data)  # type: ignore[arg-type]
            return
        piece = text
        while piece:
            self.send(dict(head, more=True), piece)
            piece = data.read(wire.PIECE)
        self.send(head)

    def receive(self) -> "tuple[dict[str, object], bytes]":
        """The next frame from the multiplexer. Ends this process when there is none any more."""
        while not self._received:
            self._read(None)
        return self._received.pop(0)

    def _read(self, patience: "float | None") -> None:
        readable, _, _ = select.select([self._socket], [], [], patience)
        if readable:
            with self._interrupts.held():
                chunk = self._socket.recv(1 << 20)
                if not chunk:
                    os._exit(0)
                self._received += self._parser.feed(chunk)

    def was_interrupted(self, cell: int) -> bool:
        """Whether the cell was interrupted before ``allowed``; its SIGINT came to nothing then."""
        self._read(0)
        told = {"op": "interrupted", "cell": cell}
        return any(told == head for head, _ in self._received)

    def ask(self, head: "dict[str, object]") -> "dict[str, object]":
        """The answer to a question. Call it where ``can_ask`` is true."""
        self._asked += 1
        self.send(dict(head, id=self._asked))
        while True:
            answer, _ = self.receive()
            if answer.get("id") == self._asked:
                return answer

    def sync(self) -> None:
        """Wait until all that was written up to now is on its way, before what comes next."""
        if self.can_ask:
            self.ask({"op": "sync"})


def split_meta(head: "dict[str, object]", data: bytearray) -> "tuple[object, bytearray]":
    """Undo ``send_value``: the meta and the data of a value."""
    size = int(str(head["meta"]))
    meta = json.loads(bytes(data[:size]).decode())
    del data[:size]
    return meta, data


MAIN = threading.main_thread()

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
