"""The progress of a pull, layer by layer.

``PullView`` is fed ``(layer, status, current, total)`` as the engine reports it and
draws a heading and one bar for each layer, at most ten times a second.

Knows: ipywidgets. Does not know: engines, when to show or hide itself.
"""

from __future__ import annotations

import html
import time
from dataclasses import dataclass

import ipywidgets

# Frames that take longer than this to draw would pile up in a slow front end.
REDRAW_SECONDS = 0.1
DONE = ("Pull complete", "Already exists", "Download complete")


@dataclass
class _Layer:
    """One layer's last report, and its row."""

    bar: ipywidgets.FloatProgress
    text: ipywidgets.HTML
    status: str = ""
    current: int = 0
    total: int = 0

    @property
    def done(self) -> bool:
        return self.status in ("Pull complete", "Already exists")


class PullView(ipywidgets.VBox):  # type: ignore[misc]
    """A heading, and for each layer its short id, a bar and a status."""

    children: tuple[ipywidgets.Widget, ...]

    def __init__(self, image: str) -> None:
        self._image = image
        self._layers: dict[str, _Layer] = {}
        self._heading = ipywidgets.HTML()
        self._drawn = 0.0
        super().__init__([self._heading])
        self.draw()

    def feed(self, layer: str, status: str, current: int, total: int) -> None:
        """Take one report; ``current`` and ``total`` are bytes, 0 where unknown."""
        if not layer:
            return
        row = self._layers.get(layer)
        if row is None:
            row = self._layers[layer] = self._add_row(layer)
        row.status = status
        if status == "Downloading" and total:
            row.current, row.total = current, total
        elif status in DONE and row.total:
            row.current = row.total
        if time.monotonic() - self._drawn > REDRAW_SECONDS:
            self.draw()

    def _add_row(self, layer: str) -> _Layer:
        name = ipywidgets.HTML(
            f"<code>{html.escape(layer[:12])}</code>", layout=ipywidgets.Layout(width="8em")
        )
        bar = ipywidgets.FloatProgress(
            max=1.0, layout=ipywidgets.Layout(width="40%", min_width="6em", height="1.2em")
        )
        text = ipywidgets.HTML(layout=ipywidgets.Layout(min_width="12em"))
        row = ipywidgets.HBox([name, bar, text], layout=ipywidgets.Layout(align_items="center"))
        self.children = (*self.children, row)
        return _Layer(bar, text)

    def draw(self) -> None:
        """Draw what was reported last."""
        self._drawn = time.monotonic()
        for layer in self._layers.values():
            layer.bar.value = (
                1.0 if layer.done else (layer.current / layer.total if layer.total else 0)
            )
            layer.bar.bar_style = "success" if layer.done else ""
            layer.text.value = html.escape(_status(layer))
        self._heading.value = f"<b>{html.escape(self.summary())}</b>"

    def summary(self) -> str:
        """One line: how many layers are there, and how much of how much."""
        layers = self._layers.values()
        if not layers:
            return f"Pulling {self._image} …"
        done = sum(layer.done for layer in layers)
        current, total = (
            sum(getattr(one, name) for one in layers) for name in ("current", "total")
        )
        size = f", {current / 1e6:.1f} of {total / 1e6:.1f} MB" if total else ""
        return f"Pulling {self._image}: {done} of {len(layers)} layers{size}"


def _status(layer: _Layer) -> str:
    if layer.status == "Downloading" and layer.total:
        return f"{layer.current / 1e6:.1f} of {layer.total / 1e6:.1f} MB"
    return layer.status.lower()
