"""The files of a container, whether it runs or not: where its root is, tar in and tar out.

    with roots.at(record, "/etc/passwd") as (root, path): …   a folder, and the path in it

A running container is looked at through /proc/PID/root, so its volumes are there too. The
root of one that does not run is its own copy, or its layers, which ``overlay`` mounts in
namespaces of its own for that time; then a path in a volume leads to the volume's folder.

Every path is walked inside its root (``oci.inside``): a symbolic link that is swapped
meanwhile leads nowhere else.

Knows: tar, roots. Does not know: HTTP, launchers' flags.
"""

from __future__ import annotations

import contextlib
import json
import os
import posixpath
import stat
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ipycontainers.errors import EngineError, Invalid, NotFound
from ipycontainers.oci import unpack
from ipycontainers.oci.inside import Inside

from .container import Bundle
from .overlay import escaped
from .record import Record


@dataclass(frozen=True)
class Status:
    name: str
    size: int
    mode: int
    modified: float
    target: str


def bundle(record: Record) -> Bundle:
    return Bundle.of(run(record)["bundle"])


def run(record: Record) -> dict[str, Any]:
    """What its supervisor was told, see ``launch.orders``."""
    told: dict[str, Any] = json.loads((record.directory / "run.json").read_text(encoding="utf-8"))
    return told


@contextlib.contextmanager
def root_at(record: Record, path: str) -> Iterator[tuple[Path, str]]:
    """A folder and the path in it that mean ``path`` in the container."""
    made = bundle(record)
    if record.is_running and made.root is None:
        yield Path(f"/proc/{record.pid}/root"), path
        return
    in_volume = _in_volume(record, path)
    if in_volume:
        yield in_volume
    elif made.root is not None:
        yield made.root, path
    else:
        with _mounted(made) as root:
            yield root, path


def _in_volume(record: Record, path: str) -> tuple[Path, str] | None:
    """The innermost mount that holds the path, and the rest of the path."""
    whole = posixpath.normpath("/" + path.lstrip("/"))
    for point in sorted(record.mounts, key=lambda point: -len(point.mount.target)):
        target = point.mount.target
        if point.mount.source and (whole == target or whole.startswith(f"{target}/")):
            return Path(point.mount.source), whole[len(target) :] or "/"
    return None


@contextlib.contextmanager
def _mounted(made: Bundle) -> Iterator[Path]:
    layers = ":".join(escaped(str(layer)) for layer in reversed(made.layers))
    with tempfile.TemporaryDirectory(dir=made.directory) as merged:
        places = (layers, str(made.directory / "upper"), str(made.directory / "work"), merged)
        program = [sys.executable, "-I", "-S", str(Path(__file__).with_name("overlay.py")), *places]
        helper = subprocess.Popen(
            program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        with helper:
            assert helper.stdin
            assert helper.stdout
            assert helper.stderr
            if not helper.stdout.read(1):
                reason = helper.stderr.read(1000).decode(errors="replace").strip()
                raise EngineError(f"the files of the container cannot be mounted: {reason}")
            try:
                yield Path(f"/proc/{helper.pid}/root")
            finally:
                helper.stdin.close()


def _missing(record: Record, path: str) -> NotFound:
    return NotFound(f"Could not find the file {path} in container {record.id}")


def look(record: Record, path: str) -> Status:
    """Of a link itself, unless the path ends with a slash or a dot. Raises NotFound."""
    with _entry(record, path) as (folder, name):
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        target = os.readlink(name, dir_fd=folder) if stat.S_ISLNK(found.st_mode) else ""
    return Status(_shown(path), found.st_size, found.st_mode, found.st_mtime, target)


def _shown(path: str) -> str:
    if path.endswith("/."):
        return "."
    return posixpath.basename(posixpath.normpath(path)) or "/"


@contextlib.contextmanager
def _found(record: Record, path: str, folder: bool) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise _missing(record, path) from error
    except NotADirectoryError as error:
        if folder:
            raise Invalid("extraction point is not a directory") from error
        raise _missing(record, path) from error


@contextlib.contextmanager
def _entry(record: Record, path: str, *, folder: bool = False) -> Iterator[tuple[int, str]]:
    """A folder and a name in it; of a path that means a ``folder``, that and "."."""
    with contextlib.ExitStack() as opened:
        root, inner = opened.enter_context(root_at(record, path))
        opened.enter_context(_found(record, path, folder))
        inside = opened.enter_context(contextlib.closing(Inside(root)))
        if folder or path.endswith(("/", "/.")):
            yield opened.enter_context(inside.folder(inner)), "."
        else:
            parent, name, _ = opened.enter_context(inside.parent(inner))
            yield parent, name


def put(record: Record, path: str, source: IO[bytes], *, strict: bool = False) -> None:
    """Unpacks a tar below the folder ``path``; when ``strict``, no file takes a folder's place
    and no folder a file's. Raises NotFound, Invalid, UnsafeLayer."""
    with record.writing, _entry(record, path, folder=True) as (folder, _):
        try:
            unpack.layer(source, f"/proc/self/fd/{folder}", overlay=False, strict=strict)
        except OSError as error:
            raise Invalid(f"cannot unpack into {path}: {error.strerror}") from error


def get(record: Record, path: str, target: IO[bytes]) -> None:
    """Writes a tar of the file or folder ``path``. Raises NotFound."""
    tar = tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT)  # noqa: SIM115
    with tar, _entry(record, path) as (folder, name):
        _Packing(tar).add(folder, name, _shown(path))


class _Packing:
    """One tar; a file with several names is in it once."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self._seen: dict[tuple[int, int], str] = {}

    def add(self, folder: int, name: str, shown: str) -> None:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        entry = tarfile.TarInfo(shown)
        entry.mode, entry.mtime = stat.S_IMODE(found.st_mode), found.st_mtime
        if stat.S_ISDIR(found.st_mode):
            entry.type = tarfile.DIRTYPE
            self._tar.addfile(entry)
            self._add_inner(folder, name, shown)
        elif stat.S_ISLNK(found.st_mode):
            entry.type, entry.linkname = tarfile.SYMTYPE, os.readlink(name, dir_fd=folder)
            self._tar.addfile(entry)
        elif stat.S_ISREG(found.st_mode):
            self._add_file(folder, name, entry, found)
        elif stat.S_ISFIFO(found.st_mode):
            entry.type = tarfile.FIFOTYPE
            self._tar.addfile(entry)

    def _add_inner(self, folder: int, name: str, shown: str) -> None:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        inner = os.open(name, flags, dir_fd=folder)
        try:
            for child in sorted(os.listdir(inner)):  # noqa: PTH208  # a descriptor
                with contextlib.suppress(FileNotFoundError):
                    self.add(inner, child, posixpath.join(shown, child))
        finally:
            os.close(inner)

    def _add_file(
        self, folder: int, name: str, entry: tarfile.TarInfo, found: os.stat_result
    ) -> None:
        key = (found.st_dev, found.st_ino)
        if found.st_nlink > 1 and key in self._seen:
            entry.type, entry.linkname = tarfile.LNKTYPE, self._seen[key]
            self._tar.addfile(entry)
            return
        self._seen[key] = entry.name
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with os.fdopen(os.open(name, flags, dir_fd=folder), "rb") as file:
            entry.size = os.fstat(file.fileno()).st_size
            self._tar.addfile(entry, file)
