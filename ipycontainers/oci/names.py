"""Names on the disk: a file that was synced may still have none after a loss of power.

Knows: folders. Does not know: what is in them.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def sync_folder(folder: str | os.PathLike[str]) -> None:
    """The names of what is in it are on the disk when this returns."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def replace_text(path: Path, text: str, folder: Path) -> None:
    """All of it or nothing, also where others write the same at that time; written in ``folder``
    first, which is on the same file system."""
    handle, made = tempfile.mkstemp(dir=folder)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(made).replace(path)
    finally:
        Path(made).unlink(missing_ok=True)
