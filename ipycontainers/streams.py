"""From an attached socket to the notebook: frames, text, and a bound on both.

An engine sends a container's two streams as frames on one connection; here they
become text in the notebook, a variable, or a pipe, live and in order. A flood
costs a fixed amount of memory: its first and last part are shown and the whole
goes to a private file.

The frame head is 8 bytes, ``[stream, 0, 0, 0, length as big-endian uint32]``
(Docker Engine API, "Attach to a container", stream format). With a terminal
there are no heads: everything is standard output.

Knows: bytes, UTF-8, limits. Does not know: docker-py, IPython, containers.
"""

from __future__ import annotations

import codecs
import os
import struct
import tempfile
import time
from collections import deque
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

STDOUT = "stdout"
STDERR = "stderr"

# One read is at most this; a frame may announce 4 GiB and never costs more.
CHUNK = 64 * 1024

# Jupyter Server drops what exceeds 1,000,000 bytes a second
# (ServerApp.iopub_data_rate_limit), so one cell stays below that in total.
SHOWN_FIRST = 512 * 1024
SHOWN_LAST = 256 * 1024
FILE_LIMIT = 10**9
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


class Display:
    """Shows both streams live through ``write(stream, text)``, within a budget.

    The first ``shown_first`` bytes of both together are written as they come.
    What comes after goes to a private file only, which then holds everything,
    up to ``file_limit`` bytes; at the end its path and the last ``shown_last``
    bytes are written.
    """

    def __init__(
        self,
        write: Callable[[str, str], None],
        *,
        shown_first: int = SHOWN_FIRST,
        shown_last: int = SHOWN_LAST,
        file_limit: int = FILE_LIMIT,
    ) -> None:
        self._write = write
        self._text = {STDOUT: Text(), STDERR: Text()}
        self._budget = shown_first
        self._first: list[bytes] = []
        self._rest: _Overflow | None = None
        self._limits = (shown_last, file_limit)

    def feed(self, stream: str, data: bytes) -> None:
        if self._rest:
            self._rest.feed(stream, data)
            return
        shown, over = data[: self._budget], data[self._budget :]
        self._budget -= len(shown)
        self._first.append(shown)
        self._show(stream, self._text[stream].feed(shown))
        if over:
            self._rest = _Overflow(*self._limits)
            self._rest.keep(b"".join(self._first))
            self._first.clear()
            self._show(STDERR, f"\n… much output: the rest goes to {self._rest.path}\n")
            self._rest.feed(stream, over)

    def close(self) -> None:
        for stream, text in self._text.items():
            if not self._rest:
                self._show(stream, text.close())
        if self._rest:
            note, last = self._rest.close()
            self._show(STDERR, note)
            for stream, data in last:
                self._show(stream, data.decode("utf-8", "replace"))

    def _show(self, stream: str, text: str) -> None:
        if text:
            self._write(stream, text)


class _Overflow:
    """What is not shown: a private file of everything, and the last bytes in memory."""

    def __init__(self, last_limit: int, file_limit: int) -> None:
        descriptor, self.path = tempfile.mkstemp(prefix="ipycontainers-", suffix=".log")
        self._file: IO[bytes] | None = os.fdopen(descriptor, "wb")
        self._file_left = file_limit
        self._lost = 0
        self._problem = ""
        self._unseen = 0
        self._last: deque[tuple[str, bytes]] = deque()
        self._last_size = 0
        self._last_limit = last_limit

    def keep(self, data: bytes) -> None:
        """Write to the file, within its limit; a full disk ends the file, not the cell."""
        kept = data[: self._file_left]
        self._lost += len(data) - len(kept)
        self._file_left -= len(kept)
        try:
            if self._file and kept:
                self._file.write(kept)
        except OSError as error:
            self._problem = f" ({error.strerror}: the file is incomplete)"
            self._lost += len(kept)
            self._file_left = 0

    def feed(self, stream: str, data: bytes) -> None:
        self.keep(data)
        self._unseen += len(data)
        self._last.append((stream, data))
        self._last_size += len(data)
        while self._last_size > self._last_limit:
            stream, oldest = self._last.popleft()
            surplus = self._last_size - self._last_limit
            if surplus < len(oldest):
                self._last.appendleft((stream, oldest[surplus:]))
            self._last_size -= min(surplus, len(oldest))

    def close(self) -> tuple[str, list[tuple[str, bytes]]]:
        """The note for the reader, and the last bytes from the start of a line on."""
        try:
            if self._file:
                self._file.close()
        except OSError as error:
            self._problem = f" ({error.strerror}: the file is incomplete)"
        self._file = None
        last = list(self._last)
        if self._last_size < self._unseen and last:
            stream, data = last[0]
            last[0] = (stream, _from_line_start(data))
        hidden = self._unseen - sum(len(data) for _, data in last)
        lost = f", of which {self._lost:,} were dropped" if self._lost else ""
        note = f"\n… {hidden:,} bytes not shown{lost}. All of it: {self.path}{self._problem}\n"
        return (note if hidden else "\n"), last


def _from_line_start(data: bytes) -> bytes:
    line = data.find(b"\n") + 1
    if line:
        return data[line:]
    # No line to start at: at least not in the middle of a character.
    start = next((i for i in range(min(4, len(data))) if data[i] & 0xC0 != 0x80), 0)
    return data[start:]


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
    nobody reads; a closed reader ends that, and the rest is dropped.
    """

    def __init__(self) -> None:
        read, self._write = os.pipe()
        self.reader = os.fdopen(read, encoding="utf-8", errors="replace", newline="")
        self._open = True

    def feed(self, _stream: str, data: bytes, /) -> None:
        try:
            while data and self._open:
                data = data[os.write(self._write, data) :]
        except OSError:
            self.close()

    def close(self) -> None:
        if self._open:
            self._open = False
            os.close(self._write)


class Discard:
    """A stream that nobody asked for."""

    def feed(self, _stream: str, _data: bytes, /) -> None:
        """Drop it."""

    def close(self) -> None:
        """Nothing was kept."""


class Interleaved:
    """Writes two streams to two files so that their order of arrival is kept roughly.

    A notebook buffers each stream by itself; flushing the one before the other
    is written keeps their order. At most 20 flushes a second, since each is a
    message and Jupyter Server drops more than 1,000 messages a second.
    """

    def __init__(self, files: Callable[[str], IO[str]]) -> None:
        self._files = files
        self._stream = ""
        self._flushed = 0.0

    def __call__(self, stream: str, text: str) -> None:
        if self._stream not in ("", stream) and time.monotonic() - self._flushed > 0.05:
            self._files(self._stream).flush()
            self._flushed = time.monotonic()
        self._stream = stream
        self._files(stream).write(text)
