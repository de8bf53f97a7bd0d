"""Frames between the kernel, the multiplexer and the interpreter.

    length of the head, 4 bytes, big-endian │ head, a JSON object │ data, head["size"] bytes

A message that is longer than ``PIECE`` is several frames with the same head, of which all but
the last say ``"more": true``.

Knows: bytes. Does not know: what a head means.
"""

import collections
import json
import struct

HEAD_LIMIT = 64 * 1024
PIECE = 1024 * 1024
LENGTH = struct.Struct(">I")
MOST_PARTS = 64  # in one write


class BadFrame(ValueError):
    """Bytes that are no frame; the text says what they are instead."""


def frame(head: "dict[str, object]", data: "bytes | memoryview" = b"") -> bytes:
    """One frame; ``data`` is at most ``PIECE`` bytes."""
    return b"".join((_start(head, len(data)), data))


def _start(head: "dict[str, object]", size: int) -> bytes:
    """All of a frame but its data."""
    if size:
        head = dict(head, size=size)
    text = json.dumps(head).encode()
    return LENGTH.pack(len(text)) + text


def frames(head: "dict[str, object]", data: "bytes | memoryview") -> "Iterator[bytes]":
    """A message of any length as one frame or more."""
    return map(b"".join, divided(head, data))


def divided(
    head: "dict[str, object]", data: "bytes | memoryview"
) -> "Iterator[tuple[bytes, memoryview]]":
    """The same without a copy: what begins each frame, and its data."""
    view = memoryview(data).cast("B")
    for start in range(0, len(view), PIECE) or (0,):
        piece = view[start : start + PIECE]
        rest = len(view) > start + PIECE
        yield _start(dict(head, more=True) if rest else head, len(piece)), piece


class Outbox:
    """Frames that wait to be written; none of their data is copied."""

    def __init__(self) -> None:
        self._parts: "collections.deque[memoryview]" = collections.deque()
        self.size = 0

    def add(self, head: "dict[str, object]", *data: bytes) -> None:
        """As one frame, whose data are these parts."""
        for part in (_start(head, sum(map(len, data))), *data):
            if part:
                self._parts.append(memoryview(part))
                self.size += len(part)

    def clear(self) -> None:
        self._parts.clear()
        self.size = 0

    def write(self, write: "Callable[[list[memoryview]], int]") -> None:
        """``write`` takes several buffers, and says how many bytes it took of them."""
        while self._parts:
            written = write([self._parts[n] for n in range(min(MOST_PARTS, len(self._parts)))])
            self.size -= written
            while self._parts and written >= len(self._parts[0]):
                written -= len(self._parts.popleft())
            if written:
                self._parts[0] = self._parts[0][written:]


class Parser:
    """The position in a stream of frames between two reads; costs at most one frame.

    ``piecewise``: what has come of a long frame is a message that has ``"more": true``, so
    that nothing is put together here.
    """

    def __init__(self, *, piecewise: bool = False) -> None:
        self._piecewise = piecewise
        self._start = bytearray()  # of the length or of the head, whichever is due
        self._head_length = 0
        self._head: "dict[str, object] | None" = None
        self._left = 0  # of the data whose head has come
        self._parts: "list[bytes]" = []

    @property
    def is_between(self) -> bool:
        """Whether all that was fed is whole frames."""
        return not (self._start or self._head_length or self._head)

    def feed(self, chunk: bytes) -> "list[tuple[dict[str, object], bytes]]":
        """The frames that are complete now. Raises BadFrame; then the parser is of no use."""
        found = self.feed_parts(chunk)
        return [(head, parts[0] if len(parts) == 1 else b"".join(parts)) for head, parts in found]

    def feed_parts(self, chunk: bytes) -> "list[tuple[dict[str, object], list[bytes]]]":
        """The same, with the data as it came, in parts."""
        found: "list[tuple[dict[str, object], list[bytes]]]" = []
        position = 0
        while position < len(chunk):
            if self._head is None:
                position = self._begin(chunk, position)
            else:
                position = self._go_on(chunk, position)
            if self._head is not None and not self._left:
                found.append((self._head, self._parts))
                self._head, self._parts = None, []
        if self._piecewise and self._head is not None and self._parts:
            found.append((dict(self._head, more=True), self._parts))
            self._parts = []
        return found

    def _begin(self, chunk: bytes, position: int) -> int:
        """Take what comes of a length or a head; the position behind it."""
        size = self._head_length or LENGTH.size
        end = position + size - len(self._start)
        self._start += chunk[position:end]
        if len(self._start) < size:
            return len(chunk)
        if self._head_length:
            self._head = _parsed(bytes(self._start))
            self._head_length, self._left = 0, _size(self._head)
        else:
            (self._head_length,) = LENGTH.unpack(self._start)
            if not 2 <= self._head_length <= HEAD_LIMIT:
                raise BadFrame("a head of %d bytes" % self._head_length)
        self._start.clear()
        return end

    def _go_on(self, chunk: bytes, position: int) -> int:
        """Take what comes of the data, without a copy where the chunk is nothing else."""
        end = min(len(chunk), position + self._left)
        self._parts.append(chunk[position:end] if end - position < len(chunk) else chunk)
        self._left -= end - position
        return end


def _parsed(text: bytes) -> "dict[str, object]":
    try:
        head = json.loads(text.decode())
    except (ValueError, RecursionError):
        raise BadFrame("a head that is no JSON: %.60r" % text) from None
    if not isinstance(head, dict):
        raise BadFrame("a head that is no object: %.60r" % text)
    return head


def _size(head: "dict[str, object]") -> int:
    size = head.get("size", 0)
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= PIECE:
        raise BadFrame("a size of %.60r" % (size,))
    return size


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
