"""The engine's process from its lock to its end.

It leaves at SIGTERM, and after ``idle`` seconds in which nobody asked anything and no
container ran. Containers that run then are left to their supervisors, and the next
engine adopts them.

Knows: the loop, signals, time. Does not know: the API, containers.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket as sockets
import time
from pathlib import Path

from ipycontainers.errors import Conflict
from ipycontainers.oci import Layout

from . import cgroup, directory, launch, syscalls
from .api import HEADERS, Api
from .endpoints.streams import watch
from .engine import Engine
from .kills import Kills
from .monitor import monitor
from .record import Record
from .server import Server
from .supervise import Nursery

logger = logging.getLogger(__name__)

LULL = 2.0  # seconds without the end of a request
LOOKS = 10  # at whether it is idle, in each span of idleness


def run(
    nursery: Nursery, data: Path, socket: Path, idle: float = 0, launcher: str | None = None
) -> None:
    """Serves until it is time to leave. Raises Conflict, EngineForbidden, LaunchError."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    lock = directory.prepare(data)
    try:
        _check_free(socket)
        engine = Engine(
            data,
            Layout.open(data / "oci"),
            launch.choose(data, wanted=launcher),
            nursery,
            cgroup.find(data, [nursery.pid]),
        )
        asyncio.run(_Service(engine, socket, idle).run())
    finally:
        os.close(lock)


def _check_free(path: Path) -> None:
    """Nobody listens there: it may be the engine of other data."""
    with sockets.socket(sockets.AF_UNIX) as other:
        try:
            other.connect(str(path))
        except OSError:
            return
    raise Conflict(f"another engine listens at {path}", "name another place with --socket")


class _Service:
    """One engine on one loop."""

    def __init__(self, engine: Engine, socket: Path, idle: float) -> None:
        self._engine = engine
        self._socket = socket
        self._idle = idle
        self._used = time.monotonic()
        self._watches: set[asyncio.Task[None]] = set()
        self._kills = Kills(self._lost_one)
        api = Api(engine)
        self._server = Server(api.answer, HEADERS, api.takes_archive, engine.data / "tmp")
        self._server.on_end = self._await_lull
        self._lull: asyncio.TimerHandle | None = None

    async def run(self) -> None:
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, over.set)
        running = self._engine.running
        running.on_start = lambda record: loop.call_soon_threadsafe(self._watch, record)
        loop.add_reader(self._kills.fileno(), self._kills.look)
        for record in self._engine.adopt():
            self._watch(record)
        self._server.listen(self._socket)
        logger.info(
            "listening at %s, launcher %s, pid %s",
            self._socket,
            self._engine.launcher.name,
            os.getpid(),
        )
        try:
            await self._wait_for_the_end(over)
        finally:
            self._server.close()
            self._engine.transfers.close()
            for task in self._watches:
                task.cancel()
            loop.remove_reader(self._kills.fileno())
            self._kills.close()
            self._engine.groups.close()
            self._engine.joining.close()
        logger.info("left")

    def _await_lull(self) -> None:
        if not self._lull:
            self._lull = asyncio.get_running_loop().call_later(LULL, self._rest)

    def _rest(self) -> None:
        """Not between two requests, which would have to fetch all that again."""
        self._lull = None
        if time.monotonic() - self._server.used < LULL:
            self._await_lull()
        else:
            syscalls.give_back_memory()

    def _watch(self, record: Record) -> None:
        task = asyncio.get_running_loop().create_task(self._attend(record))
        self._watches.add(task)
        task.add_done_callback(self._watches.discard)
        if record.cgroup:
            forget = self._kills.watch(record)
            task.add_done_callback(lambda _: forget())

    async def _attend(self, record: Record) -> None:
        checking = asyncio.ensure_future(monitor(self._engine, record))
        try:
            await watch(self._engine, record)
        finally:
            checking.cancel()
            await asyncio.gather(checking, return_exceptions=True)

    def _lost_one(self, record: Record) -> None:
        loop, engine = asyncio.get_running_loop(), self._engine
        loop.run_in_executor(engine.for_ends, engine.running.lost_one, record)

    async def _wait_for_the_end(self, over: asyncio.Event) -> None:
        if not self._idle:
            await over.wait()
            return
        while not over.is_set() and time.monotonic() - self._last_use() < self._idle:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(over.wait(), self._idle / LOOKS)

    def _last_use(self) -> float:
        if self._server.busy or self._engine.is_busy():
            self._used = time.monotonic()
        self._used = max(self._used, self._server.used)
        return self._used
