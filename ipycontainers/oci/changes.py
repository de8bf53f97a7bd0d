"""What each layer of an image changes, and which of its bytes nobody sees any more.

    stack = Stack()
    for layer in layers:                        oldest first, as ``listing`` has read them
        files = stack.put(layer)                each file that it added, changed or removed
    stack.wasted                                bytes that are in the image and not in its files

A file is told of as ``docker diff`` does: a folder is changed when something in it is, and what is
in a folder that was removed is removed, file by file. Names are taken where a container has them:
within a layer symbolic links lead on, to a lower layer's link they do not.

Bytes are wasted when the image stores them and no name of its last layer leads to them: the file
was rewritten above, or removed, itself or with its folder. A file with several names is wasted when
the last of them is gone, and the same bytes once more under another name are no waste: both are to
be had. (dive, the tool that made such figures known, counts by path: of a file that is there
several times the last copy too, of removed ones nothing but folders, of hard links each name.)

https://github.com/opencontainers/image-spec/blob/main/layer.md

Knows: names, whiteouts. Does not know: tar, where layers come from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ipycontainers.errors import Invalid, UnsafeLayer

from .inside import LONGEST, MOST_LINKS, check_depth

MOST_ENTRIES = 1_000_000  # of an image; a whole Debian has 300,000 files
MOST_TEXT = 256 << 20  # bytes of all names, about
ADDED, CHANGED, REMOVED = "added", "changed", "removed"
REWRITTEN = "rewritten"
FILE, DIRECTORY, SYMLINK, HARD_LINK = "file", "directory", "symlink", "hard link"


class Entry(NamedTuple):
    """One file of a layer: ``path`` begins with a slash, ``size`` is in bytes, of a symbolic link
    those of its target, as ``ls`` has it, ``mode`` has twelve bits, ``target`` is a link's.
    ``digest`` is the SHA-256 of what is in it, where that was asked for. Of a removed one, what it
    was."""

    path: str
    change: str
    kind: str
    size: int
    mode: int
    uid: int
    gid: int
    target: str = ""
    digest: bytes = b""


@dataclass(frozen=True)
class Listed:
    """A layer as it is stored: entries in their order, the paths that it hides, the folders of
    which it hides all that is older. ``size`` is the bytes of all its files and links, ``texts``
    are beginnings of files, as far as they are kept."""

    entries: Sequence[Entry]
    whiteouts: Sequence[str]
    opaque: Sequence[str]
    size: int
    texts: Mapping[str, bytes] = field(default_factory=dict, repr=False)


class Waste(NamedTuple):
    """``size`` bytes of the layer number ``layer`` that the one of number ``by`` made useless, for
    ``reason``: it has "rewritten" or "removed" the file."""

    path: str
    size: int
    layer: int
    reason: str
    by: int


class Bound:
    """How much of an image is kept in memory; one for all its layers."""

    def __init__(self, entries: int = MOST_ENTRIES, text: int = MOST_TEXT) -> None:
        self._entries, self._text = entries, text

    def take(self, path: str, target: str = "") -> None:
        """Invalid for one entry or letter too many."""
        self._entries -= 1
        self._text -= len(path) + len(target)
        if self._entries < 0 or self._text < 0:
            raise Invalid(
                f"an image of more than {MOST_ENTRIES:,} files, or of longer names than are kept",
                "docker save writes it to a file, and tar lists its layers",
            )


class _Names:
    """A file that has several names."""

    __slots__ = ("count", "layer", "path", "size")

    def __init__(self, node: _Node) -> None:
        self.path, self.size, self.layer = node.entry.path, node.entry.size, node.layer
        self.count = 1


class _Node:
    __slots__ = ("entry", "layer", "names")

    def __init__(self, entry: Entry, layer: int, names: _Names | None = None) -> None:
        self.entry, self.layer, self.names = entry, layer, names


class Stack:
    """The files of an image while its layers are put on one another. ``wasted`` grows."""

    def __init__(self, bound: Bound | None = None) -> None:
        self.wasted: list[Waste] = []
        self._bound = bound or Bound()
        self._layer = -1
        self._nodes: dict[str, _Node] = {}
        self._inside: dict[str, set[str]] = {"": set()}  # of each folder the paths in it
        self._gone: dict[str, Entry] = {}  # what this layer hides
        self._files: dict[str, Entry] = {}  # what this layer has

    def put(self, layer: Listed) -> tuple[Entry, ...]:
        """What the next layer changes, sorted by path. UnsafeLayer for a loop of links and for
        folders that are too deep."""
        self._layer += 1
        self._gone, self._files = {}, {}
        before = len(self.wasted)
        # Whatever their place in the tar, they mean older layers only.
        for path in layer.opaque:
            for inner in list(self._inside.get(path, ())):
                self._remove(inner, REMOVED)
        for path in layer.whiteouts:
            self._remove(path, REMOVED)
        for entry in layer.entries:
            self._add(entry)
        self._name_reasons(before)
        removed = (
            entry._replace(change=REMOVED)
            for path, entry in self._gone.items()
            if path not in self._files
        )
        return tuple(sorted([*self._files.values(), *removed], key=_by_folder))

    def _name_reasons(self, start: int) -> None:
        """What was hidden and is in the same layer again was rewritten."""
        for number in range(start, len(self.wasted)):
            waste = self.wasted[number]
            if waste.path in self._files:
                self.wasted[number] = waste._replace(reason=REWRITTEN)

    def _add(self, entry: Entry) -> None:
        above, _, name = entry.path.rpartition("/")
        if above not in self._inside:
            above = self._folder(above)
        if (path := f"{above}/{name}") != entry.path:
            entry = entry._replace(path=path)
        names = None
        if entry.kind == HARD_LINK and (named := self._named(entry.target)):
            names, file = named.names, named.entry
            entry = entry._replace(mode=file.mode, uid=file.uid, gid=file.gid)
        old = self._nodes.get(path)
        if old and old.names and old.names is names:
            return  # a second name of itself
        if self._is_change(old, path):
            entry = entry._replace(change=CHANGED)
        if old:
            self._replace(old, entry)
        self._nodes[path] = _Node(entry, self._layer, names)
        if names:
            names.count += 1
        self._inside[above].add(path)
        if entry.kind == DIRECTORY:
            self._inside.setdefault(path, set())
        self._files[path] = entry

    def _is_change(self, old: _Node | None, path: str) -> bool:
        """Whether older layers had something there."""
        if old is None or old.layer == self._layer:
            return path in self._gone or bool(old and old.entry.change == CHANGED)
        return True

    def _replace(self, old: _Node, entry: Entry) -> None:
        if old.entry.kind != DIRECTORY:
            self._lose(old, REWRITTEN)
        elif entry.kind != DIRECTORY:
            for inner in list(self._inside[old.entry.path]):
                self._remove(inner, REMOVED)
            del self._inside[old.entry.path]

    def _named(self, path: str) -> _Node | None:
        """The file that gets one more name; None where there is no such."""
        node = self._nodes.get(path)
        if node is None or node.entry.kind not in (FILE, HARD_LINK):
            return None
        if node.names is None and node.entry.kind == FILE:
            node.names = _Names(node)
        return node

    def _remove(self, path: str, reason: str) -> None:
        """It and all that is in it, if there is such a thing."""
        left = [path]
        while left:
            node = self._nodes.pop(path := left.pop(), None)
            if node is None:
                continue
            above = path.rpartition("/")[0]
            if above in self._inside:
                self._inside[above].discard(path)
            left += self._inside.pop(path, ())
            self._lose(node, reason)
            self._files.pop(path, None)
            if node.layer < self._layer or node.entry.change == CHANGED:
                self._gone[path] = node.entry

    def _lose(self, node: _Node, reason: str) -> None:
        """One name less of what a node shows."""
        if node.names:
            node.names.count -= 1
            if node.names.count:
                return
            path, size, layer = node.names.path, node.names.size, node.names.layer
        else:
            path, size, layer = node.entry.path, node.entry.size, node.layer
        if size:
            self.wasted.append(Waste(path, size, layer, reason, self._layer))

    def _folder(self, path: str) -> str:
        """The folder that this layer means by ``path``; what is missing of it is made."""
        left, real, links = path.split("/")[::-1], "", 0
        while left:
            part = left.pop()
            if part in ("", "."):
                continue
            if part == "..":
                real = real.rpartition("/")[0]
                continue
            step = f"{real}/{part}"
            node = self._nodes.get(step)
            if node and node.entry.kind == SYMLINK and node.layer == self._layer:
                links += 1
                left += node.entry.target.split("/")[::-1]
                if links > MOST_LINKS or len(left) > LONGEST:
                    raise UnsafeLayer(f"too many links on the way to {path!r:.300}")
                real = "" if node.entry.target.startswith("/") else real
                continue
            if step not in self._inside:
                check_depth(step)
                self._bound.take(step)
                self._add(Entry(step, ADDED, DIRECTORY, 0, 0o755, 0, 0))
            real = step
        return real


def _by_folder(entry: Entry) -> str:
    """What is in a folder comes right behind it."""
    return entry.path.replace("/", "\0")


def efficiency(stored: int, wasted: int) -> float:
    """The share of the stored bytes that the image's files show: 1.0 where nothing is wasted."""
    return (stored - wasted) / stored if stored else 1.0


def by_path(wasted: Iterable[Waste]) -> list[tuple[str, int, tuple[Waste, ...]]]:
    """Each path with its wasted bytes and what they are, the most first."""
    found: dict[str, list[Waste]] = {}
    for waste in wasted:
        found.setdefault(waste.path, []).append(waste)
    rows = [(path, sum(one.size for one in them), tuple(them)) for path, them in found.items()]
    return sorted(rows, key=lambda row: (-row[1], row[0]))
