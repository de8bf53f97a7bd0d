"""Interpreters that live across the cells of a kernel.

An ``Interpreter`` is the first process of a container and runs one cell after another in
it. The types that all of them share are here; ``shell`` is one kind.

Knows: what a cell of a session gives and takes. Does not know: magics, which engine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from ipycontainers.exchange import Packed
    from ipycontainers.streams import Output

__all__ = ["Ended", "Interpreter", "Notebook"]


@dataclass(frozen=True)
class Ended:
    """How a cell of a session ended.

    ``exit_code`` is that of its last command; of Python 0, 1 after an exception, N after
    ``sys.exit(N)``. ``traceback``, ``name`` and ``message`` are of Python's exception.
    ``lost``, when there is some: the interpreter was replaced and state is lost, and why.
    ``gone``: the container's first process has ended. ``values`` came out, ``unset`` are
    the names that were asked for and that the cell did not set, ``refused`` says of others
    why their values cannot travel, and ``advice`` what to do about it.
    """

    exit_code: int
    traceback: tuple[str, ...] = ()
    name: str = ""
    message: str = ""
    lost: str = ""
    gone: bool = False
    values: Mapping[str, Packed] = field(default_factory=dict)
    unset: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    advice: str = ""


class Interpreter(Protocol):
    """``command`` is of the container that it is the first process of, which has an open
    standard input and no terminal."""

    kind: str
    command: tuple[str, ...]
    lost: str  # as Ended.lost, of the last run, also of one that raised

    @property
    def log(self) -> bytes:
        """The last output that belonged to no running cell."""

    def open(self) -> None:
        """Called once, after the container's start; returns when the first cell can run.

        Raises CellFailed where the program is no such interpreter, EngineError where it
        does not answer within 30 s.
        """

    def run(
        self,
        code: str,
        output: Output,
        notebook: Notebook,
        *,
        values: Mapping[str, Packed] = ...,
        wanted: Sequence[str] = ...,
        limit: int = ...,
        deadline: float | None = None,
    ) -> Ended:
        """One cell, in the calling thread, which takes interrupts. Does not close ``output``.

        What comes out of ``wanted`` has at most ``limit`` bytes; Invalid where it has more.

        After KeyboardInterrupt, and after CellTimedOut when ``deadline`` (of
        ``time.monotonic``) passes, all processes of the cell have ended and the next cell
        can run.
        """

    def close(self) -> None:
        """Let go of the container, which goes on; may be called twice."""


class Notebook(Protocol):
    """The front end, as far as a cell of a session may use it."""

    def display(
        self,
        data: Mapping[str, Any],
        metadata: Mapping[str, Any],
        *,
        display_id: str = "",
        update: bool = False,
    ) -> None:
        """Show a MIME bundle."""

    def result(self, data: Mapping[str, Any], metadata: Mapping[str, Any]) -> None:
        """Show the value of the last expression, as Out[n]."""

    def input(self, prompt: str, password: bool) -> str:
        """Ask the user. Raises Unsupported where nobody can answer."""

    def clear(self, wait: bool) -> None:
        """Clear the cell's output; with ``wait`` when the next output comes."""
