"""What all widgets have in common.

A widget draws itself in Python, as escaped markup, and its front end puts that in place; what
is drawn again is patched, so that the focus and what was opened stay. The same drawing is the
static form, which is stored beside the live one: GitHub, nbviewer and nbconvert show it, nbval
compares it, and so there is nothing in it that differs from run to run but what was measured.

    class Platform(Widget):
        def draw(self) -> Markup: …          what is shown
        def summary(self) -> str: …          in a line or a few
        data: dict                           the same, as plain Python

Knows: anywidget, which cell of the notebook is running. Does not know: engines.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
from traitlets import Unicode

from . import cells
from .drawing import Markup, element, to_the_left

if TYPE_CHECKING:
    import pandas

FOLDER = Path(__file__).parent


def source(*names: str) -> str:
    """Files of this folder, one after the other: a module of ECMAScript has to be one text,
    where there is neither a bundler nor a server to import from."""
    return "\n".join(FOLDER.joinpath(name).read_text(encoding="utf-8") for name in names)


class Widget(anywidget.AnyWidget):
    """A widget of one drawing. A cell that runs again closes what it had shown before."""

    _esm = source("widget.js", "plain.js")
    _css = source("widget.css")
    drawing = Unicode().tag(sync=True)

    def __init__(self) -> None:
        super().__init__()
        self._redrawing = threading.Lock()
        cells.shown(self)

    def open(self) -> None:
        """Begin to be live. Not where a program executes the notebook: a state that is stored with
        it is what nbconvert shows, by scripts that it loads from elsewhere, in place of the static
        form."""
        if not cells.is_left_alone():
            super().open()

    # What a widget of ours gives

    @property
    def data(self) -> Mapping[str, Any]:
        """What is shown, as plain Python that JSON can hold."""
        raise NotImplementedError

    def draw(self) -> Markup:
        """What is shown, as it is now."""
        raise NotImplementedError

    def summary(self) -> str:
        """What is shown, in a line or a few."""
        raise NotImplementedError

    def rows(self) -> Sequence[Mapping[str, Any]]:
        """What ``to_pandas`` makes a table of."""
        raise NotImplementedError

    def subject(self) -> str:
        """The arguments in ``repr``."""
        return ""

    def do(self, what: str) -> None:
        """A button's ``data-do``, when it is pressed."""

    # What is made of it

    def to_pandas(self) -> pandas.DataFrame:
        """The same as a table. Raises ImportError where pandas is not installed."""
        import pandas

        return pandas.DataFrame(list(self.rows()))

    def static(self) -> Markup:
        """The drawing for where nothing is live: without buttons, ids and scripts."""
        return element("div", self.draw(), class_="ipycontainers")

    def close(self) -> None:
        """Take it away, with its layout, which is a model of its own."""
        if self.comm is not None:
            self.layout.close()
        super().close()

    def redraw(self) -> None:
        """Show what is so now. Of two threads that do, the later one has the last word."""
        with self._redrawing:
            self.drawing = self.draw()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.subject()})"

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, Any], dict[str, Any]]:
        still = {"text/plain": repr(self), "text/html": str(to_the_left(self.static()))}
        if self.comm is None:
            return still, {}
        live = super()._repr_mimebundle_()
        assert live, "this class has a view"
        return {**live[0], **still}, live[1]

    def _handle_custom_msg(self, content: object, buffers: object) -> None:  # noqa: ARG002
        # Not by on_msg, whose list of callbacks keeps a closed widget alive.
        if isinstance(content, dict) and isinstance(what := content.get("do"), str):
            self.do(what)
