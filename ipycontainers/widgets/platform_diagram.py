"""Client, engine, images, containers and registry as a drawing of boxes and ways.

What is absent is dashed and grey, and says that it is absent. It is narrow, so that its letters
keep their size on a narrow page.

Knows: lines of text, geometry. Does not know: engines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .drawing import Markup, element, shortened

WIDTH, HEIGHT = 360, 344
MARGIN = 12  # between a box and its words
LETTER = 6.1  # the mean width of one at 11 px
TITLE, LINE = 20, 16  # a title's base line below its box's edge; from one line to the next


@dataclass(frozen=True)
class Box:
    x: float
    y: float
    width: float
    height: float


BOXES: Mapping[str, Box] = {
    "client": Box(4, 4, 352, 62),
    "engine": Box(4, 104, 352, 150),
    "images": Box(18, 170, 138, 70),
    "containers": Box(204, 170, 138, 70),
    "registry": Box(4, 290, 352, 50),
}
# From, to, and the parts that have to be there: (x, y) each.
ASK = ((180.0, 66.0), (180.0, 104.0))
PULL = ((87.0, 290.0), (87.0, 240.0))
RUN = ((156.0, 205.0), (204.0, 205.0))
LINES = {"client": 2, "engine": 2, "images": 2, "containers": 2, "registry": 1}


def diagram(
    lines: Mapping[str, Sequence[str]], found: Mapping[str, bool | None], way: str
) -> Markup:
    """``lines`` of each part, ``found``: whether it is there, None where nobody has tried;
    ``way`` leads from client to engine."""
    there = {part: is_there is not False for part, is_there in found.items()}
    absent = [part for part in BOXES if not there[part]]
    said = f"absent: {', '.join(absent)}" if absent else "all are there"
    return element(
        "svg",
        _way(*ASK, way or "no way", is_there=there["engine"]),
        _way(*PULL, "pull", is_there=there["registry"] and there["images"]),
        _way(*RUN, "run", is_there=there["images"] and there["engine"]),
        *(_box(part, lines[part], is_there=there[part]) for part in BOXES),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        width=WIDTH,
        role="img",
        aria_label=f"Client, engine with images and containers, registry; {said}.",
        font_family="system-ui, sans-serif",
        font_size=11,
        fill="currentColor",
    )


def _box(part: str, lines: Sequence[str], *, is_there: bool) -> Markup:
    box = BOXES[part]
    room = int((box.width - 2 * MARGIN) / LETTER)
    if not is_there:  # in words too
        lines = ["absent", *lines] if LINES[part] > 1 else [f"absent: {', '.join(lines)}"]
    words = [
        element(
            "text",
            shortened(line, room),
            x=box.x + MARGIN,
            y=box.y + TITLE + LINE * number,
            class_="sub",
        )
        for number, line in enumerate(lines[: LINES[part]], 1)
    ]
    return element(
        "g",
        element(
            "rect",
            x=box.x,
            y=box.y,
            width=box.width,
            height=box.height,
            rx=6,
            fill="none",
            stroke="currentColor",
            stroke_dasharray=None if is_there else "4 4",
        ),
        element("text", part, x=box.x + MARGIN, y=box.y + TITLE, font_size=13, font_weight="bold"),
        *words,
        class_="part" if is_there else "part is-absent",
        data_key=part,
    )


def _way(
    start: tuple[float, float], end: tuple[float, float], word: str, *, is_there: bool
) -> Markup:
    (x1, y1), (x2, y2) = start, end
    across = y1 == y2
    ux, uy = ((1 if x2 > x1 else -1), 0) if across else (0, (1 if y2 > y1 else -1))
    x, y = x2 - 9 * ux, y2 - 9 * uy
    corners = ((x2, y2), (x - 3.5 * uy, y + 3.5 * ux), (x + 3.5 * uy, y - 3.5 * ux))
    middle = ((x1 + x2) / 2, y1 - 6) if across else (x1 + 8, (y1 + y2) / 2 + 4)
    return element(
        "g",
        element(
            "line",
            x1=x1,
            y1=y1,
            x2=x,
            y2=y,
            stroke="currentColor",
            stroke_dasharray=None if is_there else "4 4",
        ),
        element("polygon", points=" ".join(f"{px:g},{py:g}" for px, py in corners)),
        element(
            "text", word, x=middle[0], y=middle[1], text_anchor="middle" if across else "start"
        ),
        class_="way" if is_there else "way is-absent",
    )
