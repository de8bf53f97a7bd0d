"""Folders as overlayfs shows several as one, looked at without a mount and without following.

    view = View((handle, "/layers/b", "/layers/a"))     the newest first
    view.names(); view.find("etc"); view.folder("etc")

What can be changed meanwhile is given as a descriptor and walked by descriptors, so that
no link that is swapped in leads elsewhere; layers that nobody writes to are paths.

Knows: overlayfs's marks. Does not know: tar, containers.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

Part = int | str
"""A folder: a descriptor, or a path that nobody changes."""
OVERLAY = "user.overlay."  # overlayfs's own attributes, of mounts with userxattr
_OPAQUE = "user.overlay.opaque"
_LOOKED_INTO = stat.S_IRUSR | stat.S_IXUSR


class Spot(NamedTuple):
    """One name in a folder."""

    part: Part
    name: str

    @property
    def _at(self) -> tuple[str, int | None]:
        if isinstance(self.part, int):
            return self.name, self.part
        return f"{self.part}/{self.name}", None

    def stat(self) -> os.stat_result:
        path, folder = self._at
        return os.stat(path, dir_fd=folder, follow_symlinks=False)

    def target(self) -> str:
        path, folder = self._at
        return os.readlink(path, dir_fd=folder)

    def open(self, flags: int = 0) -> int:
        """A descriptor to read from, also of what its owner may not read; follows no link."""
        path, folder = self._at
        wanted = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | flags
        try:
            return os.open(path, wanted, dir_fd=folder)
        except PermissionError:
            with self._opened_up() as there:
                return os.open(there, wanted & ~os.O_NOFOLLOW)

    @contextmanager
    def folder(self) -> Iterator[int]:
        """The descriptor of this folder, which its owner may look into for that time."""
        with ExitStack() as opened:
            if self.stat().st_mode & _LOOKED_INTO != _LOOKED_INTO and os.geteuid() != 0:
                opened.enter_context(self._opened_up())
            handle = self.open(os.O_DIRECTORY)
            opened.callback(os.close, handle)
            yield handle

    @contextmanager
    def _opened_up(self) -> Iterator[str]:
        path, folder = self._at
        held = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        there = Path(f"/proc/self/fd/{held}")
        mode = stat.S_IMODE(os.fstat(held).st_mode)
        try:
            there.chmod(mode | _LOOKED_INTO)
            try:
                yield str(there)
            finally:
                there.chmod(mode)
        finally:
            os.close(held)


class View:
    """One folder as several layers show it, the newest first."""

    def __init__(self, parts: tuple[Part, ...]) -> None:
        self.parts = parts

    def names(self) -> list[str]:
        """Sorted, without what is hidden."""
        found = {name for part in self.parts for name in os.listdir(part)}  # noqa: PTH208
        return sorted(name for name in found if self.find(name))

    def find(self, name: str) -> Spot | None:
        for part in self.parts:
            spot = Spot(part, name)
            with suppress(FileNotFoundError):
                return None if is_whiteout(spot.stat()) else spot
        return None

    def reach(self, path: str) -> Spot | None:
        """What is at a path of several parts, on whose way no link is followed."""
        above, _, rest = path.partition("/")
        if not rest:
            return self.find(above)
        with self.folder(above) as inner:
            return inner.reach(rest)

    @contextmanager
    def folder(self, name: str) -> Iterator[View]:
        """The folder of that name in this one; empty where there is none."""
        inner: list[Part] = []
        with ExitStack() as opened:
            for part in self.parts:
                spot = Spot(part, name)
                try:
                    found = spot.stat()
                except FileNotFoundError:
                    continue
                if not stat.S_ISDIR(found.st_mode):
                    break
                if isinstance(part, int):
                    inner.append(opened.enter_context(spot.folder()))
                else:
                    inner.append(f"{part}/{name}")
                if is_opaque(inner[-1]):
                    break
            yield View(tuple(inner))


def is_whiteout(found: os.stat_result) -> bool:
    """Whether it stands for something of an older layer that is gone."""
    return stat.S_ISCHR(found.st_mode) and found.st_rdev == 0


def is_opaque(folder: Part) -> bool:
    """Whether nothing of older layers shows in this folder."""
    try:
        follow = isinstance(folder, int)  # which is no link
        return os.getxattr(folder, _OPAQUE, follow_symlinks=follow) == b"y"
    except OSError:
        return False
