"""What the engine needs once it has worked: no more than before, but for what it has learned."""

from __future__ import annotations

from embedded import Engine
from engine.test_many import AT_ONCE, LIVES, left, live, settle
from support import wait_for

KEPT = 8 << 20
"""Bytes, for modules, threads and events: it is 3 MB, and 18 where what is freed is kept."""


def test_what_it_has_used_it_gives_back(isolated_mine: Engine) -> None:
    isolated_mine.kill9()
    isolated_mine.start()
    before = left(isolated_mine).memory["engine"]
    live(isolated_mine, len(LIVES) * AT_ONCE)
    settle(isolated_mine)
    assert wait_for(lambda: left(isolated_mine).memory["engine"] - before < KEPT, seconds=20)
