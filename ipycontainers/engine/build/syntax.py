"""One line of a Dockerfile: its word, its flags, and its arguments in the form of that word.

    read('COPY --chown=1 ["a b", "c"]')
    Node("COPY", flags=("--chown=1",), arguments=("a b", "c"), is_json=True, …)

What is wrong here is wrong before any instruction is looked at, as in dockerd, whose messages
begin with "failed to parse Dockerfile" for it.

Knows: the forms that arguments have. Does not know: how many there may be, what they mean.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ipycontainers.errors import Invalid

from .quotes import quoted
from .words import SPACE, split

_BLANKS = re.compile(r"[\t\v\f\r ]+")
_CHAIN = re.compile(r"(?:ONBUILD[\t\v\f\r ]+)+(?=\S)", re.IGNORECASE)  # however long, to be refused
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Node:
    """A line, taken apart. ``text`` is what follows the flags; ``line`` the whole."""

    word: str
    flags: tuple[str, ...]
    text: str
    line: str
    arguments: tuple[str, ...]
    is_json: bool = False


def read(line: str, escape: str = "\\") -> Node:
    """Invalid for arguments that have not the form of the word; an unknown word has none."""
    word, _, rest = _partition(line.strip(SPACE))
    flags, rest = _flags(rest)
    text = rest.strip(SPACE)
    word = word.upper()
    arguments, is_json = _FORMS[word](text, escape) if word in _FORMS else ((), False)
    return Node(word, tuple(flags), text, line, tuple(arguments), is_json)


_Form = tuple["list[str] | tuple[str, ...]", bool]


def _partition(text: str) -> tuple[str, str, str]:
    match = _BLANKS.search(text)
    return (text[: match.start()], match[0], text[match.end() :]) if match else (text, "", "")


def _flags(rest: str) -> tuple[list[str], str]:
    """The leading words that begin with --, without their quotes, and what follows them."""
    flags: list[str] = []
    while (rest := rest.lstrip(SPACE)).startswith("--"):
        flag, end = _flag(rest)
        rest = rest[end:]
        if flag == "--":
            break
        flags.append(flag)
    return flags, rest


def _flag(text: str) -> tuple[str, int]:
    """The first word and where it ends. Here the escape character is always a backslash."""
    word: list[str] = []
    quote, position = "", 0
    while position < len(text) and (quote or text[position] not in SPACE):
        character = text[position]
        position += 1
        if character in "'\"" and quote in ("", character):
            quote = "" if quote else character
        elif character == "\\":
            word.append(text[position : position + 1])
            position += 1
        else:
            word.append(character)
    return "".join(word), position


# --- forms ---------------------------------------------------------------------------------------


def json_words(text: str) -> list[str] | None:
    """The words of ["a", "b"], whatever follows them; None for what is no JSON array.

    Invalid for an array of anything but strings.
    """
    if not text.startswith("["):
        return None
    try:
        array, _ = _DECODER.raw_decode(text)
    except (ValueError, RecursionError):
        return None
    if not all(isinstance(word, str) for word in array):
        raise Invalid("when using JSON array syntax, arrays must be comprised of strings only")
    return [_SURROGATE.sub("\ufffd", word) for word in array]


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)  # no JSON for Go, which has no such number, nor NaN
    return number


_DECODER = json.JSONDecoder(parse_constant=_number, parse_float=_number, parse_int=_number)


def _whole(text: str, _: str) -> _Form:
    return [text] if text else [], False


def _blank_separated(text: str, _: str) -> _Form:
    return _BLANKS.split(text) if text else [], False


def _command(text: str, escape: str) -> _Form:
    words = json_words(text)
    return _whole(text, escape) if words is None else (words, True)


def _paths(text: str, escape: str) -> _Form:
    words = json_words(text)
    return _blank_separated(text, escape) if words is None else (words, True)


def _names(text: str, escape: str) -> _Form:
    return split(text, escape), False


def _pairs(word: str) -> Callable[[str, str], _Form]:
    """NAME=VALUE …, or the old form NAME VALUE, which is one pair."""

    def form(text: str, escape: str) -> _Form:
        words = split(text, escape)
        if words and "=" not in words[0]:
            name, blank, value = _partition(text)
            if not blank:
                raise Invalid(f"{word} must have two arguments")
            return [name, value], False
        for pair in words:
            if "=" not in pair:
                raise Invalid(
                    f"Syntax error - can't find = in {quoted(pair)}. "
                    "Must be of the form: name=value"
                )
        return [part for pair in words for part in pair.split("=", 1)], False

    return form


def _health_check(text: str, escape: str) -> _Form:
    kind = re.match(f"[^{SPACE}]*", text)
    assert kind is not None  # it may be empty
    words, is_json = _command(text[kind.end() :].lstrip(SPACE), escape)
    return [kind[0], *words] if kind[0] else [], is_json


def _trigger(text: str, escape: str) -> _Form:
    if not text:
        return [], False
    chain = _CHAIN.match(text)
    node = read(text[chain.end() :] if chain else text, escape)
    first = ["ONBUILD"] if chain else []
    return [*first, node.word, *node.arguments], node.is_json


_FORMS: Mapping[str, Callable[[str, str], _Form]] = {
    "ADD": _paths,
    "ARG": _names,
    "CMD": _command,
    "COPY": _paths,
    "ENTRYPOINT": _command,
    "ENV": _pairs("ENV"),
    "EXPOSE": _blank_separated,
    "FROM": _blank_separated,
    "HEALTHCHECK": _health_check,
    "LABEL": _pairs("LABEL"),
    "MAINTAINER": _whole,
    "ONBUILD": _trigger,
    "RUN": _command,
    "SHELL": _command,
    "STOPSIGNAL": _whole,
    "USER": _whole,
    "VOLUME": _paths,
    "WORKDIR": _whole,
}
