"""Layers and images unpacked once, for all containers of them.

    DATA/layers/HEX32/            a layer for overlayfs, shared, never written to
    DATA/layers/stack-HEX32/      all layers of an image that has too many for one mount
    DATA/layers/linked-HEX32/     a layer with links to files of those below, for these alone
    DATA/layers/init/             the oldest layer of all: mount points that images may lack
    DATA/layers/apt/              beneath it, of images with apt: see ``apt``
    DATA/roots/HEX32/             an image merged, to be copied for launchers without overlay
    DATA/*/HEX32.json             whose the files of that layer or root are, see ``ownership``

HEX32 are the first digits of a digest: as many as nobody finds a second content for, since a
name means that the layer need not be looked at again. Each is made beside its place and
renamed, so a name means, too, that it is whole.

Knows: the layout's images. Does not know: containers, but for their layers' names.
"""

from __future__ import annotations

import errno
import hashlib
import secrets
import tempfile
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from ipycontainers.oci import Image, Layer, Layout, unpack
from ipycontainers.oci.blob import drain, reading
from ipycontainers.oci.descriptor import Digest
from ipycontainers.oci.names import sync_folder
from ipycontainers.oci.record import Owner, Unpacked
from ipycontainers.oci.view import View

from . import apt, ownership, syscalls
from .clearing import remove
from .container import Bundle
from .copying import stack
from .overlay import escaped

_DIGITS = 32  # 128 bits
_LONGEST_OPTIONS = 3800  # mount(2) takes one page, of which some words are the launcher's
_OURS = {"init", "apt"}
_PREFIX = len("/oldroot:")  # that bubblewrap puts in front of each path


def layers(layout: Layout, image: Image, data: Path, directory: Path) -> tuple[Path, ...]:
    """The oldest first. One that is there twice is in it once: overlayfs takes no other, and
    the newer has all that the older has."""
    made: list[Path] = []
    for number in range(len(image.layers)):
        made.append(_above(layout, image, number, data, made))  # it reads ``made``
    made = [path for number, path in enumerate(made) if path not in made[number + 1 :]]
    found = (_init(data), *made)
    return found if _fits(found, directory) else (found[0], _stacked(image, tuple(made)))


def _fits(layers: tuple[Path, ...], directory: Path) -> bool:
    """Whether these are few enough for the options of one mount."""
    paths = [str(layer) for layer in layers] + 3 * [f"{directory}/upper"]  # work, beneath
    return sum(len(escaped(path)) + _PREFIX for path in paths) <= _LONGEST_OPTIONS


def keep_layer(
    layout: Layout, part: Layer, data: Path, passed: Callable[[int], object] | None = None
) -> None:
    """Unpack a layer for overlayfs, so that the first container need not; its diff id is verified
    in the same pass. ``passed`` hears of each piece; what it raises ends all. As ``unpack.layer``.
    """
    try:
        layer(layout, part, data, passed, verify=True)
    except unpack.LinksBelow:  # which the first container will have unpacked
        verify_layer(layout, part)


def keep_root(
    layout: Layout,
    image: Image,
    data: Path,
    passed: Callable[[Layer, int], object] | None = None,
) -> None:
    """The same of all layers at once, for launchers that copy the root."""
    merged(layout, image, data, passed, verify=True)


def layer(
    layout: Layout,
    part: Layer,
    data: Path,
    passed: Callable[[int], object] | None = None,
    *,
    verify: bool = False,
) -> Path:
    """One layer for overlayfs, unpacked if it is not there. ``verify``: its diff id also where it
    is there already, perhaps from other bytes. As ``unpack.layer``."""
    made = False

    def make(folder: Path) -> None:
        nonlocal made
        with layout.open_layer(part, passed) as stream:
            ownership.keep(place, unpack.layer(stream, folder, overlay=True))
        made = True

    place = data / "layers" / _name(str(part.diff_id))
    _once(place, make)
    if verify and not made:
        verify_layer(layout, part, passed)
    return place


def take(data: Path, diff_id: Digest, folder: Path, record: Unpacked) -> Path:
    """``folder`` becomes what the layer of that diff id unpacks to, without being unpacked; where
    that is there already, ``folder`` stays. ``record`` says whose its files are."""
    place = data / "layers" / _name(str(diff_id))
    if place.is_dir():
        return place
    folder.chmod(0o755)
    place.parent.mkdir(exist_ok=True)
    ownership.keep(place, record)
    syscalls.sync(folder)
    try:
        folder.rename(place)
        sync_folder(place.parent)
    except OSError as error:  # somebody was faster
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
    return place


def verify_layer(
    layout: Layout, layer: Layer, passed: Callable[[int], object] | None = None
) -> None:
    """Read a layer to its end; IntegrityError when its tar is not what the image says."""
    with reading("the layer"), layout.open_layer(layer, passed) as stream:
        drain(stream)


def sweep(
    data: Path, layout: Layout, bundles: Iterable[Bundle], used: Iterable[str] = ()
) -> list[Path]:
    """Puts aside what neither an image nor a container needs, and what a killed engine was
    making; the folders to be removed. Nothing may be prepared meanwhile. ``used`` are the ids of
    images that containers were made from: a copy is compared with its image's root."""
    images = [image for _, image in layout.images()]
    needed = {_name(str(layer.diff_id)) for image in images for layer in image.layers}
    needed |= {layer.name for bundle in bundles for layer in bundle.layers} | _OURS
    needed |= {_stack_name(image) for image in images}
    chains = (_chain(image, count) for image in images for count in range(1, len(image.layers) + 1))
    needed |= {f"linked-{chain}" for chain in chains}
    roots = {_name(str(image.id)) for image in images} | set(map(_name, used))
    aside = []
    for kind, kept in (("layers", needed), ("roots", roots)):
        for path in (data / kind).glob("*") if (data / kind).is_dir() else ():
            if path.name.removesuffix(ownership.RECORD) not in kept:
                target = path.with_name(f".{secrets.token_hex(8)}")
                path.rename(target)
                aside.append(target)
    return aside


def image_root(data: Path, image_id: str) -> Path:
    """Where an image's merged root is, if it was ever needed."""
    return data / "roots" / _name(image_id)


def _name(digest: str) -> str:
    return digest.partition(":")[2][:_DIGITS]


def merged(
    layout: Layout,
    image: Image,
    data: Path,
    passed: Callable[[Layer, int], object] | None = None,
    *,
    verify: bool = False,
) -> Path:
    made = False

    def make(folder: Path) -> None:
        nonlocal made
        ownership.keep(place, unpack.root(layout, image, folder, passed))
        made = True

    place = image_root(data, str(image.id))
    _once(place, make)
    for layer in image.layers if verify and not made else ():
        verify_layer(layout, layer, partial(passed, layer) if passed else None)
    return place


def _above(layout: Layout, image: Image, number: int, data: Path, below: list[Path]) -> Path:
    try:
        return layer(layout, image.layers[number], data)
    except unpack.LinksBelow:
        return _linked(layout, image, number, below)


def _chain(image: Image, count: int) -> str:
    diff_ids = " ".join(str(layer.diff_id) for layer in image.layers[:count])
    return hashlib.sha256(diff_ids.encode()).hexdigest()[:_DIGITS]


def _stack_name(image: Image) -> str:
    return f"stack-{_chain(image, len(image.layers))}"


def _linked(layout: Layout, image: Image, number: int, below: list[Path]) -> Path:
    """A layer with hard links to files of those below: theirs alone, for it has copies of these."""
    newest_first = tuple(reversed(below))
    view, owners = View(tuple(map(str, newest_first))), ownership.Owners(newest_first)

    def find(path: str) -> tuple[Path, Owner | None] | None:
        spot = view.reach(path)
        return (Path(str(spot.part), spot.name), owners(path)) if spot else None

    def make(folder: Path) -> None:
        with layout.open_layer(image.layers[number]) as stream:
            ownership.keep(place, unpack.layer(stream, folder, overlay=True, below=find))

    place = below[0].with_name(f"linked-{_chain(image, number + 1)}")
    return _once(place, make)


def _stacked(image: Image, layers: tuple[Path, ...]) -> Path:
    """All layers of an image as one, of hard links: bubblewrap resolves links, so that no short
    names help it, and its options grow with each layer and with the path of the data."""

    def make(folder: Path) -> None:
        newest_first = tuple(reversed(layers))
        owners = ownership.Owners(newest_first)
        found = ((path, owners(path)) for path in owners.paths)
        ownership.keep(place, Unpacked({path: owner for path, owner in found if owner}))
        stack(View(tuple(map(str, newest_first))), folder)

    place = layers[0].with_name(_stack_name(image))
    return _once(place, make)


def _init(data: Path) -> Path:
    def make(folder: Path) -> None:
        for name in ("dev", "proc", "sys", "etc"):
            (folder / name).mkdir(mode=0o755)
        for name in ("hostname", "hosts", "resolv.conf"):
            (folder / "etc" / name).touch()

    return _once(data / "layers" / "init", make)


def for_apt(data: Path) -> Path:
    """The layer with apt's configuration."""
    return _once(data / "layers" / "apt", apt.write)


def _once(place: Path, make: Callable[[Path], None]) -> Path:
    """``place``, made by the first who needs it; whoever is second takes what is there."""
    if place.is_dir():
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=place.parent, prefix=f".{place.name}-"))
    try:
        temporary.chmod(0o755)
        make(temporary)
        syscalls.sync(temporary)  # else a crash of the machine could leave a name without content
        try:
            temporary.rename(place)
            syscalls.sync(place.parent)
        except OSError as err:  # somebody was faster
            if err.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
    finally:
        remove(temporary)
    return place
