"""The files that a build is given: an archive or a Dockerfile alone, unpacked in a private folder.

    with context.uploaded(file, folder) as given: given.dockerfile("Dockerfile")

An archive may be compressed with gzip, bzip2, xz or zstd. It is hostile: nothing of it is written
outside the folder, and no more than the disk has room for. Sockets cannot be in a tar; devices are
left out. Whose the files are does not matter, as COPY gives them to root or to whom it says.

Knows: archives, .dockerignore. Does not know: HTTP requests, what a Dockerfile says.
"""

from __future__ import annotations

import io
import os
import posixpath
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, overload

from ipycontainers.engine import clearing
from ipycontainers.engine.tree import Tree
from ipycontainers.errors import ContainerError, EngineError, Invalid
from ipycontainers.oci import unpack
from ipycontainers.oci.blob import Readable, buffered, is_compressed
from ipycontainers.oci.record import Owner, Unpacked

from .checksums import Told
from .dockerfile import decode
from .fetching import fetched
from .ignore import Ignore
from .listing import Listing
from .running import Cancelling

LARGEST_DOCKERFILE = 4 << 20
_IGNORE = ".dockerignore"


class Context:
    """Its files; of a plain archive they are unpacked when somebody asks for them."""

    def __init__(
        self, place: Path, told: Told | None = None, unpacked: Unpacked | None = None
    ) -> None:
        self.told = told or Told()
        self.listing: Listing | None = None
        self._place, self._unpacked = place, unpacked
        self._source: IO[bytes] | None = None
        self._hidden: list[str] = []

    @classmethod
    def listed(cls, place: Path, listing: Listing, source: IO[bytes]) -> Context:
        """``source`` can be read again."""
        made = cls(place, listing.told)
        made.listing, made._source = listing, source
        return made

    @property
    def folder(self) -> Path:
        if self._source:
            source, self._source = self._source, None
            source.seek(0)
            self._unpacked = unpack.archive(source, self._place)
            for path in self._hidden:
                self._unlink(path)
        return self._place

    def owner(self, path: str) -> Owner | None:
        """What is recorded of a path, when the files are there."""
        return self._unpacked.owners.get(path) if self._unpacked else None

    def dockerfile(self, name: str) -> str:
        """Its text. Afterwards it and .dockerignore are gone where the latter says so.

        EngineError, in dockerd's words, where there is none.
        """
        if self.listing and name in self.listing.kept:
            kept = self.listing.kept
            if _IGNORE in kept or self.listing.real(_IGNORE) is None:  # else it is a link
                self._hide(decode(kept.get(_IGNORE, b"")), name)
                return decode(kept[name])
        tree = Tree((self.folder,))
        missing = EngineError(f"Cannot locate specified Dockerfile: {name}")
        if ".." in posixpath.normpath(name).split("/"):
            raise Invalid(f"forbidden path outside the build context: {name} ()")
        try:
            found = tree.find(tree.real(name))
        except Invalid as error:
            raise missing from error
        if found is None or not found.is_file():
            raise missing
        if found.stat().st_size > LARGEST_DOCKERFILE:
            raise Invalid(f"the Dockerfile ({name}) is larger than {LARGEST_DOCKERFILE:,} bytes")
        text = decode(found.read_bytes())
        self._hide(tree.text(f"/{_IGNORE}"), name)
        return text

    def _hide(self, text: str, name: str) -> None:
        try:
            ignored = Ignore.parse(text)
        except Invalid:
            return  # as dockerd; the client applied it, or refused it
        for path in (name, _IGNORE):
            if ignored.leaves_out(path):
                plain = posixpath.normpath(path).lstrip("/")
                self._hidden.append(plain)
                if self.listing:
                    self.listing.remove(plain)
                if not self._source:
                    self._unlink(plain)

    def _unlink(self, path: str) -> None:
        """What it leads to inside the context, as dockerd: the archive may have made links."""
        tree = Tree((self._place,))
        with suppress(Invalid):
            found = tree.find(tree.real(path))
            if found and not found.is_dir():
                found.unlink()


class Lazily(Sequence[Path]):
    """A context's folder as the one layer of it, which is there when it is asked for."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def __len__(self) -> int:
        return 1

    @overload
    def __getitem__(self, index: int) -> Path: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Path]: ...

    def __getitem__(self, index: int | slice) -> Path | Sequence[Path]:
        return (self._context.folder,)[index]


class _Read:
    """To be read only, and not closed by who has read it."""

    def __init__(self, source: IO[bytes]) -> None:
        self.read = source.read


@contextmanager
def uploaded(source: IO[bytes], folder: Path, name: str = "Dockerfile") -> Iterator[Context]:
    """Of a request's body, which can be read again. Invalid for what is no archive. ``name`` is
    the Dockerfile's."""
    with _private(folder) as private:
        stored = source.seek(0, os.SEEK_END)
        source.seek(0)
        listing = Listing.of(_Read(source), {name, _IGNORE}, stored)
        if listing:
            yield Context.listed(private, listing, source)
            return
        source.seek(0)
        yield _unpacked(source, private)


@contextmanager
def remote(url: str, folder: Path, cancelling: Cancelling) -> Iterator[Context]:
    """Of what is at a URL: an archive, or a text, which is the Dockerfile."""
    if url.startswith(("git@", "git://")) or _is_repository(url):
        raise Invalid(
            f"a build from a git repository is refused: {url[:200]}. "
            "Clone it, and build from the folder"
        )
    with _private(folder) as private:
        try:
            with fetched(url, cancelling) as answer:
                kind = answer.headers.get("Content-Type") or ""
                made = _of_download(buffered(answer), kind, private)
        except ContainerError as error:
            told = f"failed to download remote context {url[:200]}: {error.message}"
            raise type(error)(told) from error
        yield made


def _is_repository(url: str) -> bool:
    path = url.partition("#")[0]
    return path.endswith(".git") or path.startswith("github.com/")


def _of_download(source: io.BufferedReader, kind: str, private: Path) -> Context:
    head = source.peek(512)[:512]
    is_tar = head[257:262] == b"ustar" or is_compressed(head)
    if is_tar or (not kind.startswith("text/") and not _is_text(head)):
        return _unpacked(source, private)
    with (private / "Dockerfile").open("xb") as file:
        file.write(_small(source))
    return Context(private, unpacked=Unpacked())


def _is_text(head: bytes) -> bool:
    return bool(head) and b"\0" not in head


def _small(source: IO[bytes]) -> bytes:
    """A Dockerfile of an unknown size. Invalid for a very large one."""
    text = source.read(LARGEST_DOCKERFILE + 1)
    if len(text) > LARGEST_DOCKERFILE:
        raise Invalid(f"a Dockerfile of more than {LARGEST_DOCKERFILE:,} bytes")
    return text


def _unpacked(source: Readable, private: Path) -> Context:
    told = Told()
    return Context(private, told, unpack.archive(source, private, told.add))


@contextmanager
def _private(folder: Path) -> Iterator[Path]:
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        clearing.remove(folder)
