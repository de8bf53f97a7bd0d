"""docker cp: files between a container and this machine, by docker's rules of where they end up.

    cp web:/etc/hosts .            cp data web:/srv            cp web:/srv/. copy

``-`` is a tar: what --stdin gives, or what the line gives back, as bytes. What comes from a
container is unpacked in a folder of its own, as a layer is, and moved from there: nothing is
written through a link. No file becomes setuid, and a folder is always its owner's to change.

https://docs.docker.com/reference/cli/docker/container/cp/

Knows: the rules of cp, the archive endpoints. Does not know: tar entries.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import posixpath
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ipycontainers.errors import CommandFailed, ContainerError, Refused

from . import tarring
from .console import failed, refusals
from .reports import received
from .result import Tar
from .transfers import unfit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .call import Call
    from .console import Console

# fs.ModeDir, ModeSymlink, ModeDevice in Go's file modes
GO_FOLDER, GO_LINK, GO_DEVICE = 1 << 31, 1 << 27, 1 << 26
LARGEST = 1 << 28  # bytes of a tar that is given back
SHOWN = 5  # devices
STATUS = "X-Docker-Container-Path-Stat"


@dataclass(frozen=True)
class Place:
    """A path in a container as its engine sees it."""

    is_folder: bool
    target: str  # of a link, else ""
    is_device: bool

    @classmethod
    def parse(cls, header: str) -> Place:
        told: dict[str, Any] = json.loads(base64.b64decode(header))
        mode = int(told.get("mode") or 0)
        target = str(told.get("linkTarget") or "") if mode & GO_LINK else ""
        return cls(bool(mode & GO_FOLDER), target, bool(mode & GO_DEVICE))


def cp(call: Call, console: Console) -> Tar | None:
    """``docker cp [-a] [-L] SOURCE TARGET``, one of them in a container."""
    if not call.arguments[0]:
        raise failed("source can not be empty")
    if not call.arguments[1]:
        raise failed("destination can not be empty")
    (one, source), (other, target) = (split(word) for word in call.arguments)
    if one and other:
        raise failed("copying between containers is not supported")
    if one:
        return _out(call, console, one, source, target)
    if other:
        _in(call, console, source, other, target)
        return None
    raise failed("must specify at least one container source")


def split(word: str) -> tuple[str, str]:
    """Container and path of ``CONTAINER:PATH``; "" and the word where it is a path here."""
    name, colon, path = word.partition(":")
    # ./a:b, /a:b and, as docker has it, C:\\a on Windows are paths.
    if not colon or Path(word).is_absolute() or name.startswith("."):
        return "", word
    return name, path


# --- out of a container --------------------------------------------------------------------------


def _out(call: Call, console: Console, container: str, source: str, target: str) -> Tar | None:
    path = _local(console, target)
    if target != "-" and (wrong := unfit(path, str(path))):
        raise failed(wrong)
    name = ""
    if call.has("follow-link"):
        source, name = _followed(console, container, source)
    with _asked(container, source):
        stream = console.daemon.stream("GET", "containers", container, "archive", path=source)
    with stream:
        if target == "-":
            return _whole(received(stream.pieces()))
        place = Place.parse(stream.header(STATUS))
        final = _final(target, path, is_folder=place.is_folder)
        devices = receive(received(stream.pieces()), path, final, source, name)
    if devices:
        more = f" and {len(devices) - SHOWN:,} more" if len(devices) > SHOWN else ""
        console.err(f"left out, being devices: {', '.join(map(repr, devices[:SHOWN]))}{more}\n")
    return None


def receive(
    pieces: Iterator[bytes], path: Path, final: Path | None, source: str, name: str
) -> list[str]:
    """Put what is in a tar of ``source`` into the folder ``path``, or make ``final`` of it; the
    paths of what was left out of it, since it is devices.

    ``name`` is what it is to be called there, "" as in the tar. Raises CommandFailed; what is
    outside is not touched, whatever the tar says.
    """
    with _beside(path) as folder:
        devices = _unpack(pieces, folder)
        if devices and not any(folder.iterdir()):
            raise failed(f"{source} is a device, which is not copied")
        _move(folder, final, source, name)
    return devices


def _whole(pieces: Iterator[bytes]) -> Tar:
    held = bytearray()
    for piece in pieces:
        held += piece
        if len(held) > LARGEST:
            raise CommandFailed(
                f"the tar is larger than {LARGEST >> 20} MB", "name a folder for it", exit_code=1
            )
    return Tar(held)


def _followed(console: Console, container: str, source: str) -> tuple[str, str]:
    """With -L: the path that a link leads to, and the name that it is to have here."""
    with contextlib.suppress(ContainerError, ValueError):
        header = console.daemon.head("containers", container, "archive", header=STATUS, path=source)
        if target := Place.parse(header).target:
            parent = posixpath.dirname(source.rstrip("/"))
            return posixpath.join("/", parent, target), posixpath.basename(source.rstrip("/"))
    return source, ""


def _local(console: Console, path: str) -> Path:
    return Path(os.path.abspath((console.folder / path).expanduser()))  # noqa: PTH100  # no links


def _final(typed: str, path: Path, *, is_folder: bool) -> Path | None:
    """What the one thing that is copied becomes; None: it goes, by its name, into ``path``."""
    asserted = typed.endswith(("/", "/.")) or typed == "."
    if path.is_dir():
        return None
    if path.exists() and is_folder:
        raise failed("cannot copy directory")
    if path.exists() and asserted:
        raise failed("not a directory")
    if asserted and not is_folder:
        raise failed("no such directory")
    return path


@contextlib.contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A folder of its own on the same file system."""
    near = path if path.is_dir() else path.parent
    try:
        folder = Path(tempfile.mkdtemp(prefix=".docker-cp-", dir=near))
    except OSError as error:
        raise failed(f"open {near}: {(error.strerror or '').lower()}") from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _unpack(pieces: Iterator[bytes], folder: Path) -> list[str]:
    from ipycontainers.oci import unpack

    try:
        return unpack.archive(tarring.Reader(pieces), folder).skipped
    except ContainerError as error:
        raise failed(error.message) from error


def _move(folder: Path, final: Path | None, source: str, name: str) -> None:
    """What was unpacked goes where it belongs; a file never takes a folder's place."""
    is_content = source.endswith(("/.", "/")) and len(list(folder.iterdir())) != 1
    is_content |= posixpath.basename(source) == "." or not source.strip("/")
    try:
        if final is None:
            for entry in sorted(folder.iterdir()):
                renamed = name if name and not is_content else entry.name
                merge(entry, folder.parent / renamed)
        elif is_content:
            final.mkdir()
            for entry in sorted(folder.iterdir()):
                merge(entry, final / entry.name)
        else:
            merge(next(folder.iterdir()), final)
    except StopIteration:
        raise failed("the archive is empty") from None
    except OSError as error:
        raise failed(f"{error.filename}: {(error.strerror or '').lower()}") from error


def merge(source: Path, target: Path) -> None:
    """Move it there; of two folders what is in them. Links are neither followed nor kept."""
    there = _mode(target)
    is_folder = stat.S_ISDIR(source.lstat().st_mode)
    if there is None or not (stat.S_ISDIR(there) or is_folder):
        source.replace(target)
        return
    if not is_folder:
        raise failed(f'cannot overwrite directory "{target}" with non-directory "{source.name}"')
    if not stat.S_ISDIR(there):
        raise failed(f'cannot overwrite non-directory "{target}" with directory "{source.name}"')
    for entry in sorted(source.iterdir()):
        merge(entry, target / entry.name)


def _mode(path: Path) -> int | None:
    try:
        return path.lstat().st_mode
    except FileNotFoundError:
        return None


# --- into a container ----------------------------------------------------------------------------


def _in(call: Call, console: Console, source: str, container: str, target: str) -> None:
    place, path = None, target
    with contextlib.suppress(Refused, ValueError):
        place = _place(console, container, path)
        if place.target:
            path = posixpath.join(posixpath.dirname(path.rstrip("/")), place.target)
            place = None
            place = _place(console, container, path)
    if place is not None and place.is_device:
        what = f'destination "{container}:{target}" must be a directory or a regular file'
        raise failed(f"{what}: got a device")
    if source == "-":
        if place is None or not place.is_folder:
            raise failed(f'destination "{container}:{target}" must be a directory')
        data = console.given(call)
        if data is None:
            raise CommandFailed(
                "there is no tar on stdin", "--stdin NAME gives it a variable's bytes", exit_code=1
            )
        pieces, folder = iter([data]), path
    else:
        pieces, folder = _packed(call, console, source, path, place)
    query = {"path": folder, "noOverwriteDirNonDir": "true"}
    if call.has("archive"):
        query["copyUIDGID"] = "true"
    with _asked(container, folder):
        console.daemon.put("containers", container, "archive", body=pieces, **query)


def _place(console: Console, container: str, path: str) -> Place:
    header = console.daemon.head("containers", container, "archive", header=STATUS, path=path)
    return Place.parse(header)


def _packed(
    call: Call, console: Console, source: str, target: str, place: Place | None
) -> tuple[Iterator[bytes], str]:
    """The tar to be sent, and the folder in which it is to be unpacked."""
    here = (console.folder / source).expanduser()
    follow = call.has("follow-link") or source.endswith("/")
    try:
        status = here.stat() if follow else here.lstat()
    except OSError as error:
        path = _local(console, source)
        raise failed(f"lstat {path}: {(error.strerror or '').lower()}") from error
    is_folder = stat.S_ISDIR(status.st_mode)
    if source.endswith("/") and not is_folder:
        raise failed("not a directory")
    is_content = is_folder and (source.endswith("/.") or source == ".")
    name = "." if is_content else Path(os.path.abspath(here)).name  # noqa: PTH100
    if place is not None and place.is_folder:
        return tarring.pieces(here, name, follow=follow), target
    if place is not None and is_folder:
        raise failed("cannot copy directory")
    if place is None and target.endswith(("/", "/.")) and not is_folder:
        raise failed("no such directory")
    parent, base = posixpath.split(target.rstrip("/"))
    return tarring.pieces(here, base, follow=follow), parent or "/"


@contextlib.contextmanager
def _asked(container: str, path: str) -> Iterator[None]:
    """What the engine says of a path that is not there, as docker tells it."""
    with refusals():
        try:
            yield
        except Refused as error:
            if error.status == 404:
                raise failed(f"Error: No such container:path: {container}:{path}") from error
            raise
