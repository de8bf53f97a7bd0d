"""Names on the disk: a file that was synced may still have none after a loss of power.

Knows: folders. Does not know: what is in them.
"""

from __future__ import annotations

import os


def sync_folder(folder: str | os.PathLike[str]) -> None:
    """The names of what is in it are on the disk when this returns."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
