"""The HTML of a table of %docker."""

from __future__ import annotations

from ipycontainers.commands import Listing
from ipycontainers.magics.docker_table import MOST, drawn


def _listing(count: int, name: str = "web") -> Listing:
    rows = [{"ID": "0123456789ab", "Names": name}] * count
    cells = [("0123456789ab", name)] * count
    return Listing(rows, heads=("CONTAINER ID", "NAMES"), cells=cells, text="")


def test_what_an_engine_says_is_text() -> None:
    html = drawn(_listing(1, "<img src=x onerror=alert(1)>\x1b[2J\u202egnp"))
    assert "<img" not in html
    assert "&lt;img src=x onerror=alert(1)&gt;\\x1b[2J\\u202egnp" in html
    assert ">0123456789ab</code>" in html


def test_a_long_table_ends_with_how_many_more() -> None:
    html = drawn(_listing(MOST + 7))
    assert html.count("<tr>") == MOST + 1
    assert "and 7 more rows" in html
    assert "more rows" not in drawn(_listing(MOST))


def test_an_empty_table_has_its_heads() -> None:
    assert drawn(_listing(0)).count("<th ") == 2
