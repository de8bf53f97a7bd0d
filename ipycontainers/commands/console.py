"""Where a verb runs: the engine that it asks, and where its output goes.

    console.daemon.get("containers", "json")
    console.out("text as it comes\n")
    raise failed("Error: No such container: web")

Knows: streams of text. Does not know: notebooks, verbs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ipycontainers.errors import CommandFailed, Refused

if TYPE_CHECKING:
    from ipycontainers.client import Connection, Daemon, PullProgress

    from .call import Call
    from .result import Lines, Listing

    # Takes the reports of a pull; None where nobody looks.
    Watch = Callable[[PullProgress], None] | None


def _nothing(name: str) -> bytes:
    raise failed(f"--stdin {name}: there is nothing to read from here")


def _unseen(_image: str) -> AbstractContextManager[Watch]:
    return nullcontext(None)


@dataclass(frozen=True)
class Console:
    """``out`` and ``err`` take text as it comes: the notebook's streams, or what collects the
    output for a variable, which is to have it whole (``collects``). Relative paths mean ``folder``.
    ``read`` gives what --stdin names; ``pulling`` and ``pushing`` show how the image of that name
    comes and goes, in a block; ``renew`` shows a table in the place of the one before, where
    somebody looks. ``labels`` are for a container that goes with the kernel."""

    connection: Connection
    out: Callable[[str], object]
    err: Callable[[str], object]
    folder: Path
    read: Callable[[str], bytes] = _nothing
    pulling: Callable[[str], AbstractContextManager[Watch]] = _unseen
    pushing: Callable[[str], AbstractContextManager[Watch]] = _unseen
    labels: Mapping[str, str] = field(default_factory=dict)
    collects: bool = False
    renew: Callable[[Lines | Listing], object] | None = None

    @property
    def daemon(self) -> Daemon:
        return self.connection.daemon

    def given(self, call: Call) -> bytes | None:
        """What --stdin names, if it is there."""
        name = call.text("stdin")
        return self.read(name) if name else None


def failed(message: str, exit_code: int = 1) -> CommandFailed:
    """A failure, told as the docker command tells it on stderr."""
    return CommandFailed(message, exit_code=exit_code)


def told(error: Refused) -> str:
    """As most verbs tell it."""
    return f"Error response from daemon: {error.message}"


def told_of(found: Any) -> Any:
    """What an engine tells. Podman fails without a word after it has said that all is well."""
    if found is None:
        raise failed("EOF")
    return found


@contextmanager
def missing(kind: str, name: str) -> Iterator[None]:
    """As ``refusals``; that there is none of that name is told as the docker command tells it."""
    try:
        with refusals():
            yield
    except CommandFailed as error:
        cause = error.__cause__
        if not (isinstance(cause, Refused) and cause.status == 404):
            raise
        raise failed(f"Error: No such {kind}: {name}") from cause


@contextmanager
def refusals(exit_code: int = 1) -> Iterator[None]:
    """What the engine refuses in this block fails the verb, in the daemon's words."""
    try:
        yield
    except Refused as error:
        raise failed(told(error), exit_code) from error
