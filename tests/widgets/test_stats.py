"""What containers use, as a widget: one thread, the engine's own numbers, live and still."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import needs
import pytest
from proxy import Proxy
from support import patience, wait_for

from ipycontainers.widgets.stats import Stats

BUSY = "while :; do :; done"
NAME = "widget-stats"


@pytest.fixture
def begin(engine: Any, images: Any) -> Iterator[Callable[..., Any]]:
    """begin(script, **options) starts a container."""
    made = []

    def run(script: str = "sleep 1000", **options: Any) -> Any:
        container = engine.docker.containers.run(
            images.busybox, ["sh", "-c", script], detach=True, **options
        )
        made.append(container)
        return container

    yield run
    for container in made:
        engine.remove(container.id)


@pytest.fixture
def opened(engine: Any) -> Iterator[Callable[..., Stats]]:
    """opened(*names) is a widget that somebody looks at."""
    widgets = []

    def look(*names: str) -> Stats:
        widget = Stats(*names, engine=engine.candidate.address)
        widgets.append(widget)
        widget._handle_custom_msg({"view": "opened"}, [])
        return widget

    yield look
    for widget in widgets:
        widget.close()
        assert wait_for(lambda it=widget: it._following is None)


def of(widget: Stats, name: str) -> dict[str, Any]:
    (found,) = [one for one in widget.data["containers"] if one["name"] == name]
    return dict(found)


def test_it_says_what_each_uses_without_somebody_who_looks(
    begin: Callable[..., Any], engine: Any
) -> None:
    begin(BUSY, name=NAME)
    quiet = begin()
    widget = Stats(NAME, quiet.name, engine=engine.candidate.address)
    assert widget._following is None
    busy = of(widget, NAME)
    assert busy["state"] == "running"
    assert busy["cpu_percent"] > 5
    assert busy["cpu_percent"] > of(widget, quiet.name)["cpu_percent"]
    assert 0 < busy["memory"] < busy["memory_limit"]
    assert busy["pids"] >= 1
    assert json.loads(json.dumps(widget.data))
    assert list(widget.to_pandas()["name"]) == [NAME, quiet.name]
    assert re.search(rf"^{NAME}: [\d.]+% CPU, .* memory, network ", widget.summary())
    static = str(widget.static())
    assert NAME in static
    assert not re.search(r"\bid=|<button", static)
    assert repr(widget) == f"Stats({NAME!r}, {quiet.name!r})"


def test_it_is_there_soon_and_says_what_is_used_now(begin: Callable[..., Any], engine: Any) -> None:
    container = begin(name=NAME)
    start = time.monotonic()
    widget = Stats(NAME, engine=engine.candidate.address)
    assert of(widget, NAME)["cpu_percent"] is not None
    assert time.monotonic() - start < 2 * patience()
    before = of(widget, NAME)["pids"]
    container.exec_run(["sleep", "1000"], detach=True)
    assert wait_for(lambda: of(widget, NAME)["pids"] > before)


def test_an_engine_that_ends_is_said_and_found_again(
    begin: Callable[..., Any], engine: Any
) -> None:
    begin(name=NAME)
    path = engine.candidate.address.removeprefix("unix://")
    with contextlib.closing(Proxy(socket.AF_UNIX, path)) as proxy:
        widget = Stats(NAME, engine=proxy.address)
        widget._handle_custom_msg({"view": "opened"}, [])
        assert wait_for(lambda: len(of(widget, NAME)["history"]["memory"]) > 1)
        proxy.cut()
        said = ("The engine does not answer.", "tells no more events")
        assert wait_for(lambda: all(it in widget.drawing for it in said))
        assert wait_for(lambda: f"<strong>{NAME}</strong>" in widget.drawing and not widget.trouble)
        assert proxy.count() >= 2  # its events, and what one uses
        widget._handle_custom_msg({"view": "closed"}, [])
        assert wait_for(lambda: proxy.count() <= 1)  # one that is kept for what is asked next
        widget.close()


def test_one_thread_follows_all_and_leaves_nothing(
    begin: Callable[..., Any], opened: Callable[..., Stats]
) -> None:
    names = [begin().name for _ in range(3)]
    before = threading.active_count()
    widget = opened(*names)
    assert wait_for(lambda: all(len(of(widget, it)["history"]["memory"]) >= 3 for it in names))
    assert threading.active_count() == before + 1
    assert widget.drawing.count("<polyline") == 4 * 3
    assert widget._feeds
    widget._handle_custom_msg({"view": "closed"}, [])
    assert wait_for(lambda: threading.active_count() == before)
    assert widget._feeds is None


def test_containers_come_stop_and_go(
    begin: Callable[..., Any], opened: Callable[..., Stats]
) -> None:
    widget = opened(NAME)
    assert of(widget, NAME)["state"] == "absent"
    container = begin(name=NAME, stop_signal="SIGKILL")
    assert wait_for(lambda: of(widget, NAME)["cpu_percent"] is not None)
    container.stop()
    assert wait_for(lambda: of(widget, NAME)["state"] == "stopped")
    container.start()
    assert wait_for(lambda: of(widget, NAME)["state"] == "running")
    container.remove(force=True)
    assert wait_for(lambda: of(widget, NAME)["state"] == "gone")
    assert "It is gone" in widget.draw()
    again = begin(name=NAME)
    assert wait_for(lambda: of(widget, NAME)["id"] == again.id)


def test_one_whose_id_begins_with_the_name_of_another_is_not_taken_for_it(
    begin: Callable[..., Any], opened: Callable[..., Stats]
) -> None:
    other = begin(stop_signal="SIGKILL")
    name = other.id[:8]
    named = begin("exit", name=name)
    widget = opened(name, NAME)
    other.restart()
    begin(name=NAME)  # the engine tells of it later
    assert wait_for(lambda: of(widget, NAME)["state"] == "running")
    assert of(widget, name)["id"] == named.id


def test_of_all_that_run_the_new_are_seen_and_the_ended_are_not(
    begin: Callable[..., Any], opened: Callable[..., Stats]
) -> None:
    widget = opened()
    assert wait_for(lambda: widget._feeds is not None)
    container = begin()

    def is_seen() -> bool:
        return any(one["id"] == container.id for one in widget.data["containers"])

    assert wait_for(is_seen)
    container.kill()
    assert wait_for(lambda: not is_seen())


def test_limits_are_those_that_the_engine_enforces(begin: Callable[..., Any], engine: Any) -> None:
    begin(name=NAME, mem_limit="64m", nano_cpus=500_000_000, pids_limit=7)
    found = of(Stats(NAME, engine=engine.candidate.address), NAME)
    limits = found["cpus"], found["memory_limit"], found["pids_limit"], found["is_memory_limited"]
    if needs.has(engine, "limits"):
        assert limits == (0.5, 64 << 20, 7, True)
    else:
        assert (limits[0], *limits[2:]) == (os.cpu_count(), None, False)
        assert limits[1] > 64 << 20


def test_a_name_that_is_markup_is_text(engine: Any) -> None:
    hostile = "<img src=x onerror=alert(1)>"
    widget = Stats(hostile, engine=engine.candidate.address)
    assert hostile not in widget.draw()
    assert "alert(1)" in widget.draw()
