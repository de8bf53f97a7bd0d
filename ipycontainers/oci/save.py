"""Images as an archive that ``docker load``, skopeo and others read.

    oci-layout  index.json  manifest.json  blobs/sha256/HEX …

It is both at once, as docker save writes it since version 25: an OCI layout and, by
manifest.json, an archive of docker's own. Content is given back byte for byte as it is
stored, and what several images share is in it once.

Knows: these archives. Does not know: HTTP, what is in a layer.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator, Sequence

from . import descriptor as kinds
from .blob import PIECE
from .descriptor import Descriptor, Digest
from .image import Image
from .layout import Layout
from .origins import NAME
from .pack import END, header
from .reference import Reference

_CONTAINERD_NAME = "io.containerd.image.name"
Chosen = Sequence[tuple[Image, Sequence[str]]]


def save(layout: Layout, chosen: Chosen) -> Iterator[bytes]:
    """The pieces of the archive. ``chosen``: images, each with the names that it shall have.

    NotFound, before the first piece, when content is missing; nothing is removed from the
    layout meanwhile.
    """
    with layout.hold():
        for image, _ in chosen:
            layout.whole(image.manifest)
        yield from _file("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        yield from _file("index.json", _index(chosen))
        yield from _file("manifest.json", _manifest(chosen))
        written: set[Digest] = set()
        for image, _ in chosen:
            for blob in _blobs(image):
                if blob.digest not in written:
                    written.add(blob.digest)
                    yield from _content(layout, blob)
        yield END


def _blobs(image: Image) -> Iterator[Descriptor]:
    yield image.manifest
    yield image.config_descriptor
    yield from (layer.descriptor for layer in image.layers)


def _index(chosen: Chosen) -> bytes:
    entries = [entry for image, names in chosen for entry in _entries(image, names)]
    return _json({"schemaVersion": 2, "mediaType": kinds.INDEX, "manifests": entries})


def _entries(image: Image, names: Sequence[str]) -> Iterator[dict[str, object]]:
    plain = image.manifest.to_json()
    plain.pop("annotations", None)
    for name in names:
        reference = Reference.parse(name)
        annotations = {_CONTAINERD_NAME: reference.full, NAME: reference.tag}
        yield {**plain, "annotations": annotations}
    if not names:
        yield plain


def _manifest(chosen: Chosen) -> bytes:
    return _json(
        [
            {
                "Config": _path(image.id),
                "RepoTags": list(names) or None,
                "Layers": [_path(layer.descriptor.digest) for layer in image.layers],
            }
            for image, names in chosen
        ]
    )


def _path(digest: Digest) -> str:
    return f"blobs/sha256/{digest.hex}"


def _json(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _file(name: str, content: bytes) -> Iterator[bytes]:
    yield _head(name, len(content)) + content + bytes(-len(content) % 512)


def _content(layout: Layout, blob: Descriptor) -> Iterator[bytes]:
    yield _head(_path(blob.digest), blob.size)
    with layout.open_blob(blob.digest, blob.size) as stored:
        while piece := stored.read(PIECE):
            yield piece
    yield bytes(-blob.size % 512)


def _head(name: str, size: int) -> bytes:
    entry = tarfile.TarInfo(name)
    entry.size = size
    return header(entry)
