"""The files of containers on disk: layers or a copied root, and what is the container's own.

    CONTAINER/upper/ work/        overlayfs writes there …
    CONTAINER/root/               … or this is the container's own copy
    CONTAINER/etc/                hostname, hosts, resolv.conf, bound over the image's
    CONTAINER/tmp/ shm/ tmpfs/    for launchers that cannot mount
    CONTAINER/binds/N             a link to the source of mount N, whatever is in its name

Knows: overlayfs's folders. Does not know: how layers are unpacked, processes, Docker's JSON.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

from ipycontainers.errors import EngineError, Invalid
from ipycontainers.oci import Image, Layout
from ipycontainers.oci.inside import Inside

from . import apt, clearing, etc, unpacked, users
from .container import Bundle, Mount, Spec
from .copying import Copying
from .launch import Launcher
from .tree import Tree


def prepare(
    layout: Layout,
    image: Image,
    data: Path,
    directory: Path,
    launcher: Launcher,
    id: str,  # noqa: A002
    spec: Spec,
    takes: Path | None = None,
) -> Bundle:
    """Make a container's files in ``directory``, which exists. Not idempotent. A root that it
    ``takes`` is moved there instead of a copy of the image's.

    In the bundle's spec the user is numbers, mount targets and the working directory have no
    links in them, and ``HOME`` is set. ``Invalid`` for a user that the image does not know;
    what ``unpack`` raises for the image.
    """
    root, layers = _below(layout, image, data, directory, takes, copies=launcher.needs_copy)
    beneath = tuple[Path, ...]()
    for name in ("upper", "work", "tmp", "shm", "tmpfs", "binds"):
        (directory / name).mkdir()
    (directory / "shm").chmod(0o1777)
    tree = Tree((root,) if root else layers)
    if launcher.maps_one_user and apt.is_in(tree):
        if root:
            apt.add(root)
        else:
            beneath = (unpacked.for_apt(data),)
    user = users.find(spec.user, tree.text)
    has_home = any(word.startswith("HOME=") for word in spec.env)
    spec = replace(spec, user=user.numbers, home="" if has_home else user.home)
    (directory / "etc").mkdir()
    etc.write(directory / "etc", dict.fromkeys(etc.NAMES, ""))  # mount points; see ``Connections``
    taken = {tree.real(mount.target) for mount in spec.mounts}
    own = [mount for mount in generated(directory) if tree.real(mount.target) not in taken]
    spec = replace(spec, mounts=(*own, *spec.mounts))
    _make_sources(directory, spec.mounts)
    return settle(Bundle(id, directory, spec, layers, root, beneath))


def _below(
    layout: Layout, image: Image, data: Path, directory: Path, takes: Path | None, *, copies: bool
) -> tuple[Path | None, tuple[Path, ...]]:
    """The container's root, or the layers that it shares."""
    if not copies:
        return None, unpacked.layers(layout, image, data, directory)
    root = directory / "root"
    if takes:
        takes.rename(root)
    else:
        copy(unpacked.merged(layout, image, data), root)
    return root, ()


def _make_sources(directory: Path, mounts: Sequence[Mount]) -> None:
    """What is mounted, by its number."""
    for number, mount in enumerate(mounts):
        if mount.type == "tmpfs":
            (directory / "tmpfs" / str(number)).mkdir()
            (directory / "tmpfs" / str(number)).chmod(mount.mode)
        else:
            (directory / "binds" / str(number)).symlink_to(mount.source)


def generated(directory: Path) -> tuple[Mount, ...]:
    """The container's own files for its name and the network's, as mounts."""
    places = ((f"/etc/{name}", str(directory / "etc" / name)) for name in etc.NAMES)
    return tuple(Mount("bind", target, source) for target, source in places)


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


def copy(source: Path, target: Path) -> None:
    """A tree, by reflinks where the file system has them; names of one file stay one file."""
    if not _copied_by_program(source, target):
        clearing.remove(target)
        Copying().folder(source, target)


def _copied_by_program(source: Path, target: Path) -> bool:
    """GNU's cp does the same in half the time; there are others, which know no reflinks."""
    try:
        words = ["cp", "-a", "--reflink=auto", "--", str(source), str(target)]
        return subprocess.run(words, stderr=subprocess.DEVNULL, check=False).returncode == 0
    except OSError:
        return False


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
