"""Which interpreter a session has, by the words that name it.

A POSIX shell and Python keep their state between cells. Every other interpreter starts
afresh in each cell and shares the container's files with the cells before.

Knows: the interpreters there are. Does not know: how they are spoken to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipycontainers.errors import Invalid
from ipycontainers.interpreter import language_of

from .fresh import FreshInterpreter, without_values
from .python import PythonInterpreter
from .valued import ValuedShell

if TYPE_CHECKING:
    from ipycontainers.client import Attachment, Connection

    from . import Interpreter


@dataclass(frozen=True)
class Kind:
    """What is known of a session's interpreter before there is a container.

    ``command`` is the container's first process, ``environment`` yields to the user's own
    variables, ``note`` is a sentence for the user, once. ``trust`` lets scripts of HTML run.
    """

    words: tuple[str, ...]
    language: str
    trust: bool = False

    @property
    def command(self) -> tuple[str, ...]:
        if self.language == "python":
            return PythonInterpreter.command_for(self.words)
        if self.language == "sh":
            return ValuedShell.command_for(self.words)
        return FreshInterpreter.command_for(self.words)

    @property
    def environment(self) -> Mapping[str, str]:
        return PythonInterpreter.environment if self.language == "python" else {}

    @property
    def note(self) -> str:
        if self.language in ("sh", "python"):
            return ""
        return (
            f"{self.words[0]} starts afresh in each cell of this session; "
            "files of the container are kept between cells, variables are not"
        )

    def make(
        self, connection: Connection, container_id: str, attachment: Attachment
    ) -> Interpreter:
        if self.language == "python":
            return PythonInterpreter(
                connection, container_id, attachment, self.words, trust=self.trust
            )
        if self.language == "sh":
            return ValuedShell(connection, container_id, attachment, self.words)
        return FreshInterpreter(connection, container_id, attachment, self.words)


def of_words(words: Sequence[str], *, trust: bool = False, values: bool = False) -> Kind:
    """Raises Invalid where ``trust`` would do nothing, or ``values`` cannot be given."""
    language = language_of(words)
    if values and language not in ("sh", "python"):
        raise without_values(words[0])
    if trust and language != "python":
        raise Invalid(
            f"--trust is for the HTML of a Python session; {words[0]} shows text only",
            "leave --trust out",
        )
    return Kind(tuple(words), language, trust)
