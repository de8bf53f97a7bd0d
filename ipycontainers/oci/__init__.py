"""What an image is: content named by its digest, in a folder, as the OCI wrote it down.

    layout = oci.Layout.open(folder)
    oci.archive.load(stream, layout)            # what docker save wrote
    image = layout.resolve("busybox")
    oci.unpack.root(layout, image, target)      # a root to run programs in

Reading order: descriptor, reference, blob, image, origins, unfinished, layout, entries, inside,
archive, record, unpack, view, pack, delta, save, assembly, programs, from_host, stand_in; heads,
shelf, listing, changes, tree, contents, saved, texts. Only the standard library; no network; no
root.

Knows: images. Does not know: containers, registries, Docker's API.
"""

from __future__ import annotations

from . import archive, assembly, from_host, stand_in, unpack
from .descriptor import Descriptor, Digest, Platform
from .image import Config, Image, Layer
from .layout import Layout
from .reference import Reference

__all__ = [
    "Config",
    "Descriptor",
    "Digest",
    "Image",
    "Layer",
    "Layout",
    "Platform",
    "Reference",
    "archive",
    "assembly",
    "from_host",
    "stand_in",
    "unpack",
]
