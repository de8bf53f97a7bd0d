"""Images of this machine's programs under the names of well-known images.

    image = stand_in.ensure(layout, "python:3-slim")

For where no registry can be reached: what a first notebook does with ``busybox`` and ``python``
works with them too. They are not the images of those names on Docker Hub, and a label in
their config says so.

Knows: which programs take an image's place. Does not know: how an image is made of them.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from ipycontainers.errors import NotFound, Unsupported

from . import from_host
from .image import Image
from .layout import Layout
from .programs import STANDARD_PATH
from .reference import Reference

LABEL = "org.opencontainers.image.description"
# What busybox and coreutils both have, and scripts use first.
_TOOLS = """
    awk basename cat chmod chown cp cut date df dirname du echo env expr false find grep head
    hostname id ln ls md5sum mkdir mktemp mv nproc od printf ps pwd readlink realpath rm rmdir
    sed seq sh sha256sum sleep sort stat tail tar tee test touch tr true uname uniq wc whoami
    xargs yes
"""
NAMES = ("busybox", "python")


def ensure(layout: Layout, name: str) -> Image | None:
    """Make an image with this name, in place of the one that a registry has.

    None, and nothing made, where the layout has an image of that name. Raises Unsupported
    for an image that this machine's programs cannot stand in for, and what
    ``from_host.build`` raises.
    """
    try:
        layout.resolve(name)
        return None
    except NotFound:
        return _built(layout, name)


def _built(layout: Layout, name: str) -> Image:
    kind = Reference.parse(name).familiar_name
    if kind not in NAMES:
        raise Unsupported(
            f"no programs of this machine stand in for {name}",
            f"these can be had: {', '.join(NAMES)}; `ipycontainers image from-host` makes others",
        )
    programs = _busybox() if kind == "busybox" else [_python(), *_tools()]
    told = f"programs of the machine that made it; not the image {kind} of Docker Hub"
    return from_host.build(
        layout,
        programs,
        name=name,
        cmd=["sh" if kind == "busybox" else "python3"],
        labels={LABEL: told},
    )


def _busybox() -> list[str]:
    return ["busybox"] if _is_here("busybox") else _tools()


def _python() -> str:
    """That on PATH; else the one that runs this, for it is there."""
    return "python3" if _is_here("python3") else str(Path(sys.executable).with_name("python3"))


def _tools() -> list[str]:
    return [name for name in _TOOLS.split() if name == "sh" or _is_here(name)]


def _is_here(name: str) -> bool:
    return shutil.which(name, path=STANDARD_PATH) is not None
