"""Who ``--user`` means: names looked up in the container's own passwd and group.

Knows: the formats of both files. Does not know: where they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ipycontainers.errors import Invalid

_LARGEST = (1 << 31) - 1


class User(NamedTuple):
    """Numbers, and the home that passwd names (``/`` without an entry)."""

    uid: int
    gid: int
    home: str

    @property
    def numbers(self) -> str:
        """As ``Spec.user`` of what a launcher gets."""
        return f"{self.uid}:{self.gid}"


def find(user: str, read: Callable[[str], str]) -> User:
    """``user`` is ``NAME|UID[:GROUP|GID]``, "" for root; ``read`` gives a file's text or "".

    ``Invalid`` for a name that is in neither file, with Docker's words.
    """
    name, _, group = user.partition(":")
    name = name or "0"
    entries = _entries(read("/etc/passwd"), 7)
    entry = next((e for e in entries if e[0] == name), None)
    entry = entry or next((e for e in entries if e[2] == name), None)
    if entry is None and not name.isdecimal():
        raise Invalid(f"unable to find user {name}: no matching entries in passwd file")
    uid = _number(entry[2] if entry else name)
    gid = _group(group, read) if group else _number(entry[3]) if entry else 0
    return User(uid, gid, (entry[5] if entry else "") or "/")


def _group(group: str, read: Callable[[str], str]) -> int:
    for entry in _entries(read("/etc/group"), 3):
        if entry[0] == group:
            return _number(entry[2])
    if not group.isdecimal():
        raise Invalid(f"unable to find group {group}: no matching entries in group file")
    return _number(group)


def _entries(text: str, least: int) -> list[list[str]]:
    lines = [line.split(":") for line in text.splitlines()]
    return [fields for fields in lines if len(fields) >= least]


def _number(text: str) -> int:
    if not text.isdecimal() or len(text) > 20 or int(text) > _LARGEST:
        raise Invalid(f"uids and gids must be in range 0-{_LARGEST}")
    return int(text)
