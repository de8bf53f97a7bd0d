"""The progress of a pull or a push, layer by layer.

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
COMPLETE = ("Pull complete", "Already exists", "Pushed", "Layer already exists")
DONE = (*COMPLETE, "Download complete")


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
        return self.status in COMPLETE or self.status.startswith("Mounted from")

    @property
    def is_moving(self) -> bool:
        return self.status in ("Downloading", "Pushing") and bool(self.total)


class PullView(ipywidgets.VBox):  # type: ignore[misc]
    """A heading, and for each layer its short id, a bar and a status."""

    children: tuple[ipywidgets.Widget, ...]

    def __init__(self, image: str, doing: str = "Pulling") -> None:
        self._title = f"{doing} {image}"
        self._layers: dict[str, _Layer] = {}
        self._heading = ipywidgets.HTML()
        self._drawn = 0.0
        super().__init__([self._heading])
        self.draw()

    def feed(self, layer: str, status: str, current: int, total: int) -> None:
        """Take one report; ``current`` and ``total`` are bytes, 0 where unknown."""
        # The first report is on the tag ("Pulling from library/python"), not on a layer.
        if not layer or status.startswith("Pulling from"):
            return
        row = self._layers.get(layer)
        if row is None:
            row = self._layers[layer] = self._add_row(layer)
        row.status = status
        if status in ("Downloading", "Pushing") and total:
            row.current, row.total = min(current, total), total
        elif status in DONE and row.total:
            row.current = row.total
        if time.monotonic() - self._drawn > REDRAW_SECONDS:
            self.draw()

    def _add_row(self, layer: str) -> _Layer:
        name = ipywidgets.HTML(
            f"<code>{html.escape(layer[:12])}</code>", layout=ipywidgets.Layout(flex="0 0 8.5em")
        )
        bar = ipywidgets.FloatProgress(
            max=1.0, layout=ipywidgets.Layout(flex="0 1 26em", min_width="6em", height="1.2em")
        )
        text = ipywidgets.HTML(layout=ipywidgets.Layout(flex="0 0 11em", margin="0 0 0 0.8em"))
        row = ipywidgets.HBox(
            [name, bar, text], layout=ipywidgets.Layout(align_items="center", height="1.7em")
        )
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
        title = f"<b>{html.escape(self.summary())}</b>"
        self._heading.value = f'<div style="line-height: 1.5">{title}</div>'

    def close(self) -> None:
        """Take the view away, with all that it is made of: nothing of it stays in the kernel."""
        for row in self.children:
            for widget in (*getattr(row, "children", ()), row):
                _close(widget)
        self.layout.close()
        super().close()

    def summary(self) -> str:
        """One line: how many layers are there, and how much of how much."""
        layers = self._layers.values()
        if not layers:
            return f"{self._title} …"
        done = sum(layer.done for layer in layers)
        current, total = (
            sum(getattr(one, name) for one in layers) for name in ("current", "total")
        )
        # A layer that waits for its turn has not said yet how large it is.
        known = all(one.total or one.done for one in layers)
        of_total = f" of {total / 1e6:.1f}" if known else ""
        size = f", {current / 1e6:.1f}{of_total} MB" if current else ""
        return f"{self._title}: {done} of {len(layers)} layers{size}"


def _close(widget: ipywidgets.Widget) -> None:
    """Close a widget; its layout and style are models of their own."""
    for part in ("layout", "style"):
        if (model := getattr(widget, part, None)) is not None:
            model.close()
    widget.close()


def _status(layer: _Layer) -> str:
    if layer.is_moving:
        return f"{layer.current / 1e6:.1f} of {layer.total / 1e6:.1f} MB"
    return layer.status.lower()
