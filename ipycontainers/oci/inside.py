"""A path inside a root: symbolic links lead where they would lead after a chroot.

    with closing(Inside(root)) as inside:
        with inside.parent("etc/alternatives/awk") as (folder, name, real):
            os.readlink(name, dir_fd=folder)

Each step opens one folder by descriptor with O_NOFOLLOW; a link is read and walked
here, and ".." goes back to the descriptor that was opened before. So nothing that
is swapped while this walks, by whoever owns the root, leads out of it. (openat2 with
RESOLVE_IN_ROOT does the same, and seccomp filters of containers refuse it.)

Knows: descriptors of folders. Does not know: images, tar.
"""

from __future__ import annotations

import errno
import os
import posixpath
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ipycontainers.errors import UnsafeLayer

DEEPEST = 256  # folders one in another; each is a descriptor while a path is walked
LONGEST = 4096  # bytes of a path, as Linux has it
MOST_LINKS = 40  # links in one path, as Linux has it
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def check_depth(path: str) -> None:
    """UnsafeLayer for a folder that is too deep for anything in it to be reached. ``path`` has
    neither links in it nor a slash in front."""
    if path.count("/") >= DEEPEST:
        raise _too_deep(path)


def _too_deep(path: str) -> UnsafeLayer:
    return UnsafeLayer(f"folders deeper than {DEEPEST}: {path[:80]}…")


class Inside:
    """A folder that is looked at as the root of everything; to be closed."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self._root = os.open(Path(root), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def close(self) -> None:
        os.close(self._root)

    @contextmanager
    def parent(self, path: str, *, make: bool = False) -> Iterator[tuple[int, str, str]]:
        """The folder that holds the last part of ``path``, that part, and its real path.

        The last part is not followed if it is a link, and need not exist; for the
        root itself it is ".". With ``make``, folders on the way are made (0755).
        FileNotFoundError and NotADirectoryError as the kernel has them; UnsafeLayer
        for what no file system would take: too long, too deep, too many links.
        """
        parts = _split(path)
        walk = _Walk(self._root, make)
        try:
            name = parts.pop() if parts else "."
            if name == "..":
                parts, name = [*parts, ".."], "."
            walk.enter(parts)
            real = "/".join([*walk.names, *([name] if name != "." else [])])
            yield walk.folder, name, real
        finally:
            walk.close()

    @contextmanager
    def folder(self, path: str, *, make: bool = False) -> Iterator[int]:
        """The descriptor of the folder ``path``, following links inside the root."""
        with self.entered(path, make=make) as (folder, _):
            yield folder

    @contextmanager
    def entered(self, path: str, *, make: bool = False) -> Iterator[tuple[int, str]]:
        """The same, and the folder's real path."""
        walk = _Walk(self._root, make)
        try:
            walk.enter(_split(path))
            yield walk.folder, "/".join(walk.names)
        finally:
            walk.close()

    def text(self, path: str, longest: int = 1 << 20) -> str:
        """Of a small file, links followed inside the root; "" when there is none to be read."""
        try:
            with (
                self._opened(path) as handle,
                os.fdopen(os.dup(handle), encoding="utf-8", errors="replace") as file,
            ):
                return file.read(longest)
        except (OSError, UnsafeLayer):
            return ""

    def head(self, path: str, size: int) -> bytes:
        """The first bytes of a file, links followed inside. Raises OSError, UnsafeLayer."""
        with self._opened(path) as handle:
            return os.read(handle, size)

    @contextmanager
    def _opened(self, path: str, links: int = MOST_LINKS) -> Iterator[int]:
        """To be read; an OSError for what is no file."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with self.parent(path) as (folder, name, real):
            try:
                handle = os.open(name, flags, dir_fd=folder)
            except OSError as error:
                if error.errno != errno.ELOOP or not links:
                    raise
                target, handle = os.readlink(name, dir_fd=folder), -1
        if handle < 0:
            above = "" if target.startswith("/") else f"{posixpath.dirname(real)}/"
            with self._opened(above + target, links - 1) as followed:
                yield followed
            return
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), path)
            yield handle
        finally:
            os.close(handle)


class _Walk:
    """From the root down: one open folder per name."""

    def __init__(self, root: int, make: bool) -> None:
        self._root, self._make, self._links = root, make, 0
        self._opened: list[int] = []
        self.names: list[str] = []

    @property
    def folder(self) -> int:
        return self._opened[-1] if self._opened else self._root

    def close(self) -> None:
        for handle in self._opened:
            os.close(handle)
        self._opened.clear()

    def enter(self, parts: list[str]) -> None:
        left = parts[::-1]
        while left:
            part = left.pop()
            if part == "..":
                if self._opened:
                    os.close(self._opened.pop())
                    self.names.pop()
                continue
            target = self._step(part)
            if target is not None:
                if target.startswith("/"):
                    self.close()
                    self.names.clear()
                left.extend(_split(target)[::-1])
                if len(left) > LONGEST:
                    raise UnsafeLayer(f"a path with too many parts behind the link {part!r}")

    def _step(self, part: str) -> str | None:
        """Open ``part`` below; if it is a link, where it points."""
        if len(self._opened) >= DEEPEST:
            raise _too_deep("/".join(self.names))
        try:
            handle = os.open(part, _FOLDER, dir_fd=self.folder)
        except FileNotFoundError:
            if not self._make:
                raise
            os.mkdir(part, 0o755, dir_fd=self.folder)
            handle = os.open(part, _FOLDER, dir_fd=self.folder)
            os.fchmod(handle, 0o755)  # whatever the umask
        except OSError as error:
            if error.errno not in {errno.ELOOP, errno.ENOTDIR}:
                raise
            found = os.stat(part, dir_fd=self.folder, follow_symlinks=False)
            if not stat.S_ISLNK(found.st_mode):
                raise
            self._links += 1
            if self._links > MOST_LINKS:
                raise UnsafeLayer(f"too many links on the way to {part!r}") from None
            return os.readlink(part, dir_fd=self.folder)
        self._opened.append(handle)
        self.names.append(part)
        return None


def _split(path: str) -> list[str]:
    if len(path.encode("utf-8", "surrogateescape")) > LONGEST or "\0" in path:
        raise UnsafeLayer(f"no file can have this path: {path[:80]!r}…")
    return [part for part in path.split("/") if part not in {"", "."}]
