"""An interpreter that starts afresh in each cell, in a container that stays: node, R, perl …

The session is a shell's; each cell is one command of it, which reads the cell's text.

Knows: how a text reaches an interpreter. Does not know: which interpreters there are.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from ipycontainers import exchange, interpreter
from ipycontainers.errors import Invalid

from . import posix
from .delivery import deliver
from .shell import ShellInterpreter

if TYPE_CHECKING:
    from ipycontainers.client import Attachment, Connection
    from ipycontainers.exchange import Packed
    from ipycontainers.streams import Output

    from . import Ended, Notebook

SHELL = ("sh",)


def without_values(program: str) -> Invalid:
    return Invalid(
        f"{program} takes no values: shells and Python do",
        "pass text with -e NAME={name}, or a file in a shared folder",
    )


class FreshInterpreter(ShellInterpreter):
    """An ``Interpreter``; see there. Values cannot be given to it."""

    kind = "fresh"

    def __init__(
        self,
        connection: Connection,
        container_id: str,
        attachment: Attachment,
        program: Sequence[str],
    ) -> None:
        super().__init__(connection, container_id, attachment, SHELL)
        self._interpreter = interpreter.Interpreter.of(program)

    @staticmethod
    def command_for(program: Sequence[str]) -> tuple[str, ...]:  # noqa: ARG004  # all are alike
        return posix.command(SHELL)

    def run(
        self,
        code: str,
        output: Output,
        notebook: Notebook,
        *,
        values: Mapping[str, Packed] | None = None,
        wanted: Sequence[str] = (),
        limit: int = exchange.LIMIT,  # noqa: ARG002  # nothing comes out
        deadline: float | None = None,
    ) -> Ended:
        """As ``Interpreter.run``."""
        if values or wanted:
            raise without_values(self._interpreter.words[0])
        invocation = self._interpreter.invocation(code)
        command = shlex.join([*invocation.entrypoint, *invocation.command])
        text = invocation.file
        if invocation.stdin is not None:
            text, command = invocation.stdin, f"{command} <{interpreter.FILE}"
        if text is not None:
            archive = partial(interpreter.file_archive, text)
            deliver(self._connection, self._container_id, archive)
        return super().run(command, output, notebook, deadline=deadline)
