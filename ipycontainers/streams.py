"""From an attached socket to the notebook: frames, text, and a bound on both.

An engine sends a container's two streams as frames on one connection; here they
become text in the notebook, a variable, or a pipe, live and in order. A flood
costs a fixed amount of memory: its first and last part are shown and the whole
goes to a private file (``display``).

The frame head is 8 bytes, ``[stream, 0, 0, 0, length as big-endian uint32]``
(Docker Engine API, "Attach to a container", stream format). With a terminal
there are no heads: everything is standard output.

Knows: bytes, UTF-8, limits. Does not know: docker-py, IPython, containers.
"""

from __future__ import annotations

import codecs
import io
import struct
import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from typing_extensions import Buffer

STDOUT = "stdout"
STDERR = "stderr"

# One read is at most this; a frame may announce 4 GiB and never costs more.
CHUNK = 64 * 1024

CAPTURE_LIMIT = 10**9


@dataclass(frozen=True)
class Frame:
    """A piece of one stream: ``stream`` is "stdout" or "stderr", ``data`` raw bytes."""

    stream: str
    data: bytes


def batches(read: Callable[[int], bytes], *, tty: bool = False) -> Iterator[list[Frame]]:
    """All frames of a connection, one list for each read, until ``read`` returns b"".

    A frame longer than one read arrives in pieces. A connection that ends in
    the middle of a frame ends the iteration: what arrived has been yielded.
    """
    parse = _Frames()
    while chunk := read(CHUNK):
        yield [Frame(STDOUT, chunk)] if tty else parse.feed(chunk)


class _Frames:
    """The position in the frame protocol between two reads."""

    def __init__(self) -> None:
        self._head = b""
        self._stream = STDOUT
        self._left = 0

    def feed(self, chunk: bytes) -> list[Frame]:
        frames: list[Frame] = []
        position = 0
        while position < len(chunk):
            if not self._left:
                taken = chunk[position : position + 8 - len(self._head)]
                self._head += taken
                position += len(taken)
                if len(self._head) == 8:
                    number, self._left = struct.unpack(">BxxxL", self._head)
                    # 0 is standard input echoed, 3 the engine's own error text.
                    self._stream = STDOUT if number in (0, 1) else STDERR
                    self._head = b""
                continue
            data = chunk[position : position + self._left]
            position += len(data)
            self._left -= len(data)
            if frames and frames[-1].stream == self._stream:
                frames[-1] = Frame(self._stream, frames[-1].data + data)
            else:
                frames.append(Frame(self._stream, data))
        return frames


class Sink(Protocol):
    """Where one stream goes. ``feed`` is called in order, ``close`` once, at the end."""

    def feed(self, stream: str, data: bytes, /) -> None: ...

    def close(self) -> None: ...


class Output:
    """A cell's two streams, each with its sink, which they may share."""

    def __init__(self, stdout: Sink, stderr: Sink, *, tty: bool = False) -> None:
        self._sinks = {STDOUT: stdout, STDERR: stderr}
        self._newlines = _TerminalNewlines() if tty else None
        self._last: deque[bytes] = deque(maxlen=4)

    def feed(self, frame: Frame) -> None:
        data = self._newlines.feed(frame.data) if self._newlines else frame.data
        if frame.stream == STDERR or self._newlines:
            self._last.append(data[-1024:])
        self._sinks[frame.stream].feed(frame.stream, data)

    def last_error_text(self) -> str:
        """The last few kB of standard error, to guess what went wrong."""
        return b"".join(self._last).decode("utf-8", "replace")

    def give_up(self) -> None:
        """Wait for no reader of a pipe any longer."""
        for sink in self._sinks.values():
            if isinstance(sink, Pipe):
                sink.give_up()

    def close(self) -> None:
        if self._newlines and (held := self._newlines.close()):
            self._sinks[STDOUT].feed(STDOUT, held)
        for sink in dict.fromkeys(self._sinks.values()):
            sink.close()


class _TerminalNewlines:
    r"""``\r\n`` to ``\n``: a terminal writes the first, stored outputs hold the second."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        data = self._held + data
        self._held = b"\r" if data.endswith(b"\r") else b""
        return data[: len(data) - len(self._held)].replace(b"\r\n", b"\n")

    def close(self) -> bytes:
        return self._held


class Text:
    """Bytes to text across chunk borders; a byte that is no UTF-8 becomes U+FFFD."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, data: bytes) -> str:
        return self._decoder.decode(data)

    def close(self) -> str:
        return self._decoder.decode(b"", final=True)


class Capture:
    """Collects one stream, or both in order of arrival, for ``--out`` and ``--err``."""

    def __init__(self, limit: int = CAPTURE_LIMIT) -> None:
        self._parts: list[str] = []
        self._text = Text()
        self._left = limit
        self.lost = 0

    def feed(self, _stream: str, data: bytes, /) -> None:
        kept = data[: self._left]
        self.lost += len(data) - len(kept)
        self._left -= len(kept)
        self._parts.append(self._text.feed(kept))

    def close(self) -> None:
        self._parts.append(self._text.close())

    def text(self) -> str:
        return "".join(self._parts)


class Pipe:
    """A stream that somebody else reads while it runs, as ``%%script --bg --out`` does.

    ``reader`` is a text file object. As with any pipe the container waits when
    nobody reads. A closed reader, or ``give_up``, ends the waiting; the rest is dropped.
    """

    def __init__(self) -> None:
        self._state = threading.Condition()
        self._data = bytearray()
        self._open = True
        self._read = True
        self.reader = io.TextIOWrapper(
            io.BufferedReader(_PipeEnd(self)), encoding="utf-8", errors="replace", newline=""
        )

    def feed(self, _stream: str, data: bytes, /) -> None:
        with self._state:
            self._state.wait_for(lambda: len(self._data) < CHUNK or not self._read)
            if self._read:
                self._data += data
                self._state.notify_all()

    def give_up(self) -> None:
        """Wait for the reader no longer; what it has not read yet it can still read."""
        with self._state:
            self._read = False
            self._state.notify_all()

    def close(self) -> None:
        with self._state:
            self._open = False
            self._state.notify_all()

    def take(self, size: int) -> bytes:
        """Called by the reader: at least one byte, or b"" at the end."""
        with self._state:
            self._state.wait_for(lambda: self._data or not self._open)
            taken = bytes(self._data[:size])
            del self._data[:size]
            self._state.notify_all()
            return taken


class _PipeEnd(io.RawIOBase):
    """The reader's end, as the standard library's readers want it."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        view = memoryview(buffer)
        taken = self._pipe.take(len(view))
        view[: len(taken)] = taken
        return len(taken)

    def close(self) -> None:
        if not self.closed:
            self._pipe.give_up()
        super().close()


class Discard:
    """A stream that nobody asked for."""

    def feed(self, _stream: str, _data: bytes, /) -> None:
        """Drop it."""

    def close(self) -> None:
        """Nothing was kept."""
