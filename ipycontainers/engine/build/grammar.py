"""What each instruction takes: which flags, how many arguments, which of them are none.

Knows: the rules and the words that dockerd refuses with. Does not know: lines, effects.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from ipycontainers.errors import Invalid

from . import health_check
from .heredocs import of_word
from .instruction import Instruction
from .quotes import quoted
from .words import SPACE

_STAGE_NAME = re.compile(r"[a-z][a-z0-9-_.]*")
_FLAGS: Mapping[str, frozenset[str]] = {
    "ADD": frozenset({"chmod", "chown"}),
    "COPY": frozenset({"chmod", "chown", "from"}),
    "FROM": frozenset({"platform"}),
    "HEALTHCHECK": frozenset({"interval", "retries", "start-period", "timeout"}),
    "RUN": frozenset({"mount", "network"}),
}
_MANY = {"mount"}  # flags that may stand several times
_TRIGGERLESS = {"FROM", "MAINTAINER"}

Arguments = tuple[str, ...]
Flags = Mapping[str, "str | tuple[str, ...]"]


def flags(word: str, told: Arguments) -> Flags:
    """By their names. Invalid for one that the instruction has not, or that lacks its value."""
    known = _FLAGS.get(word, frozenset())
    found: dict[str, str | tuple[str, ...]] = {}
    for flag in told:
        name, equals, value = flag.removeprefix("--").partition("=")
        if name not in known:
            raise Invalid(f"Unknown flag: {name}")
        if name in found and name not in _MANY:
            raise Invalid(f"Duplicate flag specified: {name}")
        if not equals:
            raise Invalid(f"Missing a value on flag: {name}")
        earlier = found.get(name, ())
        found[name] = (*earlier, value) if name in _MANY else value
    return found


def check(instruction: Instruction, told: Arguments) -> Flags:
    """The flags of an instruction that is right so far. Invalid, in dockerd's words."""
    word = instruction.word
    if word not in _CHECKS:
        raise Invalid(f"unknown instruction: {word}")
    if word == "HEALTHCHECK":
        return _health_check(instruction, told)
    found = flags(word, told) if word in _FLAGS_FIRST else {}
    _CHECKS[word](instruction)
    return found if word in _FLAGS_FIRST or word in _FLAGS_UNREAD else flags(word, told)


def stage_name(arguments: Arguments) -> str:
    """The name that FROM … AS gives, in small letters."""
    if len(arguments) == 3 and arguments[1].lower() == "as":
        name = arguments[2].lower()
        if not _STAGE_NAME.fullmatch(name):
            raise Invalid(
                f"invalid name for build stage: {quoted(arguments[2])}, "
                "name can't start with a number or contain symbols"
            )
        return name
    if len(arguments) != 1:
        raise Invalid("FROM requires either one or three arguments")
    return ""


def _at_least_one(instruction: Instruction) -> None:
    if not instruction.arguments:
        raise Invalid(f"{instruction.word} requires at least one argument")


def _exactly_one(instruction: Instruction) -> None:
    if len(instruction.arguments) != 1:
        raise Invalid(f"{instruction.word} requires exactly one argument")


def _anything(instruction: Instruction) -> None:
    pass


def _pairs(instruction: Instruction) -> None:
    _at_least_one(instruction)
    if "" in instruction.arguments[::2]:
        raise Invalid(f"{instruction.word} names can not be blank")


def _names(instruction: Instruction) -> None:
    _at_least_one(instruction)
    if any(argument.startswith("=") for argument in instruction.arguments):
        raise Invalid(f"{instruction.word} names can not be blank")


def _copy(instruction: Instruction) -> None:
    word, arguments = instruction.word, instruction.arguments
    if len(arguments) < 2:
        raise Invalid(
            f"{word} requires at least two arguments, but only one was provided. "
            "Destination could not be determined"
        )
    if instruction.heredocs and of_word(arguments[-1]):
        raise Invalid(f"{word} cannot accept a heredoc as a destination")
    for document in instruction.heredocs:
        if "/" in document.name or document.name in (".", ".."):
            raise Invalid(f"{word} cannot name a file {quoted(document.name)}")


def _from(instruction: Instruction) -> None:
    stage_name(instruction.arguments)


def _health_check(instruction: Instruction, told: Arguments) -> Flags:
    _at_least_one(instruction)
    arguments = instruction.arguments
    found = {} if arguments[0].upper() == "NONE" else flags("HEALTHCHECK", told)
    health_check.config(arguments, found, instruction.is_json)
    return found


def _on_build(instruction: Instruction) -> None:
    _at_least_one(instruction)
    word = instruction.arguments[0].upper()
    if word == "ONBUILD":
        raise Invalid("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
    if word in _TRIGGERLESS:
        raise Invalid(f"{word} isn't allowed as an ONBUILD trigger")


def _shell(instruction: Instruction) -> None:
    _at_least_one(instruction)
    if not instruction.is_json:
        raise Invalid("SHELL requires the arguments to be in JSON form")


def _volume(instruction: Instruction) -> None:
    _at_least_one(instruction)
    if any(not argument.strip(SPACE) for argument in instruction.arguments):
        raise Invalid("VOLUME specified can not be an empty string")


_CHECKS: Mapping[str, Callable[[Instruction], None]] = {
    "ADD": _copy,
    "ARG": _names,
    "CMD": _anything,
    "COPY": _copy,
    "ENTRYPOINT": _anything,
    "ENV": _pairs,
    "EXPOSE": _at_least_one,
    "FROM": _from,
    "HEALTHCHECK": _at_least_one,
    "LABEL": _pairs,
    "MAINTAINER": _exactly_one,
    "ONBUILD": _on_build,
    "RUN": _anything,
    "SHELL": _shell,
    "STOPSIGNAL": _exactly_one,
    "USER": _exactly_one,
    "VOLUME": _volume,
    "WORKDIR": _exactly_one,
}
_FLAGS_UNREAD = {"ARG", "STOPSIGNAL"}
_FLAGS_FIRST = {"CMD", "ENTRYPOINT", "ENV", "LABEL", "RUN", "SHELL"}

TAKES_HEREDOCS = frozenset({"ADD", "COPY", "RUN"})
