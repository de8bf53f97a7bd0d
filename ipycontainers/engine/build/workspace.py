"""The files of a stage between two steps: layers, or one root where there is no overlayfs.

    workspace = begun(engine, image, folder)
    with workspace.upper() as upper: …                    COPY writes there
    workspace.keep(upper)                                 the layer, stored; its files stay
    workspace.root()                                      for a container to take, or None
    workspace.keep_run(record, began)                     what the container wrote, the same

Of layers nothing is copied: what a step wrote is renamed to be a layer (``Layered``). Of a root
there is one copy per stage, which each step's container takes and gives back (``Copied``).

Knows: unpacked layers, owners. Does not know: instructions, images' configs.
"""

from __future__ import annotations

import os
import posixpath
import secrets
import stat
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Protocol

from ipycontainers.engine import apt, changes, clearing, files, ownership, rootfs, unpacked
from ipycontainers.engine.engine import Engine
from ipycontainers.engine.record import Record
from ipycontainers.engine.tree import Tree
from ipycontainers.oci import Image, Layer, assembly, unpack
from ipycontainers.oci.delta import Difference
from ipycontainers.oci.descriptor import Descriptor
from ipycontainers.oci.inside import Inside, check_depth
from ipycontainers.oci.pack import Packing
from ipycontainers.oci.record import Unpacked
from ipycontainers.oci.view import View

from .layering import Written
from .origins import Origin
from .settling import Settling, change_mode
from .snapshot import Snapshot
from .upper import Upper


class Workspace(Protocol):
    """What both kinds do. All of it may raise OSError and ContainerError, and then it is of no
    more use."""

    @property
    def origin(self) -> Origin:
        """Its files, to be read."""

    @property
    def newest(self) -> int:
        """The latest time of any of them, in seconds; 0 without files."""

    def upper(self, moment: int, latest: int | None) -> Upper:
        """A new layer, of which nothing is there yet."""

    def keep(self, upper: Upper) -> Descriptor | None:
        """The layer, in the layout; None for an empty one."""

    def root(self) -> Path | None:
        """For a container that is made next; None where it takes the image's layers."""

    def keep_run(
        self, record: Record, began: float, moment: int, *, take: bool
    ) -> Descriptor | None:
        """What the container wrote, as ``keep``. It has ended; ``take``: it goes after this, so
        its files may be had."""

    def close(self) -> None:
        """Nothing of it is left but layers."""


def begun(engine: Engine, image: Image | None, folder: Path, base: Image | None) -> Workspace:
    """Of an image, or of none. ``folder`` is private to the build and there; ``base`` is the image
    that the stage began with, whose root others may need too. Nobody tidies up while ``keep`` and
    ``keep_run`` are at work, and until an image has the layer."""
    place = folder / secrets.token_hex(8)
    if engine.launcher.needs_copy:
        return Copied(engine, image, place, base)
    return Layered(engine, image, place)


# --- of layers -----------------------------------------------------------------------------------


class Layered:
    """For launchers with overlayfs; ``place`` is where a layer is made, which is renamed then."""

    def __init__(self, engine: Engine, image: Image | None, place: Path) -> None:
        self._engine, self._place = engine, place
        self._layers = _layers(engine, image) if image and image.layers else []
        self._owners = ownership.Owners(reversed(self._layers))

    @property
    def origin(self) -> Origin:
        return Origin(tuple(self._layers), owner=self._owners)

    @property
    def newest(self) -> int:
        return self._owners.newest

    def upper(self, moment: int, latest: int | None) -> Upper:
        self._place.mkdir(mode=0o755)
        return Upper(self._place, self.origin, moment, latest)

    def keep(self, upper: Upper) -> Descriptor | None:
        try:
            return self._keep(upper.place, upper.record, frozenset())
        finally:
            clearing.remove(upper.place)

    def root(self) -> Path | None:
        return None

    def keep_run(
        self, record: Record, began: float, moment: int, *, take: bool
    ) -> Descriptor | None:
        tree = self.origin.tree
        upper, own = record.directory / "upper", _own(record, lambda path: bool(tree.find(path)))
        settling = Settling(began, moment, self._owners)
        _settle_all(upper, settling, own)
        for path in sorted(own, key=len, reverse=True):  # places to mount on, which bwrap made
            _remove_empty(upper, path)
        for path in _volumes(record):
            _open_way(upper, path, tree)
        return self._keep(upper, settling.record, own, take=take)

    def _keep(
        self, folder: Path, record: Unpacked, own: frozenset[str], *, take: bool = True
    ) -> Descriptor | None:
        engine = self._engine
        before = View(tuple(str(layer) for layer in reversed(self._layers)))
        layer = _stored(engine, folder, record, before, own)
        if layer is None:
            return None
        if take:
            place = unpacked.take(engine.data, layer.digest, folder, record)
        else:
            place = unpacked.layer(engine.layout, Layer(layer, layer.digest), engine.data)
        self._layers = [path for path in self._layers if path != place] + [place]
        self._owners.add(place, record)
        return layer

    def close(self) -> None:
        """Layers belong to images."""


# --- of one root ---------------------------------------------------------------------------------


class Copied:
    """For launchers without; ``place`` is where the root is while no container has it."""

    def __init__(
        self, engine: Engine, image: Image | None, place: Path, base: Image | None
    ) -> None:
        self._engine, self._place = engine, place
        self._seen: Snapshot | None = None
        self._record = Unpacked()
        if image and image.layers:
            with engine.unpacking.going_on():
                if base and base.layers:
                    unpacked.merged(engine.layout, base, engine.data)
                self._record = _copy(engine, image, place)
        else:
            place.mkdir(mode=0o755)

    @property
    def origin(self) -> Origin:
        return Origin((self._place,), owner=self._record.owners.get)

    @property
    def newest(self) -> int:
        return self._record.newest

    def upper(self, moment: int, latest: int | None) -> Upper:
        folder = self._place.with_name(f"{self._place.name}-upper")
        folder.mkdir(mode=0o755)
        return Upper(folder, self.origin, moment, latest)

    def keep(self, upper: Upper) -> Descriptor | None:
        try:
            layer = _stored(self._engine, upper.place, upper.record, View((str(self._place),)))
        finally:
            clearing.remove(upper.place)
        if layer:
            with self._engine.layout.open_blob(layer.digest) as stream:
                unpack.layer(stream, self._place, overlay=False, record=self._record)
            self._seen = None
        return layer

    def root(self) -> Path | None:
        without = {path.strip("/") for path in changes.OWN}
        self._seen = self._seen or Snapshot.of(self._place, without)
        return self._place

    def keep_run(
        self, record: Record, began: float, moment: int, *, take: bool
    ) -> Descriptor | None:
        root, before = record.directory / "root", self._seen
        assert before
        own = _own(record, lambda path: path.strip("/") in before.marks)
        settling = Settling(began, moment, self._record.owners.get)
        written = Written(root, before, own, settling)
        layer = assembly.put_layer(self._engine.layout, written.pieces())
        self._seen = written.after
        written.remember(self._record)
        for path in sorted(own, key=len, reverse=True):
            if path not in before.marks:  # a place to mount on
                _remove_empty(root, path)
                written.after.marks.pop(path, None)
        apt.remove(root)
        if take:
            root.rename(self._place)
        else:
            rootfs.copy(root, self._place)
            self._seen = None
        return layer

    def close(self) -> None:
        clearing.remove(self._place)


def _copy(engine: Engine, image: Image, place: Path) -> Unpacked:
    """A root of the image, from that of the nearest image beneath it that has one."""
    diff_ids = image.config.diff_ids
    best, count = None, 0
    for _, other in engine.layout.images():
        has = len(other.layers)
        root = unpacked.image_root(engine.data, str(other.id))
        if has > count and other.config.diff_ids == diff_ids[:has] and root.is_dir():
            best, count = root, has
    if best:
        rootfs.copy(best, place)
        record = ownership.of(best)
    else:
        place.mkdir(mode=0o755)
        record = Unpacked()
    for layer in image.layers[count:]:
        with engine.layout.open_layer(layer) as stream:
            unpack.layer(stream, place, overlay=False, record=record)
    return record


# --- both ----------------------------------------------------------------------------------------


def reading(engine: Engine, image: Image | None) -> Origin:
    """The files of an image, of which nothing is made anew and that are only read."""
    if image is None or not image.layers:
        return Origin(())
    if engine.launcher.needs_copy:
        with engine.unpacking.going_on():
            root = unpacked.merged(engine.layout, image, engine.data)
        return Origin((root,), owner=ownership.of(root).owners.get)
    layers = _layers(engine, image)
    return Origin(layers, owner=ownership.Owners(reversed(layers)))


def _layers(engine: Engine, image: Image) -> list[Path]:
    """The oldest first, without the mount points that images may lack."""
    with engine.unpacking.going_on():
        return list(unpacked.layers(engine.layout, image, engine.data, engine.data)[1:])


def _stored(
    engine: Engine,
    folder: Path,
    record: Unpacked,
    before: View,
    own: frozenset[str] = frozenset(),
) -> Descriptor | None:
    """All that is in a folder such as overlayfs writes to, as a layer; None for an empty one."""
    packing = Packing(record.owners.get, sparse=True)
    difference = Difference(packing, copied=False, own=own, whole=True)
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return assembly.put_layer(engine.layout, difference.pieces(handle, before))
    finally:
        os.close(handle)


def _own(record: Record, is_there: Callable[[str], bool]) -> frozenset[str]:
    """What the engine made in a container, or mounted on, but for the folders of volumes that
    the image had not: dockerd leaves those in the layer. ``is_there`` is asked of paths below."""
    targets = {mount.target.strip("/") for mount in files.bundle(record).spec.mounts}
    made = {path for path in _volumes(record) & targets if not is_there(path)}
    return frozenset((*(path.strip("/") for path in changes.OWN), *(targets - made)))


def _volumes(record: Record) -> set[str]:
    return {str(path).strip("/") for path in record.config.get("Volumes") or ()}


def _open_way(top: Path, path: str, below: Tree) -> None:
    """bwrap makes the folders on the way to a place to mount on for its user alone."""
    with closing(Inside(top)) as inside:
        while path := posixpath.dirname(path):
            with suppress(OSError), inside.parent(path) as (folder, name, _):
                found = os.stat(name, dir_fd=folder, follow_symlinks=False)
                if stat.S_IMODE(found.st_mode) == stat.S_IRWXU and not below.find(path):
                    change_mode(folder, name, 0o755)


def _settle_all(top: Path, settling: Settling, own: frozenset[str]) -> None:
    """Everything in a folder but what is ``own``."""
    for above, folders, names, handle in os.fwalk(top):
        inner = os.path.relpath(above, top)
        check_depth(inner)
        prefix = "" if inner == "." else f"{inner}/"
        folders[:] = [name for name in folders if prefix + name not in own]
        for name in (*folders, *names):
            if prefix + name not in own:
                settling.entry(handle, name, prefix + name)
    handle = os.open(top, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        settling.compiled(handle)
    finally:
        os.close(handle)


def _remove_empty(top: Path, path: str) -> None:
    """An empty folder or file, such as one is made to be mounted on."""
    with suppress(OSError), closing(Inside(top)) as inside, inside.parent(path) as found:
        folder, name, _ = found
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode):
            os.rmdir(name, dir_fd=folder)
        elif stat.S_ISREG(status.st_mode) and not status.st_size:
            os.unlink(name, dir_fd=folder)
