"""A session: a container with an interpreter in it that lives on between cells.

A session is opened by its first cell and lent to one cell at a time. What it was opened
with is kept, so that a later cell that asks for something else is told the difference.

Knows: the life of a container, that an interpreter runs cells. Does not know: how an
interpreter is spoken to, IPython, options.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ipycontainers import cell, outcome
from ipycontainers.errors import (
    CellFailed,
    Conflict,
    ContainerError,
    EngineUnavailable,
    NotFound,
)

if TYPE_CHECKING:
    from ipycontainers.client import Connection
    from ipycontainers.creation import Plan, Pulling
    from ipycontainers.exchange import Packed
    from ipycontainers.streams import Output

    from . import Ended, Interpreter, Notebook

Make = Callable[["Connection", str, Any], "Interpreter"]
KILLED = 137
PATIENCE = 5.0  # seconds in which an engine says how a container ended


@dataclass(frozen=True)
class Opening:
    """What a session is opened with.

    ``plan`` is of its container, whose first process is the interpreter's ``command``;
    ``words`` name the interpreter as the user did; ``asked`` are the options as typed,
    by name, for comparing.
    """

    name: str
    plan: Plan
    words: tuple[str, ...]
    asked: Mapping[str, str]
    make: Make

    def differences(self, other: Mapping[str, str]) -> list[str]:
        """What ``other`` asks for that this was not opened with, a phrase each."""
        told = []
        for option in sorted({*self.asked, *other}):
            here, there = self.asked.get(option, ""), other.get(option, "")
            if here != there and (there or option.startswith("--")):  # an image may be left out
                told.append(f"{option} was {here or 'not given'} and is {there or 'not given'} now")
        return told


class Session:
    """One that is open until ``close``, also where its container has ended."""

    def __init__(self, connection: Connection, opening: Opening) -> None:
        self.opening = opening
        self.opened = time.time()
        self.cells = 0
        self.warnings: tuple[str, ...] = ()
        self._connection = connection
        self._lock = threading.Lock()
        self._run: cell.Run | None = None
        self._interpreter: Interpreter | None = None
        self._ended = ""
        self._exit_code = 0
        self._lost_some = False  # a process of an earlier cell was killed

    @property
    def name(self) -> str:
        return self.opening.name

    @property
    def container_id(self) -> str:
        return self._run.container_id if self._run else ""

    @property
    def is_open(self) -> bool:
        return self._interpreter is not None and not self._ended

    @property
    def status(self) -> str:
        """ "running", or why it does not run any more."""
        if self.is_open and self._run and self._run.watch and self._run.watch.is_over:
            with contextlib.suppress(ContainerError):
                self._explain_end(0)
        return self._ended or ("running" if self._interpreter else "not started")

    @property
    def lost(self) -> str:
        """Why state was lost in the last cell, also in one that was interrupted; "" if none was."""
        return self._interpreter.lost if self._interpreter else ""

    @property
    def log(self) -> bytes:
        """What processes of earlier cells wrote after their cell, the last part of it."""
        return self._interpreter.log if self._interpreter else b""

    def open(self, pulling: Pulling = contextlib.nullcontext) -> None:
        """Starts the container and its interpreter. Raises as ``cell.Run.start``."""
        run = cell.Run(self._connection, replace(self.opening.plan, lasting=True))
        self._run = run
        try:
            run.start(pulling)
            assert run.attachment
            interpreter = self.opening.make(self._connection, run.container_id, run.attachment)
            interpreter.open()
        except BaseException:
            self._explain_end(0.2)
            self.close()
            raise
        self.warnings = run.warnings
        self._interpreter = interpreter

    def run(
        self,
        code: str,
        output: Output,
        notebook: Notebook,
        *,
        values: Mapping[str, Packed],
        wanted: Sequence[str] = (),
        limit: int,
        deadline: float | None = None,
    ) -> Ended:
        """Runs a cell. Raises CellFailed where the container has ended, before or in it."""
        if not self._lock.acquire(timeout=0.2):
            raise Conflict(
                f"the session {self.name} is busy with another cell",
                "wait for that cell, or name another session",
            )
        try:
            if self._ended or not self._interpreter:
                raise self._death()
            self.cells += 1
            ended = self._interpreter.run(
                code,
                output,
                notebook,
                values=values,
                wanted=wanted,
                limit=limit,
                deadline=deadline,
            )
            if ended.gone:
                self._explain_end(PATIENCE)
                raise self._death()
            self._lost_some = self._lost_some or ended.exit_code == KILLED
            return ended
        finally:
            self._lock.release()

    def _explain_end(self, patience: float) -> None:
        assert self._run
        ended = self._run.watch.result(patience) if self._run.watch else None
        memory = str(self.opening.asked.get("--memory", ""))
        if ended is None:
            self._ended = "the connection to its container broke"
            return
        # An engine's mark stays for as long as the container lives: it may be of another process.
        is_short = ended.oom_killed and not self._lost_some
        meaning = outcome.explain(ended.code, oom_killed=is_short, memory=memory)
        self._ended = f"exit code {ended.code}" + (f": {meaning}" if meaning else "")
        self._exit_code = ended.code

    def _death(self) -> CellFailed:
        return CellFailed(
            f"the session {self.name} has ended: {self._ended or 'it was closed'}",
            f"%container restart {self.name} starts it afresh, with the same options",
            exit_code=self._exit_code or 125,
        )

    def close(self) -> None:
        """Ends the interpreter and removes the container, unless it is kept. Idempotent."""
        interpreter, run = self._interpreter, self._run
        self._ended = self._ended or "it was closed"
        self._interpreter = None
        if interpreter:
            with contextlib.suppress(ContainerError, OSError):
                interpreter.close()
        if run:
            run.__exit__(None, None, None)

    def reopened(self) -> Session:
        """A new session, opened with the same; this one is closed."""
        self.close()
        return Session(self._connection, self.opening)


class Book:
    """The sessions of one kernel, by name; no other kernel has them."""

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}
        self._lock = threading.Lock()

    def find(self, name: str) -> Session | None:
        return self._sessions.get(name)

    def all(self) -> list[Session]:
        return sorted(self._sessions.values(), key=lambda session: session.opened)

    def open(
        self, connection: Connection, opening: Opening, pulling: Pulling = contextlib.nullcontext
    ) -> Session:
        """A new one. Raises Conflict where the name is taken."""
        session = Session(connection, opening)
        with self._lock:
            if opening.name in self._sessions:
                raise Conflict(f"there is a session {opening.name} already")
            self._sessions[opening.name] = session
        try:
            session.open(pulling)
        except BaseException:
            self._sessions.pop(opening.name, None)
            raise
        return session

    def restart(self, name: str) -> Session:
        session = self.get(name)
        with self._lock:
            fresh = self._sessions[name] = session.reopened()
        try:
            fresh.open()
        except BaseException:
            self._sessions.pop(name, None)
            raise
        return fresh

    def stop(self, name: str) -> None:
        self.get(name).close()
        self._sessions.pop(name, None)

    def close(self) -> None:
        """All of them, at the kernel's own pace; what is left the watchdog removes."""
        for session in self.all():
            with contextlib.suppress(EngineUnavailable):
                session.close()
        self._sessions.clear()

    def get(self, name: str) -> Session:
        """Raises NotFound, which names those that there are."""
        if name not in self._sessions:
            names = ", ".join(sorted(self._sessions))
            raise NotFound(
                f"there is no session {name}",
                f"there are: {names}" if names else "%%container -s NAME IMAGE opens one",
            )
        return self._sessions[name]
