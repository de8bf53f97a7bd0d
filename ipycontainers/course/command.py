"""The command ``ipycontainers course``: what prepares the notebooks of the course.

    ipycontainers course images [--rebuild] [--no-pull] [--busybox FILE] [NAME…]
    ipycontainers course student FOLDER [--source NOTEBOOKS] [--force]
    ipycontainers course instructor FOLDER [--source NOTEBOOKS] [--force]
    ipycontainers course nav [--source NOTEBOOKS] [--check]

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
    _add_copies(actions)
    _add_nav(actions)


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
    for image in _provided(parsed):
        print(_line(image))
    return 0


def _provided(parsed: argparse.Namespace) -> list[Provided]:
    """Into the store of our own engine, where that is the one, without starting it: where images
    are built, as for mybinder.org, nothing that was started may be left."""
    from ipycontainers import busybox
    from ipycontainers.client import connect, is_own
    from ipycontainers.engine import places

    from . import images, stores

    asked = {"names": parsed.names, "rebuild": parsed.rebuild, "program": parsed.busybox}
    if is_own() and (parsed.busybox or busybox.of_machine(stores.here())):
        return images.store(places.layout(), **asked)
    with connect() as connection:
        return images.provide(
            connection,
            **asked,
            pull=parsed.pull,
            say=lambda sentence: print(sentence, file=sys.stderr, flush=True),
        )


def _line(image: Provided) -> str:
    from ipycontainers.oci.sizes import counted, size

    state = f"made of {image.made}" if image.made else "present"
    if image.replaced:
        state += f"; the image that had this name is {image.replaced[:19]} now"
    layers = counted(len(image.layers), "layer")
    return f"{image.name:16} {size(image.size, 3):>7} {layers:>9}  {state}"


def _add_copies(actions: Verbs) -> None:
    for name, what in (
        ("student", "copy the notebooks without outputs and solutions, to work in"),
        ("instructor", "copy the notebooks with solutions, notes and answers, to teach with"),
    ):
        copies = actions.add_parser(name, help=what, description=what)
        copies.add_argument("folder", metavar="FOLDER", type=Path, help="where the copies go")
        copies.add_argument("--force", action="store_true", help="replace what was changed there")
        _add_source(copies)
        copies.set_defaults(verb=_copies, kind=name)


def _add_nav(actions: Verbs) -> None:
    what = "write the index, and the lines that lead from one notebook to the next"
    nav = actions.add_parser("nav", help=what, description=what)
    nav.add_argument("--check", action="store_true", help="write nothing, fail where it would")
    _add_source(nav)
    nav.set_defaults(verb=_nav)


def _add_source(parser: argparse.ArgumentParser) -> None:
    told = "the folder of the notebooks (default: notebooks)"
    parser.add_argument(
        "--source", metavar="NOTEBOOKS", type=Path, default=Path("notebooks"), help=told
    )


def _copies(parsed: argparse.Namespace) -> int:
    from . import copies

    for line in copies.write(parsed.source, parsed.folder, kind=parsed.kind, force=parsed.force):
        print(line)
    return 0


def _nav(parsed: argparse.Namespace) -> int:
    from . import pages

    stale = pages.navigate(parsed.source, check=parsed.check)
    for name in stale:
        print(f"{name}: {'not up to date' if parsed.check else 'written'}")
    return 1 if stale and parsed.check else 0
