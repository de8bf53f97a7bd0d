"""What is unpacked must leave room on the disk: a small archive can hold any number of bytes.

    room = Room(folder)
    room.take(size)         before so many bytes are written

It is refused before the disk is full, because a full disk takes down what else is there. And
what unpacks to more than anybody packs is refused whatever room there is (``limit``).

Knows: file systems. Does not know: archives.
"""

from __future__ import annotations

import os

from ipycontainers.errors import EngineError, Invalid

MOST_RESERVED = 256 << 20  # bytes; of a small disk a fiftieth
MEASURE_EVERY = 64 << 20  # bytes written between two looks at the disk
FEWEST_FILES = 1000
# gzip makes 1:1000 of zeros and hardly 1:20 of anything that somebody runs.
LARGEST_RATIO = 200
UNSUSPECTED = 4 << 30  # bytes that are unpacked whatever the ratio


class Room:
    """Of the file system that ``folder`` is on; of one thread."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._folder = folder
        self._left = 0

    def take(self, size: int) -> None:
        """EngineError, in the words of a full disk, where so many bytes are too many."""
        self._left -= size
        if self._left >= 0:
            return
        found = os.statvfs(self._folder)
        if not found.f_blocks:  # one that does not count, such as some of FUSE's
            return
        reserved = min(MOST_RESERVED, found.f_blocks * found.f_frsize // 50)
        free = found.f_bavail * found.f_frsize - reserved
        if free < size or (found.f_files and found.f_favail < FEWEST_FILES):
            raise EngineError(
                f"no space left on device: {size:,} bytes more would leave less than "
                f"{reserved:,} bytes or {FEWEST_FILES:,} files free",
                "docker system prune removes what nothing uses",
            )
        self._left = min(free - size, MEASURE_EVERY)


def limit(stored: int) -> int:
    """The bytes that ``stored`` bytes may unpack to."""
    return max(UNSUSPECTED, LARGEST_RATIO * stored)


def refuse_more(size: int, stored: int) -> None:
    """Invalid for the bytes of what was made to fill disks."""
    if size > limit(stored):
        raise Invalid(
            f"a layer of {stored:,} bytes that unpacks to more than {limit(stored):,} bytes",
            "its maker did that on purpose: take the image from elsewhere",
        )
