"""That interrupts leave it whole is in tests/sessions: interrupts at any moment."""

from __future__ import annotations

import queue

import pytest

from ipycontainers.inbox import Inbox


def test_things_come_in_order_and_wait_for_room() -> None:
    inbox: Inbox[int] = Inbox(2)
    asked = iter([False, False, True])
    assert inbox.put(1, lambda: True)
    assert inbox.put(2, lambda: True)
    assert not inbox.put(3, lambda: next(asked))
    assert next(asked, None) is None
    assert [inbox.get(0.1), inbox.get_nowait()] == [1, 2]
    assert inbox.empty()
    with pytest.raises(queue.Empty):
        inbox.get(0.01)
