"""What a row of the table is: a verb of the docker command, its flags, who does it.

    Verb("container ls", ("ps", "container ps", "container list"), "[OPTIONS]",
         "List containers", (flag("-a --all", "", "Show all …"),), do="containers:ls", most=0)

Knows: what a verb is made of. Does not know: any verb.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .call import Call
    from .console import Console
    from .result import Result

MANY = 1 << 30
# Docker's words for what a value is, by which it is read; "" is a flag that takes none.
NUMBERS = frozenset({"int", "uint", "int64"})


@dataclass(frozen=True)
class Flag:
    """``type`` is docker's word: "" for a switch, string, list, filter, int …; ``default`` is
    what holds where it is not given, as help shows it."""

    names: tuple[str, ...]  # -a, --all: short before long
    type: str
    help: str
    default: str = ""
    repeats: bool = False
    # What Tab offers for its value: container image network volume, a|b|c, and of a filter
    # its names, each with what it offers behind the =.
    offers: str = ""

    @property
    def name(self) -> str:
        """The long name without dashes."""
        return self.names[-1].lstrip("-")


@dataclass(frozen=True)
class Verb:
    """One row.

    ``name`` is the verb of its group, "container ls", or one of its own, "ps" being its alias.
    ``do`` is module:function of this package, imported at the first use; it takes the call and
    the console, and gives a result or None. ``refused`` says why a notebook has no such verb.
    """

    name: str
    aliases: tuple[str, ...]
    usage: str  # [OPTIONS] CONTAINER [CONTAINER...]
    help: str
    flags: tuple[Flag, ...] = ()
    do: str = ""
    least: int = 0  # arguments
    most: int = MANY
    offers: str = ""  # what Tab offers for an argument
    mixed: bool = True  # flags may stand behind arguments too: not where those are a command
    refused: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, *self.aliases)

    def handler(self) -> Callable[[Call, Console], Result | None]:
        """The function that does it."""
        from importlib import import_module

        module, _, function = self.do.partition(":")
        found: Any = getattr(import_module(f".{module}", __package__), function)
        return found  # type: ignore[no-any-return]


def flag(
    names: str,
    type: str,  # noqa: A002  # docker's word in its help is what it is
    help: str,  # noqa: A002
    default: str = "",
    *,
    offers: str = "",
) -> Flag:
    """A row's flag; lists and filters may be repeated."""
    return Flag(
        tuple(names.split()), type, help, default, type in {"list", "filter", "map"}, offers
    )
