"""What a container's files differ in from its image's.

Of layers: the folder that overlayfs writes to holds every difference; a character device 0:0
is something that is gone, the xattr user.overlay.opaque a folder of which nothing below
shows. Of a copy: both trees are compared by kind, mode, size and time.

What the engine itself made, mount points and files like /etc/hosts, is left out.

Knows: overlayfs's marks, trees. Does not know: containers.
"""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from ipycontainers.oci.view import is_opaque, is_whiteout

from . import apt
from .tree import Tree

CHANGED, ADDED, DELETED = 0, 1, 2
Changes = dict[str, int]
OWN = ("/proc", "/dev", "/sys", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf", apt.FILE)


def of_layers(upper: Path, layers: Sequence[Path], own: Iterable[str]) -> Changes:
    """Path → kind, sorted. ``layers`` are the oldest first, ``own`` are mount points."""
    below = Tree(layers)
    found: Changes = {}
    for path, here in _walk(upper):
        place = below.find(path)
        before = place.lstat() if place else None
        if is_whiteout(here):
            found[path] = DELETED
        elif before is None:
            found[path] = ADDED
        elif (
            not stat.S_ISDIR(here.st_mode)
            or not stat.S_ISDIR(before.st_mode)
            or here.st_mode != before.st_mode
            or is_opaque(str(upper / path[1:]))
        ):
            found[path] = CHANGED
    return _without(found, {*OWN, *own}, lambda path: below.find(path) is not None)


def of_copy(root: Path, image: Path, own: Iterable[str]) -> Changes:
    """The same of a whole root and the one that it was copied from."""
    now, before = dict(_walk(root)), dict(_walk(image))
    found: Changes = dict.fromkeys(before.keys() - now.keys(), DELETED)
    gone = [path for path in found if posixpath.dirname(path) in found]
    for path in gone:
        del found[path]
    for path, here in now.items():
        if path not in before:
            found[path] = ADDED
        elif _differs(here, before[path]) or (
            stat.S_ISLNK(here.st_mode) and _target(root, path) != _target(image, path)
        ):
            found[path] = CHANGED
    return _without(found, {*OWN, *own}, before.__contains__)


def _walk(top: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Paths from /, as they are below ``top``, which itself is left out. A program that runs may
    take any away meanwhile: it is none then."""
    for folder, folders, names in os.walk(top):
        for name in (*folders, *names):
            full = os.path.join(folder, name)  # noqa: PTH118  # strings: thousands of them
            try:
                found = os.lstat(full)
            except (FileNotFoundError, NotADirectoryError):
                continue
            yield full[len(str(top)) :], found


def _target(top: Path, path: str) -> str | None:
    """None of what is no link any more."""
    try:
        return os.readlink(top / path[1:])  # noqa: PTH115  # as it is written
    except OSError:
        return None


def _differs(here: os.stat_result, before: os.stat_result) -> bool:
    if here.st_mode != before.st_mode:
        return True
    if not stat.S_ISREG(here.st_mode):
        return False
    return (here.st_size, here.st_mtime_ns) != (before.st_size, before.st_mtime_ns)


def _without(found: Changes, own: set[str], was_there: Callable[[str], bool]) -> Changes:
    """Without our own, and with every folder that holds a change, as Docker lists them."""
    kept = {
        path: kind
        for path, kind in found.items()
        if not any(path == ours or path.startswith(f"{ours}/") for ours in own)
    }
    only_ours = {parent for ours in own for parent in _parents(ours)}
    holding = {parent for path in kept if path not in only_ours for parent in _parents(path)}
    kept = {
        path: kind
        for path, kind in kept.items()
        if path not in only_ours or path in holding or kind != ADDED
    }
    for parent in holding:
        if parent not in kept and was_there(parent):
            kept[parent] = CHANGED
    return dict(sorted(kept.items()))


def _parents(path: str) -> Iterator[str]:
    parent = posixpath.dirname(path)
    while parent != "/":
        yield parent
        parent = posixpath.dirname(parent)
