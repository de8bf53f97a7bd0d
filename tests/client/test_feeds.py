"""Several answers that go on, read by one thread that waits for none of them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import wait_for

from ipycontainers.client import Candidate, Connection, Feeds, Tls, open_candidate
from ipycontainers.client.feeds import Chunks

CODED = b"5\r\nhello\r\n1;name=value\r\n,\r\nA\r\n world\r\n01\r\n0\r\n\r\n"
DECODED = b"hello, world\r\n01"
EVENTS = {"filters": json.dumps({"type": ["container"]})}
NOTHING = {"filters": json.dumps({"type": ["container"], "container": ["ipyc-no-such"]})}


@given(st.lists(st.integers(0, len(CODED)), max_size=8))
def test_chunks_are_taken_off_wherever_they_are_cut(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(CODED)]
    chunks = Chunks()
    pieces = [CODED[start:end] for start, end in pairwise(places)]
    assert b"".join(map(chunks.take, pieces)) == DECODED
    assert chunks.is_over


@pytest.mark.parametrize("data", [b"-5\r\nhello", b"x\r\n", b"1" * 5000])
def test_what_is_no_chunk_is_an_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"chunk|literal"):
        Chunks().take(data)


@pytest.fixture
def running(engine: Connection, images: Any) -> Iterator[list[Any]]:
    """Three containers that run."""
    found = [
        engine.docker.containers.run(images.busybox, ["sleep", "1000"], detach=True)
        for _ in range(3)
    ]
    yield found
    for container in found:
        engine.remove(container.id)


def heard(feeds: Feeds, claim: Callable[[list[tuple[str, Any]]], bool]) -> list[tuple[str, Any]]:
    """All that came until the claim was true of it."""
    found: list[tuple[str, Any]] = []

    def hear() -> bool:
        feeds.wait(1)
        found.extend(feeds.take())
        return claim(found)

    assert wait_for(hear), found
    return found


def test_one_thread_hears_the_samples_of_all_and_what_happens(
    engine: Connection, running: list[Any]
) -> None:
    threads = threading.active_count()
    with Feeds() as feeds:
        feeds.add("events", engine.feed("events", parameters=EVENTS, doing="listening"))
        for one in running:
            stats = engine.feed("containers", one.id, "stats", doing="measuring")
            feeds.add(one.id, stats)
        ids = {one.id for one in running}
        found = heard(feeds, lambda found: {key for key, _ in found} >= ids)
        assert {told["id"] for key, told in found if key in ids} == ids
        assert threading.active_count() == threads
        engine.remove(running[0].id)
        # The engine ends a container's samples with it, and tells of both.
        found = heard(
            feeds,
            lambda found: (
                (running[0].id, None) in found
                and any(key == "events" and told["Action"] == "destroy" for key, told in found)
            ),
        )
        assert running[0].id not in feeds
        assert running[1].id in feeds


def test_who_waits_is_woken(engine: Connection) -> None:
    with Feeds() as feeds:
        feeds.add("events", engine.feed("events", parameters=NOTHING, doing="listening"))
        list(feeds.take())
        start = time.monotonic()
        threading.Timer(0.2, feeds.wake).start()
        feeds.wait(60)
        assert time.monotonic() - start < 30
        assert list(feeds.take()) == []


def test_it_is_heard_through_tls(tls_engine: str, tls: Tls, images: Any) -> None:
    with open_candidate(Candidate("test", tls_engine, True, tls)) as engine, Feeds() as feeds:
        feeds.add("events", engine.feed("events", parameters=EVENTS, doing="listening"))
        created = engine.create({"Image": images.busybox, "Cmd": ["true"]})
        engine.remove(created.id)
        heard(feeds, lambda found: [t["Action"] for _, t in found][-1:] == ["destroy"])


def test_it_is_heard_through_ssh(ssh_engine: Callable[..., str], images: Any) -> None:
    with open_candidate(Candidate("test", ssh_engine(), True)) as engine, Feeds() as feeds:
        feeds.add("events", engine.feed("events", parameters=EVENTS, doing="listening"))
        created = engine.create({"Image": images.busybox, "Cmd": ["true"]})
        engine.remove(created.id)
        heard(feeds, lambda found: [t["Action"] for _, t in found][-1:] == ["destroy"])
