"""The command ``ipycontainers course``: what prepares the notebooks of the course.

    ipycontainers course images [--rebuild] [--no-pull] [--busybox FILE] [NAME…]

Each verb is one function that takes the parsed arguments and returns the exit status.

Knows: arguments, columns of text. Does not know: how the images are made.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .images import Provided

    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]


def add(verbs: Verbs) -> None:
    """The command's parser, among others of ``ipycontainers``."""
    course = verbs.add_parser("course", help="the course of notebooks about containers")
    actions = course.add_subparsers(required=True, metavar="ACTION")
    _add_images(actions)


def _add_images(actions: Verbs) -> None:
    what = "make the images of the course that the engine lacks, without a registry"
    images = actions.add_parser("images", help=what, description=what)
    images.add_argument("names", nargs="*", metavar="NAME", help="ipyc/toolbox:1 …; default: all")
    images.add_argument("--rebuild", action="store_true", help="make also those that it has")
    images.add_argument("--busybox", metavar="FILE", type=Path, help="the static busybox to take")
    images.add_argument(
        "--no-pull",
        dest="pull",
        action="store_false",
        help="pull no image busybox where this machine has no static busybox",
    )
    images.set_defaults(verb=_images)


def _images(parsed: argparse.Namespace) -> int:
    from ipycontainers.client import connect

    from .images import provide

    with connect() as connection:
        provided = provide(
            connection,
            parsed.names,
            rebuild=parsed.rebuild,
            pull=parsed.pull,
            program=parsed.busybox,
            say=lambda sentence: print(sentence, file=sys.stderr, flush=True),
        )
    for image in provided:
        print(_line(image))
    return 0


def _line(image: Provided) -> str:
    from ipycontainers.oci.sizes import counted, size

    state = f"made of {image.made}" if image.made else "present"
    if image.replaced:
        state += f"; the image that had this name is {image.replaced[:19]} now"
    layers = counted(len(image.layers), "layer")
    return f"{image.name:16} {size(image.size, 3):>7} {layers:>9}  {state}"
