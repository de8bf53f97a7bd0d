"""That interrupts leave it whole is in tests/sessions: interrupts at any moment."""

from __future__ import annotations

import queue

import pytest

from ipycontainers.inbox import Inbox


def test_things_come_in_order_and_wait_for_room() -> None:
    inbox: Inbox[int] = Inbox(2)
    inbox.put(1, 0.1)
    inbox.put(2, 0.1)
    with pytest.raises(queue.Full):
        inbox.put(3, 0.05)
    assert [inbox.get(0.1), inbox.get_nowait()] == [1, 2]
    assert inbox.empty()
    with pytest.raises(queue.Empty):
        inbox.get(0.01)
