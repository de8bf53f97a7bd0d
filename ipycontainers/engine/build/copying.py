"""COPY and ADD: what they take, by dockerd's rules, and where it goes.

    items = chosen(instruction, …)           what is to be copied, each with its checksum
    perform(items, destination, upper, …)    into a layer

A source that is a folder gives what is in it; one that is a link, what it leads to. A destination
with a slash at its end, or that is a folder, keeps the source's name. Links on the way to it are
followed, and a file takes the place of a link that has its name. ADD unpacks archives, told by
their content, and fetches URLs.
https://docs.docker.com/reference/dockerfile/#copy

Knows: these rules. Does not know: stages, the cache.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import secrets
import stat
import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ipycontainers.engine import clearing, users
from ipycontainers.errors import ContainerError, EngineError, Invalid
from ipycontainers.oci import unpack
from ipycontainers.oci.blob import buffered, copied, decompressed
from ipycontainers.oci.entries import entries
from ipycontainers.oci.record import Owner, Unpacked
from ipycontainers.oci.room import Room
from ipycontainers.oci.view import Spot, View

from . import checksums
from .fetching import fetched
from .origins import Origin
from .running import Cancelling
from .upper import Owned, Upper, join

_URL = ("http://", "https://")
_OF_A_URL = 0o600
_DIGITS = 20  # more than any id has


@dataclass(frozen=True)
class Item:
    """One thing to be copied: ``path`` of an origin, or ``content`` of its own: a document, or a
    file at a host's path that has its ``time``."""

    origin: Origin
    path: str
    checksum: str
    content: Path | bytes | None = None
    time: float | None = None


@dataclass(frozen=True)
class Order:
    """Where items go: ``destination`` from /, with a slash at its end where that was said."""

    word: str
    items: tuple[Item, ...]
    destination: str

    @property
    def checksum(self) -> str:
        sums = [item.checksum for item in self.items]
        return sums[0] if len(sums) == 1 else checksums.of_many(sums)


def destination(path: str, folder: str) -> str:
    """From /, as histories show it: a relative one lies in the working directory."""
    if path.startswith("/"):
        return path
    return join(folder or "/", path) + ("/" if path.endswith("/") else "")


def check(word: str, items: Iterable[Item], path: str) -> None:
    """Invalid, in dockerd's words."""
    count = len(tuple(items))
    if not count:
        raise Invalid(f"{word} failed: no source files were specified")
    if count > 1 and not path.endswith("/"):
        raise Invalid(
            f"When using {word} with more than one source file, the destination must be a "
            "directory and end with a /"
        )


# --- what ----------------------------------------------------------------------------------------


def of_paths(origin: Origin, source: str, word: str = "COPY") -> list[Item]:
    """What one source of COPY means. Invalid, NotFound."""
    return [Item(origin, path, origin.checksum(path)) for path in origin.chosen(source, word)]


def of_document(name: str, content: bytes) -> Item:
    """A here-document, which is a file of its own."""
    digest = hashlib.sha256(f"{name}\0".encode() + content).hexdigest()
    return Item(Origin(()), name, f"file:{digest}", content)


def is_url(source: str) -> bool:
    return source.lower().startswith(_URL)


def of_url(url: str, path: str, folder: Path, cancelling: Cancelling) -> Item:
    """What is at a URL, fetched to ``folder``; ``path`` is the destination. EngineError."""
    try:
        name = posixpath.basename(unquote(urlsplit(url).path))
    except ValueError as error:
        raise EngineError(f"ADD failed: {url[:200]!r} is no URL: {error}") from error
    if path.endswith("/") and name in ("", ".", ".."):
        raise Invalid(f"ADD failed: cannot determine filename from url: {url}")
    name = name or posixpath.basename(path)
    try:
        place, told = _fetched(url, folder, cancelling)
    except ContainerError as error:
        raise EngineError(f"ADD failed: {error.message}") from error
    with place.open("rb") as content:
        head = checksums.head_of(name, place.stat(), "", Owner(0, 0, _OF_A_URL))
        checksum = checksums.of_entry(head, content)
    return Item(Origin((folder,)), name, checksum, place, told)


def _fetched(url: str, folder: Path, cancelling: Cancelling) -> tuple[Path, float]:
    """The file, and when it was changed as the server says, or 0."""
    from email.utils import parsedate_to_datetime

    folder.mkdir(exist_ok=True)
    place, changed = folder / secrets.token_hex(8), 0.0
    with fetched(url, cancelling) as answer, place.open("xb") as file:
        with suppress(ValueError, TypeError):
            changed = parsedate_to_datetime(answer.headers.get("Last-Modified") or "").timestamp()
        copied(answer, file, Room(folder))
    place.chmod(_OF_A_URL)
    return place, changed


def owned(chown: str, chmod: str, read: Callable[[str], str]) -> Owned:
    """``--chown=USER[:GROUP]`` and ``--chmod=OCTAL``; ``read`` gives a text of the stage's files.
    Invalid, in dockerd's words."""
    mode = None
    if chmod:
        try:
            mode = int(chmod, 8)
        except ValueError:
            mode = -1
        if not 0 <= mode <= 0o7777:
            raise Invalid(
                f"invalid chmod parameter: '{chmod}'. it should be octal string and between 0 "
                "and 07777"
            )
    if not chown:
        return Owned(mode=mode)
    user, has_group, group = chown.partition(":")
    if not user or ":" in group or (has_group and not group):
        raise Invalid(
            f"invalid chown string provided {chown}: does not match the pattern user[:group]"
        )
    return Owned(_uid(user, read), _gid(group or user, read), mode)


_CHOWN = "unable to convert uid/gid chown string to host mapping: can't find "


def _is_number(text: str) -> bool:
    return text.isdecimal() and len(text) < _DIGITS


def _uid(user: str, read: Callable[[str], str]) -> int:
    if _is_number(user):
        return int(user)
    try:
        return users.find(user, read).uid
    except Invalid as error:
        raise Invalid(f"{_CHOWN}uid for user {user}: no such user: {user}") from error


def _gid(group: str, read: Callable[[str], str]) -> int:
    if _is_number(group):
        return int(group)
    try:
        return users.find(f"0:{group}", read).gid
    except Invalid as error:
        raise Invalid(f"{_CHOWN}gid for group {group}: no such group: {group}") from error


# --- where to ------------------------------------------------------------------------------------


def perform(order: Order, owned: Owned, upper: Upper, scratch: Path) -> None:
    """Every item into the layer. ``scratch`` is a folder for archives, which is there."""
    try:
        for item in order.items:
            upper.part()
            _Item(order, owned, item, upper, scratch).copy()
    except Invalid as error:
        raise Invalid(f"failed to copy files: {error.message}") from error
    upper.finish()


class _Item:
    """One item on its way."""

    def __init__(self, order: Order, owned: Owned, item: Item, upper: Upper, scratch: Path) -> None:
        self._order, self._owned, self._item = order, owned, item
        self._upper, self._scratch = upper, scratch

    def copy(self) -> None:
        item, path = self._item, self._upper.real(self._order.destination)
        if item.content is not None:
            self._content(item.content, self._named(path))
            return
        real, found = item.origin.found(item.path)
        if stat.S_ISDIR(found.st_mode):
            self._folder(real, path)
            return
        spot = item.origin.spot(real)
        if self._order.word == "ADD" and stat.S_ISREG(found.st_mode) and is_archive(spot):
            self._archive(spot, path)
            return
        target = self._named(path)
        self._upper.folder(posixpath.dirname(target), replace(self._owned, mode=None))
        self._upper.put(spot, target, self._kept(real, found), lasts=item.origin.goes)

    def _named(self, path: str) -> str:
        """With the source's name where the destination is a folder."""
        mode = self._upper.mode(path)
        is_folder = mode is not None and stat.S_ISDIR(mode)
        if self._order.destination.endswith("/") or is_folder:
            name = posixpath.basename(self._item.path)
            if name in ("", ".", ".."):
                raise Invalid(f"{path} cannot have a file of the name {name!r}")
            return join(path, name)
        return path

    def _content(self, content: Path | bytes, target: str) -> None:
        self._upper.folder(posixpath.dirname(target), replace(self._owned, mode=None))
        owned, time = self._owned, self._item.time
        if isinstance(content, bytes):
            self._upper.write(target, content, owned)
            return
        spot = Spot(str(content.parent), content.name)
        mode = _OF_A_URL if owned.mode is None else owned.mode
        self._upper.put(spot, target, replace(owned, mode=mode), lasts=False, time=time)

    def _kept(self, real: str, found: os.stat_result) -> Owned:
        """As asked, with the source's own mode and attributes."""
        known = self._item.origin.owner(real)
        is_linked = self._item.origin.is_linked(real, found)
        if known is None:
            return replace(self._owned, is_linked=is_linked) if is_linked else self._owned
        mode = stat.S_IMODE(known.given_back(found.st_mode))
        if self._item.origin.told and stat.S_ISREG(found.st_mode):
            mode &= ~(stat.S_ISUID | stat.S_ISGID)  # dockerd gives them to root after the mode
        mode = mode if self._owned.mode is None else self._owned.mode
        kept = replace(self._owned, mode=mode, attributes=known.attributes)
        return replace(kept, is_linked=is_linked)

    def _folder(self, real: str, path: str) -> None:
        self._make_target(path, "failed to copy directory: ", replace(self._owned, mode=None))
        self._tree(self._item.origin.folder(real), real, path, self._kept)

    def _make_target(self, path: str, what: str, owned: Owned) -> None:
        mode = self._upper.mode(path)
        if mode is not None and not stat.S_ISDIR(mode):
            raise Invalid(f"{what}mkdir {path}: not a directory")
        self._upper.folder(posixpath.dirname(path))
        self._upper.folder(path, owned)

    def _tree(
        self, view: View, real: str, path: str, kept: Callable[[str, os.stat_result], Owned]
    ) -> None:
        for name in view.names():
            spot = view.find(name)
            assert spot
            found, inner = spot.stat(), posixpath.join(real, name)
            target, owned = join(path, name), kept(inner, found)
            if stat.S_ISDIR(found.st_mode):
                self._upper.put_folder(target, found, owned)
                with view.folder(name) as below:
                    self._tree(below, inner, target, kept)
            else:
                self._upper.put(spot, target, owned, lasts=self._item.origin.goes)

    def _archive(self, spot: Spot, path: str) -> None:
        """Owners and modes are the archive's own, whatever --chown says."""
        self._make_target(path, "Error processing tar file: ", Owned())
        folder = Path(tempfile.mkdtemp(dir=self._scratch))
        try:
            with os.fdopen(spot.open(), "rb") as file:
                record = unpack.archive(file, folder)
            self._tree(View((str(folder),)), "", path, _of_archive(record))
        finally:
            clearing.remove(folder)


def _of_archive(record: Unpacked) -> Callable[[str, os.stat_result], Owned]:
    def kept(path: str, found: os.stat_result) -> Owned:
        known, is_linked = record.owners.get(path), found.st_nlink > 1
        if known is None:
            return Owned(is_linked=is_linked)
        return Owned(known.uid, known.gid, known.mode, known.attributes, is_linked)

    return kept


def is_archive(spot: Spot) -> bool:
    """Whether the file begins as a tar does, perhaps a compressed one."""
    with os.fdopen(spot.open(), "rb") as file:
        try:
            plain = decompressed(buffered(file))
            return next(iter(entries(plain, "the archive")), None) is not None
        except ContainerError:
            return False
