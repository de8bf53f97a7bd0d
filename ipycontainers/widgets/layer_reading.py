"""What ImageLayers shows of an image while it is read: how far that is, and what is known already.

Knows: outlines, drawing. Does not know: threads, engines, files.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from ipycontainers.layers import Outline, Progress

from . import layer_drawing as drawing
from .drawing import Markup, element, joined, size
from .layer_answers import steps

LEAST = 0.25  # seconds from one drawing of the progress to the next


class Reading:
    """Told by one thread and drawn by another. ``outlines`` has one for each image, or nothing."""

    def __init__(self, names: Sequence[str], lit: int) -> None:
        self._names, self._lit = names, lit
        self.outlines: Sequence[Outline] = ()
        self._drawn = 0.0
        self._text = "Asking the engine …"
        self._share: float | None = None

    def begin(self, name: str) -> None:
        """Its archive is asked for. dockerd before 25 writes all of it before it sends any."""
        self._text, self._share = f"Waiting for the engine to pack {name} …", None

    def tell(self, name: str, progress: Progress) -> bool:
        """Returns whether it is time to draw it."""
        layer = min(progress.of, progress.layers + 1)
        self._text = f"Reading {name}: layer {layer} of {progress.of}, {size(progress.read)}"
        self._share = min(1.0, progress.read / progress.size) if progress.size else None
        now = time.monotonic()
        if now - self._drawn < LEAST:
            return False
        self._drawn = now
        return True

    def draw(self) -> Markup:
        """How far it is. Apart from the layers, which are as long as the history of an image, and
        the same as long as it is read."""
        return joined([element("p", self._text, role="status"), _bar(self._share)])

    def headings(self) -> Markup:
        if not self.outlines:
            return joined(drawing.heading(name, []) for name in self._names)
        return joined(map(_heading, self.outlines))

    def tables(self) -> Markup:
        """The steps of each image, for who listens and for where nothing is live."""
        return joined(
            drawing.layers_table(
                steps(one.layers, number, self._lit), f"Layers of {one.image}, oldest first"
            )
            for number, one in enumerate(self.outlines)
            if one.layers
        )

    def static(self) -> Markup:
        """What is known already."""
        note = "Its files were still being read as this was stored."
        return joined([self.headings(), self.tables(), element("p", note, class_="muted")])


def _heading(outline: Outline) -> Markup:
    facts = [("Size", size(outline.size)), ("Layers", str(len(outline.diff_ids)))]
    return drawing.heading(outline.image, facts)


def _bar(share: float | None) -> Markup:
    """Of what is to be read; None where nobody knows how much that is."""
    if share is None:
        return Markup()
    return element(
        "div",
        element("span", style=f"width:{share:.0%}"),
        class_="bar read",
        role="progressbar",
        aria_label="Read",
        aria_valuenow=round(100 * share),
        aria_valuemin=0,
        aria_valuemax=100,
    )
