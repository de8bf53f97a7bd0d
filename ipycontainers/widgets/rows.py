"""The rows of a tree of files, of which a front end asks for those that it shows.

    shown = rows(tree, opened={"etc"})          what stands below what is open, from top to bottom
    shown = rows(tree, find="passwd")           what is found, with the folders around it
    cells(tree, shown[0])                       one of them, as plain data

A row is known to the front end by its ``key``, its path as it is shown: names come from an image,
and may be bytes that are no text.

Knows: trees of files. Does not know: images, HTML.
"""

from __future__ import annotations

import stat
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from ipycontainers.oci.changes import DIRECTORY, REMOVED, SYMLINK, Entry
from ipycontainers.oci.tree import Tree

from .drawing import size, visible

TYPES = {
    DIRECTORY: stat.S_IFDIR,
    SYMLINK: stat.S_IFLNK,
    "character device": stat.S_IFCHR,
    "block device": stat.S_IFBLK,
    "fifo": stat.S_IFIFO,
}


class Row(NamedTuple):
    """``level`` is 1 at the top."""

    entry: Entry
    level: int
    is_open: bool


def key(path: str) -> str:
    """Of a path: as it is shown, without the slash in front."""
    return visible(path).lstrip("/")


def path_of(tree: Tree, wanted: str) -> str:
    """The path whose ``key`` this is, "" where there is none."""
    if f"/{wanted}" in tree and key(f"/{wanted}") == wanted:
        return f"/{wanted}"
    return next((entry.path for entry in tree if key(entry.path) == wanted), "")


def rows(
    tree: Tree, opened: Collection[str] = (), find: str = "", *, changed: bool = False
) -> list[Row]:
    """What is shown: what is in ``opened`` folders, which are keys; of it only what ``changed``,
    if that is wanted. Of a tree that is searched all that is found, by name, or by path where
    there is a slash in ``find``."""
    marked = _marked(tree, find.casefold(), changed) if find or changed else None
    return list(_below(tree, "/", 1, None if find else frozenset(opened), marked))


def _below(
    tree: Tree,
    folder: str,
    level: int,
    opened: Collection[str] | None,
    marked: Collection[str] | None,
) -> Iterator[Row]:
    for entry in tree.inside(folder):
        if marked is not None and entry.path not in marked:
            continue
        is_open = entry.kind == DIRECTORY and (opened is None or key(entry.path) in opened)
        yield Row(entry, level, is_open)
        if is_open:
            yield from _below(tree, entry.path, level + 1, opened, marked)


def _marked(tree: Tree, find: str, changed: bool) -> set[str]:
    """What is found, and the folders on the way."""
    marked: set[str] = set()
    by_path = "/" in find
    for entry in tree:
        path = entry.path
        if changed and not entry.change:
            continue
        if not _has(path, find, by_path):
            continue
        while path and path not in marked:
            marked.add(path)
            path = path.rpartition("/")[0]
    return marked


def _has(path: str, find: str, by_path: bool) -> bool:
    """Whether it is in the name, as that is or as it is shown."""
    name = path if by_path else path.rpartition("/")[2]
    return find in name.casefold() or find in visible(name).casefold()


def found(shown: list[Row], find: str) -> int:
    """How many of the rows are what was looked for, and not the folders around it."""
    find, by_path = find.casefold(), "/" in find
    return sum(_has(row.entry.path, find, by_path) for row in shown)


def opened_at_first(tree: Tree, fits: int = 40) -> list[str]:
    """The folders to open so that much is seen and all fits in so many rows: from the top down,
    those in front first."""
    queue, opened, shown = ["/"], [], 0
    for folder in queue:
        inner = tree.inside(folder)
        if not inner or (shown + len(inner) > fits and folder != "/"):
            continue
        shown += len(inner)
        opened.append(folder)
        queue += [entry.path for entry in inner if entry.kind == DIRECTORY]
    return [key(folder) for folder in opened[1:]]


def cells(tree: Tree, row: Row) -> dict[str, Any]:
    """What is shown of a row, as plain data."""
    entry, is_gone = row.entry, row.entry.change == REMOVED
    return {
        "key": key(entry.path),
        "name": visible(entry.path.rpartition("/")[2]),
        "level": row.level,
        "folder": entry.kind == DIRECTORY,
        "open": row.is_open,
        "change": entry.change,
        "kind": entry.kind,
        "room": "" if is_gone else size(tree.bytes(entry.path)),
        "mode": "" if is_gone else _mode(entry),
        "owner": "" if is_gone else f"{entry.uid}:{entry.gid}",
        "target": visible(entry.target),
    }


def _mode(entry: Entry) -> str:
    """As ls -l prints it."""
    return stat.filemode(TYPES.get(entry.kind, stat.S_IFREG) | stat.S_IMODE(entry.mode))
