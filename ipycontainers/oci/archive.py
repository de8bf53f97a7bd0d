"""Images from an archive: what ``docker save`` writes, and OCI layouts in a tar.

    manifest.json, HEX.json, ID/layer.tar …             docker save, older than 25
    manifest.json, index.json, blobs/sha256/HEX …       docker save since 25
    oci-layout, index.json, blobs/sha256/HEX …          skopeo, buildah, buildctl

The archive is read once from front to back, compressed or not. Each file goes into
the layout as content at its digest while it passes, so nothing large is in memory
and no name in the archive becomes a path; what no image needs is removed at the end.
A file system, which is no image yet, is refused after its first files.

Knows: these archives. Does not know: HTTP, what is in a layer.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from ipycontainers.errors import ContainerError, IntegrityError, Invalid

from . import descriptor as kinds
from .blob import Readable, buffered, decompressed, drain, reading
from .descriptor import Descriptor, Digest, Platform
from .entries import entries
from .layout import Layout
from .origins import NAME
from .reference import Reference

MOST_FILES = 100_000  # in an archive; an image has at most a few hundred
MOST_STRANGE = 128  # files of names that no program known here gives; an image has fewer layers
_USUAL = re.compile(
    r"(oci-layout|repositories|[^/]+\.json|[^/]+\.tar(\.gz)?|(sha256:)?[0-9a-f]{64}"
    r"|[^/]+/(VERSION|json|layer\.tar)|blobs/[^/]+/[^/]+)"
)
_CONTAINERD_NAME = "io.containerd.image.name"
_BLOBS = "blobs/sha256/"
_LISTS = frozenset({"manifest.json", "index.json"})


def load(stream: Readable, layout: Layout) -> list[str]:
    """Store the images of an archive; returns their names, or ids of those without one.

    Names are as docker prints them, and mean these images from now on. Raises Invalid
    when it is no such archive, IntegrityError when content is not what its digest
    says; then no image was added.
    """
    try:
        with layout.hold():
            with reading("the archive"):
                files = _Files(layout)
                source = decompressed(buffered(stream))
                files.take(source)
                drain(source)
            found = list(_images(files))
            for manifest, _ in found:
                _check_layers(layout, manifest)
            loaded = [name for manifest, names in found for name in _keep(layout, manifest, names)]
    finally:
        with suppress(ContainerError, OSError):
            layout.gc()
    return loaded


class _Files:
    """The files of an archive, already in the layout: where each name led."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._stored: dict[str, Descriptor] = {}
        self._links: dict[str, str] = {}
        self._strange = 0

    def take(self, stream: Readable) -> None:
        for entry, content in entries(stream, "the archive"):
            name = posixpath.normpath(entry.name).lstrip("/")
            if len(self._stored) + len(self._links) >= MOST_FILES:
                raise Invalid(f"an archive of more than {MOST_FILES} files is no image")
            if not entry.isdir():
                self._judge(name)
            if content:
                hex_ = name.removeprefix(_BLOBS)
                digest = Digest.parse(f"sha256:{hex_}") if hex_ != name else None
                self._stored[name] = self.layout.put(content, digest)
            elif entry.issym():
                target = posixpath.join(posixpath.dirname(name), entry.linkname)
                self._links[name] = posixpath.normpath(target)
            elif entry.islnk():
                self._links[name] = posixpath.normpath(entry.linkname)

    def _judge(self, name: str) -> None:
        """Invalid for one strange file too many, unless a list has said that this has images."""
        self._strange += not _USUAL.fullmatch(name)
        if self._strange > MOST_STRANGE and not _LISTS & self._stored.keys():
            raise _no_images(f"it has {name!r:.100} and more files that are of none")

    def __contains__(self, name: str) -> bool:
        return name in self._stored

    def find(self, name: object) -> Descriptor:
        """The file of that name, through links within the archive; Invalid without one."""
        path = posixpath.normpath(name) if isinstance(name, str) else ""
        for _ in range(8):
            if path in self._stored:
                return self._stored[path]
            path = self._links.get(path, "")
        raise Invalid(f"the archive lacks its file {name!r:.200}")

    def document(self, name: object) -> object:
        return self.layout.document(self.find(name))


def _images(files: _Files) -> Iterator[tuple[Descriptor, list[str]]]:
    if "manifest.json" in files:
        yield from _docker_images(files)
    elif "index.json" in files:
        yield from _oci_images(files)
    else:
        raise _no_images("neither manifest.json nor index.json is in it")


def _no_images(why: str) -> Invalid:
    return Invalid(
        f"this is no archive of images, as docker save makes them: {why}; "
        "an archive of a file system becomes an image by docker import"
    )


def _docker_images(files: _Files) -> Iterator[tuple[Descriptor, list[str]]]:
    listed = files.document("manifest.json")
    if not isinstance(listed, list) or not listed:
        raise Invalid("the manifest.json of the archive names no image")
    for item in listed:
        if not isinstance(item, dict):
            raise Invalid(f"the manifest.json of the archive has {item!r:.100}")
        config, layers = files.find(item.get("Config")), item.get("Layers") or []
        names = item.get("RepoTags") or []
        if not isinstance(layers, list) or not isinstance(names, list):
            raise Invalid("the manifest.json of the archive has no lists")
        blobs = [_as_layer(files.layout, files.find(name)) for name in layers]
        manifest = {
            "schemaVersion": 2,
            "mediaType": kinds.MANIFEST,
            "config": replace(config, media_type=kinds.CONFIG).to_json(),
            "layers": [blob.to_json() for blob in blobs],
        }
        yield files.layout.put_json(manifest, kinds.MANIFEST), [str(name) for name in names]


def _as_layer(layout: Layout, blob: Descriptor) -> Descriptor:
    with layout.open_blob(blob.digest) as stored:
        magic = stored.peek(4)[:4]
    known = {b"\x1f\x8b": "+gzip", b"\x28\xb5": "+zstd"}
    return replace(blob, media_type=kinds.LAYER + known.get(magic[:2], ""))


def _oci_images(files: _Files) -> Iterator[tuple[Descriptor, list[str]]]:
    for entry in _manifests(files.document("index.json")):
        name = entry.annotations.get(_CONTAINERD_NAME) or entry.annotations.get(NAME, "")
        # A bare word may be only the tag, as skopeo and buildctl write it.
        named = _CONTAINERD_NAME in entry.annotations or ":" in name or "/" in name
        yield _for_here(files, entry), [name] if named else []


def _for_here(files: _Files, entry: Descriptor, depth: int = 0) -> Descriptor:
    """The manifest that an index means on this machine; without one for it, the first."""
    if entry.media_type not in kinds.INDEXES:
        return entry
    if depth > 4:
        raise Invalid("an index in an index in an index")
    here, choices = Platform.here(), _manifests(files.layout.document(entry))
    fitting = [
        choice
        for choice in choices
        if choice.platform
        and (choice.platform.os, choice.platform.architecture) == (here.os, here.architecture)
    ]
    present = [choice for choice in choices if files.layout.has(choice.digest)]
    chosen = [choice for choice in fitting if choice in present] or present
    if not chosen:
        raise Invalid("the archive has an index and none of its images")
    return _for_here(files, chosen[0], depth + 1)


def _manifests(index: object) -> list[Descriptor]:
    listed = index.get("manifests") if isinstance(index, dict) else None
    if not isinstance(listed, list) or not listed:
        raise Invalid("an index of the archive names no image")
    return [Descriptor.of(entry) for entry in listed]


def _check_layers(layout: Layout, manifest: Descriptor) -> None:
    """Every layer is there and its tar has the digest that the config says."""
    for layer in layout.image(manifest).layers:
        if layer.descriptor.digest == layer.diff_id and layout.has(layer.diff_id):
            continue  # not compressed, and verified when it was put
        try:
            with reading("a layer"), layout.open_layer(layer) as stream:
                drain(stream)
        except IntegrityError as error:
            raise IntegrityError(f"a layer is not what the image says: {error}") from error


def _keep(layout: Layout, manifest: Descriptor, names: list[str]) -> list[str]:
    references = [Reference.parse(name).tagged for name in names]
    if not references:
        return [str(layout.add(manifest).id)]
    for reference in references:
        layout.tag(reference, manifest)
    return [str(reference) for reference in references]
