"""How a watch learns why a container was killed, from an engine that says it late."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from ipycontainers.client.exits import AFTER, ExitWatch

DIED = {"Action": "die", "Actor": {"Attributes": {"exitCode": "137"}}}


class Told:
    """A stream of events that tells of the end."""

    def lines(self) -> Iterator[Any]:
        yield json.loads(json.dumps(DIED))

    def close(self) -> None:
        """It has ended."""


def ended(late: int, memory: int) -> tuple[bool | None, int, float]:
    """Whether it was out of memory, which inspect says from its call number ``late`` on; how often
    it was asked; and how long it took, in seconds."""
    asked = 0

    def inspect() -> dict[str, Any]:
        nonlocal asked
        asked += 1
        return {"State": {"OOMKilled": asked >= late}, "HostConfig": {"Memory": memory}}

    start = time.monotonic()
    with ExitWatch(Told(), pytest.fail, inspect) as watch:  # type: ignore[arg-type]
        found = watch.result(30)
    return found and found.oom_killed, asked, time.monotonic() - start


def test_an_engine_that_says_late_that_memory_was_out_is_asked_again() -> None:
    assert ended(late=4, memory=1 << 20)[:2] == (True, 4)


def test_it_is_asked_for_a_moment_only() -> None:
    killed, asked, took = ended(late=1000, memory=1 << 20)
    assert not killed
    assert asked > 2
    assert took >= AFTER


def test_it_is_asked_once_where_memory_has_no_limit() -> None:
    assert ended(late=2, memory=0)[:2] == (False, 1)
