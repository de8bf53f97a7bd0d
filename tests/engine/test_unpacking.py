"""Many may unpack at once; who tidies up is alone."""

from __future__ import annotations

import threading

from support import wait_for

from ipycontainers.engine.unpacking import Unpacking


def test_nobody_tidies_up_while_somebody_unpacks() -> None:
    unpacking = Unpacking()
    with unpacking.going_on(), unpacking.going_on(), unpacking.tidying() as alone:
        assert not alone
    with unpacking.tidying() as alone, unpacking.tidying() as second:
        assert (alone, second) == (True, False)
    with unpacking.tidying() as alone:
        assert alone


def test_who_unpacks_waits_for_who_tidies_up() -> None:
    unpacking, begun = Unpacking(), threading.Event()

    def unpack() -> None:
        with unpacking.going_on():
            begun.set()

    with unpacking.tidying() as alone:
        assert alone
        thread = threading.Thread(target=unpack)
        thread.start()
        assert not begun.wait(0.1)
    assert wait_for(begun.is_set)
    thread.join(30)
