"""The files of containers on disk: layers unpacked once, roots copied, and all of it removed.

    DATA/layers/HEX12/            a layer for overlayfs, shared, never written to
    DATA/layers/stack-HEX12/      all layers of an image that has too many for one mount
    DATA/layers/init/             the oldest layer of all: mount points that images may lack
    DATA/roots/HEX12/             an image merged, to be copied for launchers without overlay
    DATA/*/HEX12.json             whose the files of that layer or root are, see ``ownership``
    CONTAINER/upper/ work/        overlayfs writes there …
    CONTAINER/root/               … or this is the container's own copy
    CONTAINER/etc/                hostname, hosts, resolv.conf, bound over the image's
    CONTAINER/tmp/ shm/ tmpfs/    for launchers that cannot mount
    CONTAINER/binds/N             a link to the source of mount N, whatever is in its name

Each of the shared ones is made beside its place and renamed, so a name means it is whole.

Knows: the layout's images, overlayfs's folders. Does not know: processes, Docker's JSON.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from ipycontainers.errors import EngineError, Invalid
from ipycontainers.oci import Image, Layer, Layout, unpack
from ipycontainers.oci.blob import drain, reading
from ipycontainers.oci.inside import Inside
from ipycontainers.oci.record import Unpacked
from ipycontainers.oci.view import View

from . import etc, ownership, syscalls, users
from .container import Bundle, Mount, Spec
from .copying import Copying, stack
from .launch import Launcher
from .overlay import escaped
from .tree import Tree

_LONGEST_OPTIONS = 3800  # mount(2) takes one page, of which some words are the launcher's
_PREFIX = len("/oldroot:")  # that bubblewrap puts in front of each path


def prepare(
    layout: Layout,
    image: Image,
    data: Path,
    directory: Path,
    launcher: Launcher,
    id: str,  # noqa: A002
    spec: Spec,
) -> Bundle:
    """Make a container's files in ``directory``, which exists. Not idempotent.

    In the bundle's spec the user is numbers, mount targets and the working directory have no
    links in them, and ``HOME`` is set. ``Invalid`` for a user that the image does not know;
    what ``unpack`` raises for the image.
    """
    layers = tuple(_layer(layout, layer, data) for layer in image.layers)
    layers = (_init(data), *layers)
    root = None
    if not launcher.needs_copy and not _fits(layers, directory):
        layers = (layers[0], _stacked(image, layers[1:]))
    if launcher.needs_copy:
        root = directory / "root"
        copy(_merged(layout, image, data), root)
        layers = ()
    for name in ("upper", "work", "tmp", "shm", "tmpfs", "binds"):
        (directory / name).mkdir()
    tree = Tree((root,) if root else layers)
    user = users.find(spec.user, tree.text)
    has_home = any(word.startswith("HOME=") for word in spec.env)
    spec = replace(spec, user=user.numbers, home="" if has_home else user.home)
    etc.write(directory / "etc", spec, spec.hostname or id[:12])
    taken = {tree.real(mount.target) for mount in spec.mounts}
    own = [mount for mount in generated(directory) if tree.real(mount.target) not in taken]
    spec = replace(spec, mounts=(*own, *spec.mounts))
    for number, mount in enumerate(spec.mounts):
        if mount.type == "tmpfs":
            (directory / "tmpfs" / str(number)).mkdir()
        else:
            (directory / "binds" / str(number)).symlink_to(mount.source)
    return settle(Bundle(id, directory, spec, layers, root))


def _fits(layers: tuple[Path, ...], directory: Path) -> bool:
    """Whether these are few enough for the options of one mount."""
    paths = [str(layer) for layer in layers] + 2 * [f"{directory}/upper"]
    return sum(len(escaped(path)) + _PREFIX for path in paths) <= _LONGEST_OPTIONS


def generated(directory: Path) -> tuple[Mount, ...]:
    """The container's own files for its name and the network's, as mounts."""
    names = ("hostname", "hosts", "resolv.conf")
    return tuple(Mount("bind", f"/etc/{name}", str(directory / "etc" / name)) for name in names)


def settle(bundle: Bundle) -> Bundle:
    """With mount targets and a working directory that no link of the container leads elsewhere.

    To be done before each start while nothing writes there: an earlier run, or an archive, may
    have put a link where a folder was, and launchers would follow it out of the root. Raises
    ``Invalid`` where a link stands for what must be a folder, ``EngineError`` where a file does.
    """
    upper = bundle.directory / "upper"
    tree = Tree((bundle.root,) if bundle.root else (*bundle.layers, upper))
    for path in ("/dev", "/proc", "/sys"):
        found = tree.find(path)
        if found and (found.is_symlink() or not found.is_dir()):
            raise Invalid(f"{path} of the container is no folder, so nothing can be mounted there")
    cwd = tree.find(tree.real(bundle.spec.cwd or "/"))
    if cwd and not cwd.is_dir():
        raise EngineError(f"Cannot mkdir: {bundle.spec.cwd} is not a directory")
    spec = replace(
        bundle.spec,
        cwd=tree.real(bundle.spec.cwd or "/"),
        mounts=tuple(
            replace(mount, target=tree.real(mount.target)) for mount in bundle.spec.mounts
        ),
    )
    if bundle.root:
        _make_places(bundle.root, spec)
    return replace(bundle, spec=spec)


def fill(bundle: Bundle, volume: Path, target: str) -> bool:
    """What the image has at ``target``, into a volume that is empty; as docker does. Whether
    there was anything."""
    tree = Tree((bundle.root,) if bundle.root else bundle.layers)
    source = tree.real(target)
    folder = tree.find(source)
    if not (folder and folder.is_dir()):
        return False
    Copying().merged(tree, source, volume)
    shutil.copystat(folder, volume)
    return True


def keep_layer(
    layout: Layout, layer: Layer, data: Path, passed: Callable[[int], object] | None = None
) -> None:
    """Unpack a layer for overlayfs, so that the first container need not; its diff id is verified
    in the same pass. ``passed`` hears of each piece; what it raises ends all. As ``unpack.layer``.
    """
    _layer(layout, layer, data, passed, verify=True)


def keep_root(
    layout: Layout,
    image: Image,
    data: Path,
    passed: Callable[[Layer, int], object] | None = None,
) -> None:
    """The same of all layers at once, for launchers that copy the root."""
    _merged(layout, image, data, passed, verify=True)


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
    needed = {_short(str(layer.diff_id)) for image in images for layer in image.layers}
    needed |= {layer.name for bundle in bundles for layer in bundle.layers} | {"init"}
    needed |= {_stack_name(image) for image in images}
    roots = {_short(str(image.id)) for image in images} | set(map(_short, used))
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
    return data / "roots" / _short(image_id)


def remove(directory: Path) -> None:
    """Delete a container's files, whatever modes they have. Idempotent, follows no link."""
    if not directory.is_dir():
        directory.unlink(missing_ok=True)
        return
    with suppress(OSError):
        # Where overlayfs left it, mode 000; the rest can mostly be removed as it is.
        (directory / "work" / "work").chmod(0o700)
    for last in (False, False, False, True):
        try:
            _remove_tree(directory)
        except FileNotFoundError:
            if not directory.exists():
                return
        except OSError:  # its supervisor is about to leave, and removes its socket
            if last:
                raise
        else:
            return
        time.sleep(0.05)


def copy(source: Path, target: Path) -> None:
    """A tree, by reflinks where the file system has them; names of one file stay one file."""
    Copying().folder(source, target)


# --- shared -----------------------------------------------------------------------------------


def _short(digest: str) -> str:
    return digest.partition(":")[2][:12]


def _layer(
    layout: Layout,
    layer: Layer,
    data: Path,
    passed: Callable[[int], object] | None = None,
    *,
    verify: bool = False,
) -> Path:
    """``verify``: also where it is there already, perhaps from other bytes."""
    made = False

    def make(folder: Path) -> None:
        nonlocal made
        with layout.open_layer(layer, passed) as stream:
            ownership.keep(place, unpack.layer(stream, folder, overlay=True))
        made = True

    place = data / "layers" / _short(str(layer.diff_id))
    _once(place, make)
    if verify and not made:
        verify_layer(layout, layer, passed)
    return place


def _merged(
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


def _stack_name(image: Image) -> str:
    diff_ids = " ".join(str(layer.diff_id) for layer in image.layers)
    return f"stack-{hashlib.sha256(diff_ids.encode()).hexdigest()[:12]}"


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


# --- one container's --------------------------------------------------------------------------


def _make_places(root: Path, spec: Spec) -> None:
    """What is bound or entered must be there; in layers bwrap makes it, in a copy we do."""
    with closing(Inside(root)) as inside:
        for path in ("/dev", "/proc", "/sys", "/etc", spec.cwd):
            with suppress(NotADirectoryError), inside.folder(path, make=True):
                pass
        for mount in spec.mounts:
            is_folder = mount.type == "tmpfs" or os.path.isdir(mount.source)  # noqa: PTH112
            with suppress(OSError), inside.parent(mount.target, make=True) as (folder, name, _):
                if is_folder:
                    os.mkdir(name, dir_fd=folder)
                else:
                    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
                    os.close(os.open(name, flags, 0o644, dir_fd=folder))


def _remove_tree(directory: Path) -> None:
    try:
        shutil.rmtree(directory)
    except PermissionError:
        _open_up(directory)
        shutil.rmtree(directory)


def _open_up(directory: Path) -> None:
    # Images have folders that none may enter or change.
    for folder, names, _ in os.walk(directory):
        for name in names:
            path = Path(folder, name)
            with suppress(FileNotFoundError):
                if not path.is_symlink():
                    path.chmod(0o700)
