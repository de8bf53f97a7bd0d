"""What a cell shows: live, both streams in order, and never more than a notebook takes.

Jupyter Server drops what exceeds 1,000,000 bytes a second, so of a flood the first
and the last part are shown and the whole goes to a private file.

Knows: text, limits, files. Does not know: frames' bytes, engines, IPython.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import time
from collections import deque
from pathlib import Path
from typing import IO, TYPE_CHECKING

from .streams import STDERR, STDOUT, Frame, Text

if TYPE_CHECKING:
    from collections.abc import Callable

# Together below ServerApp.iopub_data_rate_limit, 1,000,000 bytes a second.
SHOWN_FIRST = 512 * 1024
SHOWN_LAST = 256 * 1024
SLICE = 8 * 1024

FILE_LIMIT = 10**9
FILE_PREFIX = "ipycontainers-"
FILE_LIFE = 24 * 3600


class Display:
    """Shows both streams live through ``write(stream, text)``, within a budget.

    What is shown first and last is bounded by its size on the way to the front end.
    Once something has to be left out, everything, from the first byte on, is in a
    private file of at most ``file_limit`` bytes, and its path is shown.
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
        self._last_limit = shown_last
        self._file_limit = file_limit
        self._first = bytearray()
        self._last: deque[Frame] = deque()
        self._last_size = 0
        self._unseen = 0
        self._file: _Overflow | None = None

    def feed(self, stream: str, data: bytes) -> None:
        for start in range(0, len(data), SLICE):
            piece = data[start : start + SLICE]
            if self._budget > 0:
                self._first += piece
                self._show(stream, self._text[stream].feed(piece))
            else:
                self._hold_back(stream, piece)

    def _show(self, stream: str, text: str) -> None:
        if text:
            self._budget -= _size_on_the_wire(text)
            self._write(stream, text)

    def _hold_back(self, stream: str, data: bytes) -> None:
        """Keep the latest bytes; what they push out is only in the file."""
        self._unseen += len(data)
        self._last_size += len(data)
        if self._last and self._last[-1].stream == stream and len(self._last[-1].data) < SLICE:
            # A program that writes byte by byte must not cost an object for each.
            self._last[-1] = Frame(stream, self._last[-1].data + data)
        else:
            self._last.append(Frame(stream, data))
        if self._file:
            self._file.write(data)
        while self._last_size > self._last_limit:
            if not self._file:
                self._file = _Overflow(self._file_limit)
                self._file.write(bytes(self._first))
                for frame in self._last:
                    self._file.write(frame.data)
                self._first.clear()
                self._write(STDERR, f"\n… much output: all of it goes to {self._file.path}\n")
            self._last_size -= len(self._last.popleft().data)

    def close(self) -> None:
        last = self._decoded()
        shown = _last_of(last, self._last_limit)
        if self._file:
            problem = self._file.close()
            hidden = self._unseen - sum(len(text.encode()) for _, text in shown)
            self._write(STDERR, f"\n… {max(hidden, 0):,} bytes not shown{problem}\n")
        for stream, text in shown:
            self._write(stream, text)

    def _decoded(self) -> list[tuple[str, str]]:
        """The bytes held back as text, one decoder per stream, from a line's start on."""
        decoders = {STDOUT: Text(), STDERR: Text()} if self._file else self._text
        frames = list(self._last)
        if self._file and frames:
            frames[0] = Frame(frames[0].stream, _from_line_start(frames[0].data))
        texts = [(frame.stream, decoders[frame.stream].feed(frame.data)) for frame in frames]
        texts += [(stream, decoder.close()) for stream, decoder in decoders.items()]
        return [(stream, text) for stream, text in texts if text]


def _size_on_the_wire(text: str) -> int:
    """Bytes of a text in a Jupyter message, which is JSON: a control character takes six."""
    return len(json.dumps(text, ensure_ascii=False).encode("utf-8", "surrogatepass"))


def _last_of(texts: list[tuple[str, str]], limit: int) -> list[tuple[str, str]]:
    """The last texts that fit; what was held back is raw, and grows on the wire."""
    kept: list[tuple[str, str]] = []
    for stream, text in reversed(texts):
        limit -= _size_on_the_wire(text)
        if limit < 0 and kept:
            break
        kept.append((stream, text))
    return kept[::-1]


def _from_line_start(data: bytes) -> bytes:
    line = data.find(b"\n") + 1
    if line:
        return data[line:]
    # No line to start at: at least not in the middle of a character.
    start = next((i for i in range(min(4, len(data))) if data[i] & 0xC0 != 0x80), 0)
    return data[start:]


class _Overflow:
    """A private file of everything. A full disk ends the file, not the cell."""

    def __init__(self, limit: int) -> None:
        _remove_old_files()
        descriptor, self.path = tempfile.mkstemp(prefix=FILE_PREFIX, suffix=".log")
        self._file = os.fdopen(descriptor, "wb")
        self._left = limit
        self._lost = 0
        self._problem = ""

    def write(self, data: bytes) -> None:
        kept = data[: self._left]
        self._lost += len(data) - len(kept)
        self._left -= len(kept)
        try:
            self._file.write(kept)
        except OSError as error:
            self._failed(error, len(kept))

    def _failed(self, error: OSError, size: int = 0) -> None:
        self._problem = f"; the file is incomplete: {error.strerror}"
        self._lost += size
        self._left = 0

    def close(self) -> str:
        """What there is to say of the file, to go behind a sentence."""
        try:
            self._file.close()
        except OSError as error:
            self._failed(error)
        lost = f"; {self._lost:,} were dropped" if self._lost else ""
        return f"{lost}{self._problem}; the file: {self.path}"


def _remove_old_files() -> None:
    """Such a file is kept for a day; then the next one takes its place."""
    old = time.time() - FILE_LIFE
    with contextlib.suppress(OSError, AttributeError):
        for path in Path(tempfile.gettempdir()).glob(f"{FILE_PREFIX}*.log"):
            found = path.lstat()
            if found.st_uid == os.getuid() and found.st_mtime < old:
                path.unlink()


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
