"""Options as docker's own parser reads them, of any table.

``-e A=1``, ``-eA=1``, ``-e=A=1``, ``--env A=1`` and ``--env=A=1`` are the same; short flags
combine, ``-dP``; a flag takes ``=false``. Nothing is abbreviated.

Knows: the syntax of options. Does not know: which there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ipycontainers.errors import Invalid

from . import values
from .table import Option
from .words import as_typed, behind, check_text

Given = list[tuple[Option, str | bool]]


@dataclass(frozen=True)
class Flags:
    """Of the line of ``magic``, which does what ``command`` does. ``others`` are options of that
    command which the magic does not take."""

    table: Mapping[str, Option]
    magic: str
    command: str
    others: frozenset[str] = frozenset()

    def take(self, word: str, rest: list[str]) -> Given:
        """What ``word`` gives, which begins with -; its value may be the first of ``rest``, and
        is taken from there. Raises Invalid, in one sentence with a hint."""
        found = self._long(word, rest) if word[1] == "-" else self._short(word, rest)
        for option, value in found:
            _check(option, value)
        return found

    @property
    def _list(self) -> str:
        return f"{self.magic}? lists the options"

    def _long(self, word: str, rest: list[str]) -> Given:
        name, equals, value = word.partition("=")
        option = self._find(name)
        if option.metavar:
            return [
                (option, behind(word, len(name) + 1) if equals else _next(name, option, rest)),
            ]
        return [(option, _flag(name, value) if equals else True)]

    def _short(self, word: str, rest: list[str]) -> Given:
        found: Given = []
        letters = behind(word, 1)
        while letters:
            name, letters = "-" + letters[0], behind(letters, 1)
            option = self._find(name, word)
            if option.metavar:
                # -e=A is A, but -e= is "=": Docker's parser looks for something behind the sign.
                value = behind(letters, 1) if letters[:1] == "=" and letters[1:] else letters
                return [*found, (option, value or _next(name, option, rest))]
            if letters[:1] == "=" and letters[1:]:
                return [*found, (option, _flag(name, letters[1:]))]
            found.append((option, True))
        return found

    def _find(self, name: str, word: str = "") -> Option:
        if name in self.table:
            return self.table[name]
        # Without what stands behind =, which may be a secret.
        within = f" in {as_typed(word, _before_value(word))}" if word not in ("", name) else ""
        if name in self.others:
            raise Invalid(
                f"{name}{within} is an option of {self.command} that {self.magic} does not take",
                self._list,
            )
        from difflib import get_close_matches

        close = get_close_matches(name, self.table, 1, 0.5) if len(name) > 2 else []
        raise Invalid(
            f"there is no option {name}{within}",
            f"did you mean {close[0]}? {self._list}" if close else self._list,
        )


def _next(name: str, option: Option, rest: list[str]) -> str:
    if not rest:
        raise Invalid(f"{name} wants a value, {option.metavar}", _hint(name, option))
    return rest.pop(0)


def _flag(name: str, value: str) -> bool:
    try:
        return values.boolean(value)
    except ValueError as err:
        raise Invalid(f"{name}={value}: {err}", f"{name} alone, or {name}=false") from None


def _hint(name: str, option: Option) -> str:
    return f"for example: {name} {option.example}"


def _before_value(word: str) -> int:
    at = word.find("=")
    return len(word) if at < 0 else at


def _quoted(option: Option, value: str) -> str:
    """A wrong value as an error shows it: of NAME=VALUE the name, since values are secrets."""
    if "VALUE" not in option.metavar or "=" not in value:
        return as_typed(value) if option.name == "env" else value
    return as_typed(value, _before_value(value)) + "=…"


def _check(option: Option, value: str | bool) -> None:
    if isinstance(value, bool):
        return
    name = option.names[-1] if len(option.names[0]) == 2 else option.names[0]
    check_text(value, name)
    try:
        if option.choices and value not in option.choices:
            raise ValueError("one of " + ", ".join(option.choices) + " is meant")
        option.read(value)
    except ValueError as err:
        raise Invalid(f"{name} {_quoted(option, value)}: {err}", _hint(name, option)) from None
