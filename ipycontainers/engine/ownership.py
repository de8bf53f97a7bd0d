"""Whose the files of a container are in its image, as one uid on the disk cannot say it.

    layers/HEX32.json, roots/HEX32.json    of an unpacked layer or image, see ``oci.record``
    containers/ID/owners.json              of what archives brought into the container

A path keeps the owner that the newest layer with it gave, or the archive that came last,
also when a program in the container writes the file anew: from outside that cannot be
told from a change in place. Its mode is the recorded one until the container changes it.
Where there is no record, as in a directory of an older version, all is root's.

Knows: these files. Does not know: tar, who asks.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path

from ipycontainers.errors import Invalid
from ipycontainers.oci.record import Owner, Unpacked

from .container import Bundle
from .record import write

logger = logging.getLogger(__name__)

RECORD = ".json"
_OWN = "owners.json"


def keep(place: Path, unpacked: Unpacked) -> None:
    """Beside the folder ``place``, on the disk when this returns."""
    write(_beside(place), json.dumps(unpacked.to_json()).encode())


def of(place: Path) -> Unpacked:
    """What was kept; nothing where there is none or it cannot be read."""
    return _load(_beside(place))


def _beside(place: Path) -> Path:
    return place.with_name(place.name + RECORD)


def _load(path: Path) -> Unpacked:
    try:
        return Unpacked.of(json.loads(path.read_bytes()))
    except FileNotFoundError:
        return Unpacked()
    except (OSError, ValueError, TypeError, Invalid) as error:
        logger.warning("owners are lost: %s: %s", path, error)
        return Unpacked()


class Owners:
    """``owners(path)`` is what is recorded of a path without a slash in front, or None."""

    def __init__(self, places: Iterable[Path], own: Mapping[str, Owner] | None = None) -> None:
        """``places`` are the newest first: layers, or one root."""
        found = [(place, of(place)) for place in places]
        self._own = own or {}
        self._layers = [(place, record.owners) for place, record in found]
        self.paths = {path for _, owners in self._layers for path in owners}
        self.newest = max((record.newest for _, record in found), default=0)
        """The latest time of any entry, in seconds."""

    def add(self, place: Path, record: Unpacked) -> None:
        """A layer above the others, among which it may be already."""
        others = [(other, owners) for other, owners in self._layers if other != place]
        self._layers = [(place, record.owners), *others]
        self.paths |= record.owners.keys()
        self.newest = max(self.newest, record.newest)

    @classmethod
    def of_container(cls, bundle: Bundle, image_root: Path) -> Owners:
        places = (image_root,) if bundle.root else tuple(reversed(bundle.layers))
        return cls(places, _load(bundle.directory / _OWN).owners)

    def __call__(self, path: str) -> Owner | None:
        if path in self._own:
            return self._own[path]
        if path in self.paths:
            for place, owners in self._layers:
                if path in owners:
                    return owners[path]
                if _has(place, path):
                    return None
        return None


def _has(place: Path, path: str) -> bool:
    try:
        (place / path).lstat()
    except OSError:
        return False
    return True


def _says_more(owner: Owner) -> bool:
    """Than a file of ours can: its mode, too, where that cannot be on the disk (``readable``)."""
    is_kept = owner.mode & 0o600 == 0o600 and not owner.mode & 0o6000
    return bool(owner.uid or owner.gid or owner.attributes or not is_kept)


def add(directory: Path, brought: Mapping[str, Owner], recorded: Owners) -> None:
    """Keep what an archive brought to the container in ``directory``, as far as it says more
    than the files do."""
    told = {
        path: owner
        for path, owner in brought.items()
        if _says_more(owner) or recorded(path) is not None
    }
    if told:
        known = _load(directory / _OWN)
        known.owners.update(told)
        write(directory / _OWN, json.dumps(known.to_json()).encode())
