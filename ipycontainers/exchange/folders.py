"""A tar from a container becomes a file or folder here, and writes nowhere else.

As the tar data filter: no absolute names, no "..", no links that lead outside, no devices,
pipes or sparse files; modes lose setuid, setgid and sticky. (The filter itself came with
3.10.12 and 3.11.4, had holes in it until 3.13.4, and has no limits.) Links are made at
last, so that nothing is ever written through one.

Knows: tar. Does not know: containers.
"""

from __future__ import annotations

import atexit
import io
import os
import posixpath
import shutil
import tarfile
import tempfile
from pathlib import Path
from typing import IO, cast

from ipycontainers.errors import UnsafeLayer
from ipycontainers.oci.blob import PIECE, reading
from ipycontainers.oci.entries import entries

MOST = 100_000  # files and folders
DEEPEST = 100
LONGEST = 4096  # characters of a path


def unpack(data: bytes | bytearray | memoryview, limit: int) -> Path:
    """Into a new folder that goes with this process. Raises Invalid and UnsafeLayer."""
    folder = Path(tempfile.mkdtemp(prefix="ipycontainers-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    source = Reader(data)
    try:
        unpacking = _Unpacking(folder, limit)
        with reading("the tar of it"):
            for entry, content in entries(source, "the tar of it"):
                unpacking.add(entry, content)
        return unpacking.finish()
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


class Reader(io.RawIOBase):
    """Bytes as a stream, without the copy that BytesIO makes of a view."""

    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        super().__init__()
        self._left = memoryview(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        piece = self._left[: len(buffer)]
        buffer[: len(piece)] = piece
        self._left = self._left[len(piece) :]
        return len(piece)


class _Unpacking:
    def __init__(self, folder: Path, limit: int) -> None:
        self._folder, self._left = folder, limit
        self._kinds: dict[str, str] = {}  # path → "folder", "file", "link"
        self._links: list[tuple[str, str]] = []
        self._modes: list[tuple[str, int]] = []

    def add(self, entry: tarfile.TarInfo, content: IO[bytes] | None) -> None:
        path = _checked(entry.name)
        if not path:
            return
        if len(self._kinds) >= MOST:
            raise UnsafeLayer(f"more than {MOST:,} files")
        self._make_parents(path)
        if entry.isdir():
            self._make_folder(path)
            self._modes.append((path, entry.mode & 0o777 | 0o700))
            return
        if self._kinds.get(path):
            raise UnsafeLayer(f"{path!r:.300} is in it twice")
        if entry.issym():
            self._kinds[path] = "link"
            self._links.append((path, _target(path, entry.linkname)))
        elif entry.islnk():
            self._copy(_checked(entry.linkname), path)
        elif content and not entry.issparse():
            self._write(path, content, entry.mode)
        else:
            raise UnsafeLayer(f"{path!r:.300} is a device, a pipe or a file with holes")

    def finish(self) -> Path:
        """The one thing at the top."""
        tops = {path.partition("/")[0] for path in self._kinds}
        if len(tops) != 1:
            raise UnsafeLayer(f"{len(tops)} files or folders where one should be")
        for path, target in self._links:
            (self._folder / path).symlink_to(target)
        for path, mode in reversed(self._modes):
            (self._folder / path).chmod(mode)
        self._refuse_chains()
        return self._folder / tops.pop()

    def _refuse_chains(self) -> None:
        """A link through another can lead where neither leads alone."""
        root = os.path.realpath(self._folder)
        for path, _ in self._links:
            real = os.path.realpath(self._folder / path)
            if os.path.commonpath([root, real]) != root:
                for made, _ in self._links:
                    (self._folder / made).unlink()
                raise UnsafeLayer(f"the link {path!r:.300} leads outside")

    def _make_parents(self, path: str) -> None:
        parts = path.split("/")[:-1]
        for end in range(1, len(parts) + 1):
            self._make_folder("/".join(parts[:end]))

    def _make_folder(self, path: str) -> None:
        kind = self._kinds.setdefault(path, "folder")
        if kind != "folder":
            raise UnsafeLayer(f"{path!r:.300} is a {kind} and a folder")
        (self._folder / path).mkdir(mode=0o700, exist_ok=True)

    def _write(self, path: str, content: IO[bytes], mode: int) -> None:
        self._kinds[path] = "file"
        with (self._folder / path).open("xb") as file:
            while piece := content.read(PIECE):
                self._left -= len(piece)
                if self._left < 0:
                    raise UnsafeLayer("more bytes than the limit")
                file.write(piece)
        (self._folder / path).chmod(mode & 0o777 | 0o600)

    def _copy(self, source: str, path: str) -> None:
        """A second name of a file becomes a file of its own."""
        if self._kinds.get(source) != "file":
            raise UnsafeLayer(f"{path!r:.300} is another name of what is no file")
        with (self._folder / source).open("rb") as content:
            self._write(path, cast("IO[bytes]", content), 0o644)
        shutil.copymode(self._folder / source, self._folder / path)


def _checked(name: str) -> str:
    """The path without "." in it."""
    parts = [part for part in name.split("/") if part not in {"", "."}]
    wrong = name.startswith("/") or ".." in parts or "\0" in name or "\\" in name
    if wrong or len(name) > LONGEST or len(parts) > DEEPEST or (os.name == "nt" and ":" in name):
        raise UnsafeLayer(f"{name!r:.300} leads outside, or is no path")
    return "/".join(parts)


def _target(path: str, target: str) -> str:
    aim = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    if target.startswith("/") or aim == ".." or aim.startswith("../") or len(target) > LONGEST:
        raise UnsafeLayer(f"the link {path!r:.300} leads outside, to {target!r:.300}")
    return target
