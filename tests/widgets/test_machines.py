"""StackCompare and ReachMap without a page: what they give, and what is not there."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from ipycontainers import ReachMap, StackCompare
from ipycontainers.reach.attempts import REACHED, Attempt
from ipycontainers.reach.places import Place
from ipycontainers.widgets import connection, reach

NOWHERE = "unix:///nowhere.sock"
SAID = "<img src=x onerror=alert(1)>"


@pytest.fixture
def where(engine: Any) -> Iterator[str]:
    """Of the engine; the connection that widgets keep for a kernel is closed after the test."""
    yield engine.candidate.address
    if opened := connection._OPENED.pop(engine.candidate.address, None):
        opened.close()


def test_three_machines_are_measured(images: Any, where: str) -> None:
    widget = StackCompare(images.busybox, engine=where)
    assert list(json.loads(json.dumps(widget.data))) == ["host", "container", "vm"]
    assert widget.data["container"]["kernel"] == widget.data["host"]["kernel"]
    assert repr(widget) == f"StackCompare({images.busybox!r})"
    assert widget.summary().startswith("Host: Linux ")
    assert list(widget.to_pandas()["where"]) == ["host", "container", "vm"]
    # Nothing that was measured is stored.
    assert not re.search(r"\d", html.unescape(widget.static()))
    assert "Until its first program" in widget.drawing


def test_a_machine_that_cannot_be_asked_is_said() -> None:
    widget = StackCompare(engine=NOWHERE)
    assert "nowhere.sock" in widget.data["container"]["missing"]
    assert "Container: not measured: " in widget.summary()
    assert "Container: not measured: " in widget.drawing
    assert repr(widget) == "StackCompare()"


def test_an_engine_that_is_not_there_is_said() -> None:
    widget = ReachMap(engine=NOWHERE)
    assert widget.data == {"containers": [], "attempts": []}
    assert "nowhere.sock" in widget.summary()
    assert 'role="alert"' in widget.drawing


def test_what_is_shown_is_escaped_and_stored_without_addresses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = Place("1", SAID, {SAID: "10.0.0.2"}, ports=(80,))
    tried = Attempt("this machine", SAID, "address", "10.0.0.2", 80, SAID, REACHED, measured=True)
    monkeypatch.setattr(reach, "connection", lambda _: None)
    monkeypatch.setattr(reach, "measure", lambda *_: ((place,), (tried,)))
    widget = ReachMap()
    assert widget.summary() == f"this machine → {SAID} by address: reached"
    assert json.loads(json.dumps(widget.data))["attempts"][0]["port"] == 80
    assert len(widget.to_pandas()) == 1
    assert repr(widget) == "ReachMap()"
    assert "<img" not in widget.drawing
    assert "10.0.0.2" in widget.drawing
    assert "10.0.0.2" not in widget.static()
    assert "<button" not in widget.static()
