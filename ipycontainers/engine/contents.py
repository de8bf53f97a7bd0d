"""The files of a container as a tar: all of them, or what differs from its image.

Both are made from the folders themselves, without a mount, so it is the same whether the
container runs; who wants no file half written pauses it before.

Knows: bundles. Does not know: HTTP, images' documents.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ipycontainers.oci.delta import Difference
from ipycontainers.oci.pack import END, Packing
from ipycontainers.oci.view import Part, View

from . import apt, changes, files, usage
from .changes import DELETED, OWN
from .container import Bundle
from .ownership import Owners
from .record import Record


def export(record: Record, image_root: Path) -> Iterator[bytes]:
    """The whole root, of volumes only the folders that they are mounted on."""
    bundle = files.bundle(record)
    packing = Packing(Owners.of_container(bundle, image_root), without=(apt.FILE[1:],))
    with _written(bundle) as here:
        yield from packing.tree(View((here, *_below(bundle))))
    yield END


def layer(record: Record, image_root: Path) -> Iterator[bytes]:
    """What the container changed, as a layer above its image's."""
    bundle = files.bundle(record)
    packing = Packing(Owners.of_container(bundle, image_root), sparse=True)
    before = View((str(image_root),) if bundle.root else _below(bundle))
    own = {path.strip("/") for path in (*OWN, *(m.target for m in bundle.spec.mounts))}
    difference = Difference(packing, copied=bundle.root is not None, own=frozenset(own))
    with _written(bundle) as here:
        yield from difference.pieces(here, before)


def written(record: Record, image_root: Path) -> int:
    """The bytes of the files that the container has written."""
    bundle = files.bundle(record)
    if not bundle.root:
        return usage.of_folder(bundle.directory / "upper")
    own = [mount.target for mount in bundle.spec.mounts]
    found = changes.of_copy(bundle.root, image_root, own)
    return usage.of_paths(bundle.root, [path for path, kind in found.items() if kind != DELETED])


def _below(bundle: Bundle) -> tuple[Part, ...]:
    return tuple(str(layer) for layer in reversed(bundle.layers))


@contextmanager
def _written(bundle: Bundle) -> Iterator[int]:
    """The folder that the container writes to."""
    folder = bundle.root or bundle.directory / "upper"
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield handle
    finally:
        os.close(handle)
