"""Stats: what containers use of processors, memory, networks and devices, against their limits.

    Stats("lab", "web")                   these; names, ids, or names of sessions
    Stats()                               all that run, those that start later too

While somebody looks, one thread reads the samples of all, as they come from the engine, once a
second: it neither asks nor waits for each. Else two samples have to do. Percentages are those of
``docker stats``.

Knows: the engine's samples and events. Does not know: how they are measured.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ipycontainers.containers import action, called, find, is_named
from ipycontainers.engine.wire import nanoseconds
from ipycontainers.errors import ContainerError
from ipycontainers.oci.sizes import counted
from ipycontainers.samples import Use, enforced, limits, sample

from .drawing import Markup, element, size
from .follower import Follower
from .live import Live
from .stats_drawing import drawn, table_of
from .widget import source

if TYPE_CHECKING:
    from ipycontainers.client import Connection, Feeds

GOING = ("destroy", "remove")
ENDS = ("die", "died", *GOING)
APART = 0.5  # seconds between two samples: nearer, and the kernel's clock is too coarse
PATIENCE = 2.5  # seconds for both; dockerd gives a sample at once, or within a second


class Stats(Follower):
    """What containers use. Raises EngineUnavailable where no engine answers; a container that
    does not exist, or not any more, is said."""

    _css = source("widget.css", "stats.css")
    every = 1.0  # engines give a sample a second: to look more often shows nothing new

    def __init__(self, *containers: str, engine: str = "") -> None:
        self.containers = tuple(str(one) for one in containers)
        self._uses: dict[str, Use] = {}  # replaced, never changed: cells look at it too
        self._seen = 0.0  # when it was last asked for
        super().__init__(engine)
        self.see(self._connected(start=True))
        self.redraw()

    def subject(self) -> str:
        return ", ".join(map(repr, self.containers))

    # What the engine tells

    def see(self, connection: Connection) -> None:
        """Two samples of each, which make a percentage. Each is the first of its answer: Podman
        gives the next one five seconds later."""
        uses, latest = self._found(connection), time.monotonic() + PATIENCE
        uses = self._sampled(connection, uses, latest)
        if any(use.last and use.percent is None for use in uses.values()):
            time.sleep(APART)
            uses = self._sampled(connection, uses, latest)
        self._uses, self._seen = uses, time.monotonic()

    def now(self) -> None:
        # To ask takes a second: what was seen in the last one will do.
        if time.monotonic() - self._seen > self.every:
            super().now()

    def _sampled(
        self, connection: Connection, uses: Mapping[str, Use], latest: float
    ) -> dict[str, Use]:
        """With one more sample of each that runs, of those that come until ``latest``."""
        from ipycontainers.client import Feeds

        found = dict(uses)
        with Feeds() as feeds:
            for key, use in uses.items():
                if use.state == "running":
                    self._open(connection, feeds, key, use)
            while any(key in feeds for key in uses) and (left := latest - time.monotonic()) > 0:
                feeds.wait(left)
                for key, told in feeds.take():
                    found[key] = _taken(uses[key], told)
                    feeds.drop(key)
        return found

    def _found(self, connection: Connection) -> dict[str, Use]:
        """By the name that was asked for, or by id where all were."""
        if self.containers:
            found = [
                (name, _use(connection, name, find(connection, name))) for name in self.containers
            ]
        else:
            ids = [str(one["Id"]) for one in connection.list_containers(all=False)]
            found = [(key, _use(connection, key, find(connection, key))) for key in ids]
            found = sorted((one for one in found if one[1].id), key=lambda one: one[1].name)
        return dict(found)

    def begin(self, connection: Connection, feeds: Feeds) -> None:
        self.listen(connection, feeds)
        found = self._found(connection)
        self._uses = {key: use.after(self._uses.get(key)) for key, use in found.items()}
        for key, use in self._uses.items():
            self._open(connection, feeds, key, use)

    def _open(self, connection: Connection, feeds: Feeds, key: str, use: Use) -> None:
        if not use.id:
            return
        stats = ("containers", use.id, "stats")
        with contextlib.suppress(ContainerError):  # Podman measures none that does not run
            feed = connection.feed(*stats, parameters={"stream": "1"}, doing="measuring")
            feeds.add(key, feed)

    def hear(self, key: str, told: dict[str, Any] | None) -> None:
        if use := self._uses.get(key):
            self._put(key, _taken(use, told))

    def _put(self, key: str, use: Use) -> None:
        self._uses = {**self._uses, key: use}

    def happened(self, event: dict[str, Any]) -> bool:
        actor = str((event.get("Actor") or {}).get("ID") or event.get("id") or "")
        what, key = action(event), self._key(event, actor)
        use = self._uses.get(key)
        if what in ("start", "rename", "update") and key:
            self._join(key, actor)
        elif use and use.id == actor and what in ENDS:
            self._take_away(key, use, is_gone=what in GOING)
        return False

    def _take_away(self, key: str, use: Use, *, is_gone: bool) -> None:
        self._put(key, use.without("gone" if is_gone else "stopped"))
        if self._feeds and (is_gone or not self.containers):
            self._feeds.drop(key)
        if not self.containers:
            self._uses = {of: one for of, one in self._uses.items() if of != key}

    def _key(self, event: dict[str, Any], actor: str) -> str:
        """Under which the container of an event is followed, or would be; "" where it is none of
        these."""
        if not self.containers:
            return actor
        by_id = (key for key, use in self._uses.items() if use.id == actor)
        by_name = (name for name in self.containers if is_named(event, name))
        return next(by_id, "") or next(by_name, "")

    def _join(self, key: str, actor: str) -> None:
        """It has started, or has other limits or another name."""
        old, connection = self._uses.get(key), self._connected()
        if old and old.id != actor and old.state == "running":
            return
        # The beginning of its id may be the name of another.
        told = find(connection, actor if old and old.id == actor else key)
        if told is None or told.get("Id") != actor:
            return
        use = _use(connection, key, told).after(old)
        self._put(key, use)
        if self._feeds and (key not in self._feeds or (old and old.id != actor)):
            self._open(connection, self._feeds, key, use)

    def unheard(self, connection: Connection) -> None:
        """Samples are late: there is nothing to ask for."""

    def lost(self, error: ContainerError) -> None:  # noqa: ARG002  # it is shown already
        self._uses = {key: use.without("unknown") for key, use in self._uses.items()}

    def wait(self, seconds: float) -> None:
        """All that comes within a second is read at its end, in one turn."""
        Live.wait(self, seconds)

    # What it shows

    @property
    def data(self) -> Mapping[str, Any]:
        self.now()
        return {"containers": [_plain(use) for use in self._uses.values()]}

    def rows(self) -> Sequence[Mapping[str, Any]]:
        return [
            {key: value for key, value in one.items() if key != "history"}
            for one in self.data["containers"]
        ]

    def summary(self) -> str:
        self.now()
        return "\n".join(_line(use) for use in self._uses.values()) or "No container runs."

    def draw(self) -> Markup:
        return drawn(list(self._uses.values()), self.trouble)

    def static(self) -> Markup:
        return element("div", table_of(list(self._uses.values())), class_="ipycontainers")


def _use(connection: Connection, name: str, told: Mapping[str, Any] | None) -> Use:
    if told is None:
        return Use(name)
    can = enforced(connection.info(), is_rootless=connection.is_rootless)
    status = str((told.get("State") or {}).get("Status") or "")
    return Use(
        name=called(told) or name,
        id=str(told.get("Id") or ""),
        state="running" if status in ("running", "paused") else "stopped",
        limits=limits(told, can),
    )


def moment(told: Mapping[str, Any]) -> float:
    """When the engine took it, in seconds since 1970; several may be read in one moment."""
    try:
        return nanoseconds(str(told.get("read"))) / 1e9
    except ValueError:
        return time.time()


def _taken(use: Use, told: Mapping[str, Any] | None) -> Use:
    """With what the engine has told; None is the end of it."""
    if not told or not (now := sample(told, moment(told))):
        return use.without("stopped")
    return use.taken(now)


def _plain(use: Use) -> dict[str, Any]:
    last = use.last
    return {
        "name": use.name,
        "id": use.id,
        "state": use.state,
        "cpu_percent": None if use.percent is None else round(use.percent, 2),
        "cpus": use.processors or None,
        "memory": last and last.memory,
        "memory_limit": use.memory_limit or None,
        "is_memory_limited": bool(use.limits.memory),
        "network_received": last and last.received,
        "network_sent": last and last.sent,
        "block_read": last and last.read,
        "block_written": last and last.written,
        "pids": last and last.pids,
        "pids_limit": use.limits.pids or None,
        "history": {
            "cpu_percent": [round(one[0], 2) for one in use.history],
            "memory": [one[1] for one in use.history],
        },
    }


def _line(use: Use) -> str:
    if not use.last:
        return f"{use.name}: {use.state}"
    last = use.last
    shown = "" if use.percent is None else f"{use.percent:.2f}% CPU, "
    return (
        f"{use.name}: {shown}{size(last.memory)} of {size(use.memory_limit)} memory, "
        f"network {size(last.received)} in, {size(last.sent)} out, "
        f"devices {size(last.read)} read, {size(last.written)} written, {counted(last.pids, 'pid')}"
    )
