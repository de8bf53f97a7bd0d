"""An archive of an image, looked at while it passes: ``docker save``'s, an OCI layout in a tar.

    contents = read(stream, "busybox")

The archive is read once, from front to back, and its files may stand in any order: each layer
becomes a list when it comes, and the lists that say which image has which layers are looked at
last. So these lists are in memory, with some texts (``shelf``), and nothing is on the disk.

Digests are not computed: the engine that sends the archive has verified what it stores.

Knows: these archives (``archive`` has their names). Does not know: HTTP, how files are compared.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Any, Generic, TypeVar

from ipycontainers.errors import Invalid

from . import listing
from .blob import Joined, Readable, bounded, buffered, decompressed, is_compressed
from .changes import Bound, Listed, Stack
from .contents import Contents, LayerContents
from .descriptor import INDEXES, Digest, Platform, parse_json
from .heads import Content, heads
from .image import Config
from .shelf import Shelf

MOST_FILES = 100_000  # in an archive; an image has at most a few hundred
LARGEST_DOCUMENT = 4 << 20  # as registries have it
MOST_DOCUMENTS = 32 << 20  # bytes of all of them
MOST_STEPS = 10_000  # of a history; dockerd has at most 127 layers
_BLOBS = "blobs/sha256/"
_ATTESTATION = "vnd.docker.reference.type"
_MAGIC = slice(257, 262)
_CHECKSUM = slice(148, 156)
_BLOCK = 512

T = TypeVar("T")
Take = Callable[[Readable, bytes], T]
"""Reads a layer's tar, which is not compressed; the bytes are its first ones."""


@dataclass(frozen=True)
class Stored(Generic[T]):
    """A layer of an archive: what it was taken for, and its digest, "" where nothing says it."""

    taken: T
    digest: str


@dataclass(frozen=True)
class Found(Generic[T]):
    """The image of an archive; ``id`` is the digest of its config."""

    id: str
    config: Config
    layers: Sequence[Stored[T]]


def read(
    stream: Readable,
    image: str,
    *,
    hashed: bool = False,
    bound: Bound | None = None,
    listed: Callable[[int], object] | None = None,
) -> Contents:
    """What is in the image of an archive, which was asked for as ``image``.

    ``hashed``: files get digests, so that they can be compared. ``listed`` is told how many layers
    are read. Invalid when this is no such archive or more than ``bound``; UnsafeLayer where a name
    leads outside.
    """
    bound = bound or Bound()
    take = partial(listing.read, what="a layer", bound=bound, hashed=hashed, shelf=Shelf())

    def taken(tar: Readable, first: bytes) -> Listed:
        return take(tar, first=first)

    found = walk(stream, taken, listed)
    layers, wasted = _stacked(found, bound)
    return Contents(image, found.id, found.config, layers, wasted, hashed)


def walk(
    stream: Readable, take: Take[T], listed: Callable[[int], object] | None = None
) -> Found[T]:
    """Have each layer of an archive taken, in whatever order they come; then find the image."""
    files: _Files[T] = _Files(take, listed)
    files.all(stream)
    name, layers = _docker(files) if "manifest.json" in files.documents else _oci(files)
    document = files.document(name)
    config = Config.of(parse_json(document, "an image's config"))
    if len(layers) != len(config.diff_ids):
        raise Invalid(f"image with {len(layers)} layers whose config names {len(config.diff_ids)}")
    stored = [
        files.layer(layer, str(diff_id))
        for layer, diff_id in zip(layers, config.diff_ids, strict=True)
    ]
    return Found(f"sha256:{hashlib.sha256(document).hexdigest()}", config, stored)


class _Files(Generic[T]):
    """The files of an archive: lists as they are, layers as they were taken."""

    def __init__(self, take: Take[T], listed: Callable[[int], object] | None) -> None:
        self.documents: dict[str, bytes] = {}
        self._take, self._listed = take, listed
        self._layers: dict[str, tuple[T, bool]] = {}  # and whether it is compressed
        self._links: dict[str, str] = {}
        self._left = MOST_DOCUMENTS

    def all(self, stream: Readable) -> None:
        for count, (head, content) in enumerate(heads(stream, "the archive")):
            if count >= MOST_FILES:
                raise Invalid(f"an archive of more than {MOST_FILES} files is no image")
            name = posixpath.normpath(head.name).lstrip("/")
            if content:
                self._file(name, head.size, content)
            elif head.issym():
                target = posixpath.join(posixpath.dirname(name), head.linkname)
                self._links[name] = posixpath.normpath(target)
            elif head.islnk():
                self._links[name] = posixpath.normpath(head.linkname)

    def _file(self, name: str, size: int, content: Content) -> None:
        first = content.exactly(_BLOCK)
        if _is_document(name, first):
            if size > LARGEST_DOCUMENT or size > self._left:
                raise Invalid(f"the archive's file {name!r:.100} is larger than any such list")
            self._left -= size
            self.documents[name] = first + content.exactly(size)
        elif (packed := is_compressed(first)) or _is_tar(first):
            tar: Readable = content
            if packed:
                pieces = chain([first], iter(content.read, b""))
                tar, first = bounded(decompressed(buffered(Joined(pieces))), size), b""
            self._layers[name] = self._take(tar, first), packed
            if self._listed:
                self._listed(len(self._layers))

    def document(self, name: object) -> bytes:
        """Invalid where there is none."""
        return self.documents[self._found(name, self.documents)]

    def json(self, name: object) -> Any:
        return parse_json(self.document(name), "a list of the archive")

    def layer(self, name: object, diff_id: str) -> Stored[T]:
        at = self._found(name, self._layers)
        taken, packed = self._layers[at]
        if at.startswith(_BLOBS):
            return Stored(taken, str(Digest.parse(f"sha256:{at.removeprefix(_BLOBS)}")))
        return Stored(taken, "" if packed else diff_id)

    def _found(self, name: object, among: Mapping[str, object]) -> str:
        """Through links within the archive."""
        path = posixpath.normpath(name) if isinstance(name, str) else ""
        for _ in range(8):
            if path in among:
                return path
            path = self._links.get(path, "")
        raise Invalid(f"the archive lacks its file {name!r:.200}")


def _is_document(name: str, first: bytes) -> bool:
    """Blobs are named by digest alone; a JSON object is no tar."""
    is_list = name.endswith(".json") or (name.startswith(_BLOBS) and first[:1] == b"{")
    return is_list and first[_MAGIC] != b"ustar"


def _is_tar(first: bytes) -> bool:
    """Also of nothing. Before POSIX tars had no mark, but a zero behind the checksum."""
    return first[_MAGIC] == b"ustar" or not any(first) or b"\0" in first[_CHECKSUM]


def _docker(files: _Files[T]) -> tuple[object, Sequence[object]]:
    """The names of the config and of the layers, by docker's own list."""
    items = files.json("manifest.json")
    item = items[0] if isinstance(items, list) and items else None
    layers = (item.get("Layers") or []) if isinstance(item, dict) else None
    if not isinstance(item, dict) or not isinstance(layers, list):
        raise Invalid("the manifest.json of the archive names no image")
    return item.get("Config"), layers


def _oci(files: _Files[T]) -> tuple[object, Sequence[object]]:
    """The same of an OCI layout, for this machine where there are several platforms."""
    if "index.json" not in files.documents:
        raise Invalid("this is no archive of an image: it has no manifest.json and no index.json")
    document: Any = files.json("index.json")
    for _ in range(4):
        chosen = _chosen(document)
        document = files.json(_blob(chosen))
        if chosen.get("mediaType") not in INDEXES:
            break
    layers = document.get("layers") if isinstance(document, dict) else None
    if not isinstance(layers, list):
        raise Invalid("the archive has a manifest without layers")
    return _blob(document.get("config")), [_blob(layer) for layer in layers]


def _chosen(index: Any) -> Mapping[str, Any]:
    listed = index.get("manifests") if isinstance(index, dict) else None
    choices = [one for one in listed or () if isinstance(one, dict)]
    choices = [one for one in choices if _ATTESTATION not in (one.get("annotations") or {})]
    here = Platform.here()
    fitting = [one for one in choices if _platform(one) in ("", f"{here.os}/{here.architecture}")]
    if not choices:
        raise Invalid("an index of the archive names no image")
    return (fitting or choices)[0]


def _platform(choice: Mapping[str, Any]) -> str:
    platform = Platform.of(choice.get("platform"))
    return f"{platform.os}/{platform.architecture}".strip("/")


def _blob(descriptor: Any) -> str:
    digest = descriptor.get("digest") if isinstance(descriptor, dict) else None
    return _BLOBS + Digest.parse(digest).hex


def _stacked(
    found: Found[Listed], bound: Bound
) -> tuple[tuple[LayerContents, ...], tuple[Any, ...]]:
    """The steps of an image with what each changed, and what is wasted by numbers of steps."""
    stack, rows, numbers = Stack(bound), [], []
    seen: set[int] = set()
    left = list(zip(found.layers, found.config.diff_ids, strict=True))[::-1]
    for number, step in enumerate(_steps(found.config)):
        if step.get("empty_layer"):
            rows.append(replace(_said(step), empty=True))
            continue
        stored, diff_id = left.pop()
        if id(stored.taken) in seen:  # the same once more, which says all of it again
            for entry in stored.taken.entries:
                bound.take(entry.path)
        seen.add(id(stored.taken))
        numbers.append(number)
        row = replace(_said(step), digest=stored.digest, diff_id=str(diff_id))
        files, texts = stack.put(stored.taken), dict(stored.taken.texts)
        rows.append(replace(row, size=stored.taken.size, files=files, texts=texts))
    wasted = [
        waste._replace(layer=numbers[waste.layer], by=numbers[waste.by]) for waste in stack.wasted
    ]
    return tuple(rows), tuple(wasted)


def _said(step: Mapping[str, Any]) -> LayerContents:
    made_by, created, comment = (
        str(step.get(key) or "") for key in ("created_by", "created", "comment")
    )
    return LayerContents("", "", 0, made_by, created, comment)


def _steps(config: Config) -> Iterator[Mapping[str, Any]]:
    """The history, or steps that nothing is known of: it is optional, and squashed images lie."""
    made = sum(not step.get("empty_layer") for step in config.history)
    if made == len(config.diff_ids) and len(config.history) <= MOST_STEPS:
        yield from config.history
    else:
        yield from ({} for _ in config.diff_ids)
