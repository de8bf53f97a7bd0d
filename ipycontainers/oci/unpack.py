"""Layers become folders: one for overlayfs, or all merged into one plain root.

    layer(stream, folder, overlay=True)     .wh.NAME is kept as overlayfs has it, a character
                                            device 0:0 NAME; an opaque folder is the xattr
                                            user.overlay.opaque=y (mounts with userxattr)
    layer(stream, folder, overlay=False)    .wh.NAME removes NAME from what is there already
    root(layout, image, folder)             every layer so, oldest first

Works without root. What a user cannot give a file is recorded instead (``record``): owners,
the bits setuid and setgid (never set on disk), the modes of what its owner could not read
back (0000 becomes 0400, for folders 0700), and extended attributes such as
security.capability; those in user. are set where the file system has them. Device nodes are
left out and listed. Sparse files stay sparse. Hostile layers are expected: every path is walked
inside the folder (``Inside``), files are only ever new, never written through.

https://github.com/opencontainers/image-spec/blob/main/layer.md

Knows: tar entries, whiteouts. Does not know: engines, mounts.
"""

from __future__ import annotations

import errno
import os
import stat
import tarfile
from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import IO

from ipycontainers.errors import Invalid, UnsafeLayer, Unsupported

from .blame import blaming, refuse_climbing
from .blob import Readable, buffered, decompressed, drain, reading
from .entries import entries
from .filling import Below, attributes, copy_up, fill, set_attributes
from .image import Image, Layer
from .inside import Inside
from .layout import Layout
from .record import Owner, Unpacked, readable
from .room import Room

_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
MOST_ENTRIES = 2_000_000  # of one layer; a whole Debian has 300,000 files
LARGEST_RECORD = 64 << 20  # bytes that a layer may say of owners
_OF_AN_OWNER, _OF_AN_ENTRY = 64, 4096  # bytes, about: in memory, and on the disk


class LinksBelow(Invalid):
    """The layer has a hard link to a file of a lower one, and none was given."""


def layer(
    stream: Readable,
    folder: str | os.PathLike[str],
    *,
    overlay: bool,
    record: Unpacked | None = None,
    strict: bool = False,
    every: bool = False,
    below: Below | None = None,
) -> Unpacked:
    """Unpack one layer into ``folder``, which exists; reads ``stream`` to its end.

    ``record`` is of the layers below and is updated. ``strict`` refuses, as Invalid, what
    would put a file in a folder's place or a folder in a file's; with ``every`` the record has
    what is root's too. ``below`` finds files of lower layers, for links to them; without it
    these are LinksBelow. Raises UnsafeLayer, Invalid, what ``stream`` raises (IntegrityError at
    the end of a verified one), and Unsupported where the file system cannot mark whiteouts.
    After an error the state of the folder is undefined, but nothing outside it was touched.
    """
    record = Unpacked() if record is None else record
    with closing(Inside(folder)) as inside:
        unpacking = _Layer(
            inside, record, Room(folder), overlay=overlay, strict=strict, every=every, below=below
        )
        unpacking.all(stream, "the layer")
    return record


def archive(
    stream: Readable,
    folder: str | os.PathLike[str],
    heard: Callable[[tarfile.TarInfo, str], object] | None = None,
) -> Unpacked:
    """As ``layer``, of what is none: .wh.NAME is a name. ``heard`` gets entries and real paths."""
    record = Unpacked()
    with closing(Inside(folder)) as inside:
        unpacking = _Layer(inside, record, Room(folder), overlay=False, heard=heard, mark="/")
        unpacking.all(stream, "the archive")
    return record


def root(
    layout: Layout,
    image: Image,
    folder: str | os.PathLike[str],
    passed: Callable[[Layer, int], object] | None = None,
) -> Unpacked:
    """Merge all layers of an image into ``folder``, made if need be; as ``layer`` otherwise.

    ``passed`` hears of each piece of a layer's stored bytes.
    """
    target, record = Path(folder), Unpacked()
    target.mkdir(parents=True, exist_ok=True)
    target.chmod(0o755)
    for part in image.layers:
        heard = partial(passed, part) if passed else None
        with layout.open_layer(part, heard) as stream:
            layer(stream, folder, overlay=False, record=record)
    return record


class _Layer:
    """One layer on its way into a folder."""

    def __init__(
        self,
        inside: Inside,
        record: Unpacked,
        room: Room,
        *,
        overlay: bool,
        strict: bool = False,
        every: bool = False,
        below: Below | None = None,
        heard: Callable[[tarfile.TarInfo, str], object] | None = None,
        mark: str = _WHITEOUT,
    ) -> None:
        self._inside, self._record, self._overlay = inside, record, overlay
        self._strict, self._every, self._below = strict, every, below
        self._room, self._told, self._count = room, 0, 0
        self._own: set[str] = set()  # real paths from this layer, which its whiteouts spare
        self._folders: dict[str, tuple[int, float]] = {}  # mode and time that they get at last
        self._hidden: list[tuple[str, str]] = []  # for overlay: folder and name, made at last
        self._heard, self._mark = heard, mark

    def all(self, stream: Readable, what: str) -> None:
        """Every entry, and what is to be done at last."""
        tar = decompressed(buffered(stream))
        with reading(what):
            for entry, content in entries(tar, what):
                with blaming(entry.name):
                    self.add(entry, content)
            drain(tar)
            self.finish()

    def add(self, entry: tarfile.TarInfo, content: IO[bytes] | None) -> None:
        self._count += 1
        check_count(self._count)
        self._room.take(_OF_AN_ENTRY)
        refuse_climbing(entry.name, entry.name)
        if entry.islnk():
            refuse_climbing(entry.linkname, entry.name)
        with self._inside.parent(entry.name, make=True) as (folder, name, real):
            self._remember(folder, real.rpartition("/")[0])
            if name.startswith(self._mark):
                self._whiteout(folder, name, real)
                return
            if name == ".":
                if not entry.isdir():
                    raise UnsafeLayer(f"{entry.name!r} wants to replace the root")
                self._folders[real] = (_readable(entry), entry.mtime)
                self._own_up(entry, real)
                return
            self._refuse_another_kind(entry, folder, name, real)
            if not self._make(entry, content, folder, name, real):
                self._record.skipped.append(real)
                return
            if not entry.islnk():
                self._own_up(entry, real)
        self._record.newest = max(self._record.newest, int(entry.mtime))
        if self._heard:
            self._heard(entry, real)
        while real and real not in self._own:
            self._own.add(real)
            real = real.rpartition("/")[0]

    def finish(self) -> None:
        """Make whiteouts, then give folders the modes and times that writing would change."""
        for above, name in self._hidden:
            with suppress(FileNotFoundError, NotADirectoryError), self._inside.folder(above) as at:
                self._mark_whiteout(at, name)
        for path in sorted(self._folders, key=lambda path: path.count("/"), reverse=True):
            mode, mtime = self._folders[path]
            try:
                with self._inside.parent(path) as (folder, name, _):
                    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
                    handle = os.open(name, flags, dir_fd=folder)
            except OSError:
                continue  # replaced or removed by a later entry
            try:
                os.fchmod(handle, mode)
                os.utime(handle, (mtime, mtime))
            finally:
                os.close(handle)

    def _refuse_another_kind(
        self, entry: tarfile.TarInfo, folder: int, name: str, real: str
    ) -> None:
        there = _mode(folder, name) if self._strict else None
        if there is not None and stat.S_ISDIR(there) != entry.isdir():
            kinds = ("non-directory", "directory")
            raise Invalid(
                f'cannot overwrite {kinds[stat.S_ISDIR(there)]} "/{real}" '
                f"with {kinds[entry.isdir()]}"
            )

    def _make(
        self, entry: tarfile.TarInfo, content: IO[bytes] | None, folder: int, name: str, real: str
    ) -> bool:
        """Make the entry in place of what is there; False when a user cannot make such a one."""
        if entry.isdir():
            self._make_folder(folder, name, real)
            self._folders[real] = (_readable(entry), entry.mtime)
            return True
        if not (content or entry.issym() or entry.islnk() or entry.isfifo()):
            return False
        if entry.islnk():
            self._link(entry, folder, name, real)
            return True
        self._clear(folder, name, real)
        if content:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with os.fdopen(os.open(name, flags, 0o600, dir_fd=folder), "wb") as file:
                fill(entry, content, file, self._room)
                set_attributes(entry, file.fileno())
                os.fchmod(file.fileno(), _readable(entry))
            self._record.size += entry.size
        elif entry.issym():
            os.symlink(entry.linkname, name, dir_fd=folder)
        else:
            os.mkfifo(name, 0o600, dir_fd=folder)
            os.chmod(name, _readable(entry), dir_fd=folder)
        os.utime(name, (entry.mtime, entry.mtime), dir_fd=folder, follow_symlinks=False)
        return True

    def _make_folder(self, folder: int, name: str, real: str) -> None:
        there = _mode(folder, name)
        if there is not None and stat.S_ISDIR(there):
            return
        self._clear(folder, name, real)
        os.mkdir(name, 0o700, dir_fd=folder)

    def _link(self, entry: tarfile.TarInfo, folder: int, name: str, real: str) -> None:
        with self._inside.parent(entry.linkname) as (source, source_name, source_real):
            if source_real == real:
                return
            found = _mode(source, source_name)
            if found is None and self._overlay:
                self._copy_up(entry, folder, name, real, source_real)
                return
            if found is None or stat.S_ISDIR(found) or source_name == ".":
                raise Invalid(f"{entry.name!r} in a layer links to no file: {entry.linkname!r}")
            self._clear(folder, name, real)
            os.link(source_name, name, src_dir_fd=source, dst_dir_fd=folder, follow_symlinks=False)
            if source_real in self._record.owners:
                self._record.owners[real] = self._record.owners[source_real]

    def _copy_up(
        self, entry: tarfile.TarInfo, folder: int, name: str, real: str, source: str
    ) -> None:
        """Of a file of a lower layer, which overlayfs could give no second name either."""
        if not self._below:
            raise LinksBelow(f"{entry.name!r} in a layer links to no file: {entry.linkname!r}")
        found = self._below(source)
        if found is None or not stat.S_ISREG(found[0].lstat().st_mode):
            raise Invalid(f"{entry.name!r} in a layer links to no file: {entry.linkname!r}")
        path, owner = found
        self._clear(folder, name, real)
        copy_up(path, folder, name, self._room)
        if owner:
            self._record.owners[real] = owner

    def _whiteout(self, folder: int, name: str, real: str) -> None:
        above = real.rpartition("/")[0]
        hidden = name.removeprefix(_WHITEOUT)
        if hidden in {"", ".", ".."}:
            raise UnsafeLayer(f"{real!r} in a layer hides no file")
        if name == _OPAQUE:
            if self._overlay:
                self._mark_opaque(folder, ".")
            else:
                self._clear_below(folder, above, spare=True)
        elif hidden.startswith(_WHITEOUT):
            return  # a mark of aufs, which means nothing here
        elif self._overlay:
            self._hidden.append((above, hidden))
        else:
            self._clear(folder, hidden, f"{above}/{hidden}" if above else hidden, spare=True)

    def _mark_whiteout(self, folder: int, name: str) -> None:
        there = _mode(folder, name)
        if there is None:
            try:
                os.mknod(name, stat.S_IFCHR | 0o600, 0, dir_fd=folder)
            except PermissionError as error:
                raise Unsupported("no whiteout can be made here", "copy the layers") from error
        elif stat.S_ISDIR(there):  # of this layer, so only what is below it is hidden
            self._mark_opaque(folder, name)

    def _mark_opaque(self, folder: int, name: str) -> None:
        handle = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
        try:
            os.setxattr(handle, "user.overlay.opaque", b"y")
        except OSError as error:
            if error.errno not in {errno.ENOTSUP, errno.EPERM}:
                raise
            raise Unsupported("no folder can be made opaque here", "copy the layers") from error
        finally:
            os.close(handle)

    def _clear(self, folder: int, name: str, real: str, *, spare: bool = False) -> None:
        """Remove what is there; with ``spare``, but for what this layer brought."""
        there = _mode(folder, name)
        if there is None or (spare and real in self._own and not stat.S_ISDIR(there)):
            return
        if stat.S_ISDIR(there):
            handle = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            try:
                self._clear_below(handle, real, spare=spare)
            finally:
                os.close(handle)
            if spare and real in self._own:
                return
            os.rmdir(name, dir_fd=folder)
            self._folders.pop(real, None)
        else:
            os.unlink(name, dir_fd=folder)
        self._record.owners.pop(real, None)
        self._own.discard(real)

    def _clear_below(self, folder: int, real: str, *, spare: bool) -> None:
        for name in os.listdir(folder):
            self._clear(folder, name, f"{real}/{name}" if real else name, spare=spare)

    def _remember(self, folder: int, real: str) -> None:
        if real not in self._folders:
            found = os.fstat(folder)
            self._folders[real] = (stat.S_IMODE(found.st_mode), found.st_mtime)

    def _own_up(self, entry: tarfile.TarInfo, real: str) -> None:
        mode = stat.S_IMODE(entry.mode)
        changed = mode != _readable(entry) and not entry.issym()
        kept = attributes(entry)
        if entry.uid or entry.gid or changed or kept or self._every:
            self._told += len(real) + sum(map(len, kept.values())) + _OF_AN_OWNER
            if self._told > LARGEST_RECORD:
                raise Invalid("a layer that says too much of owners and attributes")
            self._record.owners[real] = Owner(entry.uid, entry.gid, mode, kept)
        else:
            self._record.owners.pop(real, None)


def check_count(count: int) -> None:
    """Invalid for more entries than a layer may have."""
    if count > MOST_ENTRIES:
        raise Invalid(f"a layer of more than {MOST_ENTRIES:,} entries")


def _readable(entry: tarfile.TarInfo) -> int:
    return readable(stat.S_IMODE(entry.mode), entry.isdir())


def _mode(folder: int, name: str) -> int | None:
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return None
