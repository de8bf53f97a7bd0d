"""What the front end of ImageLayers asks, and the answers: a few rows, a map, a table.

A question comes from a page, and what a page says is judged: what makes no sense has no answer.
An answer is bounded, however large the image is.

Knows: what images hold, trees, drawings. Does not know: comms, engines.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ipycontainers.oci.changes import Entry, by_path
from ipycontainers.oci.contents import Comparison, Contents, LayerContents
from ipycontainers.oci.tree import Tree

from . import layer_drawing as drawing
from . import rows as listing
from .drawing import Markup, joined, visible
from .layer_drawing import Step
from .rows import Row
from .treemap import treemap

DIFFERENCE = "difference"  # the key of the step that stands for what differs between two images
MOST_ROWS = 200  # in one answer
MOST_OPENED = 20_000
LONGEST_FIND = 256
KEPT = 3  # trees: what somebody looks at, and looked at before


@dataclass(frozen=True)
class Question:
    """``of`` is a step's key. ``opened`` is None where the answer is to say what is open."""

    kind: str
    of: str
    whole: bool
    find: str
    changed: bool
    opened: frozenset[str] | None
    first: int
    count: int
    key: str
    way: str

    @classmethod
    def parse(cls, content: Mapping[str, Any]) -> Question:
        """Raises ValueError, TypeError, KeyError, OverflowError for what no front end of ours
        asks."""
        opened = content.get("opened")
        if opened is not None:
            opened = frozenset(str(one) for one in list(opened)[:MOST_OPENED])
        return cls(
            kind=str(content["ask"]),
            of=str(content["of"]),
            whole=bool(content.get("whole")),
            find=str(content.get("find") or "")[:LONGEST_FIND],
            changed=bool(content.get("changed")),
            opened=opened,
            first=max(0, int(content.get("from") or 0)),
            count=min(MOST_ROWS, max(0, int(content.get("count") or 0))),
            key=str(content.get("key") or ""),
            way=str(content.get("way") or ""),
        )


class Answers:
    """Of one image, or of two and what makes the second of the first. For one thread."""

    def __init__(self, images: Sequence[Contents], comparison: Comparison | None = None) -> None:
        self._images = images
        self._comparison = comparison
        self._trees: dict[tuple[str, bool], Tree] = {}
        self._rows: tuple[object, list[Row]] = (None, [])

    def answer(self, question: Question) -> dict[str, Any]:
        """Raises KeyError for a step or a question that there is not."""
        return {
            "rows": self._answer_rows,
            "seek": self._seek,
            "map": self._map,
            "waste": self._waste,
            "layer": self._layer,
            "config": self._config,
        }[question.kind](question)

    def place(self, of: str) -> tuple[int, int]:
        """The numbers of a step's image and of its layer. Raises KeyError."""
        image, _, layer = of.partition(":")
        if not (image.isdecimal() and layer.isdecimal()):
            raise KeyError(of)
        found = int(image), int(layer)
        if found[0] >= len(self._images) or found[1] >= len(self._images[found[0]].layers):
            raise KeyError(of)
        return found

    def versions(self, of: str) -> tuple[Sequence[Contents], int]:
        """The images whose file is to be looked at, and up to which layer. Raises KeyError."""
        if of == DIFFERENCE and self._comparison is not None:
            return self._images, -1
        image, layer = self.place(of)
        return [self._images[image]], layer

    def entry(self, question: Question) -> Entry:
        """The file that is asked for. Raises KeyError."""
        tree = self.tree(question.of, question.whole)
        return tree.entry(listing.path_of(tree, question.key))

    def tree(self, of: str, whole: bool) -> Tree:
        """Of a step, or of all up to it. Raises KeyError."""
        asked = (of, whole and of != DIFFERENCE)
        if asked not in self._trees:
            made = self._tree(*asked)
            while len(self._trees) >= KEPT:
                del self._trees[next(iter(self._trees))]
            self._trees[asked] = made
        return self._trees[asked]

    def _tree(self, of: str, whole: bool) -> Tree:
        if of == DIFFERENCE:
            return Tree({entry.path: entry for entry in self._differences()})
        image, layer = self.place(of)
        contents = self._images[image]
        return contents.tree(layer) if whole else contents.layer_tree(layer)

    def _differences(self) -> list[Entry]:
        if self._comparison is None:
            raise KeyError(DIFFERENCE)
        return [
            entry._replace(change=difference.change)
            for difference in self._comparison.files
            if (entry := difference.other or difference.one)
        ]

    def _answer_rows(self, question: Question) -> dict[str, Any]:
        """From ``first`` on, or around the row of ``key``."""
        told: dict[str, Any] = {}
        if question.opened is None:
            tree = self.tree(question.of, question.whole)
            told["opened"] = listing.opened_at_first(tree)
            question = replace(question, opened=frozenset(told["opened"]))
        tree, shown = self._shown(question)
        first = question.first
        if question.key:
            keys = (listing.key(row.entry.path) for row in shown)
            told["at"] = next((at for at, key in enumerate(keys) if key == question.key), 0)
            first = max(0, told["at"] - question.count // 2)
        return {
            **told,
            "total": len(shown),
            "from": first,
            "rows": [listing.cells(tree, row) for row in shown[first : first + question.count]],
            "told": _told(tree, shown, question),
        }

    def _seek(self, question: Question) -> dict[str, Any]:
        """Where the next row is whose name begins with ``key``, from ``first`` on and around."""
        _, shown = self._shown(question)
        wanted = question.key.casefold()
        for step in range(len(shown)):
            at = (question.first + step) % len(shown)
            if visible(shown[at].entry.path.rpartition("/")[2]).casefold().startswith(wanted):
                return {"at": at}
        return {"at": -1}

    def _shown(self, question: Question) -> tuple[Tree, list[Row]]:
        tree, opened = self.tree(question.of, question.whole), question.opened or frozenset()
        asked = (question.of, question.whole, question.find, question.changed, opened)
        if self._rows[0] != asked:
            shown = listing.rows(tree, opened, question.find, changed=question.changed)
            self._rows = (asked, shown)
        return tree, self._rows[1]

    def _map(self, question: Question) -> dict[str, Any]:
        tree = self.tree(question.of, question.whole)
        folder = listing.path_of(tree, question.key) if question.key else "/"
        if not folder:
            raise KeyError(question.key)
        return {"markup": treemap(tree, folder)}

    def _waste(self, question: Question) -> dict[str, Any]:
        if question.of != DIFFERENCE:
            return {"markup": _wasted(self._images[self.place(question.of)[0]])}
        parts = (joined([drawing.heading(it.image, []), _wasted(it)]) for it in self._images)
        return {"markup": joined(parts)}

    def _config(self, question: Question) -> dict[str, Any]:
        if question.of == DIFFERENCE and self._comparison is not None:
            names = [contents.image for contents in self._images]
            return {"markup": drawing.compared_configs(names, self._comparison.config)}
        image, _ = self.place(question.of)
        return {"markup": drawing.config(self._images[image].config.container)}

    def _layer(self, question: Question) -> dict[str, Any]:
        if question.of == DIFFERENCE:
            counts = _counts(self._differences())
            names = [contents.image for contents in self._images]
            return {"markup": drawing.compared(names, counts)}
        image, layer = self.place(question.of)
        contents = self._images[image]
        step = steps(contents.layers, image)[layer]
        return {"markup": drawing.details(step, _counts(contents.layers[layer].files))}


def _wasted(contents: Contents) -> Markup:
    return drawing.waste(waste_rows(contents), contents.wasted_bytes)


def steps(layers: Sequence[LayerContents], image: int = 0, lit: int = 0) -> list[Step]:
    """The layers of an image, the ``lit`` newest of them as new."""
    dark = len(layers) - lit
    return [
        Step(
            f"{image}:{number}",
            number + 1,
            drawing.instruction(layer.created_by),
            layer.size,
            layer.empty,
            layer.digest,
            layer.diff_id,
            lit=number >= dark,
        )
        for number, layer in enumerate(layers)
    ]


def waste_rows(contents: Contents) -> list[tuple[str, int, str]]:
    """Path, bytes, and why nobody sees them, the most first."""
    return [
        (path, count, "; ".join(_reason(one.reason, one.layer, one.by) for one in them))
        for path, count, them in by_path(contents.wasted)
    ]


def _reason(reason: str, layer: int, by: int) -> str:
    return f"of layer {layer + 1}, {reason} by layer {by + 1}"


def _counts(files: Sequence[Entry]) -> dict[str, int]:
    counts = Counter(entry.change for entry in files)
    return {word: counts[word] for word in drawing.WORDS if counts[word]}


def _told(tree: Tree, shown: list[Row], question: Question) -> str:
    """How much there is, or how much was found."""
    if not len(tree):
        return "no files"
    if question.find:
        return f"{listing.found(shown, question.find):,} found"
    return f"{len(tree):,} files and folders" if len(tree) > 1 else "1 file or folder"
