"""The working directory, which is the container's: small files, whole or not there.

Knows: files. Does not know: what is in them.
"""

from __future__ import annotations

import json
import os
from typing import Any


def read(path: str) -> bytes:
    """All of it."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(handle, os.fstat(handle).st_size)
    finally:
        os.close(handle)


def reserve(path: str) -> None:
    """``write`` to this path will find room, however full the disk is by then. OSError."""
    handle = os.open(f"{path}.new", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        os.posix_fallocate(handle, 0, _ROOM)
    except BaseException:
        os.unlink(f"{path}.new")
        raise
    finally:
        os.close(handle)


def write(path: str, values: dict[str, Any], *, lasting: bool = True) -> None:
    """Whole or not at all; if ``lasting``, also after a crash of the machine."""
    temporary = f"{path}.new"
    text = json.dumps(values).encode()
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        done = 0
        while done < len(text):
            done += os.write(handle, text[done:])
        os.ftruncate(handle, len(text))
        if lasting:
            os.fsync(handle)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    finally:
        os.close(handle)


_ROOM = 4096
