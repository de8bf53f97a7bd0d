"""The states of a container as a drawing: where each stands, and an arrow for each way.

What leads out of the present state is drawn heavier. A way that docker has no command for is
dashed. Everything is said by attributes of SVG, so that it can be seen without a style sheet.

Knows: the table of transitions, geometry. Does not know: containers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ipycontainers.lifecycle import TABLE, State

from .drawing import Markup, element

WIDTH, HEIGHT = 428, 264
HALF = (46.0, 17.0)  # of a state's box
PLACES: Mapping[State, tuple[float, float]] = {
    "created": (56, 66),
    "running": (214, 66),
    "paused": (372, 66),
    "removing": (56, 226),
    "exited": (214, 226),
    "restarting": (372, 226),
}
GONE = ("removing", "removed")  # one box: the first lasts a moment
APART = 6.0  # an arrow from its line, where another one goes back
AIR = 3.0  # between an arrow's end and a box
HEAD = (9.0, 3.5)  # an arrow's head: its length, half its width
ASIDE = 5.0  # a word from its arrow
# Where along its arrow a word stands, if not in the middle, where another arrow crosses.
ALONG: Mapping[tuple[str, str], float] = {("paused", "exited"): 0.78}


@dataclass(frozen=True)
class Arrow:
    """From and to a point, and the direction as a unit vector; the words of docker on it."""

    source: str
    target: str
    start: tuple[float, float]
    end: tuple[float, float]
    words: str

    @property
    def direction(self) -> tuple[float, float]:
        dx, dy = self.end[0] - self.start[0], self.end[1] - self.start[1]
        length = math.hypot(dx, dy)
        return dx / length, dy / length


def diagram(state: str) -> Markup:
    """With ``state`` marked as the present one; nothing is, where it is none of the table's."""
    found = list(arrows())
    out = [f"{it.words or 'by itself'} to {_name(it.target)}" for it in found if it.source == state]
    now = f"it is {state}" if state in (*PLACES, *GONE) else "it is in none of them"
    leads = f"; from there: {', '.join(out)}" if out else ""
    return element(
        "svg",
        _entrance(),
        *(_arrow(it, it.source == state) for it in found),
        *(_state(name, state) for name in PLACES),
        *(_words(it, it.source == state) for it in found),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        width=WIDTH,
        role="img",
        aria_label=f"The states of a container; {now}{leads}.",
        font_family="system-ui, sans-serif",
        font_size=12,
        fill="currentColor",
    )


def arrows() -> Iterator[Arrow]:
    """One for each two states between which something leads, whatever does."""
    words: dict[tuple[State, State], list[str]] = {}
    for way in TABLE:
        words.setdefault((way.source, way.target), []).append(way.command)
    for (source, target), by in words.items():
        start, end = _ends(source, target, is_double=(target, source) in words)
        yield Arrow(source, target, start, end, ", ".join(filter(None, by)))


def _ends(
    source: State, target: State, *, is_double: bool
) -> tuple[tuple[float, float], tuple[float, float]]:
    """From border to border, on the left of who goes there where another one comes back."""
    (x1, y1), (x2, y2) = PLACES[source], PLACES[target]
    length = math.hypot(x2 - x1, y2 - y1)
    ux, uy = (x2 - x1) / length, (y2 - y1) / length
    ox, oy = (uy * APART, -ux * APART) if is_double else (0.0, 0.0)
    out = _to_border(ux, uy, ox, oy)
    back = _to_border(-ux, -uy, ox, oy)
    start = (x1 + ox + ux * out, y1 + oy + uy * out)
    return start, (x2 + ox - ux * back, y2 + oy - uy * back)


def _to_border(ux: float, uy: float, ox: float, oy: float) -> float:
    """How far it is from (ox, oy) of a box's middle to a little beyond its border."""
    far = [
        (half - offset * math.copysign(1, part)) / abs(part)
        for half, offset, part in zip(HALF, (ox, oy), (ux, uy), strict=True)
        if abs(part) > 1e-9
    ]
    return min(far) + AIR


def _arrow(arrow: Arrow, is_now: bool) -> Markup:
    return element(
        "g",
        *_line(arrow.start, arrow.end, arrow.direction, dashed=not arrow.words),
        class_="way is-now" if is_now else "way",
        stroke="currentColor",
        stroke_width=2.25 if is_now else 1,
    )


def _line(
    start: tuple[float, float],
    end: tuple[float, float],
    direction: tuple[float, float],
    *,
    dashed: bool,
) -> Iterator[Markup]:
    (ux, uy), (long, half) = direction, HEAD
    x, y = end[0] - ux * long, end[1] - uy * long
    yield element(
        "line",
        x1=round(start[0], 1),
        y1=round(start[1], 1),
        x2=round(x, 1),
        y2=round(y, 1),
        stroke_dasharray="4 3" if dashed else None,
    )
    corners = [end, (x - uy * half, y + ux * half), (x + uy * half, y - ux * half)]
    yield element(
        "polygon", points=" ".join(f"{px:.1f},{py:.1f}" for px, py in corners), stroke="none"
    )


def _entrance() -> Markup:
    x, y = PLACES["created"]
    end = (x, y - HALF[1] - AIR)
    return element(
        "g",
        element("g", *_line((x, 10), end, (0.0, 1.0), dashed=False), stroke="currentColor"),
        element("text", "create", x=x + 8, y=26, font_size=11),
        class_="way",
    )


def _state(name: State, present: str) -> Markup:
    (x, y), (half_width, half_height) = PLACES[name], HALF
    is_now = present == name or (present in GONE and name in GONE)
    shown = _name(name)
    return element(
        "g",
        element(
            "rect",
            x=x - half_width,
            y=y - half_height,
            width=2 * half_width,
            height=2 * half_height,
            rx=6,
            fill="none",
            stroke="currentColor",
            stroke_width=3 if is_now else 1,
            stroke_dasharray="5 3" if name in GONE else None,
        ),
        element(
            "text",
            f"● {shown}" if is_now else shown,
            x=x,
            y=y + 4,
            text_anchor="middle",
            font_weight="bold" if is_now else None,
        ),
        class_="place is-now" if is_now else "place",
        data_key=name,
    )


def _words(arrow: Arrow, is_now: bool) -> Markup:
    if not arrow.words:
        return Markup()
    along = ALONG.get((arrow.source, arrow.target), 0.5)
    nx, ny = arrow.direction[1], -arrow.direction[0]
    x = arrow.start[0] + (arrow.end[0] - arrow.start[0]) * along + nx * ASIDE
    y = arrow.start[1] + (arrow.end[1] - arrow.start[1]) * along + ny * ASIDE
    # Above or below its arrow, or beside it.
    anchor = "middle" if abs(nx) < 0.3 else "start" if nx > 0 else "end"
    drop = 4 if abs(nx) >= 0.3 else 0 if ny < 0 else 9
    return element(
        "text",
        arrow.words,
        x=round(x, 1),
        y=round(y + drop, 1),
        text_anchor=anchor,
        font_size=11,
        font_weight="bold" if is_now else None,
        class_="word is-now" if is_now else "word",
    )


def _name(state: str) -> str:
    return "removed" if state in GONE else state
