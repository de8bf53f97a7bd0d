"""Where COPY takes files from: the context, or the files of a stage or an image.

    origin.chosen("*.txt")        the paths that a source of COPY means
    origin.checksum("d")          file:…  or  dir:…

Links are followed inside the origin and nowhere else.

Knows: trees of files. Does not know: where files are copied to.
"""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ipycontainers.engine.tree import Tree
from ipycontainers.errors import Invalid, NotFound
from ipycontainers.oci.pack import nobody
from ipycontainers.oci.record import Owner
from ipycontainers.oci.view import Spot, View

from . import checksums
from .checksums import Told
from .listing import Listing
from .patterns import Pattern


@dataclass(frozen=True)
class Origin:
    """``layers`` are the oldest first. ``told`` is of a context; ``owner`` of all else."""

    layers: Sequence[Path]
    told: Told | None = None
    owner: Callable[[str], Owner | None] = nobody
    listing: Listing | None = None

    @property
    def goes(self) -> bool:
        """Whether its files go soon, so that a second name of one is as good as a copy."""
        return self.told is not None

    def is_linked(self, real: str, found: os.stat_result) -> bool:
        """Whether the file has other names, which had it from the beginning."""
        return real in self.told.linked if self.told else found.st_nlink > 1

    @property
    def tree(self) -> Tree:
        return Tree(self.layers)

    @property
    def view(self) -> View:
        return View(tuple(str(layer) for layer in reversed(self.layers)))

    # --- which -----------------------------------------------------------------------------

    def chosen(self, source: str, word: str = "COPY") -> list[str]:
        """Paths without a slash in front, "" for all. Invalid for what leads out of a context,
        NotFound for what is not there; wildcards that fit nothing choose nothing."""
        path = posixpath.normpath(source)
        if path.startswith("/"):
            path = posixpath.normpath(f"/{path}").lstrip("/")
        if path == ".." or path.startswith("../") or "\0" in path:
            raise Invalid(f"{word} failed: forbidden path outside the build context: {source} ()")
        path = "" if path == "." else path
        if not any(sign in path for sign in "*?[\\"):
            if not self.listing:
                self.found(path, word)
            elif self.listing.real(path) is None:
                raise NotFound(self._missing(path, word))
            return [path]
        try:
            pattern = Pattern.parse(path, folders=False)
        except Invalid:
            return []  # as dockerd, which does not tell
        names = self.listing.names() if self.listing else self._below(self.view, "")
        return [name for name in names if pattern.fits(name)]

    def found(self, path: str, word: str = "COPY") -> tuple[str, os.stat_result]:
        """Its real path and what is there, a link never. NotFound."""
        missing, tree = NotFound(self._missing(path, word)), self.tree
        try:
            real = tree.real(path).lstrip("/")
        except Invalid as error:
            raise missing from error
        place = tree.find(real) if real else self._top()
        if place is None:
            raise missing
        return real, place.lstat()

    def _top(self) -> Path | None:
        return self.layers[-1] if self.layers else None

    def _missing(self, path: str, word: str = "COPY") -> str:
        where = (
            "file not found in build context or excluded by .dockerignore: " if self.told else ""
        )
        return f"{word} failed: {where}stat {path}: file does not exist"

    def spot(self, real: str) -> Spot:
        """Of a path of ``found``, which is not ""."""
        spot = self.view.reach(real)
        if spot is None:
            raise NotFound(self._missing(real))
        return spot

    def _below(self, view: View, path: str) -> Iterator[str]:
        """Every path below a folder, a folder before what is in it."""
        for name in view.names():
            inner = posixpath.join(path, name)
            yield inner
            spot = view.find(name)
            if spot and stat.S_ISDIR(spot.stat().st_mode):
                with view.folder(name) as below:
                    yield from self._below(below, inner)

    # --- checksums -------------------------------------------------------------------------

    def checksum(self, path: str) -> str:
        """Of what COPY takes for this path."""
        if self.listing:
            known = self.listing.checksum(path)
            if known is None:
                raise NotFound(self._missing(path))
            return known
        real, found = self.found(path)
        if not stat.S_ISDIR(found.st_mode):
            return f"file:{self._hash(path)}"
        hashes = [self._hash(path)] if path else []
        return checksums.of_folder([*hashes, *self._hashes(self.folder(real), real)])

    def folder(self, real: str) -> View:
        """What is in the folder of a path of ``found``."""
        view = self.view
        for name in real.split("/") if real else ():
            with view.folder(name) as inner:  # of paths, which need not be kept open
                view = inner
        return view

    def _hashes(self, view: View, path: str) -> Iterator[str]:
        """Of all below a folder, whose real path this is."""
        for name in view.names():
            spot, inner = view.find(name), posixpath.join(path, name)
            assert spot
            found = spot.stat()
            if stat.S_ISLNK(found.st_mode):
                yield self._hash(inner)
                continue
            yield self._hash_of(inner, found, spot)
            if stat.S_ISDIR(found.st_mode):
                with view.folder(name) as below:
                    yield from self._hashes(below, inner)

    def _hash(self, path: str) -> str:
        """Of one path, as dockerd: a link counts as what it leads to, what is not there as its
        name."""
        try:
            real, found = self.found(path)
            spot = self.spot(real) if real else None
        except NotFound:
            return path
        return self._hash_of(real, found, spot)

    def _hash_of(self, real: str, found: os.stat_result, spot: Spot | None) -> str:
        """Of what is at a real path, which is no link."""
        if self.told:
            head = self.told.head(real)
        else:
            head = checksums.head_of(real, found, "", self.owner(real))
        if head is None:
            return real
        is_told = self.told is None or self.told.has_content(real)
        if not spot or not is_told or not stat.S_ISREG(found.st_mode):
            return checksums.of_entry(head, None)
        with os.fdopen(spot.open(), "rb") as content:
            return checksums.of_entry(head, content)
