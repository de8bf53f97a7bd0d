"""A file of an image, as ImageLayers shows it: its text, or what a layer changed of it.

Knows: texts, HTML. Does not know: where they come from.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ipycontainers.layers import Look, look, version
from ipycontainers.oci.changes import FILE, HARD_LINK, Entry
from ipycontainers.oci.contents import Contents
from ipycontainers.oci.texts import FileText, difference, lines

from . import layer_drawing as drawing
from .drawing import Markup, element, size, visible

if TYPE_CHECKING:
    from ipycontainers.client import Connection

MOST_LINES = 5000  # more would make the page slow


def fetched(engine: Connection, images: Sequence[Contents], layer: int, path: str) -> Look:
    """The file of one image with its layers up to ``layer``, and as it was below; or of two images
    that of the second, and as it is in the first. Raises what ``look`` does."""
    if len(images) == 1:
        return look(engine, images[0], layer, path)
    one, other = (_at_last(engine, contents, path) for contents in images)
    return Look(other, one, difference(one, other))


def _at_last(engine: Connection, contents: Contents, path: str) -> FileText | None:
    """The file with all layers; None where it is not there."""
    last = len(contents.layers) - 1
    return look(engine, contents, last, path).here if version(contents, last, path) else None


def of_no_text(entry: Entry) -> Markup | None:
    """What there is to say of what is no file; None of a file."""
    if entry.kind in (FILE, HARD_LINK):
        return None
    target = element("code", visible(entry.target)) if entry.target else ""
    return element("p", f"A {entry.kind}", *([" to ", target] if target else []), ".")


def opened(seen: Look, way: str) -> Markup:
    """``way`` is "difference", or anything else for the text."""
    if way == "difference":
        return _difference(seen)
    file = seen.here or seen.below
    if file is None:
        return element("p", "It is no file that has a text.")
    return _text(file, is_gone=seen.here is None)


def _text(file: FileText, *, is_gone: bool) -> Markup:
    notes = [_place(file)]
    if is_gone:
        notes.append("removed here, this is what it was")
    if file.text is None:
        return element("p", f"{'; '.join([*notes, _binary(file)])}.")
    shown = lines(file.text)
    if file.is_cut or len(shown) > MOST_LINES:
        notes.append("only its beginning is shown")
    if not shown:
        return element("p", f"{'; '.join([*notes, 'empty'])}.")
    return drawing.text(shown[:MOST_LINES], f"{'; '.join(notes)}.")


def _difference(seen: Look) -> Markup:
    note, sides = _sides(seen), [side for side in (seen.here, seen.below) if side]
    if seen.lines is None:
        kinds = [_binary(side) for side in sides if side.text is None]
        why = f"It is {kinds[0]}" if kinds else "Too much of it differs"
        return element("p", f"{note} {why}: not compared.")
    if any(side.is_cut for side in sides):
        note += " Only its beginning is compared."
    if not seen.lines:
        return element("p", f"{note} The text is the same.")
    if len(seen.lines) > MOST_LINES:
        note += f" These are its first {MOST_LINES:,} lines."
    return drawing.difference(seen.lines[:MOST_LINES], note)


def _sides(seen: Look) -> str:
    if seen.below is None:
        return "There was no such file: all of it is new."
    if seen.here is None:
        return "It is removed: all of it is gone."
    return f"From {_place(seen.below)} to {_place(seen.here)}."


def _place(file: FileText) -> str:
    return f"layer {file.layer + 1}, {size(file.size)}"


def _binary(file: FileText) -> str:
    """What it is, as far as its first bytes tell."""
    kind = file.binary
    return kind if kind in ("binary", "no UTF-8") else f"binary: {kind}"
