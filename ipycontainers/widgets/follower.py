"""Widgets that follow an engine by what it tells, and ask it only where it does not tell.

    class Lifecycle(Follower):
        def see(self, connection): …                ask how it is now
        def happened(self, event): …                what the engine tells; True: see anew

An engine that is gone is said, and tried again. What is seen is kept as one frozen value, because
cells and the thread of the widget both look at it.

Knows: feeds, that engines come and go. Does not know: what is followed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ipycontainers.errors import ContainerError, EngineUnavailable

from .connection import connection, forget
from .live import Live

if TYPE_CHECKING:
    from ipycontainers.client import Connection, Feeds

AGAIN = 3.0  # seconds until an engine that is gone is tried again
EVENTS = "events"


class Follower(Live):
    """``engine`` is an address; "" is the engine of this notebook."""

    every = 60.0  # seconds after which it is asked though nothing was told: an event may be lost

    def __init__(self, engine: str = "") -> None:
        self.engine = engine
        self.trouble = ""
        self._feeds: Feeds | None = None
        super().__init__()

    def see(self, connection: Connection) -> None:
        """Ask how it is now."""
        raise NotImplementedError

    def listen(self, connection: Connection, feeds: Feeds) -> None:
        """Begin to hear what happens, before ``see``, so that nothing between them is missed."""
        happenings = {"filters": '{"type": ["container"]}'}
        feeds.add(EVENTS, connection.feed("events", parameters=happenings, doing="listening"))

    def begin(self, connection: Connection, feeds: Feeds) -> None:
        """Somebody looks: from now on it is followed."""
        self.listen(connection, feeds)
        self.see(connection)

    def happened(self, event: dict[str, Any]) -> bool:
        """The engine tells it. Returns whether it has to be asked how it is now."""
        raise NotImplementedError

    def hear(self, key: str, told: dict[str, Any] | None) -> None:
        """``told`` has come from another feed than that of events; None is its end."""

    def lost(self, error: ContainerError) -> None:
        """The engine is gone, or refuses."""

    def unheard(self, connection: Connection) -> None:
        """Nothing was told for a while."""
        self.see(connection)

    def now(self) -> None:
        """What is seen is that of now: asked for, where it is not followed."""
        if self._feeds is None:
            self.see(self._connected())

    def look(self) -> float:
        try:
            engine = self._connected()
            if self._feeds is None:
                self._begin_to_listen(engine)
            elif not self._hear_all(engine, self._feeds):
                self.unheard(engine)
        except ContainerError as error:
            self._lose(error)
            return AGAIN
        self.trouble = ""
        return self.every

    def _connected(self, *, start: bool = False) -> Connection:
        """``start``: a person asks, so that our own engine is started where no other answers."""
        return connection(self.engine, start=start)

    def _begin_to_listen(self, engine: Connection) -> None:
        from ipycontainers.client import Feeds

        self._feeds = Feeds()
        self.begin(engine, self._feeds)

    def _hear_all(self, engine: Connection, feeds: Feeds) -> bool:
        has_heard = is_stale = False
        for key, told in feeds.take():
            has_heard = True
            if key != EVENTS:
                self.hear(key, told)
            elif told is None:
                raise EngineUnavailable("the engine tells no more events: it has ended")
            else:
                is_stale |= self.happened(told)
        if is_stale:
            self.see(engine)
        return has_heard

    def _lose(self, error: ContainerError) -> None:
        self.trouble = error.in_one_line
        self.rest()
        self.lost(error)
        if isinstance(error, EngineUnavailable):
            forget(self.engine)

    def rest(self) -> None:
        feeds, self._feeds = self._feeds, None
        if feeds:
            feeds.close()

    def wait(self, seconds: float) -> None:
        if feeds := self._feeds:
            feeds.wait(seconds)
        else:
            super().wait(seconds)

    def wake(self) -> None:
        if feeds := self._feeds:
            feeds.wake()
