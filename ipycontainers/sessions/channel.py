"""A container's streams as a session reads them: channels, marks, and a log.

A channel is one pair of streams that cells write to, with a thread that reads it. Where
something of a cell ends, the container writes a mark into the stream: a needle that only
the session knows, and a line of text. What nobody waits for, such as the output of a
background job whose cell is over, goes to the log.

Knows: frames, needles. Does not know: which interpreter, what a mark says.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
from typing import TYPE_CHECKING

from ipycontainers import streams
from ipycontainers.errors import ContainerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ipycontainers.client import Attachment
    from ipycontainers.streams import Frame

    # Called in the thread of the channel; None is the end.
    Deliver = Callable[["Channel", list[Frame] | None], None]

LOG_LIMIT = 256 * 1024
MARK_LIMIT = 1 << 20  # of the text of a mark: what is longer is none


def needle() -> bytes:
    """What no output can hold by accident."""
    return secrets.token_hex(16).encode()


class Scanner:
    """Finds the marks of one stream: ``needle``, a blank, text, a newline."""

    def __init__(self, needle: bytes) -> None:
        self._needle = needle + b" "
        self._held = b""

    def feed(self, data: bytes) -> list[bytes | str]:
        """What is certain now, in order: output as bytes, the text of marks as str.

        Only what may be the beginning of a mark is held back.
        """
        found: list[bytes | str] = []
        data, self._held = self._held + data, b""
        while data:
            start = data.find(self._needle)
            if start < 0:
                kept = self._beginning(data)
                found.append(data[: len(data) - kept])
                self._held = data[len(data) - kept :]
                break
            found.append(data[:start])
            text, newline, rest = data[start + len(self._needle) :].partition(b"\n")
            if not newline and len(text) < MARK_LIMIT:
                self._held = data[start:]
                break
            found.append(text.decode("utf-8", "replace"))
            data = rest
        return [piece for piece in found if piece != b""]

    def _beginning(self, data: bytes) -> int:
        """How many bytes at the end of ``data`` are a beginning of the needle."""
        longest = min(len(data), len(self._needle) - 1)
        ends = (length for length in range(longest, 0, -1))
        return next((length for length in ends if data.endswith(self._needle[:length])), 0)

    def rest(self) -> bytes:
        """What is held back, when nothing more comes."""
        held, self._held = self._held, b""
        return held


class Channel:
    """One pair of streams: of the container's first process, or of a program beside it.

    ``holder`` is the process of a program beside, in the container's count, and ``paths`` are
    where a shell opens its streams; "" for the first process. The thread starts with
    ``begin``.
    """

    def __init__(
        self,
        attachment: Attachment,
        deliver: Deliver,
        holder: str = "",
        paths: tuple[str, str] = ("/proc/$PPID/fd/8", "/proc/$PPID/fd/9"),
    ) -> None:
        self.holder = holder
        self.paths = paths
        self.over = threading.Event()
        self._attachment = attachment
        self._deliver = deliver
        self._thread = threading.Thread(
            target=self._read, name="ipycontainers-session", daemon=True
        )

    @property
    def opening(self) -> str:
        """The words by which a shell writes to this channel from then on (``posix``)."""
        return f"__ipyc_open '{self.holder}' {self.paths[0]} {self.paths[1]}"

    def begin(self) -> None:
        self._thread.start()

    def write(self, data: bytes) -> None:
        """To the program's standard input. Raises OSError when it has ended."""
        self._attachment.write(data)

    def _read(self) -> None:
        # However the connection ends: what the session does about it is the same.
        with contextlib.suppress(OSError, ValueError, ContainerError):
            for batch in streams.batches(self._attachment.read):
                self._deliver(self, batch)
        self.over.set()
        self._deliver(self, None)

    def close(self) -> None:
        self._attachment.close()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(1)


class Log:
    """The last output that belonged to no running cell, at most LOG_LIMIT bytes of it."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._lock = threading.Lock()

    def add(self, data: bytes) -> None:
        with self._lock:
            self._data += data
            del self._data[:-LOG_LIMIT]

    def text(self) -> str:
        with self._lock:
            return self._data.decode("utf-8", "replace")
