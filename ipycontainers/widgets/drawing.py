"""HTML and SVG as text, every word of it escaped.

    element("td", "a < b", title="x")        <td title="x">a &lt; b</td>

What a container, an image or a label says goes in as text and never becomes markup.
Names of attributes are Python's: ``class_``, ``aria_label``, ``data_do``.

Knows: the syntax of HTML. Does not know: what is drawn.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

from ipycontainers.oci.legible import printable, visible
from ipycontainers.oci.sizes import size

__all__ = [
    "Markup",
    "element",
    "joined",
    "printable",
    "shortened",
    "size",
    "table",
    "to_the_left",
    "visible",
]

# Elements that have no content, as HTML 13.1.2 lists them.
VOID = frozenset({"br", "col", "hr", "img", "input", "wbr"})


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


def element(tag: str, *content: str, **attributes: str | float | bool | None) -> Markup:
    """One element. Content that is no Markup is escaped; an attribute that is None or False is
    left out, one that is True has no value."""
    words = [tag]
    for name, value in attributes.items():
        if value is None or value is False:
            continue
        key = name.rstrip("_").replace("_", "-")
        words.append(key if value is True else f'{key}="{html.escape(_text(value))}"')
    start = f"<{' '.join(words)}>"
    return Markup(start if tag in VOID else f"{start}{joined(content)}</{tag}>")


def joined(parts: Iterable[str]) -> Markup:
    """One after the other."""
    return Markup("".join(it if isinstance(it, Markup) else html.escape(it) for it in parts))


def table(
    heads: Sequence[str], rows: Iterable[Sequence[str]], *, caption: str = "", class_: str = ""
) -> Markup:
    """A table whose first column heads its rows."""
    head = joined(element("th", text, scope="col") for text in heads)
    body = joined(element("tr", *_cells(row)) for row in rows)
    return element(
        "table",
        element("caption", caption) if caption else Markup(),
        element("thead", element("tr", head)),
        element("tbody", body),
        class_=class_ or None,
    )


def _cells(row: Sequence[str]) -> Iterable[Markup]:
    for number, text in enumerate(row):
        yield element("td", text) if number else element("th", text, scope="row")


def to_the_left(form: Markup) -> Markup:
    """For where there is no style sheet of ours, and nbconvert's aligns all cells as numbers."""
    return Markup(re.sub(r"<(td|th)\b", r'<\1 style="text-align: left"', form))


def shortened(text: str, room: int) -> str:
    """Of at most so many letters, the last one being … where it is cut."""
    return text if len(text) <= room else f"{text[: room - 1]}…"


def _text(value: str | float) -> str:
    # 1.0 and 1 are one coordinate, and stored outputs are compared.
    return f"{value:g}" if isinstance(value, float) else str(value)
