"""Programs beside a container's own: from the request to the exit code.

They live in memory: who asked for one is told of its end on the connection that carries
its output, and an engine that starts anew knows none of the old.

Knows: records, what a supervisor is asked. Does not know: connections.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import threading
import time
from typing import Any

from ipycontainers.errors import Conflict, Invalid, NotFound, Unsupported

from . import creation, detach, files, kinds, launch
from .container import ExecSpec
from .events import Events
from .record import KILLED, Exec, Record

MOST, KEPT = 1000, 500
"""With so many of a container, those that have ended are forgotten but for the latest."""


class Execs:
    """All of an engine. Safe to use from several threads."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._known: dict[str, Exec] = {}
        self._lock = threading.Lock()
        self._tasks: set[asyncio.Future[None]] = set()

    def new(self, record: Record, body: dict[str, Any]) -> Exec:
        """Raises Conflict where the container does not run, Invalid without a command."""
        check_running(record)
        if body.get("Privileged"):
            raise Unsupported(f"--privileged is refused: {creation.NO_ROOT}")
        kinds.check(body.get("Cmd"), "ExecConfig.Cmd", "[]string")
        command = list(body.get("Cmd") or ())
        if not command:
            raise Invalid("No exec command specified")
        made = Exec(secrets.token_hex(32), record, command, body, _keys(body))
        with self._lock:
            for old in [it for it in record.execs.values() if it.is_forgotten]:
                self._remove(old)
            if len(record.execs) >= MOST:
                self._thin(record)
            self._known[made.id] = record.execs[made.id] = made
        self._publish(made, f"exec_create: {' '.join(command)}")
        return made

    def keep(self, task: asyncio.Future[None]) -> None:
        """What nobody waits for is not to be forgotten before its end."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _thin(self, record: Record) -> None:
        for one in record.execs.values():
            self.refresh(one)
        ended = [one for one in record.execs.values() if one.exit_code is not None]
        for one in ended[:-KEPT]:
            self._remove(one)

    def drop(self, made: Exec) -> None:
        """Nobody will ask for it any more."""
        with self._lock:
            self._remove(made)

    def _remove(self, made: Exec) -> None:
        self._known.pop(made.id, None)
        made.container.execs.pop(made.id, None)
        (made.container.directory / "execs" / f"{made.id}.json").unlink(missing_ok=True)

    def _publish(self, made: Exec, action: str, **more: str) -> None:
        told = {**made.container.attributes, "execID": made.id, **more}
        self._events.publish("container", action, made.container.id, told)

    def detached(self, made: Exec) -> None:
        """Its client has left it, by the keys for that."""
        self._publish(made, "exec_detach")

    def find(self, exec_id: str) -> Exec:
        with self._lock:
            if exec_id in self._known:
                return self._known[exec_id]
        raise NotFound(f"No such exec instance: {exec_id}")

    def request(self, made: Exec, *, detach: bool) -> dict[str, Any]:
        """What the supervisor is asked. Raises Conflict for one that has run, Invalid for a user
        that the launcher has to look up and does not find."""
        with made.container.lock:
            if made.started:
                raise Conflict(f"Error: Exec command {made.id} has already run")
            check_running(made.container)
            made.started = True
        asked = made.asked
        spec = ExecSpec(
            args=tuple(made.command),
            env=tuple(asked.get("Env") or ()),
            cwd=str(asked.get("WorkingDir") or ""),
            user=str(asked.get("User") or ""),
            tty=bool(asked.get("Tty")),
            stdin=bool(asked.get("AttachStdin")),
            privileged=bool(asked.get("Privileged")),
        )
        request = launch.to_exec(files.run(made.container), spec, made.container.pid)
        return {**request, "id": made.id, "stdin": spec.stdin and not detach}

    def started(self, made: Exec, pid: int) -> None:
        made.pid = pid
        self._publish(made, f"exec_start: {' '.join(made.command)}")

    def failed(self, made: Exec, code: int) -> None:
        """It could not be started."""
        made.exit_code, made.ended = code, time.time()

    def refresh(self, made: Exec) -> None:
        """Reads how it ended, if it has; 137 where the container ended before it."""
        if not made.started or made.exit_code is not None:
            return
        path = made.container.directory / "execs" / f"{made.id}.json"
        try:
            made.exit_code = int(json.loads(path.read_text(encoding="utf-8"))["exit"])
        except (OSError, ValueError, KeyError):
            if made.container.is_running:
                return
            made.exit_code = KILLED
        made.ended = time.time()
        self._publish(made, "exec_die", exitCode=str(made.exit_code))

    def forget(self, record: Record) -> None:
        with self._lock:
            for key in record.execs:
                self._known.pop(key, None)


def check_running(record: Record) -> None:
    """Raises Conflict where nothing can run beside it, in dockerd's words."""
    if record.is_paused:
        raise Conflict(f"Container {record.name} is paused, unpause the container before exec")
    if record.is_restarting:
        raise Conflict(f"Container {record.id} is restarting, wait until the container is running")
    if not record.is_running:
        raise Conflict(f"Container {record.id} is not running")


def _keys(body: dict[str, Any]) -> bytes:
    text = str(body.get("DetachKeys") or "")
    try:
        return detach.parse(text)
    except ValueError as error:
        raise Invalid(f"Invalid escape keys ({text}) provided") from error
