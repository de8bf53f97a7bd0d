"""One cell is one container, from create to removal.

``Run`` is a container's life as a ``with`` block: ``start`` creates it, attaches,
subscribes to its end and starts it; ``finish`` moves its output and returns what
came of it; ``end`` makes it end, every process of it; leaving the block removes
it in the background. The reply does not wait for the removal, nor for the
engine's own clearing up: the exit code comes with the engine's ``die`` event.

Knows: the order of engine calls, time, interrupts. Does not know: docker-py,
options' words, IPython.
"""

from __future__ import annotations

import contextlib
import queue
import signal
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import removal, streams
from .creation import Creation
from .difference import changes, mount_targets
from .errors import CellFailed, CellTimedOut, ContainerError, EngineError
from .inbox import Inbox
from .interpreter import FILE_FOLDER

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from .client import Attachment, Connection, ExitWatch
    from .creation import Plan, Pulling
    from .exchange import Collected
    from .streams import Frame, Output

# An interrupted program has this long to tidy up before it is killed; with the
# kill and the engine's answer the whole stays below 3 seconds.
GRACE = 1.0
KILL_PATIENCE = 1.5

# The streams' end and the program's are some milliseconds apart, 0.24 s on Podman.
CUT_SECONDS = 2.0


@dataclass(frozen=True)
class CellResult:
    """What came of a run: ``duration`` in seconds, ``changes`` as (kind, path), sorted.

    ``cut`` says that a connection broke, so that output may be missing.
    """

    container_id: str
    exit_code: int
    oom_killed: bool
    duration: float
    warnings: tuple[str, ...] = ()
    changes: tuple[tuple[str, str], ...] = ()
    cut: bool = False
    collected: Collected | None = None


class Run:
    """A container that lives as long as a ``with`` block (longer with keep or detach)."""

    def __init__(self, connection: Connection, plan: Plan) -> None:
        self._connection = connection
        self._plan = plan
        self._creation = Creation(connection, plan)
        self._attachment: Attachment | None = None
        self._watch: ExitWatch | None = None
        self._frames: Inbox[list[Frame] | None] = Inbox(8)
        self._reader: threading.Thread | None = None
        self._started = 0.0
        self._over = threading.Event()
        self._reached_end = 0.0
        self._broke = False

    @property
    def container_id(self) -> str:
        return self._creation.container_id

    @property
    def warnings(self) -> tuple[str, ...]:
        return self._creation.warnings

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # First of all, since a second interrupt may come at any moment.
        lives_on = (self._plan.keep or self._plan.detach) and self._started
        if (self.container_id or self._creation.is_unanswered) and not lives_on:
            removal.begin(self._connection, self.container_id, self._creation.label)
        self._close_streams()

    def start(self, pulling: Pulling = contextlib.nullcontext) -> None:
        """Create and start the container; pulls the image when the plan asks for it.

        Raises NotFound for an image that cannot be had, and CellFailed, whose
        ``exit_code`` is 125, 126 or 127, when the program cannot be started.
        """
        try:
            self._launch(pulling)
        except EngineError as error:
            if error.exit_code is None:
                raise
            raise CellFailed(error.message, error.hint, exit_code=error.exit_code) from error

    def _launch(self, pulling: Pulling) -> None:
        plan = self._plan
        if plan.name or plan.config.get("HostConfig", {}).get("PortBindings"):
            # The cell before may have had the same name or port, and be on its way out.
            removal.finish()
        self._creation.make(pulling)
        if not plan.detach:
            self._attachment = self._connection.attach(
                self.container_id, stdin=plan.stdin is not None or plan.lasting, tty=plan.tty
            )
            self._watch = self._connection.watch_exit(self.container_id)
        self._connection.start(self.container_id)
        self._started = time.monotonic()
        if self._attachment and not plan.lasting:
            self._start_threads(self._attachment)

    @property
    def attachment(self) -> Attachment | None:
        return self._attachment

    @property
    def watch(self) -> ExitWatch | None:
        return self._watch

    def _start_threads(self, attachment: Attachment) -> None:
        self._reader = threading.Thread(
            target=self._read, args=(attachment,), name="ipycontainers-read", daemon=True
        )
        self._reader.start()
        if self._plan.stdin is not None:
            threading.Thread(
                target=_feed,
                args=(attachment, self._plan.stdin),
                name="ipycontainers-stdin",
                daemon=True,
            ).start()

    def _read(self, attachment: Attachment) -> None:
        # A broken connection ends the stream; how the program ended is for the
        # engine to say, and finish() asks it.
        try:
            for batch in streams.batches(attachment.read, tty=self._plan.tty):
                self._put(batch)
        except (OSError, ValueError, ContainerError):
            self._broke = not self._over.is_set()
        self._put(None)

    def _put(self, batch: list[Frame] | None) -> None:
        """Wait for room, which nobody makes any more once the run is over."""
        self._frames.put(batch, self._over.is_set)

    def finish(self, output: Output, *, deadline: float | None = None) -> CellResult:
        """Move output until both streams have ended and the exit code is known.

        ``deadline`` is of ``time.monotonic``; when it passes, all processes are
        ended and CellTimedOut is raised. An interrupt passes through as
        KeyboardInterrupt: the caller then calls ``end``.
        """
        if not (self._move(output, deadline) and self._known(deadline)):
            raise CellTimedOut("the cell ran longer than --timeout allows", exit_code=124)
        assert self._watch
        ended = self._watch.result(0)
        assert ended
        return CellResult(
            self.container_id,
            ended.code,
            ended.oom_killed,
            time.monotonic() - self._started,
            self.warnings,
            self._changes() if self._plan.diff else (),
            cut=self._broke or self._watch.broke,
            collected=self._collected(),
        )

    def _collected(self) -> Collected | None:
        if not self._plan.wanted:
            return None
        from ipycontainers import exchange

        return exchange.collect(
            lambda path: self._connection.get_archive(self.container_id, path),
            self._plan.wanted,
            limit=exchange.LIMIT if self._plan.limit is None else self._plan.limit,
        )

    def _move(self, output: Output, deadline: float | None) -> bool:
        """Move output to its sinks until it ends (True) or the deadline passes (False)."""
        while not self._reached_end:
            # The wait is short because on Windows an interrupt cannot end it.
            patience = 0.2 if deadline is None else min(0.2, deadline - time.monotonic())
            if patience <= 0:
                return False
            try:
                batch = self._frames.get(timeout=patience)
            except queue.Empty:
                continue
            if batch is None:
                self._reached_end = time.monotonic()
            for frame in batch or ():
                output.feed(frame)
        return True

    def _known(self, deadline: float | None) -> bool:
        """Wait until the exit code is known (True) or the deadline passes (False)."""
        assert self._watch
        checked = False
        while self._watch.result(0.2) is None:
            if deadline is not None and time.monotonic() > deadline:
                return False
            if not checked and time.monotonic() - self._reached_end > CUT_SECONDS:
                checked = True
                self._broke |= self._still_runs()
        return True

    def _still_runs(self) -> bool:
        """Whether the program runs on though its streams have ended: then they were cut.

        An engine ends the streams with the container, even of a program that has
        closed them (dockerd 20.10, Podman 4.3).
        """
        with contextlib.suppress(ContainerError):
            return bool(self._connection.inspect(self.container_id)["State"]["Running"])
        return False

    def end(self, output: Output, *, grace: float = GRACE) -> None:
        """End every process of the container: SIGINT, and SIGKILL after ``grace`` seconds.

        Output that still comes is moved. Returns within 3 seconds, whether or
        not the engine answers; a second interrupt kills at once.
        """
        steps = [(signal.SIGINT.name, grace), ("SIGKILL", KILL_PATIENCE)]
        if not self.container_id or not self._started:
            return
        for number, (name, patience) in enumerate(steps):
            self.send_signal(name)
            try:
                if self._move(output, time.monotonic() + patience):
                    return
            except KeyboardInterrupt:
                if number:
                    return

    def send_signal(self, name: str) -> None:
        """Send a signal to the container's first process; does not wait for the engine."""

        def kill() -> None:
            with contextlib.suppress(ContainerError):
                self._connection.kill(self.container_id, name)

        threading.Thread(target=kill, name="ipycontainers-kill", daemon=True).start()

    def _changes(self) -> tuple[tuple[str, str], ...]:
        listed = self._connection.changes(self.container_id)
        return changes(listed, [FILE_FOLDER, *mount_targets(self._plan.config)])

    def _close_streams(self) -> None:
        self._over.set()
        if self._watch:
            self._watch.close()
        if self._attachment:
            self._attachment.close()
        if self._reader:
            self._reader.join(1)


def _feed(attachment: Attachment, data: bytes) -> None:
    # A program need not read all that it is given.
    with contextlib.suppress(OSError, ValueError, ContainerError):
        attachment.write(data)
        attachment.close_write()


def run(
    connection: Connection,
    plan: Plan,
    output: Output,
    *,
    timeout: float | None = None,
    pulling: Pulling = contextlib.nullcontext,
) -> CellResult:
    """Run a plan in the foreground; the calling thread takes interrupts.

    Returns a result with any exit code. Raises CellTimedOut after ``timeout``
    seconds of running and KeyboardInterrupt on an interrupt, both when all
    processes of the container have ended; CellFailed with exit code 125, 126 or
    127 where the program could not be started.
    """
    with Run(connection, plan) as container:
        try:
            container.start(pulling)
            if plan.detach:
                return CellResult(container.container_id, 0, False, 0.0, container.warnings)
            deadline = None if timeout is None else time.monotonic() + timeout
            return container.finish(output, deadline=deadline)
        except (KeyboardInterrupt, CellTimedOut):
            container.end(output)
            raise
        finally:
            output.close()
