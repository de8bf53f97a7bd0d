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
import errno
import json
import os
import posixpath
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from ipycontainers.errors import EngineError, Invalid, NotFound, UnsafeLayer
from ipycontainers.oci import unpack
from ipycontainers.oci.inside import MOST_LINKS, Inside
from ipycontainers.oci.pack import END, Packing
from ipycontainers.oci.view import Spot, View

from . import apt, ownership
from .container import Bundle
from .overlay import escaped
from .record import Record

MERGED = ".merged-"
"""What begins the name of a folder on which a container's layers are mounted, for a moment."""


@dataclass(frozen=True)
class Status:
    name: str
    size: int
    mode: int
    modified: float
    target: str


def bundle(record: Record) -> Bundle:
    """Waits and raises as ``run``."""
    return Bundle.of(run(record)["bundle"])


def bundle_now(record: Record) -> Bundle:
    """Waits for nobody, so it is for those who hold a lock. OSError for a container that is being
    made too."""
    return Bundle.of(_read(record)["bundle"])


def run(record: Record) -> dict[str, Any]:
    """What its supervisor was told, see ``launch.orders``.

    Waits for a container that is being made. Raises OSError for one that is gone.
    """
    try:
        return _read(record)
    except FileNotFoundError:
        with record.lock:
            return _read(record)


def _read(record: Record) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((record.directory / "run.json").read_text(encoding="utf-8"))
    return told


@contextlib.contextmanager
def root_at(record: Record, path: str, *, writes: bool) -> Iterator[tuple[Path, str, str]]:
    """A folder and the path in it that mean ``path`` in the container, and what of the
    container the folder is, without a slash in front. Who ``writes`` has ``record.writing``."""
    made = bundle(record)
    if record.is_running and made.root is None:
        yield Path(f"/proc/{record.pid}/root"), path, ""
        return
    in_volume = _in_volume(record, path)
    if in_volume:
        yield in_volume
    elif made.root is not None:
        yield made.root, path, ""
    else:
        with _mounted(made, writes=writes) as root:
            yield root, path, ""


def _in_volume(record: Record, path: str) -> tuple[Path, str, str] | None:
    """The innermost mount that holds the path, the rest of the path, and the mount's target."""
    whole = posixpath.normpath("/" + path.lstrip("/"))
    for point in sorted(record.mounts, key=lambda point: -len(point.mount.target)):
        target = point.mount.target
        if point.mount.source and (whole == target or whole.startswith(f"{target}/")):
            return Path(point.mount.source), whole[len(target) :] or "/", target.strip("/")
    return None


@contextlib.contextmanager
def _mounted(made: Bundle, *, writes: bool) -> Iterator[Path]:
    upper = made.directory / "upper"
    places = [*reversed(made.layers)] if writes else [upper, *reversed(made.layers)]
    layers = ":".join(escaped(str(place)) for place in places)
    written = (str(upper), str(made.directory / "work")) if writes else ("", "")
    with tempfile.TemporaryDirectory(dir=made.directory, prefix=MERGED) as merged:
        program = [sys.executable, "-I", "-S", str(Path(__file__).with_name("overlay.py"))]
        helper = subprocess.Popen(
            [*program, layers, *written, merged],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
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


def look(record: Record, path: str, image_root: Path) -> Status:
    """Of a link itself, unless the path ends with a slash or a dot. Raises NotFound.

    The mode is that of ``get``, ``target`` where the link leads in the container, as dockerd
    says it.
    """
    with _entry(record, path) as (folder, name, real):
        # By a handle: a program may make it something else between two looks at its name.
        handle = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        try:
            found = os.fstat(handle)
            target = os.readlink("", dir_fd=handle) if stat.S_ISLNK(found.st_mode) else ""
        finally:
            os.close(handle)
    if target:
        target = _end_of(record, posixpath.join("/", posixpath.dirname(real), target))
    owner = ownership.Owners.of_container(bundle(record), image_root)(real)
    mode = owner.given_back(found.st_mode) if owner else found.st_mode
    return Status(_shown(path), found.st_size, mode, found.st_mtime, target)


def _end_of(record: Record, path: str) -> str:
    """The path that the last link leads to; where nothing is, or a circle, the path itself."""
    for _ in range(MOST_LINKS):
        try:
            with _entry(record, path) as (folder, name, real):
                target = os.readlink(name, dir_fd=folder)
        except OSError:  # no link any more
            return posixpath.join("/", real)
        except (NotFound, UnsafeLayer):
            return posixpath.normpath(path)
        path = posixpath.join("/", posixpath.dirname(real), target)
    return posixpath.normpath(path)


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
    except OSError as error:
        if error.errno not in (errno.ENAMETOOLONG, errno.ELOOP):
            raise
        raise Invalid(f"bad parameter: {path[:80]!r}: {error.strerror}") from error


@contextlib.contextmanager
def _entry(record: Record, path: str, *, to: bool = False) -> Iterator[tuple[int, str, str]]:
    """A folder, a name in it, and the path in the container without links and slash in front;
    of a folder ``to`` which is written, that and "."."""
    if "\0" in path:
        raise Invalid(f"bad parameter: a path with a null byte: {path[:80]!r}")
    with contextlib.ExitStack() as opened:
        root, inner, mounted = opened.enter_context(root_at(record, path, writes=to))
        opened.enter_context(_found(record, path, to))
        inside = opened.enter_context(contextlib.closing(Inside(root)))
        if to or path.endswith(("/", "/.")):
            handle, real = opened.enter_context(inside.entered(inner))
            yield handle, ".", posixpath.join(mounted, real).rstrip("/")
        else:
            parent, name, real = opened.enter_context(inside.parent(inner))
            yield parent, name, posixpath.join(mounted, real)


def put(
    record: Record,
    path: str,
    source: IO[bytes],
    image_root: Path,
    *,
    strict: bool = False,
    to_user: bool = False,
) -> None:
    """Unpacks a tar below the folder ``path``; when ``strict``, no file takes a folder's place
    and no folder a file's. Whose the files are is kept, or with ``to_user`` that they are the
    container's user's. Raises NotFound, Invalid, UnsafeLayer."""
    with record.writing, _entry(record, path, to=True) as (folder, _, real):
        try:
            there = f"/proc/self/fd/{folder}"
            brought = unpack.layer(source, there, overlay=False, strict=strict, every=True)
        except OSError as error:
            raise Invalid(f"cannot unpack into {path}: {error.strerror}") from error
        owners = {posixpath.join(real, inner): owner for inner, owner in brought.owners.items()}
        if to_user and record.config.get("User"):
            uid, gid = map(int, bundle(record).spec.user.split(":"))
            owners = {inner: replace(owner, uid=uid, gid=gid) for inner, owner in owners.items()}
        recorded = ownership.Owners.of_container(bundle(record), image_root)
        ownership.add(record.directory, owners, recorded)


def get(record: Record, path: str, image_root: Path) -> Iterator[bytes]:
    """A tar of the file or folder ``path``, in pieces. Raises NotFound with the first."""
    owners = ownership.Owners.of_container(bundle(record), image_root)
    packing = Packing(owners, without=(apt.FILE[1:],))
    with _entry(record, path) as (folder, name, real):
        shown = _shown(path)
        yield from packing.entry(Spot(folder, name), real, shown.removesuffix("/"))
        with View((folder,)).folder(name) as below:
            yield from packing.tree(below, real, shown)
    yield END
