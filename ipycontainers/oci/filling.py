"""What is in the files of a layer: content with its holes, and extended attributes.

Knows: entries of a tar, open files. Does not know: where a file is in its layer.
"""

from __future__ import annotations

import os
import shutil
import tarfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from . import sparse
from .blob import PIECE
from .record import XATTR, Owner
from .room import Room

Below = Callable[[str], "tuple[Path, Owner | None] | None"]
"""Of a real path: the file that lower layers have there, and what is recorded of it."""


def fill(entry: tarfile.TarInfo, content: IO[bytes], file: IO[bytes], room: Room) -> None:
    """All of an entry's content into a new file; what is a hole stays one."""
    if not entry.issparse():
        room.take(entry.size)
        shutil.copyfileobj(content, file, PIECE)
        return
    told: Any = entry.sparse
    pieces = sparse.checked(told, entry.size)
    room.take(sum(size for _, size in pieces))
    raw: Any = content.raw  # type: ignore[attr-defined]  # the buffer above it cannot seek
    sparse.copy(raw, file, pieces, entry.size)


def set_attributes(entry: tarfile.TarInfo, handle: int) -> None:
    """What the user may set; the rest is left for the record."""
    for name, value in attributes(entry).items():
        if name.startswith("user."):
            with suppress(OSError):
                os.setxattr(handle, name, value)
                del entry.pax_headers[XATTR + name]  # type: ignore[attr-defined, unused-ignore]


def copy_up(source: Path, folder: int, name: str, room: Room) -> None:
    """A file of a lower layer, as a new one."""
    room.take(source.stat().st_size)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with (
        source.open("rb") as old,
        os.fdopen(os.open(name, flags, 0o600, dir_fd=folder), "wb") as file,
    ):
        shutil.copyfileobj(old, file, PIECE)
        shutil.copystat(source, f"/proc/self/fd/{file.fileno()}")


def attributes(entry: tarfile.TarInfo) -> dict[str, bytes]:
    """The extended attributes of an entry, but for overlayfs's own: a layer must not steer it."""
    return {
        key.removeprefix(XATTR): value.encode("utf-8", "surrogateescape")
        for key, value in entry.pax_headers.items()
        if key.startswith(XATTR) and ".overlay." not in key
    }
