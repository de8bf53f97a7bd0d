"""A layer being made by hand, as overlayfs would make it: a folder above those of a stage.

    upper = Upper(folder, origin, moment)
    upper.folder("/a/b"); upper.put(spot, "/a/b/f", Owned(0, 0))
    upper.finish()                              # upper.record says whose the files are

What is written lies at real paths only: a link of the layers below is followed before, inside the
root. A file that is there already, in a folder that nobody will write to, gets a second name
instead of a copy.

Knows: overlayfs's folders. Does not know: what COPY means.
"""

from __future__ import annotations

import errno
import os
import posixpath
import shutil
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ipycontainers.engine import clearing
from ipycontainers.engine.tree import Tree
from ipycontainers.errors import Invalid
from ipycontainers.oci import sparse
from ipycontainers.oci.record import Owner, Unpacked, readable
from ipycontainers.oci.room import Room
from ipycontainers.oci.view import OVERLAY, Spot

from .origins import Origin


@dataclass(frozen=True)
class Owned:
    """Whose an entry is to be, and its mode where that is not the source's."""

    uid: int = 0
    gid: int = 0
    mode: int | None = None
    attributes: Mapping[str, bytes] = field(default_factory=dict)
    is_linked: bool = False  # it has other names, which stay names of one file


class Upper:
    """``moment`` is the earliest time of new folders, ``latest`` the newest of files."""

    def __init__(self, folder: Path, below: Origin, moment: int, latest: int | None = None) -> None:
        self.place, self.record = folder, Unpacked()
        self._below, self._moment, self._latest = below, moment, latest
        self._tree = Tree((*below.layers, folder))
        self._beneath = below.tree
        self._times: dict[str, float] = {}
        self._new: list[str] = []
        self._seen: dict[tuple[int, int, int], Path] = {}
        self._room = Room(folder)

    def real(self, path: str) -> str:
        """Without links. Invalid where a part on the way is a file."""
        return self._tree.real(path)

    def mode(self, path: str) -> int | None:
        """Of what is at a real path; None without anything."""
        found = self._tree.find(path) if path.strip("/") else self.place
        return found.lstat().st_mode if found else None

    def text(self, path: str) -> str:
        return self._tree.text(path)

    def folder(self, path: str, owned: Owned | None = None) -> None:
        """The folder of a real path is there, and those on its way; new ones are as ``owned``
        says. Invalid where a file is in the way."""
        done = ""
        for name in path.strip("/").split("/") if path.strip("/") else ():
            done = f"{done}/{name}"
            place = self.place / done[1:]
            if place.is_symlink() or not place.is_dir():
                self._step(done, owned or Owned())

    def _step(self, path: str, owned: Owned) -> None:
        place = self.place / path[1:]
        if os.path.lexists(place):
            raise Invalid(f"mkdir {path}: not a directory")
        found = self._beneath.find(path)
        if found is None:
            place.mkdir(mode=0o700)
            self._note(path, place, stat.S_IFDIR | 0o755, owned)
            self._new.append(path)
            return
        before = found.lstat()
        if not stat.S_ISDIR(before.st_mode):
            raise Invalid(f"mkdir {path}: not a directory")
        place.mkdir(mode=0o700)
        self._keep(path, place, before)

    def _keep(self, path: str, place: Path, before: os.stat_result) -> None:
        """A folder of a lower layer, in this one as it is there."""
        known = self._below.owner(path[1:])
        place.chmod(stat.S_IMODE(before.st_mode))
        if known:
            self.record.owners[path[1:]] = known
        self._times[path] = before.st_mtime

    def part(self) -> None:
        """What comes next has no names in common with what came before, wherever it is from."""
        self._seen.clear()

    def put_folder(self, path: str, found: os.stat_result, owned: Owned) -> None:
        """A folder as the source has it, in place of what is no folder."""
        place = self.place / path[1:]
        if place.is_symlink() or not place.is_dir():
            place.unlink(missing_ok=True)
            place.mkdir(mode=0o700)
        self._note(path, place, found.st_mode, owned)
        self._times[path] = self._time(found)

    def put(
        self, spot: Spot, path: str, owned: Owned, *, lasts: bool, time: float | None = None
    ) -> None:
        """What is at ``spot``, but for folders, sockets and devices, at a real path whose folder
        is there. ``lasts``: a second name will do. ``time``: other than its own."""
        found, place = spot.stat(), self.place / path[1:]
        self._clear(path, place)
        if stat.S_ISREG(found.st_mode):
            self._file(spot, found, path, owned, lasts and time is None)
            if time is not None:
                os.utime(place, (time, time))
        elif stat.S_ISLNK(found.st_mode):
            place.symlink_to(spot.target())
            self._note(path, place, found.st_mode, owned)
            os.utime(place, (self._time(found),) * 2, follow_symlinks=False)
        elif stat.S_ISFIFO(found.st_mode):
            os.mkfifo(place, 0o600)
            mode = stat.S_IMODE(found.st_mode) if owned.mode is None else owned.mode
            place.chmod(readable(mode, is_folder=False))
            self._note(path, place, found.st_mode, owned)
            os.utime(place, (self._time(found),) * 2)
        self._count(found)

    def _clear(self, path: str, place: Path) -> None:
        """Nothing is there any more, and of a folder nothing is told: its place may be a link's."""
        if place.is_symlink() or not place.is_dir():
            place.unlink(missing_ok=True)
            return
        clearing.remove(place)

        def is_in(known: str) -> bool:
            return f"{known}/".startswith(f"{path}/")

        self._times = {known: time for known, time in self._times.items() if not is_in(known)}
        self._new = [known for known in self._new if not is_in(known)]
        for known in [known for known in self.record.owners if is_in(f"/{known}")]:
            del self.record.owners[known]

    def _file(
        self, spot: Spot, found: os.stat_result, path: str, owned: Owned, lasts: bool
    ) -> None:
        place = self.place / path[1:]
        mode = stat.S_IMODE(found.st_mode) if owned.mode is None else owned.mode
        on_disk, time = readable(mode, is_folder=False), self._time(found)
        key = (found.st_dev, found.st_ino, on_disk)
        same = (on_disk, time) == (stat.S_IMODE(found.st_mode), found.st_mtime)
        source = self._seen.get(key) if owned.is_linked else None
        # Only of a file with one name: two copies of one would be one file, as tar sees it.
        if source is None and lasts and same and found.st_nlink == 1:
            source = Path(f"{spot.part}/{spot.name}")
        if source is None or not _linked(source, place):
            self._room.take(found.st_size)
            _copied(spot, place)
            place.chmod(on_disk)
            os.utime(place, (time, time))
        if owned.is_linked:
            self._seen.setdefault(key, place)
        self._note(path, place, stat.S_IFREG | mode, owned)
        self.record.size += found.st_size

    def write(self, path: str, content: bytes, owned: Owned) -> None:
        """A new file of this content."""
        place = self.place / path[1:]
        self._clear(path, place)
        self._room.take(len(content))
        place.write_bytes(content)
        mode = 0o644 if owned.mode is None else owned.mode
        self._note(path, place, stat.S_IFREG | mode, owned)
        place.chmod(readable(mode, is_folder=False))
        os.utime(place, (self._moment, self._moment))
        self.record.size += len(content)

    def _note(self, path: str, place: Path, mode: int, owned: Owned) -> None:
        """Whose it is, and of a folder the mode."""
        is_folder = stat.S_ISDIR(mode)
        wanted = stat.S_IMODE(mode) if owned.mode is None or stat.S_ISLNK(mode) else owned.mode
        if is_folder:
            place.chmod(readable(wanted, is_folder))
        hidden = not stat.S_ISLNK(mode) and wanted != readable(wanted, is_folder)
        if owned.uid or owned.gid or owned.attributes or hidden or self._below.owner(path[1:]):
            told = Owner(owned.uid, owned.gid, wanted, owned.attributes)
            self.record.owners[path[1:]] = told
        else:
            self.record.owners.pop(path[1:], None)

    def _time(self, found: os.stat_result) -> float:
        return found.st_mtime if self._latest is None else min(found.st_mtime, self._latest)

    def _count(self, found: os.stat_result) -> None:
        self.record.newest = max(self.record.newest, int(self._time(found)))

    def finish(self) -> None:
        """Folders get their times, which writing below has changed: new ones are not older than
        what was copied."""
        moment = max(self._moment, self.record.newest)
        self._times |= dict.fromkeys(self._new, moment)
        for path in sorted(self._times, key=len, reverse=True):
            time = self._times[path]
            with suppress(FileNotFoundError, NotADirectoryError):
                os.utime(self.place / path[1:], (time, time), follow_symlinks=False)
            self.record.newest = max(self.record.newest, int(time))


def _linked(source: Path, place: Path) -> bool:
    try:
        os.link(source, place, follow_symlinks=False)
    except OSError as error:
        if error.errno not in (errno.EMLINK, errno.EXDEV, errno.EPERM):
            raise
        return False
    return True


def _copied(spot: Spot, place: Path) -> None:
    """Content with its holes, and the attributes that a user may set."""
    with os.fdopen(spot.open(), "rb") as old, place.open("xb") as new:
        pieces = sparse.extents(old.fileno())
        if pieces is None:
            shutil.copyfileobj(old, new, 1 << 20)
        else:
            sparse.copy(old, new, pieces, os.fstat(old.fileno()).st_size)
        for name in os.listxattr(old.fileno()):
            if name.startswith("user.") and not name.startswith(OVERLAY):
                with suppress(OSError):
                    os.setxattr(new.fileno(), name, os.getxattr(old.fileno(), name))


def join(*parts: str) -> str:
    """A path from /, without . and .. in it."""
    return posixpath.normpath(posixpath.join("/", *parts))
