"""Wildcards of COPY and ADD, which mean what they do on dockerd; any text is a pattern or none."""

from __future__ import annotations

import time
from typing import Any

from embedded import Engine
from engine.build.building import build
from hypothesis import given, settings
from hypothesis import strategies as st
from layers import file, folder
from support import examples, patience

from ipycontainers.engine.build.patterns import Pattern
from ipycontainers.errors import Invalid

TREE = (
    *(folder("s"), file("s/f", b"1"), folder("s/t"), file("s/t/g", b"2"), file("s-f", b"3")),
    *(file(name, name.encode()) for name in ("f", "g", "a]", "a^", "b-c", "é", "*x", "[y")),
)
PATTERNS = r"""
    [z-a] [f-g] [^f-g] [!f] ?] [a][^a-z] [ab]? s[^x]f s?f s[/]f s* s/* s/** s/**/g ** **/g */*/g
    [é] [e-ÿ] \*x \[y [\[*]? [ []x []] [^]] [a-] [-a] [a-z f[ f\ [a]]* [\a-\z] *-* b[,-.]c
"""


def test_wildcards_mean_what_they_do_on_dockerd(isolated_mine: Engine, engine: Any) -> None:
    for pattern in PATTERNS.split():
        text = f"FROM scratch\nCOPY {pattern} /to/\n"
        ours, theirs = (
            build(it, text, *TREE, nocache=1) for it in (isolated_mine.client, engine.docker)
        )
        assert (ours.text, ours.error) == (theirs.text, theirs.error), pattern


@given(st.text("ab/*?[]^-\\", max_size=12), st.text("ab/-^]", max_size=8), st.booleans())
@settings(max_examples=examples(300), deadline=None)
def test_any_text_is_a_pattern_or_refused(text: str, path: str, folders: bool) -> None:
    try:
        pattern = Pattern.parse(text, folders=folders)
    except Invalid:
        return
    assert pattern.fits(path) in (True, False)
    if not set(text) & set("*?[\\"):
        assert pattern.fits(path) == (text == path)


def test_no_pattern_takes_for_ever() -> None:
    began = time.monotonic()
    assert not Pattern.parse("*a" * 50 + "b", folders=False).fits("a" * 3000)
    assert time.monotonic() - began < 20 * patience()
