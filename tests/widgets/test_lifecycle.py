"""A container's life as it is shown: what the engine tells, what may be pressed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support import wait_for

from ipycontainers.lifecycle import TABLE
from ipycontainers.watchdog import SESSION
from ipycontainers.widgets import lifecycle_diagram
from ipycontainers.widgets.lifecycle import Lifecycle, drawn, seen, sentence

NAME = "widget-life"
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def begin(engine: Any, images: Any) -> Iterator[Callable[..., Any]]:
    """begin(**options) starts a container of NAME."""
    made = []

    def run(**options: Any) -> Any:
        options = {"name": NAME, "network_mode": "host", "stop_signal": "SIGKILL", **options}
        container = engine.docker.containers.run(
            images.busybox, ["sleep", "1000"], detach=True, **options
        )
        made.append(container)
        return container

    yield run
    for container in made:
        engine.remove(container.id)


@pytest.fixture
def opened(engine: Any) -> Iterator[Callable[..., Lifecycle]]:
    """opened(name) is the widget of it that somebody looks at."""
    widgets = []

    def look(name: str = NAME) -> Lifecycle:
        widget = Lifecycle(name, engine=engine.candidate.address)
        widgets.append(widget)
        widget._handle_custom_msg({"view": "opened"}, [])
        return widget

    yield look
    for widget in widgets:
        widget.close()
        assert wait_for(lambda it=widget: it._following is None)


def press(widget: Lifecycle, command: str) -> None:
    widget._handle_custom_msg({"do": command}, [])


def test_it_follows_what_others_do(
    begin: Callable[..., Any], opened: Callable[..., Lifecycle]
) -> None:
    widget = opened()
    assert widget.seen.state == ""
    assert "There is no container" in widget.drawing
    container = begin()
    assert wait_for(lambda: widget.seen.state == "running")
    container.pause()
    assert wait_for(lambda: "and keep their memory" in widget.drawing)
    container.unpause()
    container.stop()
    assert wait_for(lambda: "exit code 137: killed (SIGKILL)" in widget.drawing)
    container.remove()
    assert wait_for(lambda: "It is gone" in widget.drawing)
    assert widget.data["commands"] == []


def test_a_button_does_what_its_command_does_and_no_more_than_is_allowed(
    begin: Callable[..., Any], opened: Callable[..., Lifecycle], engine: Any
) -> None:
    container = begin()
    widget = opened()
    press(widget, "unpause")
    press(widget, "no such thing")
    for command, state in [
        ("pause", "paused"),
        ("unpause", "running"),
        ("stop", "exited"),
        ("start", "running"),
        ("restart", "running"),
        ("kill", "exited"),
    ]:
        assert wait_for(lambda: not widget._doing)
        press(widget, command)
        assert wait_for(lambda to=state: not widget._doing and widget.seen.state == to), command
        assert engine.inspect(container.id)["State"]["Status"] == state
    press(widget, "rm")
    assert wait_for(lambda: widget.seen.state == "removed")
    assert not [one for one in engine.list_containers() if one["Id"] == container.id]
    assert widget._failure == ""


def test_one_that_is_removed_when_it_ends(
    begin: Callable[..., Any], opened: Callable[..., Lifecycle]
) -> None:
    begin(auto_remove=True)
    widget = opened()
    found = {one["command"]: one for one in widget.data["commands"]}
    assert found[f"docker kill {NAME}"]["to"] == "removing"
    assert "since it was made with --rm" in widget.draw()
    press(widget, "kill")
    assert wait_for(lambda: "It is gone" in widget.drawing)
    assert widget._failure == ""


def test_what_the_engine_refuses_is_said(
    begin: Callable[..., Any], opened: Callable[..., Lifecycle], engine: Any
) -> None:
    begin()
    widget = Lifecycle(NAME, engine=engine.candidate.address)
    engine.remove(widget.seen.id)
    press(widget, "stop")  # nobody looks, so that it has not heard of the end
    assert wait_for(lambda: "No such container" in widget.drawing)
    assert "It is gone" in widget.drawing


def test_a_session_is_found_by_its_name(begin: Callable[..., Any], engine: Any) -> None:
    container = begin(name=None, labels={SESSION: "lab-of-widgets"})
    widget = Lifecycle("lab-of-widgets", engine=engine.candidate.address)
    assert (widget.seen.id, widget.seen.state) == (container.id, "running")
    assert repr(widget) == "Lifecycle('lab-of-widgets')"


def test_the_static_form_and_the_data_are_those_of_the_live_one(
    begin: Callable[..., Any], engine: Any
) -> None:
    begin()
    widget = Lifecycle(NAME, engine=engine.candidate.address)
    static = str(widget.static())
    assert "<button" not in static
    assert not re.search(r"\bid=", static)
    assert f"docker pause {NAME}" in static
    assert json.loads(json.dumps(widget.data)) == widget.data
    assert len(widget.to_pandas()) == len(TABLE)
    assert widget.summary().splitlines()[:2] == [
        f"{NAME}: running. Its program runs.",
        f"  docker pause {NAME}",
    ]


def test_what_an_engine_tells_is_text() -> None:
    told = {"Name": f"/{HOSTILE}", "Id": "1", "State": {"Status": HOSTILE, "Error": HOSTILE}}
    found = seen("x", told)
    assert HOSTILE not in drawn(found, "", HOSTILE)
    assert "alert(1)" in drawn(found, "", "")


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ({"Status": "stopped", "ExitCode": 3}, "exit code 3."),
        ({"Status": "exited", "ExitCode": 137, "OOMKilled": True}, "out of memory"),
        ({"Status": "configured"}, "has not been started"),
        ({"Status": "running", "Health": {"Status": "unhealthy"}}, "says: unhealthy"),
        ({"Status": "removing"}, "being removed"),
        ({"Status": "dead"}, "has tried to remove it"),
        ({"Status": "improper"}, "calls its state improper"),
    ],
)
def test_states_are_said_in_words(state: dict[str, Any], says: str) -> None:
    assert says in sentence(seen("x", {"Id": "1", "State": state}))


def test_every_way_of_the_table_is_an_arrow_between_its_states() -> None:
    arrows = {(it.source, it.target): it for it in lifecycle_diagram.arrows()}
    assert set(arrows) == {(way.source, way.target) for way in TABLE}
    assert arrows["running", "exited"].words == "stop, kill"
    drawing = str(lifecycle_diagram.diagram("paused"))
    assert "● paused" in drawing
    assert drawing.count("●") == 1
    assert "unpause to running" in drawing


def test_no_arrow_begins_or_ends_within_a_box() -> None:
    half = lifecycle_diagram.HALF
    for arrow in lifecycle_diagram.arrows():
        for x, y in (arrow.start, arrow.end):
            for px, py in lifecycle_diagram.PLACES.values():
                assert abs(x - px) > half[0] or abs(y - py) > half[1], arrow
