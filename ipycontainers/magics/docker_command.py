"""What a failed cell shows to be copied into a terminal: the docker command that does the same.

Knows: the cell's text, how it reaches its program. Does not know: options' words, engines.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ipycontainers import interpreter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipycontainers.interpreter import Invocation
    from ipycontainers.options import EngineTraits, RunOptions

# A text up to this many characters stands in the command, a longer one as a file's name.
SHOWN_TEXT = 400
IN_CELL_TXT = "  # the cell's text being in cell.txt"


def docker_command(
    given: RunOptions,
    invocation: Invocation | None,
    body: str | None,
    variables: Mapping[str, Any],
    folder: Path,
    traits: EngineTraits,
) -> str:
    """``invocation`` is how ``body``, the cell's text, is run; None of a line."""
    text = (body or "").rstrip("\n")
    short = len(text) <= SHOWN_TEXT and "\0" not in text
    command = list(given.command)
    after = ""
    if invocation:
        command = [text if word == body else word for word in invocation.command]
        if invocation.stdin is not None:
            mark = _unused_mark(text)
            after = f" <<'{mark}'\n{text}\n{mark}" if short else " < cell.txt"
    if given.stdin is not None:
        after = _shown_stdin(given.stdin, variables, folder)
    shown = given.docker_command(
        entrypoint=invocation.entrypoint if invocation else None,
        command=command,
        folder=folder,
        traits=traits,
        stdin=bool(after),
    )
    if invocation and invocation.file is not None:
        mount = f'docker run -v "$PWD/cell.txt:{interpreter.FILE}:ro" '
        return shown.replace("docker run ", mount, 1) + after + IN_CELL_TXT
    if invocation and not short:
        return shown.replace(shlex.quote(text), '"$(cat cell.txt)"') + after + IN_CELL_TXT
    return shown + after


def _shown_stdin(name: str, variables: Mapping[str, Any], folder: Path) -> str:
    if name in variables:
        return f" < {name}.txt  # the variable {name} being in {name}.txt"
    return f" < {shlex.quote(str(folder / Path(name).expanduser()))}"


def _unused_mark(text: str) -> str:
    """A here-document's end mark that is no line of the text."""
    lines = set(text.split("\n"))
    return next(
        mark for mark in ("EOF", *(f"EOF{n}" for n in range(len(lines)))) if mark not in lines
    )
