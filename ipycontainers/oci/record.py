"""What a folder cannot say about the layers that were unpacked into it.

One user has one uid, so owners are recorded instead of set, and with them the bits setuid
and setgid, modes that their owner could not read back, and extended attributes that only
root may set. ``pack`` gives them back.

    {"owners": {PATH: [UID, GID, MODE]  or  [UID, GID, MODE, {ATTRIBUTE: BASE64}]},
     "skipped": [PATH of a device, …], "size": BYTES of all files, "newest": SECONDS}

Knows: this record. Does not know: tar, where it is kept.
"""

from __future__ import annotations

import base64
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field

from ipycontainers.errors import Invalid

XATTR = "SCHILY.xattr."  # the PAX records of Go's and of star's archives
_SPECIAL = stat.S_ISUID | stat.S_ISGID


@dataclass(frozen=True)
class Owner:
    """Whose an entry is in the image, its mode there, and attributes that it cannot have here."""

    uid: int
    gid: int
    mode: int
    attributes: Mapping[str, bytes] = field(default_factory=dict)

    @classmethod
    def of(cls, values: object) -> Owner:
        """From ``to_json``'s form; Invalid for another."""
        if not isinstance(values, list) or not all(type(value) is int for value in values[:3]):
            raise Invalid("this is no record of an owner")
        coded = values[3] if len(values) > 3 else {}
        attributes = {name: base64.b64decode(text) for name, text in coded.items()}
        return cls(values[0], values[1], values[2], attributes)

    def given_back(self, mode: int) -> int:
        """``mode`` is what a file has on the disk, with its kind: the recorded one, unless it
        was changed since."""
        kept = readable(self.mode, stat.S_ISDIR(mode)) == stat.S_IMODE(mode)
        return stat.S_IFMT(mode) | self.mode if kept else mode

    def to_json(self) -> list[object]:
        coded = {name: base64.b64encode(value).decode() for name, value in self.attributes.items()}
        return [self.uid, self.gid, self.mode, *([coded] if coded else [])]


@dataclass
class Unpacked:
    """``owners`` has each path that is not root's or whose mode or attributes are others on
    disk; ``skipped`` the device nodes; ``size`` the bytes of all files; ``newest`` the latest
    time of any entry."""

    owners: dict[str, Owner] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    size: int = 0
    newest: int = 0

    def to_json(self) -> dict[str, object]:
        owners = {path: owner.to_json() for path, owner in self.owners.items()}
        counts = {"size": self.size, "newest": self.newest}
        return {"owners": owners, "skipped": self.skipped, **counts}

    @classmethod
    def of(cls, document: object) -> Unpacked:
        """From what ``to_json`` gave, as this program stored it. Invalid for anything else."""
        if not isinstance(document, dict):
            raise Invalid("this is no record of unpacked layers")
        owners, skipped, size = (document.get(key) for key in ("owners", "skipped", "size"))
        if not (isinstance(owners, dict) and isinstance(skipped, list) and isinstance(size, int)):
            raise Invalid("this is no record of unpacked layers")
        newest = document.get("newest")  # which earlier versions did not write
        known = {path: Owner.of(values) for path, values in owners.items()}
        return cls(known, skipped, size, newest if isinstance(newest, int) else 0)


def readable(mode: int, is_folder: bool) -> int:
    """The mode on disk: without setuid and setgid, and so that its owner can copy it."""
    return (mode & ~_SPECIAL) | (0o700 if is_folder else 0o400)
