"""A table of %docker as HTML.

Its looks stand in the elements themselves: a stored notebook has no style sheet of ours, and
JupyterLab's own aligns cells as numbers are. Colours are those of the page.

Knows: HTML's tables. Does not know: what is in them.
"""

from __future__ import annotations

from ipycontainers.commands import Listing
from ipycontainers.widgets.drawing import Markup, element, joined, printable

CELL = "text-align: left; vertical-align: top; padding: 4px 16px 4px 8px; white-space: "
SHORT, LONG = f"{CELL}nowrap", f"{CELL}pre-wrap; min-width: 16em"
# JupyterLab breaks lines in code, wherever it stands.
INHERIT = "white-space: inherit"
MOST = 1000  # rows; a page of more is slow to draw
WORDS = 36  # characters of a cell that stays on one line
# Of columns whose words are ids and commands.
CODE = frozenset({"CONTAINER ID", "IMAGE ID", "NETWORK ID", "DIGEST", "COMMAND", "CREATED BY"})


def drawn(listing: Listing) -> str:
    """The table; where it is wider than the page it scrolls, and can be focused."""
    heads = joined(
        element("th", printable(head), scope="col", style=SHORT) for head in listing.heads
    )
    rows = joined(_row(listing, cells) for cells in listing.cells[:MOST])
    left = len(listing.cells) - MOST
    table = element(
        "table",
        element("thead", element("tr", heads)),
        element("tbody", rows),
        style="border-collapse: collapse; margin: 0",
    )
    return element(
        "div",
        table,
        element("p", f"and {left} more rows, in the text and the value") if left > 0 else "",
        role="region",
        aria_label=f"{listing.heads[0]} and more" if listing.heads else "table",
        tabindex="0",
        style="max-width: 100%; overflow-x: auto",
    )


def _row(listing: Listing, cells: tuple[str, ...]) -> Markup:
    shown = zip(listing.heads, map(printable, cells), strict=False)
    return element(
        "tr",
        *(
            element(
                "td",
                element("code", cell, style=INHERIT) if head in CODE and cell else cell,
                style=_style(cell),
            )
            for head, cell in shown
        ),
    )


def _style(cell: str) -> str:
    return LONG if len(cell) > WORDS else SHORT
