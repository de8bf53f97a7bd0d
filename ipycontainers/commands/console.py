"""Where a verb runs: the engine that it asks, and where its output goes.

    console.daemon.get("containers", "json")
    console.out("text as it comes\n")
    raise failed("Error: No such container: web")

Knows: streams of text. Does not know: notebooks, verbs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ipycontainers.errors import CommandFailed, Refused

if TYPE_CHECKING:
    from ipycontainers.client import Connection, Daemon


@dataclass(frozen=True)
class Console:
    """``out`` and ``err`` take text as it comes: the notebook's streams, or what collects the
    output for a variable. Relative paths mean ``folder``."""

    connection: Connection
    out: Callable[[str], object]
    err: Callable[[str], object]
    folder: Path

    @property
    def daemon(self) -> Daemon:
        return self.connection.daemon


def failed(message: str, exit_code: int = 1) -> CommandFailed:
    """A failure, told as the docker command tells it on stderr."""
    return CommandFailed(message, exit_code=exit_code)


def told(error: Refused) -> str:
    """As most verbs tell it."""
    return f"Error response from daemon: {error.message}"


@contextmanager
def refusals(exit_code: int = 1) -> Iterator[None]:
    """What the engine refuses in this block fails the verb, in the daemon's words."""
    try:
        yield
    except Refused as error:
        raise failed(told(error), exit_code) from error
