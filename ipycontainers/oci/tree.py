"""The files of an image as a tree to walk in: of one layer, or of all up to it.

    tree = Tree.of_layer(layers, 3)          what the layer changes, and the folders on the way
    tree = Tree.up_to(layers, 3)             all that a container of it has, marked by that layer
    tree.inside("/etc")                      what is in a folder, sorted by name
    tree.bytes("/etc"), tree.count("/etc")   of all files below
    tree.search("passwd")                    entries whose path has this in it

``layers`` are what ``Stack.put`` gave, oldest first. An entry whose ``change`` is "" is of an older
layer and untouched. Removed files are in the tree of the layer that removed them and weigh nothing.

Knows: paths. Does not know: where layers come from, how a tree is shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from .changes import DIRECTORY, REMOVED, Entry

UNCHANGED = ""


class Tree:
    """Made once and only read; of some hundred bytes for each entry."""

    def __init__(self, entries: Mapping[str, Entry]) -> None:
        """``entries`` by path. Folders that are missing on the way are taken for untouched ones."""
        self._entries = dict(entries)
        for path in entries:
            for above in _above(path):
                if above in self._entries:
                    break
                self._entries[above] = Entry(above, UNCHANGED, DIRECTORY, 0, 0o755, 0, 0)
        self._inside: dict[str, list[str]] = {}
        self._bytes, self._count = {"": 0}, {"": 0}
        for path, entry in self._entries.items():
            self._inside.setdefault(path.rpartition("/")[0], []).append(path)
            if entry.kind != DIRECTORY and entry.change != REMOVED:
                self._weigh(path, entry.size)

    @classmethod
    def of_layer(cls, layers: Sequence[Sequence[Entry]], number: int) -> Tree:
        """What the layer of that number changes, with the folders above as they are."""
        known = state(layers[: number + 1])
        found: dict[str, Entry] = {}
        for entry in layers[number]:
            for above in _above(entry.path):
                if above not in found and above in known:
                    found[above] = known[above]._replace(change=UNCHANGED)
            found[entry.path] = entry
        return cls(found)

    @classmethod
    def up_to(cls, layers: Sequence[Sequence[Entry]], number: int) -> Tree:
        """All files that are there with the layer of that number, and those that it removed."""
        found = state(layers[: number + 1])
        touched = {entry.path: entry for entry in layers[number]}
        shown = {
            path: touched[path] if path in touched else entry._replace(change=UNCHANGED)
            for path, entry in found.items()
        }
        shown.update((path, entry) for path, entry in touched.items() if path not in shown)
        return cls(shown)

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        """All of them, in no order."""
        return iter(self._entries.values())

    def __contains__(self, path: str) -> bool:
        return path in self._entries

    def entry(self, path: str) -> Entry:
        """KeyError where there is none; the root has none."""
        return self._entries[path]

    def inside(self, path: str = "/") -> list[Entry]:
        """Sorted by name, folders and files alike; empty for what is no folder."""
        names = self._inside.get(path.rstrip("/"), [])
        return [self._entries[inner] for inner in sorted(names)]

    def bytes(self, path: str = "/") -> int:
        """Of all files below, or of the file itself."""
        entry = self._entries.get(path)
        own = entry.size if entry and entry.change != REMOVED else 0
        return self._bytes.get(path.rstrip("/"), own)

    def count(self, path: str = "/") -> int:
        """How many are below that are no folders."""
        return self._count.get(path.rstrip("/"), 0)

    def search(self, text: str, most: int = 1000) -> list[Entry]:
        """The first ``most`` entries whose path has ``text`` in it, in any case of letters."""
        wanted = text.casefold()
        found = (it for path, it in self._entries.items() if wanted in path.casefold())
        return sorted(islice(found, most), key=lambda it: it.path.replace("/", "\0"))

    def _weigh(self, path: str, size: int) -> None:
        for above in _above(path):
            self._bytes[above] = self._bytes.get(above, 0) + size
            self._count[above] = self._count.get(above, 0) + 1
        self._bytes[""] += size
        self._count[""] += 1


def state(layers: Iterable[Iterable[Entry]]) -> dict[str, Entry]:
    """The files that a container of these layers has, by path."""
    found: dict[str, Entry] = {}
    for layer in layers:
        for entry in layer:
            if entry.change == REMOVED:
                found.pop(entry.path, None)
            else:
                found[entry.path] = entry
    return found


def _above(path: str) -> Iterator[str]:
    """The folders on the way to a path, the nearest first."""
    while path := path.rpartition("/")[0]:
        yield path
