"""What a verb does to several things at the same time."""

from __future__ import annotations

import threading

import pytest

from ipycontainers.commands import life
from ipycontainers.commands.console import failed
from ipycontainers.errors import EngineUnavailable

NAMES = [f"web-{number}" for number in range(3 * life.LANES)]


def test_all_are_asked_at_the_same_time() -> None:
    """Ten seconds for each that does not listen to SIGTERM are ten seconds for all."""
    met = threading.Barrier(life.LANES)
    told = list(life.at_once(lambda _: met.wait(30) and None, NAMES))
    assert told == [None] * len(NAMES)


def test_failures_come_in_the_order_of_the_names() -> None:
    def act(name: str) -> None:
        if int(name.partition("-")[2]) % 2:
            raise failed(name)

    told = [error.message if error else "" for error in life.at_once(act, NAMES)]
    assert told == [name if number % 2 else "" for number, name in enumerate(NAMES)]


def test_an_engine_that_is_gone_ends_it_and_no_more_is_begun() -> None:
    begun: list[str] = []
    over = threading.Event()

    def act(name: str) -> None:
        begun.append(name)
        if name == NAMES[0]:
            raise EngineUnavailable("gone")
        over.wait(30)

    with pytest.raises(EngineUnavailable):
        list(life.at_once(act, NAMES))
    over.set()
    for thread in threading.enumerate():
        if thread.name.startswith("ipycontainers-verb-"):
            thread.join(30)
    assert len(begun) <= life.LANES + 1


def test_of_nothing_nothing_is_told() -> None:
    assert list(life.at_once(lambda _: None, [])) == []
