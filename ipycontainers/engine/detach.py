"""The keys by which a client leaves a terminal, as docker's --detach-keys has them.

    keys = parse("ctrl-p,ctrl-q")       b"\\x10\\x11"
    Split(keys).feed(b"ls\\x10")         what the program gets, and whether the client has left

Knows: key names, sequences. Does not know: sockets.
"""

from __future__ import annotations

DEFAULT = "ctrl-p,ctrl-q"
_CONTROL = "@abcdefghijklmnopqrstuvwxyz[\\]^_"  # ctrl- and one of them: bytes 0 to 31


def parse(text: str) -> bytes:
    """Raises ValueError for what is no key.

    >>> parse("ctrl-p,x,ctrl-@,DEL"), parse("")
    (b'\\x10x\\x00\\x7f', b'\\x10\\x11')
    """
    return bytes(_key(word) for word in (text or DEFAULT).split(","))


def _key(word: str) -> int:
    name = word.removeprefix("ctrl-")
    if word.lower() == "del":
        return 127
    if name != word and len(name) == 1 and name.lower() in _CONTROL:
        return _CONTROL.index(name.lower())
    if len(word) == 1 and ord(word) < 128:
        return ord(word)
    raise ValueError(f"Unknown character: '{word}'")


class Split:
    """Input up to the sequence; of one that has begun, the keys are held back."""

    def __init__(self, keys: bytes) -> None:
        self._keys = keys
        self._held = b""

    def feed(self, data: bytes) -> tuple[bytes, bool]:
        """What is to be passed on, and whether all of the sequence has come."""
        text = self._held + data
        before, found, _ = text.partition(self._keys)
        if found:
            return before, True
        lengths = range(min(len(self._keys) - 1, len(text)), 0, -1)
        kept = next((n for n in lengths if text.endswith(self._keys[:n])), 0)
        self._held = text[len(text) - kept :]
        return text[: len(text) - kept], False
