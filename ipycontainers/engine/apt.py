"""What apt is told where one user is mapped: to stay root for its downloads.

    DATA/layers/apt/    below every layer of an image that has apt …
    CONTAINER/root/     … or the file is in the container's own copy

apt becomes the user _apt and then looks whether it did, so acting that (``seccomp``) is not
enough. A file among its configuration, and not the variable APT_CONFIG: it also counts in
``su -`` and ``env -i``, and leaves that variable to the user; no program prints it, and it may
be removed. Below all layers it is no change of the container's, and the folders on its way
have the image's modes and times. What is made of a container's files leaves it out.

Knows: apt.conf(5). Does not know: layers, launchers.
"""

from __future__ import annotations

import os
from contextlib import closing, suppress
from pathlib import Path, PurePosixPath

from ipycontainers.errors import UnsafeLayer
from ipycontainers.oci.inside import Inside

from .tree import Tree

FILE = "/etc/apt/apt.conf.d/00ipycontainers"
"""The first: what the user says in a later one counts."""
_FOLDER = str(PurePosixPath(FILE).parent)
_TEXT = b"""\
// One user is mapped into this container, so apt cannot become another one.
APT::Sandbox::User "root";
"""


def is_in(tree: Tree) -> bool:
    """Whether the image has apt, and no link on the way to its configuration."""
    found = tree.find(_FOLDER)
    return bool(found and found.is_dir() and not found.is_symlink() and not tree.find(FILE))


def write(folder: Path) -> None:
    """As a layer of its own."""
    place = folder / FILE[1:]
    place.parent.mkdir(parents=True)
    place.write_bytes(_TEXT)


def add(root: Path) -> None:
    """To a container's copy, if it has apt."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with (
        closing(Inside(root)) as inside,
        suppress(OSError, UnsafeLayer),
        inside.parent(FILE) as (folder, name, real),
    ):
        if f"/{real}" == FILE:
            with os.fdopen(os.open(name, flags, 0o644, dir_fd=folder), "wb") as file:
                file.write(_TEXT)


def remove(root: Path) -> None:
    """From a copy that a container has written to, whatever it put in the place."""
    with (
        closing(Inside(root)) as inside,
        suppress(OSError, UnsafeLayer),
        inside.parent(FILE) as (folder, name, real),
    ):
        if f"/{real}" == FILE:
            os.unlink(name, dir_fd=folder)
