"""A cell that runs on while the notebook goes on: ``%%container --bg``.

Knows: threads, the life of one run. Does not know: docker-py, IPython.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

from .cell import CellResult, Run
from .errors import CellTimedOut

if TYPE_CHECKING:
    from collections.abc import Callable

    from .client import Connection
    from .creation import Plan, Pulling
    from .streams import Output


class Background:
    """A cell that runs on while the notebook goes on; what ``--proc`` gives.

    Like ``subprocess.Popen``: ``poll``, ``wait``, ``kill``, ``returncode``.
    ``result`` is the CellResult once it ended, ``error`` what went wrong.
    """

    def __init__(
        self,
        connection: Connection,
        plan: Plan,
        output: Output,
        timeout: float | None,
        ended: Callable[[Background], None],
    ) -> None:
        self._run = Run(connection, plan)
        self._plan = plan
        self._output = output
        self._timeout = timeout
        self._ended = ended
        self.result: CellResult | None = None
        self.error: Exception | None = None
        self._thread = threading.Thread(target=self._work, name="ipycontainers-cell", daemon=True)
        self._timer: threading.Timer | None = None
        self._timed_out = False

    def start(self, pulling: Pulling = contextlib.nullcontext) -> None:
        """Start the container; errors of starting belong to the cell and are raised here."""
        try:
            self._run.start(pulling)
        except BaseException:
            self._run.__exit__(None, None, None)
            self._output.close()
            raise
        self._thread.start()
        if self._timeout is not None:
            # Not the thread above, which may be waiting for the reader of a pipe.
            self._timer = threading.Timer(self._timeout, self._expire)
            self._timer.daemon = True
            self._timer.start()

    def _expire(self) -> None:
        self._timed_out = True
        self.kill()

    def _work(self) -> None:
        with self._run:
            try:
                self.result = self._run.finish(self._output)
            except Exception as error:  # noqa: BLE001 - whoever asks is told: returncode, error
                self.error = error
            finally:
                self._output.close()
        if self._timer:
            self._timer.cancel()
        if self._timed_out:
            message = f"the cell ran longer than --timeout {self._timeout:g} s"
            self.result, self.error = None, CellTimedOut(message, exit_code=124)
        self._ended(self)

    @property
    def container_id(self) -> str:
        return self._run.container_id

    @property
    def returncode(self) -> int | None:
        """The exit code; None while it runs, 124 after a timeout, -1 if the engine failed."""
        if self.result:
            return self.result.exit_code
        return getattr(self.error, "exit_code", -1) if self.error else None

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait for the end, at most ``timeout`` seconds; the exit code, or None if it runs on."""
        self._thread.join(timeout)
        return self.returncode

    def kill(self) -> None:
        """Kill every process of the container; ``wait`` then returns 137."""
        self._output.give_up()
        self._run.send_signal("SIGKILL")

    def __repr__(self) -> str:
        state = "running" if self.returncode is None else f"exit code {self.returncode}"
        return f"<background cell in {self._plan.image}: {state}>"
