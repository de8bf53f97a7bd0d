"""What happened, told to everybody who listens.

    undo = events.subscribe(print)
    events.publish("container", "die", container_id, {"exitCode": "0"})

The last ``KEPT`` are remembered for who asks for ``since``, as dockerd does.

Knows: who listens. Does not know: what an event means, threads other than the caller's.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from . import wire

if TYPE_CHECKING:
    from typing_extensions import Self

KEPT = 256
OBJECTS = ("container", "volume", "network", "daemon", "plugin", "service", "node", "secret")


class Events:
    """Safe to use from several threads; listeners are called in the publisher's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: deque[wire.Json] = deque(maxlen=KEPT)
        self._listeners: list[Callable[[wire.Json], object]] = []

    def publish(self, kind: str, action: str, subject: str, attributes: Mapping[str, str]) -> None:
        """Every listener has been called when this returns."""
        event = wire.event(kind, action, subject, attributes, time.time())
        with self._lock:
            self._kept.append(event)
            listeners = list(self._listeners)
        for listener in listeners:
            listener(event)

    def subscribe(self, listener: Callable[[wire.Json], object]) -> Callable[[], None]:
        """Returns what ends the subscription; the listener must not wait."""
        with self._lock:
            self._listeners.append(listener)

        def undo() -> None:
            with self._lock:
                self._listeners.remove(listener)

        return undo

    def between(self, since: int, until: int | None) -> list[wire.Json]:
        """Of those that are remembered; nanoseconds since 1970."""
        with self._lock:
            kept = list(self._kept)
        latest = until if until is not None else float("inf")
        return [event for event in kept if since <= event["timeNano"] <= latest]


def matches(event: wire.Json, wanted: Mapping[str, Sequence[str]]) -> bool:
    """Whether the event passes ``filters``, of which dockerd ignores those that it does not know.

    Objects are named by the beginning of their name or id, images wholly.
    """
    kind, actor = event["Type"], event["Actor"]
    attributes = actor["Attributes"]
    for name, values in wanted.items():
        if name == "label":
            passes = wire.has_labels(attributes, values)
        elif name == "event":
            passes = bool({event["Action"], event["Action"].partition(":")[0]} & set(values))
        elif name == "type":
            passes = kind in values
        elif name == "scope":
            passes = "local" in values
        elif name == "image":
            passes = bool(_images(event) & set(values))
        elif name in OBJECTS:
            named = (actor["ID"], attributes.get("name", ""))
            passes = kind == name and any(it.startswith(tuple(values)) for it in named)
        else:
            continue
        if values and not passes:
            return False
    return True


def _images(event: wire.Json) -> set[str]:
    """By which the event's image may be named: with and without its tag."""
    actor = event["Actor"]
    named = actor["Attributes"].get("name" if event["Type"] == "image" else "image", "")
    return {it for name in (actor["ID"], named) for it in (name, name.partition(":")[0])} - {""}


class Queue:
    """A subscription for a coroutine; made and used on the loop's thread, a ``with`` block."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[wire.Json] = asyncio.Queue()
        self._undo: Callable[[], None] | None = None

    def __enter__(self) -> Self:
        self._undo = self._events.subscribe(self._put)
        return self

    def __exit__(self, *_: object) -> None:
        if self._undo:
            self._undo()

    def _put(self, event: wire.Json) -> None:
        self._loop.call_soon_threadsafe(self._queue.put_nowait, event)

    async def next(self) -> wire.Json:
        return await self._queue.get()

    async def until(
        self, moment: float | None = None, *, clock: Callable[[], float] = time.time
    ) -> AsyncIterator[wire.Json]:
        """The events as they come, and without a ``moment`` of the ``clock`` for ever."""
        while True:
            left = None if moment is None else moment - clock()
            if left is not None and left <= 0:
                return
            try:
                yield await asyncio.wait_for(self._queue.get(), left)
            except asyncio.TimeoutError:
                return
