"""Words → Call, by the rules and in the words of the docker command's own parser.

``-f a=b``, ``-fa=b``, ``-f=a=b``, ``--filter a=b`` and ``--filter=a=b`` are the same; switches
combine, ``-aq``, and take ``=false``; flags may stand behind arguments, but not where those are
a command; ``--`` ends them. What is wrong is said as docker says it, with its exit status, and
a hint where something similar exists.

Knows: the syntax of flags. Does not know: what verbs there are, but by the table.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from ipycontainers.engine.build.durations import duration
from ipycontainers.errors import CommandFailed, Invalid

from .call import Call
from .manual import help_text
from .table import BY_NAME, GROUPS
from .verb import MANY, NUMBERS, Flag, Verb

BAD_FLAG = 125
# Of the docker command itself, before the verb.
ENGINE = ("-H", "--host", "-c", "--context")
_BOOLEANS = {
    **dict.fromkeys(("1", "t", "T", "TRUE", "true", "True"), True),
    **dict.fromkeys(("0", "f", "F", "FALSE", "false", "False"), False),
}
_INTEGER = re.compile(r"[+-]?(0[xXbBoO])?[0-9a-fA-F_]{1,80}")


class Help(Exception):
    """Somebody asked for help: on ``verb``, on a group, or on everything ("")."""

    def __init__(self, verb: Verb | None, typed: str) -> None:
        super().__init__(typed)
        self.verb = verb
        self.typed = typed


def parse(words: Sequence[str]) -> Call:
    """The call that the words after ``docker`` ask for.

    Raises CommandFailed with docker's message, and Help where they ask for that.
    """
    verb, typed, rest = find(words)
    if verb.refused:
        raise CommandFailed(f"docker {typed}: {verb.refused}", exit_code=1)
    values: dict[str, Any] = {}
    arguments: list[str] = []
    while rest:
        word = rest.pop(0)
        if word == "--":
            arguments += rest
            break
        if len(word) < 2 or word[0] != "-":
            arguments.append(word)
            if not verb.mixed:
                arguments += rest
                break
        elif word[1] == "-":
            _long(word, rest, verb, typed, values)
        else:
            _short(word, rest, verb, typed, values)
    _check_count(verb, typed, len(arguments))
    return Call(verb, typed, values, tuple(arguments))


def find(words: Sequence[str]) -> tuple[Verb, str, list[str]]:
    """The verb, as it was typed, and the words behind it. Raises as ``parse``."""
    rest = list(words)
    first = rest.pop(0) if rest else ""
    if first in ("", "-h", "--help", "help"):
        if first == "help" and rest:
            try:
                return find([*rest[:2], "--help"])
            except CommandFailed as error:
                message = f"unknown help topic: {' '.join(rest)}"
                raise CommandFailed(message, error.hint, exit_code=1) from None
        raise Help(None, "")
    if first in ("-v", "--version"):
        return BY_NAME["version"], "version", ["--format", "Docker version {{.Client.Version}}"]
    if first.startswith("-"):
        raise _refused_before_verb(first)
    typed = first
    if first in GROUPS:
        second = rest.pop(0) if rest else ""
        if second in ("", "-h", "--help"):
            raise Help(None, first)
        if second.startswith("-"):
            raise _refused_in_group(first, second)
        typed = f"{first} {second}"
    if verb := BY_NAME.get(typed):
        # Of a verb of a group docker's messages have the first name, whichever was typed.
        return verb, verb.name if first in GROUPS else typed, rest
    raise _no_verb(first, typed)


def _refused_before_verb(word: str) -> CommandFailed:
    name = word.partition("=")[0]
    if name in ENGINE or name[:2] == "-H":
        return CommandFailed(
            f"docker {name}: the engine is that of this notebook",
            "%config ContainerMagics.engine = 'unix:///path.sock' names another",
            exit_code=BAD_FLAG,
        )
    return CommandFailed(f"{_unknown(word)}\nSee 'docker --help'.", exit_code=BAD_FLAG)


def _refused_in_group(group: str, word: str) -> CommandFailed:
    message = f"{_unknown(word)}\nSee 'docker {group} --help'.\n{help_text(group)}"
    return CommandFailed(message, exit_code=BAD_FLAG)


def _unknown(word: str) -> str:
    if word.startswith("--"):
        return f"unknown flag: {word.partition('=')[0]}"
    return f"unknown shorthand flag: {word[1:2]!r} in {word}"


def _no_verb(first: str, typed: str) -> CommandFailed:
    group = first if first in GROUPS else ""
    near = [name.rpartition(" ")[2] for name in BY_NAME if name.rpartition(" ")[0] == group]
    close = get_close_matches(typed.rpartition(" ")[2], near, 1, 0.6)
    return CommandFailed(
        help_text(group).rstrip("\n")
        if group
        else f"docker: '{typed}' is not a docker command.\nSee 'docker --help'",
        f"did you mean %docker {f'{group} {close[0]}'.strip()}?" if close else "",
        exit_code=1,
    )


# --- flags ---------------------------------------------------------------------------------------


def _long(word: str, rest: list[str], verb: Verb, typed: str, values: dict[str, Any]) -> None:
    name, equals, value = word.partition("=")
    if name[2:3] in ("", "-"):
        raise _wrong(f"bad flag syntax: {word}", typed)
    if name == "--help":
        raise Help(verb, typed)
    found = next((one for one in verb.flags if name == one.names[-1]), None)
    if found is None:
        raise _wrong(f"unknown flag: {name}", typed, _similar(name, verb))
    if not found.type:
        _take(found, value if equals else "true", typed, values)
    elif equals:
        _take(found, value, typed, values)
    elif rest:
        _take(found, rest.pop(0), typed, values)
    else:
        raise _wrong(f"flag needs an argument: {name}", typed)


def _short(word: str, rest: list[str], verb: Verb, typed: str, values: dict[str, Any]) -> None:
    letters = word[1:]
    while letters:
        letter, letters = letters[0], letters[1:]
        found = next((one for one in verb.flags if f"-{letter}" == one.names[0]), None)
        if found is None:
            if letter == "h":
                raise Help(verb, typed)
            raise _wrong(f"unknown shorthand flag: {letter!r} in -{letter}{letters}", typed)
        if letters[:1] == "=" and letters[1:]:
            _take(found, letters[1:], typed, values)
            return
        if not found.type:
            _take(found, "true", typed, values)
            continue
        if not letters and not rest:
            raise _wrong(f"flag needs an argument: {letter!r} in {word}", typed)
        _take(found, letters or rest.pop(0), typed, values)
        return


def _take(flag: Flag, text: str, typed: str, values: dict[str, Any]) -> None:
    try:
        value = read(flag, text)
    except ValueError as error:
        names = ", ".join(flag.names)
        quoted = text.replace('"', '\\"')
        raise _wrong(f'invalid argument "{quoted}" for "{names}" flag: {error}', typed) from None
    if flag.repeats:
        values[flag.name] = (*values.get(flag.name, ()), *([value] if value != "" else []))
    else:
        values[flag.name] = value


def read(flag: Flag, text: str) -> Any:
    """A flag's value from its text. Raises ValueError with Go's reason."""
    if not flag.type:
        if text not in _BOOLEANS:
            raise ValueError(f'strconv.ParseBool: parsing "{text}": invalid syntax')
        return _BOOLEANS[text]
    if flag.type in NUMBERS:
        return _number(text, signed=flag.type != "uint")
    if flag.type == "duration":
        _check_duration(text)
    if flag.type == "filter" and text and "=" not in text:
        raise ValueError("bad format of filter (expected name=value)")
    return text


def _number(text: str, *, signed: bool) -> int:
    """As Go reads one of any base: 10, 0x1f, 0b1, and 010 is eight."""
    wrong = f'strconv.Parse{"Int" if signed else "Uint"}: parsing "{text}": '
    if not (text.isascii() and _INTEGER.fullmatch(text)) or (text[0] in "+-" and not signed):
        raise ValueError(f"{wrong}invalid syntax")
    digits = re.sub(r"^([+-]?)0_?(?=\d)", r"\g<1>0o", text)
    try:
        number = int(digits, 0)
    except ValueError:
        raise ValueError(f"{wrong}invalid syntax") from None
    lowest, highest = (-(2**63), 2**63 - 1) if signed else (0, 2**64 - 1)
    if not lowest <= number <= highest:
        raise ValueError(f"{wrong}value out of range")
    return number


def _check_duration(text: str) -> None:
    try:
        duration(text)
    except Invalid as error:
        raise ValueError(error.message) from error


def _similar(name: str, verb: Verb) -> str:
    names = [one for flag in verb.flags for one in flag.names if one.startswith("--")]
    close = get_close_matches(name, names, 1, 0.6)
    return f"did you mean {close[0]}?" if close else ""


def _wrong(reason: str, typed: str, hint: str = "") -> CommandFailed:
    message = f"{reason}\nSee 'docker {typed} --help'."
    return CommandFailed(message, hint, exit_code=BAD_FLAG)


# --- arguments -----------------------------------------------------------------------------------


def _check_count(verb: Verb, typed: str, count: int) -> None:
    if verb.least <= count <= verb.most:
        return
    raise CommandFailed(
        f'"docker {typed}" {_wanted(verb)}.\n'
        f"See 'docker {typed} --help'.\n\n"
        f"Usage:  docker {typed} {verb.usage}\n\n{verb.help.partition('. ')[0]}",
        exit_code=1,
    )


def _wanted(verb: Verb) -> str:
    least, most = verb.least, verb.most
    if most == 0:
        return "accepts no arguments"
    if most == MANY:
        return f"requires at least {_counted(least)}"
    if least == most:
        return f"requires exactly {_counted(least)}"
    if least == 0:
        return f"requires at most {_counted(most)}"
    return f"requires at least {least} and at most {_counted(most)}"


def _counted(count: int) -> str:
    return f"{count} argument{'' if count == 1 else 's'}"
