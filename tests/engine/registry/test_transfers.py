"""Work that several wait for is done once, a few at a time, and not for nobody."""

from __future__ import annotations

import threading

import pytest
from support import wait_for

from ipycontainers.engine.registry.transfers import AT_ONCE, Cancelled, Step, Transfer, Transfers


class Work:
    """Waits until it may ``go``; counts."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.begun = 0

    def __call__(self, transfer: Transfer) -> None:
        self.begun += 1
        transfer.tell("Downloading", 1, 2)
        while not self.go.wait(0.01):
            transfer.check()
        transfer.tell("Pull complete")


def test_who_comes_later_hears_how_far_it_is_and_joins() -> None:
    transfers, work = Transfers(), Work()
    first: list[Step] = []
    second: list[Step] = []
    transfer = transfers.join("key", work, "id", first.append)
    assert wait_for(lambda: len(first) == 1)
    assert transfers.join("key", work, "id", second.append) is transfer
    assert second == first == [Step("Downloading", "id", 1, 2)]
    work.go.set()
    assert transfer.wait(30)
    assert (work.begun, second[-1].status, first == second) == (1, "Pull complete", True)
    again = transfers.join("key", work, "id", second.append)  # it is no memory
    assert again.wait(30)
    assert work.begun == 2


def test_it_ends_when_the_last_has_left() -> None:
    transfers, work = Transfers(), Work()
    transfer = transfers.join("key", work, "id", first := [].append)
    transfers.join("key", work, "id", second := [].append)
    transfers.leave(transfer, first)
    assert not transfer.wait(0.1)
    transfers.leave(transfer, second)
    with pytest.raises(Cancelled):
        transfer.wait(30)
    other = transfers.join("key", work, "id", [].append)
    assert other is not transfer
    work.go.set()
    assert other.wait(30)


def test_what_goes_wrong_is_told_to_all() -> None:
    transfers = Transfers()

    def fail(_: Transfer) -> None:
        raise OSError("no")

    for _ in range(2):
        with pytest.raises(OSError, match="no"):
            transfers.join("key", fail, "id", [].append).wait(30)


def test_others_wait_their_turn() -> None:
    transfers, work = Transfers(), Work()
    heard: list[Step] = []
    made = [transfers.join(n, work, str(n), heard.append) for n in range(AT_ONCE + 2)]
    assert wait_for(lambda: work.begun == AT_ONCE)
    assert [step.id for step in heard if step.status == "Waiting"] == ["3", "4"]
    transfers.leave(made[-1], heard.append)
    work.go.set()
    assert all(one.wait(30) for one in made[:-1])


def test_all_end_with_the_engine() -> None:
    transfers, work = Transfers(), Work()
    made = [transfers.join(n, work, str(n), [].append) for n in range(5)]
    transfers.close()
    for one in made:
        with pytest.raises(Cancelled):
            one.wait(30)
