"""A container from its start to its end: start, kill, pause, and what follows an end.

                  start            pause
        created ────────► running ◄──────► paused
                  ▲   ▲      │   unpause
            start │   │ soon ▼ ends, and its policy says again
        exited ◄──┘   └── restarting

A supervisor owns the processes and lives on without the engine; ``adopt`` asks it how things
stand. What was asked of a supervisor is written down when it was done, so an engine that is
killed in between finds out.

Knows: records, supervisors, restart policies. Does not know: HTTP, asyncio, images. Safe to
use from several threads.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from signal import SIGKILL
from typing import Any

from ipycontainers.errors import Conflict, ContainerError, EngineError, NotFound

from . import ending, restarts, supervise, wire
from .events import Events
from .folders import Folders
from .groups import Groups
from .health import Check, Health
from .network.connections import Connections
from .network.endpoint import Endpoint
from .network.publishing import Publisher, opened
from .record import Record

logger = logging.getLogger(__name__)

STOPPING = 20.0  # seconds that a killed container may take to end
KILLING = 10.0  # seconds that who kills waits for the end, as dockerd does
ANSWERING = 10.0  # seconds that an adopted supervisor may take to answer
NO_PROGRAM = "OCI runtime create failed: unable to start container process: "


class Running:
    """``on_start`` is called with every record that has begun to run, in any thread."""

    def __init__(
        self,
        folders: Folders,
        groups: Groups,
        connections: Connections,
        publisher: Publisher,
        nursery: supervise.Nursery,
        events: Events,
        remove: Callable[[Record], object],
    ) -> None:
        """``remove`` is called with what ended and is to go by itself."""
        self.on_start: Callable[[Record], object] = lambda _: None
        self._folders = folders
        self._groups = groups
        self._connections = connections
        self._publisher = publisher
        self._nursery = nursery
        self._events = events
        self._remove = remove
        self._ended = threading.Condition()
        self._soon: dict[str, threading.Timer] = {}
        self._due: list[tuple[Record, float]] = []

    def publish(self, record: Record, action: str, **more: str) -> None:
        """An event about it."""
        self._events.publish("container", action, record.id, {**record.attributes, **more})

    # --- supervisors -----------------------------------------------------------------------

    def supervise(self, record: Record, *, again: bool = True) -> bool:
        """There is a supervisor when this returns; also before the start, for an attach, and
        where ``again``, of one that has ended and may be started again.

        False: it has just ended, with its container, and ``ended`` is about to be called.
        """
        with record.lock:
            if record.is_going:
                raise NotFound(f"No such container: {record.id}")
            try:
                supervise.connect(record.directory).close()
            except OSError:
                if record.is_running or (record.status == "exited" and not again):
                    return False
                self._nursery.spawn(record.directory)
        return True

    def tell(self, record: Record, request: Mapping[str, Any]) -> dict[str, Any]:
        """The supervisor's answer, which is ``{"error": …}`` where there is none."""
        try:
            return supervise.ask(record.directory, request)
        except (OSError, ValueError) as error:
            return {"error": f"its supervisor is gone: {error}"}

    def adopt(self, record: Record) -> bool:
        """Takes over what an engine before this one left; whether it is to be watched. What is to
        start again does so with ``start_due``."""
        self._catch_up(record)
        self._connections.adopt(record)
        if record.of_build:
            return self._end(record)
        if record.is_running:
            return True
        if record.status == "restarting":
            self._due.append((record, restarts.FIRST))
        elif record.started and restarts.is_due(record):
            self._due.append((record, 0))
        elif record.started and record.goes_by_itself:
            self._remove(record)
        return False

    def start_due(self) -> None:
        """When all were adopted: before, what is new would be taken for what was left."""
        for record, delay in self._due:
            self._start_soon(record, delay)
        self._due.clear()

    def _end(self, record: Record) -> bool:
        """Of a build that has ended with its engine; never to be watched."""
        self.tell(record, {"do": "kill", "signal": SIGKILL})
        if record.is_running:
            with contextlib.suppress(OSError, ValueError):
                supervise.ask(record.directory, {"do": "wait"}, STOPPING)
            self.ended(record)
        else:
            self._remove(record)
        return False

    def _catch_up(self, record: Record) -> None:
        """That engine may have been killed between a deed and its record."""
        told: Mapping[str, Any] = {"status": ""}
        group = self._groups.found(record)
        with contextlib.suppress(OSError, ValueError):
            told = supervise.ask(record.directory, {"do": "state"}, ANSWERING)
        if told["status"] == "running":
            if not record.is_running:
                begun = _begun(told["pid"], told["started"], group)
                record.learn("running", **begun, ports=opened(told))
            if bool(told["paused"]) != record.is_paused:
                record.learn("paused" if told["paused"] else "running")
        elif not record.is_running and (end := ending.unknown(record)):
            if end.started:
                record.learn("running", **_begun(0, end.started, group))
            else:
                record.note(exit_code=end.code, error=_words(end.code, end.error))

    # --- start -----------------------------------------------------------------------------

    def start(self, record: Record) -> bool:
        """False: it ran already. Raises EngineError, whose exit code is 126 or 127 where the
        program is the reason; Conflict for one that is paused. One that goes by itself goes
        also when it could not begin: clients wait for that."""
        try:
            with record.lock:
                if record.is_paused:
                    raise Conflict("cannot start a paused container, try unpause instead")
                if record.is_up:
                    return False
                record.restarts, record.manually_stopped = 0, False
                self._start(record)
        except ContainerError:
            if record.goes_by_itself and not (record.is_kept or record.is_up):
                self._remove(record)
            raise
        self._told_of_start(record)
        return True

    def _start(self, record: Record) -> None:
        if record.refusal:
            raise EngineError(record.refusal)
        try:
            endpoints = self._connections.attach(record)
        except ContainerError as error:
            record.note(exit_code=128, error=error.message)
            raise
        try:
            self._begin(record, endpoints)
        except BaseException:
            self._connections.left(record, self._connections.release(record))
            raise
        if Check.of(record.config):
            record.health = Health(record.started, log=record.health.log if record.health else ())

    def _begin(self, record: Record, endpoints: tuple[Endpoint, ...]) -> None:
        self.supervise(record)
        # Until it is known to run: who writes its files meanwhile would mount them once more.
        with record.writing:
            self._folders.settle(record, self._connections.links.variables(record))
            joins = self._connections.join(record)
            group = self._groups.make(record)
            asked = self._publisher.asked(record, joins)
            told = {"cgroup": group, "joins": joins, "publish": asked}
            answer = self.tell(record, {"do": "start", **told})
            if "error" in answer:
                self._groups.end(group)
                refusal = self._publisher.refusal(record, answer)
                raise _not_started(record, {**answer, **({"error": refusal} if refusal else {})})
            try:
                begun = _begun(answer["pid"], time.time(), group)
                ports = opened(answer)
                record.move("running", endpoints=endpoints, ports=ports, **begun)
            except OSError as error:
                self.tell(record, {"do": "kill", "signal": SIGKILL})
                raise EngineError(f"the start cannot be kept: {error.strerror}") from error

    def _told_of_start(self, record: Record) -> None:
        self.publish(record, "start")
        self.on_start(record)

    def _start_soon(self, record: Record, delay: float) -> None:
        timer = threading.Timer(delay, self._start_again, (record,))
        timer.daemon = True
        with self._ended:
            self._soon[record.id] = timer
        timer.start()

    def _start_again(self, record: Record) -> None:
        with self._ended:
            self._soon.pop(record.id, None)
        with record.lock:
            if record.is_running or record.is_going or record.claimed:
                return
            if record.manually_stopped and record.status == "restarting":
                return
            try:
                self._start(record)
            except (ContainerError, OSError) as error:
                logger.warning("container %s is not restarted: %s", record.id, error)
                if record.status == "restarting":
                    record.move("exited")
                return
        self._told_of_start(record)

    # --- signals ---------------------------------------------------------------------------

    def kill(self, record: Record, signal: str) -> None:
        """Signals the container's first process, and lets a paused one go on to see it.

        Raises Conflict where none runs. One that is restarting will not start again. After
        SIGKILL it has ended when this returns, unless the kernel takes very long.
        """
        number = wire.signal_number(signal)
        with record.lock:
            if not record.is_up:
                raise Conflict(
                    f"Cannot kill container: {record.id}: Container {record.id} is not running"
                )
            ends = restarts.ends_it(record, number)
            if ends and not record.manually_stopped:
                record.change(manually_stopped=True)
            if record.is_restarting:
                self._stay(record)
                return
            self.tell(record, {"do": "kill", "signal": number})
        self.publish(record, "kill", signal=str(number))
        if ends:
            with contextlib.suppress(ContainerError):  # it was not paused, or has ended
                self.unpause(record)
        if number == SIGKILL:
            self.until_ended(record, KILLING)

    def until_ended(self, record: Record, seconds: float) -> bool:
        with self._ended:
            return self._ended.wait_for(lambda: not record.is_up, seconds)

    def _stay(self, record: Record) -> None:
        """One that was about to restart."""
        with self._ended:
            timer = self._soon.pop(record.id, None)
        if timer:
            timer.cancel()
        record.move("exited")

    def pause(self, record: Record) -> None:
        """No process of it runs when this returns. Raises Conflict, EngineError."""
        with record.lock:
            _check_running(record)
            if record.is_paused:
                raise Conflict(f"Container {record.id} is already paused")
            answer = self.tell(record, {"do": "pause"})
            if "error" in answer:
                raise EngineError(f"Cannot pause container {record.id}: {answer['error']}")
            record.move("paused")
        self.publish(record, "pause")

    def unpause(self, record: Record) -> None:
        """Raises EngineError for one that is not paused, as dockerd's 500."""
        with record.lock:
            if not record.is_paused:
                raise EngineError(f"Container {record.id} is not paused")
            answer = self.tell(record, {"do": "unpause"})
            if "error" in answer:
                raise EngineError(f"Cannot unpause container {record.id}: {answer['error']}")
            record.move("running")
        self.publish(record, "unpause")

    def lost_one(self, record: Record) -> None:
        """The kernel killed a process of it for want of memory; it may live on."""
        with record.lock:
            if not record.is_running:
                return
            record.change(oom_killed=True)
        self.publish(record, "oom")

    # --- ends ------------------------------------------------------------------------------

    def ended(self, record: Record, told: int | None = None) -> None:
        """Called when the supervisor said so, perhaps with a code, or is gone. Idempotent."""
        with record.lock:
            if not record.is_running:
                return
            end = ending.seen(record.directory, told)
            was_told, killed = record.oom_killed, self._groups.end(record.cgroup)
            delay = restarts.delay(record, end.code, end.finished - record.started)
            after: dict[str, Any] = {"exit_code": end.code, "error": end.error}
            after["finished"] = end.finished
            after |= {"pid": 0, "cgroup": "", "ports": (), "oom_killed": killed}
            if delay is None:
                record.learn("exited", **after)
            else:
                record.learn("restarting", **after, restarts=record.restarts + 1)
            if record.health:  # as dockerd says it of what runs no more
                record.health = replace(record.health, status="unhealthy")
            had = self._connections.release(record)
        if killed and not was_told:
            self.publish(record, "oom")
        self.publish(record, "die", exitCode=str(end.code))
        self._connections.left(record, had)
        with self._ended:
            self._ended.notify_all()
        if delay is not None:
            self._start_soon(record, delay)
        elif record.goes_by_itself and not record.is_kept:
            self._remove(record)

    def end_for_removal(self, record: Record, leaves: tuple[str, ...]) -> None:
        """It is "removing", with these volumes, when this returns; no process of it is left."""
        if record.is_up:
            with contextlib.suppress(Conflict):
                self.kill(record, "KILL")
            with self._ended:
                self._ended.wait_for(lambda: not record.is_up, STOPPING)
        with record.lock:
            if record.is_up:
                raise EngineError(f"container {record.id} does not end")
            record.go(leaves)


def _check_running(record: Record) -> None:
    if record.is_restarting:
        raise Conflict(f"Container {record.id} is restarting, wait until the container is running")
    if not record.is_running:
        raise Conflict(f"Container {record.id} is not running")


def _not_started(record: Record, answer: Mapping[str, Any]) -> EngineError:
    code = answer.get("code") or 128
    message = _words(code, str(answer["error"]))
    record.note(exit_code=code, error=message)
    return EngineError(message, exit_code=code)


def _words(code: int, error: str) -> str:
    return NO_PROGRAM + error if code in (126, 127) else error


def _begun(pid: int, started: float, group: str) -> dict[str, Any]:
    """Of a record that begins to run."""
    ended = {"exit_code": 0, "error": "", "finished": 0, "oom_killed": False}
    return {**ended, "pid": pid, "started": started, "cgroup": group}
