"""What a cell of the course shows that needs no answer: claims, measurements, checks, recordings.

Each is a Card: markup for who looks, a fixed line of text for nbval and for who listens. Nothing
in what is stored differs from run to run or from engine to engine; where a value would, the text
says only whether it was as expected, and the live form shows the value.

Knows: drawing, the catalogue. Does not know: engines.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ipycontainers.widgets.cells import is_left_alone
from ipycontainers.widgets.drawing import Markup, element, joined, to_the_left

from .catalogue import words

if TYPE_CHECKING:
    from ipycontainers.widgets.widget import Widget

    from .progress import Progress

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Card:
    """``text`` is stored and compared; ``form`` is shown where somebody looks, and stored only
    if it ``is_still``: the same on every run and engine."""

    text: str
    form: Markup
    is_still: bool = False
    data: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        if is_left_alone():
            html = {"text/html": str(to_the_left(self.form))} if self.is_still else {}
            return {"text/plain": self.text, **html}
        style = element("style", Markup(style_sheet()))
        shown = element("div", style, to_the_left(self.form), class_="ipycontainers course")
        return {"text/plain": self.text, "text/html": str(shown)}


def live(widget: Widget) -> Widget | Card:
    """A widget whose drawing differs from engine to engine, where somebody looks; where a program
    executes the notebook only its name, so that what is stored is right for all engines."""
    if not is_left_alone():
        return widget
    widget.close()
    text = words("live.still", widget=type(widget).__name__)
    return Card(text, element("p", text), is_still=True)


@cache
def style_sheet() -> str:
    """Of the widgets, and of the course."""
    from ipycontainers.widgets.widget import source

    return source("widget.css") + FOLDER.joinpath("course.css").read_text(encoding="utf-8")


def card(kind: str, *parts: str, label: str) -> Markup:
    """The frame of one card; ``kind`` is its class."""
    return element("section", *parts, class_=f"card {kind}", aria_label=label)


def head(title: str, badge: str = "") -> Markup:
    """The first line: what it is, and on which engine."""
    shown = element("span", badge, class_="badge") if badge else Markup()
    return element("p", element("strong", title), " ", shown, class_="head")


def prose(text: str) -> Markup:
    """A text of the catalogue, where what stands between backticks is code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:  # one has no partner
        return element("span", text)
    return joined(element("code", it) if number % 2 else it for number, it in enumerate(parts))


def paragraphs(text: str, **attributes: str) -> Markup:
    """The same, one for each line."""
    return joined(element("p", prose(line), **attributes) for line in text.splitlines() if line)


def wide(label: str, shown: Markup) -> Markup:
    """A table that may be wider than the page: it can be scrolled by the keyboard too."""
    return element("div", shown, class_="wide", tabindex="0", role="group", aria_label=label)


class Told:
    """What a learner has to hear of the file of progress: the first card after it says that a
    damaged one was set aside, each one that what is done cannot be saved."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._aside = ""

    def now(self) -> Markup:
        """After what was kept or asked for."""
        progress = self._progress
        if progress.set_aside:
            self._aside, progress.set_aside = progress.set_aside.name, None
        lines = []
        if self._aside:
            lines.append(words("progress.set-aside", file=progress.path.name, name=self._aside))
        if progress.unsaved:
            lines.append(words("progress.unsaved", file=progress.path.name, why=progress.unsaved))
        return joined(element("p", line, class_="note", role="status") for line in lines)
