"""Names and texts of strangers, as they can be read: on one line, nothing of it a control.

Knows: Unicode, bytes that are no UTF-8 as surrogateescape has them. Does not know: what is named.
"""

from __future__ import annotations


def visible(name: str) -> str:
    """A name as it can be read: what is not printable, or is no UTF-8, as a backslash and its
    number, and a backslash twice. Two names that differ never become one."""
    return printable(name.replace("\\", "\\\\"))


def printable(text: str) -> str:
    """A text as it can be read: as ``visible`` has it, but for backslashes."""
    return text if text.isprintable() else "".join(map(_printable, text))


def _printable(letter: str) -> str:
    if letter.isprintable():
        return letter
    if 0xDC80 <= ord(letter) <= 0xDCFF:  # a byte that is no UTF-8, as surrogateescape has it
        return f"\\x{ord(letter) - 0xDC00:02x}"
    if 0x80 <= ord(letter) <= 0xFF:
        return f"\\u{ord(letter):04x}"
    return letter.encode("unicode_escape").decode()
