"""Trees are copied, or given a second name: whole roots, and layers merged into one folder.

    Copying().folder(source, target)    by reflinks where the file system has them, holes stay holes
    stack(view, target)                 what layers show together, of hard links: no content twice

Knows: files. Does not know: images, containers.
"""

from __future__ import annotations

import errno
import fcntl
import os
import posixpath
import shutil
import stat
from pathlib import Path
from typing import IO

from ipycontainers.oci import sparse
from ipycontainers.oci.view import View

from .tree import Tree

_FICLONE = 0x40049409  # ioctl_ficlonerange(2)
_PIECE = 1 << 20


def stack(view: View, target: Path) -> None:
    """Into the folder ``target``, which is there. ``view`` is of paths on one file system."""
    for name in view.names():
        spot = view.find(name)
        assert spot is not None
        source, place = f"{spot.part}/{name}", target / name
        if stat.S_ISDIR(spot.stat().st_mode):
            place.mkdir(mode=0o700)
            with view.folder(name) as below:
                stack(below, place)
            shutil.copystat(source, place)
            continue
        try:
            os.link(source, place, follow_symlinks=False)
        except OSError as error:
            if error.errno != errno.EMLINK:
                raise
            shutil.copy2(source, place, follow_symlinks=False)


class Copying:
    """One copy: what is one file with several names stays so."""

    def __init__(self) -> None:
        self._seen: dict[tuple[int, int], Path] = {}
        self._can_clone = True

    def folder(self, source: Path, target: Path) -> None:
        target.mkdir(mode=0o700)
        for entry in os.scandir(source):
            self._entry(Path(entry.path), target / entry.name)
        shutil.copystat(source, target, follow_symlinks=False)

    def merged(self, tree: Tree, source: str, target: Path) -> None:
        """A folder of several layers into one that is there."""
        for name in sorted(tree.names(source)):
            path = posixpath.join(source, name)
            found = tree.find(path)
            assert found
            if found.is_dir() and not found.is_symlink():
                (target / name).mkdir(mode=0o700)
                self.merged(tree, path, target / name)
                shutil.copystat(found, target / name)
            else:
                self._entry(found, target / name)

    def _entry(self, source: Path, target: Path) -> None:
        found = source.lstat()
        if stat.S_ISDIR(found.st_mode):
            self.folder(source, target)
        elif stat.S_ISLNK(found.st_mode):
            target.symlink_to(source.readlink())
        elif stat.S_ISREG(found.st_mode):
            key = (found.st_dev, found.st_ino)
            if found.st_nlink > 1 and key in self._seen:
                os.link(self._seen[key], target)
                return
            self._seen[key] = target
            self._file(source, target)
        elif stat.S_ISFIFO(found.st_mode):
            os.mkfifo(target, stat.S_IMODE(found.st_mode))

    def _file(self, source: Path, target: Path) -> None:
        with source.open("rb") as old, target.open("xb") as new:
            if self._can_clone:
                try:
                    fcntl.ioctl(new.fileno(), _FICLONE, old.fileno())
                except OSError:
                    self._can_clone = False
            if not self._can_clone:
                _copy_data(old, new)
        shutil.copystat(source, target)


def _copy_data(old: IO[bytes], new: IO[bytes]) -> None:
    pieces = sparse.extents(old.fileno())
    if pieces is None:
        shutil.copyfileobj(old, new, _PIECE)
        return
    sparse.copy(old, new, pieces, os.fstat(old.fileno()).st_size)
