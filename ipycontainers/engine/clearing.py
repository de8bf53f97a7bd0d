"""Folders are removed, whatever modes containers and images gave to what is in them, however deep.

Knows: files. Does not know: what they were for.
"""

from __future__ import annotations

import errno
import os
import secrets
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
    except (PermissionError, RecursionError):
        _remove_flat(directory)
    except OSError as error:
        if error.errno != errno.EMFILE:
            raise
        _remove_flat(directory)


def _open_up(place: Path) -> None:
    """Where overlayfs left it, mode 000; the rest can mostly be removed as it is. An archive may
    have put links there."""
    if not (place.parent.is_symlink() or place.is_symlink()):
        place.chmod(0o700)


def _remove_flat(directory: Path) -> None:
    """A folder goes when what is in it was moved up beside it: so none is too deep, as containers
    make them, for calls, descriptors or a path. Images have some that none may enter or change."""
    waiting = [directory]
    while waiting:
        folder = waiting.pop()
        folder.chmod(0o700)
        with os.scandir(folder) as listed:
            entries = list(listed)
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                Path(entry.path).unlink()
            elif folder == directory:
                waiting.append(Path(entry.path))
            else:
                Path(entry.path).chmod(0o700)  # else it cannot be moved
                moved = directory / secrets.token_hex(8)
                Path(entry.path).rename(moved)
                waiting.append(moved)
        if folder != directory:
            folder.rmdir()
    directory.rmdir()
