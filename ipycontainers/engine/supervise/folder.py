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


def write(path: str, values: dict[str, Any], *, lasting: bool = True) -> None:
    """Whole or not at all; if ``lasting``, also after a crash of the machine."""
    temporary = f"{path}.new"
    with open(temporary, "w", encoding="utf-8") as file:
        json.dump(values, file)
        file.flush()
        if lasting:
            os.fsync(file.fileno())
    os.replace(temporary, path)
