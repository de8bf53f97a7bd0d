"""A container is found by what a person calls it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ipycontainers.containers import called, find
from ipycontainers.reach.measure import measure
from ipycontainers.watchdog.labels import SESSION, kernel_id

LAB = f"lab-{uuid.uuid4().hex[:8]}"
Create = Callable[..., str]


@pytest.fixture
def create(engine: Any, images: Any) -> Iterator[Create]:
    """A container that is made and not started, with these labels; its id."""
    made: list[str] = []

    def run(name: str | None = None, **labels: str) -> str:
        found = {SESSION: LAB, **{f"org.ipycontainers.{key}": it for key, it in labels.items()}}
        config = {"Image": images.busybox, "Cmd": ["sleep", "600"], "Labels": found}
        made.append(engine.create(config, name=name).id)
        return made[-1]

    yield run
    for one in made:
        engine.remove(one)


def test_a_session_of_this_notebook_goes_before_anothers(engine: Any, create: Create) -> None:
    other = create(kernel="another")
    assert find(engine, LAB)["Id"] == other
    own = create(kernel=kernel_id())
    create(kernel="a third")
    assert find(engine, LAB)["Id"] == own
    assert called(engine.inspect(own)) == LAB
    assert called(engine.inspect(other)) == engine.inspect(other)["Name"].lstrip("/") != LAB


def test_a_name_goes_before_a_sessions(engine: Any, create: Create) -> None:
    create(kernel=kernel_id())
    named = create(LAB)
    assert find(engine, LAB)["Id"] == named
    assert find(engine, named[:12])["Id"] == named
    assert find(engine, f"{LAB}-nobody") is None


def test_the_map_takes_the_name_of_a_session(engine: Any, create: Create) -> None:
    own = create(kernel=kernel_id())
    engine.start(own)
    places = measure(engine, [LAB]).places
    assert [one.id for one in places] == [own]
