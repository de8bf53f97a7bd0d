"""A table of %docker as HTML.

Its looks stand in the elements themselves: a stored notebook has no style sheet of ours, and
JupyterLab's own aligns cells as numbers are. Colours are those of the page.

Knows: HTML's tables. Does not know: what is in them.
"""

from __future__ import annotations

from ipycontainers.commands import Listing
from ipycontainers.widgets.drawing import Markup, element, joined

CELL = "text-align: left; vertical-align: top; padding: 4px 16px 4px 8px; white-space: pre-wrap"
# Of columns whose words are ids and commands.
CODE = frozenset({"CONTAINER ID", "IMAGE ID", "NETWORK ID", "DIGEST", "COMMAND", "CREATED BY"})


def drawn(listing: Listing) -> str:
    """The table, wider than the page where it has to be, and then with a scroll bar."""
    heads = joined(element("th", head, scope="col", style=CELL) for head in listing.heads)
    rows = joined(_row(listing, cells) for cells in listing.cells)
    table = element(
        "table",
        element("thead", element("tr", heads)),
        element("tbody", rows),
        style="border-collapse: collapse; margin: 0",
    )
    return element("div", table, style="max-width: 100%; overflow-x: auto")


def _row(listing: Listing, cells: tuple[str, ...]) -> Markup:
    return element(
        "tr",
        *(
            element("td", element("code", cell) if head in CODE else cell, style=CELL)
            for head, cell in zip(listing.heads, cells, strict=False)
        ),
    )
