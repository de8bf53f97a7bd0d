"""A shell session with values: exported variables before a cell, read back after it.

Knows: what ``exchange`` gives a shell to read. Does not know: how a shell runs a cell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ipycontainers import exchange, streams
from ipycontainers.interpreter import FILE_FOLDER

from .delivery import deliver
from .shell import ShellInterpreter

if TYPE_CHECKING:
    from ipycontainers.exchange import Packed
    from ipycontainers.streams import Output

    from . import Ended, Notebook


class ValuedShell(ShellInterpreter):
    def run(
        self,
        code: str,
        output: Output,
        notebook: Notebook,
        *,
        values: Mapping[str, Packed] | None = None,
        wanted: Sequence[str] = (),
        limit: int = exchange.LIMIT,
        deadline: float | None = None,
    ) -> Ended:
        """As ``Interpreter.run``. Raises Invalid for a name or a value that cannot be."""
        saving = exchange.saving(wanted)  # whether the names can be, before anything runs
        if values or wanted:
            given = exchange.exports(values or {})
            self._put(given.archive)
            script = given.script.decode("utf-8", "surrogateescape")
            self._run_unseen(script, notebook, deadline)
        ended = super().run(code, output, notebook, deadline=deadline)
        if not wanted or ended.gone:
            return ended
        self._run_unseen(saving, notebook, deadline)
        found = exchange.collect(
            lambda path: self._connection.get_archive(self._container_id, path),
            wanted,
            limit=limit,
        )
        return replace(
            ended,
            values=found.values,
            unset=found.unset,
            refused=found.refused,
            advice=found.advice,
        )

    def _put(self, archive: exchange.Archive) -> None:
        deliver(
            self._connection,
            self._container_id,
            lambda folder: archive.below(FILE_FOLDER) if folder == "/" else archive,
        )

    def _run_unseen(self, code: str, notebook: Notebook, deadline: float | None) -> None:
        lost = self.lost
        unseen = streams.Output(streams.Discard(), streams.Discard())
        super().run(code, unseen, notebook, deadline=deadline)
        self.lost = lost
