"""What -i carries into a cell and -o out of it, between the notebook's variables and a program.

    carried = Values(given, variables)
    carried.pack()                        -i, before an image is pulled for a missing name
    code = carried.wrap(body, program)    in place of the cell's text, beside ``archive``
    carried.take(collected.values)        into the variables that -o names
    check(collected.unset, collected.refused)

Knows: the notebook's variables, exchange. Does not know: containers, engines, sessions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ipycontainers.errors import CellFailed, Invalid, shown_as

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ipycontainers import exchange
    from ipycontainers.interpreter import Interpreter
    from ipycontainers.options import RunOptions


class Values:
    """Of one cell. ``packed`` are those of -i by name, ``archive`` is unpacked before the start."""

    def __init__(self, given: RunOptions, variables: dict[str, Any]) -> None:
        self._given = given
        self._variables = variables
        self.packed: Mapping[str, exchange.Packed] = {}
        self.archive: exchange.Archive | None = None

    @property
    def wanted(self) -> tuple[str, ...]:
        """The program's names of those of -o, each once."""
        return tuple(dict.fromkeys(self._given.outputs.values()))

    @property
    def limit(self) -> int:
        """Bytes of all values that come out."""
        from ipycontainers import exchange

        limit = self._given.output_limit
        return exchange.LIMIT if limit is None else limit

    def pack(self) -> None:
        """Raises Invalid, or the NameError as Python says it, for what -i does not find."""
        if not self._given.inputs:
            return
        from ipycontainers import exchange

        self.packed = {
            name: exchange.pack(self._evaluated(expression), name)
            for name, expression in self._given.inputs.items()
        }

    def _evaluated(self, expression: str) -> object:
        try:
            return eval(expression, self._variables)  # the user's own, in the kernel
        except NameError as error:
            # The line's words lose their quotes, as in a shell.
            quoted = expression not in self._given.inputs
            hint = """if a text is meant, quote twice: -i "NAME='text'" """.strip()
            lines = [f"NameError: {error}", *([f"  hint: {hint}"] if quoted else ())]
            raise shown_as(NameError(str(error)), *lines) from None
        except Exception as error:
            raise Invalid(f"-i {expression}: {type(error).__name__}: {error}") from error

    def wrap(self, body: str, program: Interpreter) -> str:
        """The cell's text, as a program that has the values of -i and keeps those of -o.

        Raises Invalid where the program is neither a shell nor Python.
        """
        from ipycontainers import exchange

        wrap = {"sh": exchange.wrap_shell, "python": exchange.wrap_python}.get(program.language)
        if wrap is None:
            raise Invalid(
                f"{program.words[0]} takes no values: shells and Python do",
                "pass text with -e NAME={name}, or a variable's content with --stdin NAME",
            )
        wrapped = wrap(body, self.packed, self.wanted)
        self.archive = wrapped.archive
        return wrapped.code

    def take(self, values: Mapping[str, exchange.Packed]) -> None:
        """Into the variables that -o names."""
        from ipycontainers import exchange

        for name, theirs in self._given.outputs.items():
            if theirs in values:
                self._variables[name] = exchange.unpack(values[theirs], theirs, limit=self.limit)


def check(unset: Sequence[str], refused: Mapping[str, str], advice: str = "") -> None:
    """Raises CellFailed for values that -o asked for and that did not come."""
    if refused:
        raise CellFailed(
            "; ".join(refused.values()),
            advice or "leave it out of -o, or turn it into a value that can travel",
            exit_code=1,
        )
    if unset:
        raise CellFailed(
            f"-o {', '.join(unset)}: the cell did not set {'it' if len(unset) == 1 else 'them'}",
            "set it in the cell, or leave it out of -o",
            exit_code=1,
        )
