"""What COPY and ADD bring, as one number: by it the cache knows a step again, histories show it.

    Told().add(entry, "d/f")        what an archive says of its entries, kept in few bytes
    of_folder(hashes)               dir:…, of all that is in a folder
    of_many(hashes)                 multi:…, of several sources

The numbers are dockerd's (tarsum, version 1): a head of names and values, then the content. Owner
and mode count, times do not. So the same Dockerfile has the same history on both.
https://github.com/moby/moby/blob/20.10/pkg/tarsum/tarsum_spec.md

Knows: that format. Does not know: where files are, archives.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import stat
import tarfile
from collections.abc import Iterable, Mapping
from typing import IO

from ipycontainers.errors import Invalid
from ipycontainers.oci.blob import PIECE
from ipycontainers.oci.filling import attributes
from ipycontainers.oci.record import Owner

LARGEST_TOLD = 256 << 20  # bytes of heads and paths, of a million files or two
_KINDS = {stat.S_IFDIR: "5", stat.S_IFLNK: "2", stat.S_IFIFO: "6"}
_OLD_FILE = tarfile.AREGTYPE


class Told:
    """The heads of an archive's entries, by their real paths."""

    def __init__(self) -> None:
        self._heads: dict[str, bytes] = {}
        self.linked: set[str] = set()
        """Names of files that have several."""
        self._second: set[str] = set()
        self._size = 0

    def add(self, entry: tarfile.TarInfo, path: str) -> None:
        """``entry`` is as the archive has it. Invalid for more than is kept in memory."""
        if entry.islnk():
            self.linked |= {path, posixpath.normpath(entry.linkname)}
            self._second.add(path)
        kind = b"0" if entry.type == _OLD_FILE else entry.type
        name = f"{entry.name}/" if entry.isdir() else entry.name
        self._heads[path] = head = _head(
            name=name,
            mode=entry.mode,
            uid=entry.uid,
            gid=entry.gid,
            size=entry.size,
            typeflag=kind.decode("latin-1"),
            linkname=entry.linkname,
            uname="",  # dockerd leaves out what the archive says
            gname="",
            devmajor=entry.devmajor,
            devminor=entry.devminor,
            attributes=attributes(entry),
        )
        self._size += len(path) + len(head)
        if self._size > LARGEST_TOLD:
            raise Invalid("an archive that says too much of its entries")

    def has_content(self, path: str) -> bool:
        """Not so of the second name of a file."""
        return path not in self._second

    def head(self, path: str) -> bytes | None:
        """None for what the archive has no entry of, such as a folder that it only implies."""
        return self._heads.get(path)


def head_of(path: str, found: os.stat_result, target: str, owner: Owner | None) -> bytes:
    """Of a file of an image; its owner's name is root's or none, as nobody here knows others."""
    mode = owner.given_back(found.st_mode) if owner else found.st_mode
    uid, gid = (owner.uid, owner.gid) if owner else (0, 0)
    is_folder = stat.S_ISDIR(mode)
    return _head(
        name=f"{path}/" if is_folder else path,
        mode=mode,
        uid=uid,
        gid=gid,
        size=found.st_size if stat.S_ISREG(mode) else 0,
        typeflag=_KINDS.get(stat.S_IFMT(mode), "0"),
        linkname=target,
        uname="" if uid else "root",
        gname="" if gid else "root",
        devmajor=0,
        devminor=0,
        attributes=owner.attributes if owner else {},
    )


def of_bytes(head: bytes, content: bytes) -> str:
    """As ``of_entry``, of content that is in memory."""
    return hashlib.sha256(head + content).hexdigest()


def of_entry(head: bytes, content: IO[bytes] | None) -> str:
    """Of one file: its head, and all that ``content`` has."""
    digest = hashlib.sha256(head)
    while content and (piece := content.read(PIECE)):
        digest.update(piece)
    return digest.hexdigest()


def of_folder(hashes: Iterable[str]) -> str:
    """Of all that is below a folder."""
    return f"dir:{_joined(sorted(hashes))}"


def of_many(hashes: Iterable[str]) -> str:
    """Of several sources, in their order."""
    return f"multi:{_joined(hashes)}"


def _joined(hashes: Iterable[str]) -> str:
    return hashlib.sha256(",".join(hashes).encode("utf-8", "surrogateescape")).hexdigest()


def _head(*, attributes: Mapping[str, bytes], **values: object) -> bytes:
    text = "".join(f"{name}{value}" for name, value in values.items())
    extended = b"".join(name.encode() + value for name, value in sorted(attributes.items()))
    return text.encode("utf-8", "surrogateescape") + extended
