"""Text as dockerd's messages and histories print it: Go's ``%q`` and ``%v``.

    quoted('a"b')             '"a\\\\"b"'
    listed(["sh", "-c"])      '["sh" "-c"]'

https://pkg.go.dev/strconv#Quote

Knows: Go's rules of printing. Does not know: who is told.
"""

from __future__ import annotations

from collections.abc import Iterable

_SHORT = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    "\\": "\\\\",
}


def quoted(text: str) -> str:
    """In double quotes, with all escaped that cannot be printed."""
    return '"' + "".join(_escaped(character, '"') for character in text) + '"'


def quoted_character(number: int) -> str:
    """A number, as ``%q`` prints it: the character of that number in single quotes."""
    is_character = number <= 0x10FFFF and not 0xD800 <= number < 0xE000
    return "'" + _escaped(chr(number) if is_character else "\ufffd", "'") + "'"


def listed(words: Iterable[str]) -> str:
    """A list, as ``%q`` prints it."""
    return "[" + " ".join(map(quoted, words)) + "]"


def _escaped(character: str, quote: str) -> str:
    if character == quote:
        return "\\" + character
    if character in _SHORT:
        return _SHORT[character]
    if character.isprintable():
        return character
    code = ord(character)
    if code < 0x20 or code == 0x7F:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
