"""Answers that go on for as long as somebody listens, many of them read by one thread.

    with Feeds() as feeds:
        feeds.add("events", connection.feed("events", doing="listening"))
        feeds.wait(60)                          until something comes, or somebody calls ``wake``
        for key, told in feeds.take(): ...      all that has come; None is the end of that feed

What twenty containers use comes as twenty such answers. Each would have a thread of its own, if
it were read as docker-py reads it; here none is waited for.

Knows: HTTP's chunks, lines of JSON, selectors. Does not know: what is told.
"""

from __future__ import annotations

import contextlib
import json
import selectors
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .stream import MAX_LINE, Stream
from .translate import Json

if TYPE_CHECKING:
    from typing_extensions import Self

AT_ONCE = 16  # pieces of 64 KiB of one feed, before the others have their turn
LONGEST_HEAD = 4096  # of a chunk; engines write some ten bytes


class Feed(Stream):
    """One answer of JSON objects, a line each. Reading it never waits."""

    def __init__(self, *request: Any, **more: Any) -> None:
        super().__init__(*request, **more)
        self._sock.settimeout(0)
        self._chunks = Chunks() if self._response.chunked else None
        self._line = b""
        self.has_more = True  # what came with the head is in a buffer, and no selector sees it
        self.is_over = False

    def fileno(self) -> int:
        return self._sock.fileno()

    def take(self) -> list[Json]:
        """What has come. A connection that broke, and an answer that is none, are its end."""
        told: list[Json] = []
        try:
            if self.has_more:
                told += self._parsed(self._early())
            if self.is_over:
                return told
            for _ in range(AT_ONCE):
                data = self._sock.recv(65536)
                if not data:
                    self.is_over = True
                    return told
                told += self._parsed(data)
            self.has_more = True
        except BlockingIOError:
            pass
        except (OSError, ValueError):
            self.is_over = True
        return told

    def _early(self) -> bytes:
        """What was read together with the head."""
        self.has_more = False
        if self._response.isclosed():  # an answer of no bytes, which is whole
            self.is_over = True
            return b""
        with contextlib.suppress(BlockingIOError):
            data = self._response.fp.peek()
            return bytes(self._response.fp.read1(len(data)))
        return b""

    def _parsed(self, data: bytes) -> list[Json]:
        if self._chunks:
            data = self._chunks.take(data)
            self.is_over = self._chunks.is_over
        *lines, self._line = (self._line + data).split(b"\n")
        if len(self._line) > MAX_LINE:
            raise ValueError("a line without an end")
        return [
            made for line in lines if line.strip() and isinstance(made := json.loads(line), dict)
        ]


class Chunks:
    """Takes HTTP's chunked coding off (RFC 9112, 7.1), wherever it is cut into pieces."""

    def __init__(self) -> None:
        self._rest = b""
        self._left = 0
        self.is_over = False

    def take(self, data: bytes) -> bytes:
        """The content of one more piece. Raises ValueError for what is no such coding."""
        self._rest += data
        taken = []
        while self._rest and not self.is_over:
            if self._left:
                taken.append(self._rest[: self._left])
                self._rest = self._rest[self._left :]
                self._left -= len(taken[-1])
                continue
            head, end, rest = self._rest.partition(b"\n")
            if not end:
                if len(head) > LONGEST_HEAD:
                    raise ValueError("a chunk without a size")
                break
            self._rest = rest
            if size := head.partition(b";")[0].strip():  # else the end of the chunk before
                self._left = int(size, 16)
                self.is_over = not self._left
            if self._left < 0:
                raise ValueError("a chunk of less than nothing")
        return b"".join(taken)


class Feeds:
    """Several feeds by their keys, for one thread; only ``wake`` is for others."""

    def __init__(self) -> None:
        self._feeds: dict[str, Feed] = {}
        self._selector = selectors.DefaultSelector()
        self._awake, self._waker = socket.socketpair()
        for end in (self._awake, self._waker):
            end.setblocking(False)
        self._selector.register(self._awake, selectors.EVENT_READ)

    def add(self, key: str, feed: Feed) -> None:
        """In the place of one that had this key."""
        self.drop(key)
        self._feeds[key] = feed
        self._selector.register(feed, selectors.EVENT_READ, key)

    def drop(self, key: str) -> None:
        """Ends this one, if there is one."""
        if feed := self._feeds.pop(key, None):
            self._selector.unregister(feed)
            feed.close()

    def __contains__(self, key: str) -> bool:
        return key in self._feeds

    def wait(self, seconds: float) -> None:
        """Until one has something to be taken, ``wake`` was called, or the time is over."""
        if not any(feed.has_more for feed in self._feeds.values()):
            self._selector.select(seconds)

    def wake(self) -> None:
        """Ends ``wait``, at once or the next one."""
        with contextlib.suppress(OSError):
            self._waker.send(b"!")

    def take(self) -> Iterator[tuple[str, Json | None]]:
        """What has come, by its feed's key, without waiting; a feed that ended says None, once."""
        ready = {key.data for key, _ in self._selector.select(0)}
        if None in ready:
            self._awake.recv(4096)
        for key, feed in list(self._feeds.items()):
            if key not in ready and not feed.has_more:
                continue
            yield from ((key, told) for told in feed.take())
            if feed.is_over and self._feeds.get(key) is feed:
                self.drop(key)
                yield key, None

    def close(self) -> None:
        for key in list(self._feeds):
            self.drop(key)
        self._selector.close()
        self._awake.close()
        self._waker.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
