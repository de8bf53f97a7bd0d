"""An interpreter that starts afresh in each cell, in a container that stays: node, R, perl …

The container's first process waits for its input to end, which it does with the session;
each cell is a program beside it.

Knows: how a text reaches an interpreter. Does not know: which interpreters there are.
"""

from __future__ import annotations

import contextlib
import io
import posixpath
import queue
import tarfile
import threading
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ipycontainers import interpreter, streams
from ipycontainers.errors import CellTimedOut, ContainerError, EngineError, Invalid
from ipycontainers.inbox import Inbox

from . import Ended

if TYPE_CHECKING:
    from ipycontainers.client import Attachment, Connection
    from ipycontainers.client.executions import Execution
    from ipycontainers.exchange import Packed
    from ipycontainers.streams import Frame, Output

    from . import Notebook

WAIT = "while read -r line; do :; done"
# Ends all that is not the first process, this shell, or above it. Builtins only.
KILL = """
for folder in /proc/[0-9]*; do
  pid=${folder#/proc/}
  [ "$pid" = 1 ] || [ "$pid" = $$ ] || kill -KILL "$pid" 2>/dev/null
done
"""
PATIENCE = 2.5  # seconds in which the processes of an interrupted cell are to be gone
EXIT_SECONDS = 5.0


def without_values(program: str) -> Invalid:
    return Invalid(
        f"{program} takes no values: shells and Python do",
        "pass text with -e NAME={name}, or a file in a shared folder",
    )


class FreshInterpreter:
    """An ``Interpreter``; see there. Values cannot be given to it."""

    kind = "fresh"
    log = b""

    def __init__(
        self,
        connection: Connection,
        container_id: str,
        attachment: Attachment,
        program: Sequence[str],
    ) -> None:
        self.command = self.command_for(program)
        self.environment: Mapping[str, str] = {}
        self.lost = ""
        self._connection = connection
        self._container_id = container_id
        self._attachment = attachment
        self._interpreter = interpreter.Interpreter.of(program)

    @staticmethod
    def command_for(program: Sequence[str]) -> tuple[str, ...]:  # noqa: ARG004  # all wait alike
        return ("sh", "-c", WAIT)

    def open(self) -> None:
        """There is nothing to wait for."""

    def close(self) -> None:
        self._attachment.close()

    def run(
        self,
        code: str,
        output: Output,
        notebook: Notebook,  # noqa: ARG002  # it shows text only
        *,
        values: Mapping[str, Packed] | None = None,
        wanted: Sequence[str] = (),
        limit: int = 0,  # noqa: ARG002  # nothing comes out
        deadline: float | None = None,
    ) -> Ended:
        """As ``Interpreter.run``."""
        if values or wanted:
            raise without_values(self._interpreter.words[0])
        invocation = self._interpreter.invocation(code)
        if invocation.file is not None:
            self._put_file(invocation.file)
        words = [*invocation.entrypoint, *invocation.command]
        with self._connection.execute(
            self._container_id, words, stdin=invocation.stdin is not None
        ) as execution:
            if invocation.stdin is not None:
                _feed(execution, invocation.stdin)
            try:
                if not _move(execution, output, deadline):
                    raise CellTimedOut("the cell ran longer than --timeout allows", exit_code=124)
            except (KeyboardInterrupt, CellTimedOut):
                self._end_all()
                raise
            return Ended(self._exit_code(execution))

    def _put_file(self, text: bytes) -> None:
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            entry = tarfile.TarInfo(interpreter.FILE.lstrip("/"))
            entry.size, entry.mode = len(text), 0o644
            folder = tarfile.TarInfo(posixpath.dirname(entry.name))
            folder.type, folder.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(folder)
            tar.addfile(entry, io.BytesIO(text))
        self._connection.put_archive(self._container_id, "/", archive.getvalue())

    def _end_all(self) -> None:
        """Every process but the first: nothing of earlier cells is meant to run on."""
        with (
            contextlib.suppress(ContainerError, OSError),
            self._connection.execute(self._container_id, ["sh", "-c", KILL]) as execution,
        ):
            latest = time.monotonic() + PATIENCE
            while execution.read() and time.monotonic() < latest:
                pass

    def _exit_code(self, execution: Execution) -> int:
        latest = time.monotonic() + EXIT_SECONDS
        while time.monotonic() < latest:
            code = execution.exit_code()
            if code is not None:
                return code
            time.sleep(0.01)
        raise EngineError("the engine does not say how the program ended", "run the cell again")


def _feed(execution: Execution, text: bytes) -> None:
    def write() -> None:
        with contextlib.suppress(OSError):
            execution.write(text)
            execution.close_write()

    threading.Thread(target=write, name="ipycontainers-stdin", daemon=True).start()


def _move(execution: Execution, output: Output, deadline: float | None) -> bool:
    """Move output until it ends (True) or the deadline passes (False)."""
    frames: Inbox[list[Frame] | None] = Inbox(8)
    over = threading.Event()

    def put(batch: list[Frame] | None) -> None:
        while not over.is_set():
            with contextlib.suppress(queue.Full):
                frames.put(batch, timeout=0.1)
                return

    def read() -> None:
        with contextlib.suppress(OSError, ValueError, ContainerError):
            for batch in streams.batches(execution.read):
                put(batch)
        put(None)

    threading.Thread(target=read, name="ipycontainers-read", daemon=True).start()
    try:
        while deadline is None or time.monotonic() < deadline:
            with contextlib.suppress(queue.Empty):
                batch = frames.get(timeout=0.2)
                if batch is None:
                    return True
                for frame in batch:
                    output.feed(frame)
        return False
    finally:
        over.set()
