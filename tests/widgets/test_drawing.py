"""Markup is what elements make; all else is text."""

from __future__ import annotations

from ipycontainers.widgets.drawing import Markup, element, joined, table

HOSTILE = '<img src=x onerror="alert(1)">'


def test_what_is_no_markup_is_escaped() -> None:
    assert element("p", HOSTILE, title=HOSTILE) == (
        '<p title="&lt;img src=x onerror=&quot;alert(1)&quot;&gt;">'
        "&lt;img src=x onerror=&quot;alert(1)&quot;&gt;</p>"
    )
    assert element("p", element("b", "bold"), " & more") == "<p><b>bold</b> &amp; more</p>"
    assert joined([Markup("<br>"), "<br>"]) == "<br>&lt;br&gt;"


def test_attributes_are_named_as_in_python() -> None:
    made = element("input", class_="a", aria_label="A", data_do="x", checked=True, disabled=False)
    assert made == '<input class="a" aria-label="A" data-do="x" checked>'
    assert element("rect", x=1.0, y=0.5, rx=None) == '<rect x="1" y="0.5"></rect>'


def test_a_table_heads_its_rows() -> None:
    assert table(["a", "<b>"], [["1", "<2>"]], caption="Of two") == (
        "<table><caption>Of two</caption>"
        '<thead><tr><th scope="col">a</th><th scope="col">&lt;b&gt;</th></tr></thead>'
        '<tbody><tr><th scope="row">1</th><td>&lt;2&gt;</td></tr></tbody></table>'
    )
