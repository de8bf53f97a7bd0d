"""What can go wrong, as one tree.

    ContainerError                  anything this package raises on purpose
    ├── Invalid                     what was asked makes no sense: an option, a value, a name
    ├── NotFound                    the engine has no such image, container, file
    ├── Unauthorized                the registry or engine wants other credentials
    ├── Conflict                    a name or port is taken, a container is in the wrong state
    │   └── Forbidden               what the engine has by itself, or another has, forbids it
    ├── Unsupported                 this engine cannot do it
    ├── IntegrityError              content is not what its digest says
    ├── UnsafeLayer                 an archive wants to write outside its folder
    ├── LaunchError                 no way to start a container on this machine
    ├── EngineError                 the engine answered with another error
    │   └── Refused                 the same in its own words, as the docker command prints them
    ├── EngineUnavailable           there is no engine to ask
    │   ├── NoEngine                no socket, nobody listens
    │   ├── EngineForbidden         the socket is there, this user may not open it
    │   ├── EngineSilent            the socket opens and no answer comes
    │   └── EngineTooOld            it answers with an API that docker-py no longer speaks
    ├── CheckFailed                 an image is not as it was to be
    └── CellFailed                  the program in the container ended badly
        ├── CellTimedOut            and this package ended it, after --timeout
        └── CommandFailed           a verb of %docker did, in the docker command's words

Each carries a message, what happened and to what, in one line, and a hint, what
to do next. In a notebook exactly these two lines are shown, and for a failed cell
the command that does the same in a terminal.

Knows: messages and hints. Does not know: who raises, HTTP, IPython (which finds
``_render_traceback_`` by its name).
"""

from __future__ import annotations

from typing import TypeVar


class ContainerError(Exception):
    """The root: ``message`` is one line, ``hint`` is one line or empty.

    ``command``, where a container was to run, does the same in a terminal.
    """

    def __init__(self, message: str, hint: str = "", *, command: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.command = command

    def __str__(self) -> str:
        return self.message

    @property
    def in_one_line(self) -> str:
        """Message and hint, for where there is room for one line."""
        return f"{self.message} ({self.hint})" if self.hint else self.message

    def _render_traceback_(self) -> list[str]:
        """Called by IPython in place of a traceback: one string per line."""
        shown = [f"{type(self).__name__}: {self.message}"]
        if self.hint:
            shown.append(f"  hint: {self.hint}")
        title = "  the same in a terminal:"
        if "\n" in self.command:
            # Not indented, so that what is copied from here is what the cell ran.
            return [*shown, title, *self.command.split("\n")]
        return [*shown, f"{title} {self.command}"] if self.command else shown


class Invalid(ContainerError):
    """What was asked makes no sense; nothing was started."""


class NotFound(ContainerError):
    """The engine has no such image, container or file."""


class Unauthorized(ContainerError):
    """A registry or the engine wants other credentials."""


class Conflict(ContainerError):
    """A name or port is taken, or a container is in the wrong state."""


class Forbidden(Conflict):
    """What the engine has by itself, or somebody else has, forbids it."""


class Unsupported(ContainerError):
    """This engine cannot do what was asked."""


class IntegrityError(ContainerError):
    """Content is not what its digest says; nothing of it was kept."""


class UnsafeLayer(ContainerError):
    """An archive holds an entry that wants to write outside its folder; nothing outside was."""


class LaunchError(ContainerError):
    """No launcher can start a container on this machine, or the one that was asked for cannot."""


class EngineError(ContainerError):
    """The engine answered with an error of no category above.

    ``exit_code`` is set when a container could not be started, to what
    ``docker run`` exits with: 127, the program does not exist; 126, it cannot be
    executed; 125, another reason.
    """

    def __init__(self, message: str, hint: str = "", *, exit_code: int | None = None) -> None:
        super().__init__(message, hint)
        self.exit_code = exit_code


class Refused(EngineError):
    """An answer of 400 or above; ``message`` is the engine's own text, ``status`` HTTP's."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class EngineUnavailable(ContainerError):
    """There is no engine to ask. ``attempts`` are the ``client.Attempt`` made before."""

    attempts: tuple[object, ...] = ()


class NoEngine(EngineUnavailable):
    """No socket, or nobody listens on it."""


class EngineForbidden(EngineUnavailable):
    """The socket exists and this user may not open it."""


class EngineSilent(EngineUnavailable):
    """The connection opens and no answer comes in time, or the answer is no Docker API."""


class EngineTooOld(EngineUnavailable):
    """The engine answers with an API older than docker-py speaks."""


class CheckFailed(ContainerError):
    """An image is not as a check wants it; the image itself is whole."""


class CellFailed(ContainerError):
    """The program of a cell ended with ``exit_code``, which is not 0.

    125, 126 and 127 follow docker run: the engine refused, the program is not
    executable, the program does not exist.
    """

    def __init__(self, message: str, hint: str = "", *, exit_code: int, command: str = "") -> None:
        super().__init__(message, hint, command=command)
        self.exit_code = exit_code


class CellTimedOut(CellFailed):
    """The cell ran longer than --timeout allows; all its processes were ended."""


class CommandFailed(CellFailed):
    """A verb of ``%docker`` failed. ``message`` is what the docker command writes to stderr, of
    one line or several, and ``exit_code`` its status."""

    def _render_traceback_(self) -> list[str]:
        shown = self.message.rstrip("\n").split("\n")
        return [*shown, f"  hint: {self.hint}"] if self.hint else shown


E = TypeVar("E", bound=BaseException)


def shown_as(error: E, *lines: str) -> E:
    """The same error, which IPython shows by these lines, without the way it took."""
    error._render_traceback_ = lambda: list(lines)  # type: ignore[attr-defined]
    return error
