"""What is in an image, layer by layer, from whichever engine has it.

    outline(connection, "busybox")                            its steps, at once
    contents = read(connection, "busybox", progress=print)    its files too
    contents.summary(); contents.data; contents.tree()        see oci.contents
    look(connection, contents, 2, "/etc/passwd")              a file's text and what a layer changed

Every engine is asked by the same requests: what it knows of the image, its history, and the
archive that ``docker save`` gets, which is read while it comes. Nothing is written to a disk.

Knows: which requests. Does not know: archives, layers (``oci`` does), how it is shown.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ipycontainers.errors import ContainerError, NotFound
from ipycontainers.oci import saved
from ipycontainers.oci.blob import Readable
from ipycontainers.oci.changes import FILE, HARD_LINK, REMOVED, Entry
from ipycontainers.oci.contents import Contents, LayerContents
from ipycontainers.oci.image import Config
from ipycontainers.oci.inside import MOST_LINKS
from ipycontainers.oci.legible import visible
from ipycontainers.oci.shelf import MOST_KEPT, is_enough
from ipycontainers.oci.texts import LIMIT, FileText, Passage, difference, text

if TYPE_CHECKING:
    from ipycontainers.client import Connection

TOLD_EVERY = 0.1  # seconds
MOST_AT_HAND = 2 * MOST_KEPT  # bytes of texts; when there are more, the oldest go
# Instructions that change the configuration only, as an engine or a builder has them written down.
_METADATA = re.compile(
    r"(?:.*#\(nop\)\s+)?(?:ARG|CMD|ENTRYPOINT|ENV|EXPOSE|HEALTHCHECK|LABEL|MAINTAINER|ONBUILD|SHELL"
    r"|STOPSIGNAL|USER|VOLUME)\s",
    re.DOTALL,
)


@dataclass(frozen=True)
class Outline:
    """An image as its engine tells of it before it is read: the steps have no files and no digests.
    A step of no bytes whose history does not say whether it made a layer has no diff id either."""

    image: str
    size: int
    diff_ids: tuple[str, ...]
    layers: tuple[LayerContents, ...]


def outline(connection: Connection, image: str) -> Outline:
    """Raises NotFound, and what asking an engine raises; without steps where the engine does not
    tell the history."""
    return _outlined(connection, image, connection.inspect_image(image))


def _outlined(connection: Connection, image: str, known: Mapping[str, Any]) -> Outline:
    diff_ids = tuple(map(str, (known.get("RootFS") or {}).get("Layers") or ()))
    try:
        told = connection.daemon.get("images", str(known["Id"]), "history") or []
    except ContainerError:
        told = []
    steps = _steps(told[::-1], diff_ids)
    return Outline(image, int(known.get("Size") or 0), diff_ids, steps)


def _steps(told: Sequence[Mapping[str, Any]], diff_ids: Sequence[str]) -> tuple[LayerContents, ...]:
    """Oldest first. An engine tells how large what a step made is, not whether it made a layer."""
    rows = [(str(one.get("CreatedBy") or ""), int(one.get("Size") or 0)) for one in told]
    made = [bool(size) or not _METADATA.match(created_by) for created_by, size in rows]
    if sum(made) != len(diff_ids):
        made = [bool(size) for _, size in rows]
    is_known = sum(made) == len(diff_ids)
    left = list(diff_ids)[::-1]
    return tuple(
        LayerContents(
            digest="",
            diff_id=left.pop() if is_known and is_layer else "",
            size=size,
            created_by=created_by,
            empty=is_known and not is_layer,
        )
        for (created_by, size), is_layer in zip(rows, made, strict=True)
    )


@dataclass(frozen=True)
class Progress:
    """``read`` of about ``size`` bytes have come, ``layers`` of ``of`` are read."""

    layers: int
    of: int
    read: int
    size: int


Heard = Callable[[Progress], object]


def read(
    connection: Connection, image: str, *, hashed: bool = False, progress: Heard | None = None
) -> Contents:
    """All that is in the image, when the engine has sent it.

    ``hashed`` is for images that are to be compared. ``progress`` is called from this thread, at
    most ten times a second; an exception of it ends the reading. Raises NotFound, what asking an
    engine raises, and Invalid or UnsafeLayer for an image that cannot be.
    """
    known = connection.inspect_image(image)
    layers = (known.get("RootFS") or {}).get("Layers") or ()
    if not layers:
        return _without_layers(connection, image, known, hashed)
    with connection.save_image(str(known["Id"])) as archive:
        passing = _Passing(archive, len(layers), int(known.get("Size") or 0), progress)
        contents = saved.read(passing, image, hashed=hashed, listed=passing.listed)
    passing.tell()
    return contents


def _without_layers(
    connection: Connection, image: str, known: Mapping[str, Any], hashed: bool
) -> Contents:
    """Of an image of settings only, such as one FROM scratch: dockerd makes no archive of it."""
    document = {
        "architecture": known.get("Architecture"),
        "os": known.get("Os"),
        "created": known.get("Created"),
        "config": known.get("Config"),
    }
    steps = _outlined(connection, image, known).layers
    return Contents(image, str(known["Id"]), Config.of(document), steps, (), hashed)


class _Passing:
    """A stream that says how much of it has passed."""

    def __init__(self, source: Readable, of: int, size: int, progress: Heard | None) -> None:
        self._source, self._of, self._size, self._progress = source, of, size, progress
        self._layers = self._read = 0
        self._told = 0.0

    def read(self, size: int = -1, /) -> bytes:
        piece = self._source.read(size)
        self._read += len(piece)
        if self._progress and time.monotonic() - self._told > TOLD_EVERY:
            self.tell()
        return piece

    def listed(self, count: int) -> None:
        self._layers = count

    def tell(self) -> None:
        if self._progress:
            self._told = time.monotonic()
            self._progress(Progress(self._layers, self._of, self._read, self._size))


@dataclass(frozen=True)
class Look:
    """A file as a layer has it, and as it was in the layers below; None where it was not there.
    ``lines`` are those of ``diff -u`` between them, None where these cannot be compared."""

    here: FileText | None
    below: FileText | None
    lines: list[str] | None


def look(
    connection: Connection, contents: Contents, layer: int, path: str, *, limit: int = LIMIT
) -> Look:
    """The file ``path`` as a container of the layers up to ``layer`` has it; ``limit`` bytes of it
    are read. What ``read`` has kept is shown at once. For the rest the archive is asked for again,
    since no engine gives one layer, and what is beside the file is kept. NotFound where no layer
    has such a file."""
    here = version(contents, layer, path)
    below = version(contents, (here[0] if here else layer) - 1, path)
    versions = [one for one in (here, below) if one]
    if not versions:
        raise NotFound(f"{visible(contents.image)} has no file {visible(path)} in layer {layer}")
    if not all(_is_at_hand(contents, number, entry, limit) for number, entry in versions):
        _fetch(connection, contents, frozenset(entry.path for _, entry in versions), limit)

    def shown(version: tuple[int, Entry] | None) -> FileText | None:
        if version is None:
            return None
        number, entry = version
        start = contents.layers[number].texts.get(entry.path, b"")
        return text(path, number, entry.size, start[:limit])

    return Look(shown(here), shown(below), difference(shown(below), shown(here)))


def _is_at_hand(contents: Contents, number: int, entry: Entry, limit: int) -> bool:
    start = contents.layers[number].texts.get(entry.path)
    return start is not None and is_enough(start, entry.size, limit)


def _fetch(connection: Connection, contents: Contents, paths: frozenset[str], limit: int) -> None:
    """Have the texts of these files at hand, and of others no more than may be kept."""
    with connection.save_image(contents.id) as archive:
        found = saved.walk(archive, Passage(paths, limit).take)
    made = [one for one in contents.layers if not one.empty]
    taken = [stored.taken for stored in found.layers]
    before = sum(len(start) for one in made for start in one.texts.values())
    if before + sum(len(start) for texts in taken for start in texts.values()) > MOST_AT_HAND:
        for one in made:
            one.texts.clear()
    for one, texts in zip(made, taken, strict=True):
        one.texts.update(texts)


def version(
    contents: Contents, layer: int, path: str, links: int = MOST_LINKS
) -> tuple[int, Entry] | None:
    """The newest layer up to ``layer`` that has the bytes of that file, and what it is there."""
    for number in range(layer, -1, -1):
        entry = _entry(contents.layers[number].files, path)
        if entry is None:
            continue
        if entry.change != REMOVED and entry.kind == HARD_LINK and links:
            return version(contents, number, entry.target, links - 1)
        return (number, entry) if entry.change != REMOVED and entry.kind == FILE else None
    return None


def _entry(files: tuple[Entry, ...], path: str) -> Entry | None:
    return next((entry for entry in files if entry.path == path), None)
