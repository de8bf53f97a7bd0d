"""Folders are removed, whatever modes containers and images gave to what is in them.

Knows: files. Does not know: what they were for.
"""

from __future__ import annotations

import os
import shutil
import time
from contextlib import suppress
from pathlib import Path


def remove(directory: Path) -> None:
    """Delete a container's files, whatever modes they have. Idempotent, follows no link."""
    if directory.is_symlink() or not directory.is_dir():
        directory.unlink(missing_ok=True)
        return
    with suppress(OSError):
        _open_up(directory / "work" / "work")
    for last in (False, False, False, True):
        try:
            _remove_tree(directory)
        except FileNotFoundError:
            if not directory.exists():
                return
        except OSError:  # its supervisor is about to leave, and removes its socket
            if last:
                raise
        else:
            return
        time.sleep(0.05)


def _remove_tree(directory: Path) -> None:
    try:
        shutil.rmtree(directory)
    except PermissionError:
        _open_up_all(directory)
        shutil.rmtree(directory)


def _open_up(place: Path) -> None:
    """Where overlayfs left it, mode 000; the rest can mostly be removed as it is. An archive may
    have put links there."""
    if not (place.parent.is_symlink() or place.is_symlink()):
        place.chmod(0o700)


def _open_up_all(directory: Path) -> None:
    # Images have folders that none may enter or change.
    for folder, names, _ in os.walk(directory):
        for name in names:
            path = Path(folder, name)
            with suppress(FileNotFoundError):
                if not path.is_symlink():
                    path.chmod(0o700)
