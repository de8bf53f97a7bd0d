"""What a RUN wrote is made the same on every machine, before it becomes a layer.

    settled = Settling(began, moment, owner)
    settled.entry(folder, name, path)           of each path that was written
    settled.compiled()                          at last
    settled.record                              whose the files are

**Times.** What was written since ``began`` gets ``moment`` as its time: the newest time of what the
step could see, which is the same wherever the same input is built. (SOURCE_DATE_EPOCH, where it is
given.) Times that a program set back, as tar does, stay. Python's .pyc files hold the time of their
source; where this was changed they follow, else each import would compile anew.

**Modes.** As everywhere in unpacked layers, setuid and setgid and what its owner could not read
are recorded, not on the disk.

Knows: files. Does not know: layers, containers.
"""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from ipycontainers.oci.inside import Inside
from ipycontainers.oci.record import Owner, Unpacked, readable
from ipycontainers.oci.unpack import check_count
from ipycontainers.oci.view import is_whiteout

COARSE = 0.02  # seconds that the kernel's clock for files may be late
EARLIEST = 315619200  # 1980-01-02: zip, and so Python's wheels, know no earlier time
_HEAD = 16  # bytes of a .pyc: magic, flags, time and size of its source


class Settling:
    """Of one step. ``began`` is when it did, in seconds; ``owner`` what is recorded of a path of
    the layers below."""

    def __init__(self, began: float, moment: int, owner: Callable[[str], Owner | None]) -> None:
        self.record = Unpacked()
        self._began, self._moment, self._owner = began - COARSE, max(moment, EARLIEST), owner
        self.modes: Mapping[str, int] = {}  # of what was opened up already
        self._count = 0
        self._moved: dict[str, int] = {}  # sources of Python: the time that they had
        self._compiled: list[str] = []
        self._linked: dict[tuple[int, int], int] = {}  # files with several names: their modes

    def entry(self, folder: int, name: str, path: str) -> None:
        """What is at ``name`` in ``folder``, a descriptor; ``path`` has no slash in front. Invalid
        for more than a layer may have."""
        self._count += 1
        check_count(self._count)
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if is_whiteout(found):
            return
        self._set_owner(folder, name, path, found)
        time = found.st_mtime
        if time >= self._began:
            if path.endswith(".py"):
                self._moved[path] = int(time)
            time = self._moment
            os.utime(name, (time, time), dir_fd=folder, follow_symlinks=False)
        if path.endswith(".pyc") and stat.S_ISREG(found.st_mode):
            self._compiled.append(path)
        if stat.S_ISREG(found.st_mode):
            self.record.size += found.st_size
        self.record.newest = max(self.record.newest, int(time))

    def owner_of(self, path: str) -> Owner | None:
        """Of what a layer holds: what was written, else what is below."""
        return self.record.owners.get(path) or self._owner(path)

    def _set_owner(self, folder: int, name: str, path: str, found: os.stat_result) -> None:
        known, here = self._owner(path), stat.S_IMODE(found.st_mode)
        mode = here
        if not stat.S_ISLNK(found.st_mode):
            file = (found.st_dev, found.st_ino)
            told = self._linked.get(file, stat.S_IFMT(found.st_mode) | self.modes.get(path, here))
            if stat.S_ISREG(found.st_mode) and found.st_nlink > 1:
                self._linked[file] = told
            mode = stat.S_IMODE(known.given_back(told) if known else told)
            plain = readable(mode, stat.S_ISDIR(found.st_mode))
            if plain != here:
                change_mode(folder, name, plain)
            here = plain
        if known and (known.uid or known.gid or known.attributes):
            self.record.owners[path] = Owner(known.uid, known.gid, mode, known.attributes)
        elif mode != here:
            self.record.owners[path] = Owner(0, 0, mode)

    def compiled(self, root: int) -> None:
        """Python's compiled files follow their sources. ``root`` is the folder of all paths."""
        for path in self._compiled:
            above, name = posixpath.split(path)
            source = posixpath.join(posixpath.dirname(above), f"{name.split('.')[0]}.py")
            if posixpath.basename(above) == "__pycache__" and source in self._moved:
                with suppress(OSError):
                    self._follow(root, path, self._moved[source])

    def _follow(self, root: int, path: str, was: int) -> None:
        with _opened(root, path) as handle:
            before = os.fstat(handle)
            head = os.pread(handle, _HEAD, 0)
            is_timed = len(head) == _HEAD and head[4:8] == bytes(4)
            if not is_timed or head[8:12] != _packed(was):
                return
            os.pwrite(handle, _packed(self._moment), 8)
            os.utime(handle, ns=(before.st_atime_ns, before.st_mtime_ns))


@contextmanager
def _opened(root: int, path: str) -> Iterator[int]:
    """A file below ``root``, to be written to; on the way no link is followed."""
    with closing(Inside(f"/proc/self/fd/{root}")) as inside, inside.parent(path) as found:
        folder, name, real = found
        if real != path:
            raise FileNotFoundError(path)
        flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        handle = os.open(name, flags, dir_fd=folder)
        try:
            yield handle
        finally:
            os.close(handle)


def _packed(seconds: int) -> bytes:
    return (seconds & 0xFFFFFFFF).to_bytes(4, "little")


def change_mode(folder: int, name: str, mode: int) -> None:
    """Of what is no link, also where one is swapped in."""
    held = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        Path(f"/proc/self/fd/{held}").chmod(mode)
    finally:
        os.close(held)
