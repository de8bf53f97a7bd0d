"""The folder of a build, as the docker command sends it.

    context = Context.of(Path("."))          what is there, less what .dockerignore leaves out
    context.size, context.biggest(5)
    for piece in context.archive("FROM …"): …            a tar with the Dockerfile in it
    for piece in context.own("sub/Dockerfile"): …        a tar as it lies there

As with ``docker build -f - FOLDER`` the Dockerfile gets a name that no file has, and a line of the
.dockerignore that is sent hides it; one that lies in the folder is sent as it is. Files belong to
root; sockets are left out; links stay links.

Knows: folders, .dockerignore, tar. Does not know: engines.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from ipycontainers.errors import Invalid

if TYPE_CHECKING:
    from ipycontainers.engine.build.ignore import Ignore

IGNORE = ".dockerignore"
LARGE = 100_000_000  # bytes of a context from which on it is announced
_PIECE = 1 << 18
_BLOCK = 512
_LARGEST_IGNORE = 1 << 20
_LEAVE_OUT = "a line of .dockerignore leaves it out"


@dataclass(frozen=True)
class Found:
    """``path`` is from the context's root, with slashes."""

    path: str
    status: os.stat_result = field(repr=False)

    @property
    def size(self) -> int:
        return self.status.st_size if stat.S_ISREG(self.status.st_mode) else 0


@dataclass(frozen=True)
class Context:
    """Without a ``folder`` it is the Dockerfile alone. ``sockets`` were left out."""

    folder: Path | None = None
    found: tuple[Found, ...] = ()
    sockets: tuple[str, ...] = ()

    @classmethod
    def of(cls, folder: Path) -> Context:
        """Raises Invalid for what is no folder, cannot be read, or has no right .dockerignore."""
        from ipycontainers.engine.build.ignore import Ignore

        folder = Path(os.path.realpath(folder))
        if not folder.is_dir():
            said = "it is no folder" if folder.exists() else "there is no such folder"
            raise Invalid(f"--context {folder}: {said}", "name a folder, for example .")
        try:
            ignored = Ignore.parse(_ignore_text(folder))
        except Invalid as error:
            raise Invalid(f"{folder / IGNORE}: {error.message}", "mend that line") from error
        found: list[Found] = []
        sockets: list[str] = []
        for one in _walk(folder, "", ignored):
            if stat.S_ISSOCK(one.status.st_mode):
                sockets.append(one.path)
            else:
                found.append(one)
        return cls(folder, tuple(found), tuple(sockets))

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(one.size for one in self.found)

    @property
    def files(self) -> int:
        """How many there are that have content."""
        return sum(stat.S_ISREG(one.status.st_mode) for one in self.found)

    def biggest(self, count: int) -> list[tuple[str, int]]:
        """The names right below the folder, with the bytes of all in them, the largest first."""
        sizes: dict[str, int] = {}
        for one in self.found:
            first, slash, _ = one.path.partition("/")
            name = first + "/" if slash or stat.S_ISDIR(one.status.st_mode) else first
            sizes[name] = sizes.get(name, 0) + one.size
        return sorted(sizes.items(), key=lambda pair: (-pair[1], pair[0]))[:count]

    def dockerfile_name(self, text: str) -> str:
        """How it is called in the archive: as no file is, and always the same."""
        if self.folder is None:
            return "Dockerfile"
        taken = {one.path for one in self.found}
        digest = hashlib.sha256(text.encode()).hexdigest()
        names = (f".dockerfile.{digest[:20]}{'_' * count}" for count in range(len(taken) + 1))
        return next(name for name in names if name not in taken)

    def archive(self, text: str) -> Iterator[bytes]:
        """The tar, in pieces. Raises Invalid for a file that cannot be read, or that shrank."""
        name = self.dockerfile_name(text)
        links: dict[tuple[int, int], str] = {}
        if self.folder is not None:
            for one in self.found:
                if one.path != IGNORE:
                    yield from _packed(self.folder, one, links)
            ignored = self._ignore(name)
            yield _header(_plain(IGNORE, ignored)) + _padded(ignored)
        content = text.encode("utf-8", "surrogateescape")
        yield _header(_plain(name, content)) + _padded(content)
        yield bytes(2 * _BLOCK)

    def own(self, dockerfile: str) -> Iterator[bytes]:
        """The tar, with the Dockerfile at that path in it also where .dockerignore leaves it out:
        the engine reads both. Raises as ``archive``."""
        assert self.folder
        links: dict[tuple[int, int], str] = {}
        for one in self.found:
            yield from _packed(self.folder, one, links)
        if dockerfile not in {one.path for one in self.found}:
            try:
                found = Found(dockerfile, (self.folder / dockerfile).lstat())
            except OSError as error:
                raise _unreadable(error) from error
            yield from _packed(self.folder, found, links)
        yield bytes(2 * _BLOCK)

    def _ignore(self, name: str) -> bytes:
        """The folder's own, and the Dockerfile, as the docker command writes it."""
        assert self.folder
        own = any(one.path == IGNORE for one in self.found)
        before = _ignore_text(self.folder) if own else IGNORE
        return f"{before}\n{name}\n".encode("utf-8", "surrogateescape")


def _ignore_text(folder: Path) -> str:
    try:
        with (folder / IGNORE).open("rb") as file:
            content = file.read(_LARGEST_IGNORE + 1)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise Invalid(f"{folder / IGNORE}: {error.strerror}") from error
    if len(content) > _LARGEST_IGNORE:
        raise Invalid(f"{folder / IGNORE} is larger than {_LARGEST_IGNORE:,} bytes")
    return content.decode("utf-8", "surrogateescape")


def _walk(folder: Path, below: str, ignored: Ignore) -> Iterator[Found]:
    """What is in it and not left out, sorted by name; a folder before what is in it."""
    try:
        with os.scandir(folder) as listed:
            entries = sorted(listed, key=lambda entry: entry.name)
        for entry in entries:
            path = f"{below}{entry.name}"
            status = entry.stat(follow_symlinks=False)
            # The engine is to know what was left out.
            out = path != IGNORE and ignored.leaves_out(path)
            if not out:
                _check_readable(entry, status)
                yield Found(path, status)
            if stat.S_ISDIR(status.st_mode) and not (out and ignored.closes(path)):
                yield from _walk(Path(entry.path), f"{path}/", ignored)
    except OSError as error:
        raise _unreadable(error) from error


def _check_readable(entry: os.DirEntry[str], status: os.stat_result) -> None:
    """Before anything is sent, as the docker command does."""
    if stat.S_ISREG(status.st_mode) and not os.access(entry.path, os.R_OK):
        raise Invalid(f"no permission to read from '{entry.path}'", _LEAVE_OUT)


def _unreadable(error: OSError) -> Invalid:
    if isinstance(error, PermissionError):
        return Invalid(f"can't stat '{error.filename}'", _LEAVE_OUT)
    return Invalid(f"the context cannot be sent: {error.filename}: {error.strerror}", _LEAVE_OUT)


def _packed(folder: Path, one: Found, links: dict[tuple[int, int], str]) -> Iterator[bytes]:
    status, mode = one.status, one.status.st_mode
    entry = tarfile.TarInfo(one.path)
    # dockerd's cache looks at all of it: with the kind in the mode and the names of owners, a step
    # that the docker command has built is found again.
    entry.mode, entry.mtime = mode, int(status.st_mtime)
    entry.uname, entry.gname = _names(status.st_uid, status.st_gid)
    if os.name == "nt":
        entry.mode |= 0o755  # which Windows does not know, as the docker command does there
    if stat.S_ISREG(mode):
        known = (status.st_dev, status.st_ino)
        if status.st_nlink > 1 and known in links:
            entry.type, entry.linkname = tarfile.LNKTYPE, links[known]
            yield _header(entry)
            return
        if status.st_nlink > 1:
            links[known] = one.path
        entry.size = status.st_size
        yield from _file(folder / one.path, entry)
        return
    if stat.S_ISLNK(mode):
        entry.type = tarfile.SYMTYPE
        try:
            entry.linkname = str((folder / one.path).readlink())
        except OSError as error:  # it has gone, or become a file, since it was found
            raise _unreadable(error) from error
    elif stat.S_ISDIR(mode):
        entry.type = tarfile.DIRTYPE
    elif stat.S_ISFIFO(mode):
        entry.type = tarfile.FIFOTYPE
    else:
        return  # a device
    yield _header(entry)


@lru_cache(maxsize=64)
def _names(user: int, group: int) -> tuple[str, str]:
    """Of a file's owners, as far as this machine knows them."""
    if os.name == "nt":
        return "", ""
    import grp
    import pwd

    names = ["", ""]
    with contextlib.suppress(KeyError):
        names[0] = pwd.getpwuid(user).pw_name
    with contextlib.suppress(KeyError):
        names[1] = grp.getgrgid(group).gr_name
    return names[0], names[1]


def _file(path: Path, entry: tarfile.TarInfo) -> Iterator[bytes]:
    """A file of the size that was announced; what it has grown by since then stays behind."""
    try:
        with path.open("rb") as file:
            yield _header(entry)
            left = entry.size
            while left:
                piece = file.read(min(left, _PIECE))
                if not piece:
                    raise Invalid(f"{path} became smaller while it was sent", "run the cell again")
                left -= len(piece)
                yield piece
    except OSError as error:
        raise _unreadable(error) from error
    yield bytes(-entry.size % _BLOCK)


def _header(entry: tarfile.TarInfo) -> bytes:
    # GNU's form holds any bytes of a name; Python's PAX and Go's differ on those that are no UTF-8.
    made = bytearray(entry.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape"))
    if kind := stat.S_IFMT(entry.mode):
        # tarfile leaves it out of the mode, Go does not.
        head = memoryview(made)[-_BLOCK:]
        head[100:108] = b"%07o\0" % (stat.S_IMODE(entry.mode) | kind)
        head[148:156] = b" " * 8
        head[148:156] = b"%06o\0 " % sum(head)
    return bytes(made)


def _plain(name: str, content: bytes) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), 0o600
    return entry


def _padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % _BLOCK)
