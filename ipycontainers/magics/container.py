"""``%%container OPTIONS IMAGE [INTERPRETER …]`` and ``%container IMAGE [COMMAND …]``.

One instance serves a kernel: it keeps the connection between cells and knows where
the notebook lies. Everything else is imported at the first use, so that
``%load_ext`` costs a few milliseconds.

Knows: IPython's magics. Does not know: docker-py, HTTP, options.
"""

from __future__ import annotations

import os
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.magic import (
    Magics,
    line_cell_magic,
    magics_class,
    needs_local_scope,
    no_var_expand,
)
from traitlets import Float, Unicode, observe

from ipycontainers import watchdog
from ipycontainers.errors import ContainerError, EngineUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from IPython.core.interactiveshell import InteractiveShell

    from ipycontainers.client import Connection
    from ipycontainers.sessions.session import Book

# Exit codes as docker run has them: the engine refused; 128 + SIGINT.
REFUSED = 125
INTERRUPTED = 130
# As session.VERBS, which is imported only for one of them; all but the first take a NAME.
SESSION_VERBS = ("sessions", "stop", "restart", "logs", "inspect", "commit")


def _verb(line: str) -> Callable[[ContainerMagics], None] | None:
    """A verb on sessions; an image of such a name is run by ``%container -- NAME``."""
    if line.split()[:1] not in ([word] for word in SESSION_VERBS):
        return None
    from . import session

    return session.verb(line)


def _help() -> str:
    from ipycontainers.options import help_text

    return help_text()


@magics_class
class ContainerMagics(Magics):
    """Runs cells in containers; ``%config ContainerMagics.engine = "…"`` names an engine."""

    engine = Unicode(
        "",
        help="Address of the engine (unix://, tcp://, ssh://, npipe://). Empty: "
        "DOCKER_HOST, else docker's current context, else the usual sockets, else our own.",
    ).tag(config=True)
    timeout = Float(
        60.0,
        help="Seconds to wait for an answer of the engine. A program may be silent for longer.",
    ).tag(config=True)

    shell: InteractiveShell

    def __init__(self, shell: InteractiveShell) -> None:
        # Before the traits: one that is configured is observed while they are set.
        self._connection: Connection | None = None
        self._connecting = threading.Lock()
        self._folder = Path.cwd()
        self._sessions: Book | None = None
        self.told: set[str] = set()  # warnings
        super().__init__(shell=shell)
        watchdog.start(self.engine or None)

    @no_var_expand
    @needs_local_scope
    @line_cell_magic
    def container(
        self, line: str, cell: str | None = None, local_ns: dict[str, Any] | None = None
    ) -> object:
        from . import run

        if cell is None and (verb := _verb(line)):
            verb(self)
            return None
        variables = self.shell.user_ns
        given = run.parse(line, {**variables, **(local_ns or {})})
        runs = run.of(self, given, cell)
        try:
            variables["_exit_code"] = runs.run()
            return runs.value
        except EngineUnavailable:
            self.forget()
            raise
        except ContainerError as error:
            variables["_exit_code"] = getattr(error, "exit_code", None) or REFUSED
            raise
        except KeyboardInterrupt:
            variables["_exit_code"] = INTERRUPTED
            raise

    # IPython asks a callable's own getdoc() first; it is called for %%container? alone.
    container.getdoc = _help  # type: ignore[union-attr]

    def connect(self, *, start: bool = True) -> Connection:
        """The engine of this kernel, asked for once and watched from then on.

        ``start``: our own engine is started where no other answers, and a person told.
        """
        with self._connecting:
            if not self._connection:
                from ipycontainers import client

                from .progress import tell

                self._connection = client.connect(
                    self.engine or None,
                    timeout=self.timeout,
                    start=start,
                    say=partial(tell, self.shell),
                )
            watchdog.guard(self._connection.candidate)
            return self._connection

    @property
    def sessions(self) -> Book:
        """The sessions of this kernel."""
        if self._sessions is None:
            from ipycontainers.sessions.session import Book

            self._sessions = Book()
        return self._sessions

    @observe("engine", "timeout")
    def forget(self, _change: object = None) -> None:
        """Ask for an engine anew at the next cell."""
        connection, self._connection = self._connection, None
        if connection:
            connection.close()

    @property
    def notebook(self) -> str:
        """The notebook's path where the front end tells it, else ""."""
        told = self.shell.user_ns.get("__vsc_ipynb_file__") or os.environ.get("JPY_SESSION_NAME")
        return str(told or "")

    @property
    def folder(self) -> Path:
        """The notebook's folder: what the front end tells, else where the kernel started."""
        path = Path(self.notebook)
        return path.parent if path.is_absolute() and path.is_file() else self._folder
