"""What somebody asked for: a verb, its flags' values, its arguments.

Knows: how values are read. Does not know: what a verb does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .verb import Verb


@dataclass(frozen=True)
class Call:
    """``typed`` is the verb as it was typed, which docker's messages repeat: "ps" of
    "container ls". ``values`` are those of flags that were given, by their long names."""

    verb: Verb
    typed: str
    values: Mapping[str, Any]
    arguments: tuple[str, ...]

    def has(self, name: str) -> bool:
        """Whether a switch is on: given and not =false, or on by default."""
        return bool(self.values.get(name, self._default(name) == "true"))

    def text(self, name: str) -> str:
        """A flag's value, or its default."""
        return str(self.values.get(name, self._default(name)))

    def texts(self, name: str) -> tuple[str, ...]:
        """The values of one that may be repeated."""
        return tuple(self.values.get(name, ()))

    def number(self, name: str) -> int:
        return int(self.values.get(name, self._default(name) or 0))

    def is_given(self, name: str) -> bool:
        return name in self.values

    def _default(self, name: str) -> str:
        return next(flag.default for flag in self.verb.flags if flag.name == name)
