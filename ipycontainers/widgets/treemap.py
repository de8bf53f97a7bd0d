"""What needs the room: a rectangle for each file and folder, as large as its bytes.

The rectangles are laid out so that they are as square as they can be, by the algorithm of Bruls,
Huizing and van Wijk, Squarified Treemaps (2000): a row is filled along the shorter side as long as
its worst rectangle gets better.

Knows: trees, HTML. Does not know: images.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ipycontainers.oci.changes import DIRECTORY, Entry
from ipycontainers.oci.tree import Tree

from .drawing import Markup, element, joined, size, visible
from .rows import key

MOST = 48  # rectangles of one folder; what is smaller is one together
SMALLEST = 0.002  # of a folder's bytes; what is smaller is no rectangle of its own
WIDE = 16 / 9  # the map's sides, as it is mostly seen
NESTED = 12.0  # per cent of the map's width and height, below which a folder is not looked into


@dataclass(frozen=True)
class Box:
    """Per cent of what is around it, from its left top corner."""

    left: float
    top: float
    width: float
    height: float


def boxes(sizes: Sequence[float], ratio: float = WIDE) -> list[Box]:
    """One for each of ``sizes``, which are above 0 and begin with the largest; ``ratio`` is how
    often the height of what is to be filled fits into its width."""
    total = sum(sizes)
    areas = [one / total * ratio for one in sizes] if total else []
    made: list[Box] = []
    left, top, width, height = 0.0, 0.0, ratio, 1.0
    while len(made) < len(areas):
        along = min(width, height)
        row = _row(areas[len(made) :], along)
        across = sum(row) / along
        at = 0.0
        for area in row:
            long = area / across
            if width >= height:
                box = Box(left, top + at, across, long)
            else:
                box = Box(left + at, top, long, across)
            made.append(_in_per_cent(box, ratio))
            at += long
        if width >= height:
            left, width = left + across, max(width - across, 1e-9)
        else:
            top, height = top + across, max(height - across, 1e-9)
    return made


def _row(areas: Sequence[float], along: float) -> Sequence[float]:
    """As many of the first ones as make the best row."""
    total, best, count = 0.0, float("inf"), 0
    for area in areas:
        total += area
        across = total / along
        # The first is the longest and the last the shortest of a row.
        worst = max(_aspect(areas[0] / across, across), _aspect(area / across, across))
        if worst > best:
            break
        best, count = worst, count + 1
    return areas[:count]


def _aspect(one: float, other: float) -> float:
    return max(one, other) / max(min(one, other), 1e-12)


def _in_per_cent(box: Box, ratio: float) -> Box:
    """Rounded, so that drawings can be compared."""
    across, down = 100 / ratio, 100
    return Box(
        round(box.left * across, 2),
        round(box.top * down, 2),
        round(box.width * across, 2),
        round(box.height * down, 2),
    )


def treemap(tree: Tree, folder: str = "/") -> Markup:
    """A folder of the tree as buttons, which say what they stand for."""
    total = tree.bytes(folder)
    if not total:
        return element("p", "No bytes here.", class_="muted")
    inner = joined(_drawn(tree, folder, total, ratio=WIDE, nested=True))
    return element("div", inner, class_="map", role="group", aria_label="Room by folder")


def _drawn(tree: Tree, folder: str, total: int, *, ratio: float, nested: bool) -> Iterator[Markup]:
    entries = [entry for entry in tree.inside(folder) if tree.bytes(entry.path)]
    entries.sort(key=lambda entry: -tree.bytes(entry.path))
    least = SMALLEST * tree.bytes(folder)
    shown = [entry for entry in entries[:MOST] if tree.bytes(entry.path) >= least]
    rest = entries[len(shown) :]
    sizes = [tree.bytes(entry.path) for entry in shown]
    others = sum(tree.bytes(entry.path) for entry in rest)
    if others < least:
        others = 0  # nobody could see it
    laid = boxes([*sizes, others] if others else sizes, ratio)
    for entry, box in zip(shown, laid, strict=False):
        yield _box(tree, entry, box, total, ratio=ratio, nested=nested)
    if others:
        text = f"{len(rest)} others, {size(others)}"
        yield element("span", text, class_="box others", style=_style(laid[-1]), title=text)


def _box(tree: Tree, entry: Entry, box: Box, total: int, *, ratio: float, nested: bool) -> Markup:
    room, is_folder = tree.bytes(entry.path), entry.kind == DIRECTORY
    name = visible(entry.path.rpartition("/")[2]) + ("/" if is_folder else "")
    style = f"{_style(box)}--share:{min(60, round(8 + 52 * room / total))}%"
    looked_into = nested and is_folder and min(box.width, box.height) > NESTED
    label = f"{name}, {size(room)}, {100 * room / total:.0f} %"
    button = element(
        "button",
        element("b", name),
        element("span", size(room)),
        class_="head" if looked_into else "box",
        type="button",
        style=None if looked_into else style,
        title=label,
        aria_label=label,
        tabindex=-1,
        data_map=key(entry.path),
        data_folder="yes" if is_folder else None,
    )
    if not looked_into:
        return button
    ratio *= box.width / box.height
    inner = joined(_drawn(tree, entry.path, total, ratio=ratio, nested=False))
    within = element("div", inner, class_="within")
    return element("div", button, within, class_="box folder", style=style)


def _style(box: Box) -> str:
    return f"left:{box.left:g}%;top:{box.top:g}%;width:{box.width:g}%;height:{box.height:g}%;"
