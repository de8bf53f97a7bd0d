"""The parts that are here, and those that are not."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import wait_for

from ipycontainers.widgets.platform import PARTS, Platform
from ipycontainers.widgets.registry import reach


@pytest.fixture
def platform(engine: Any, images: Any) -> Iterator[Platform]:
    """Of the engine under test, which has an image."""
    _ = images.busybox
    widget = Platform(engine=engine.candidate.address)
    yield widget
    widget.close()
    assert wait_for(lambda: widget._following is None)


def test_it_shows_what_there_is(platform: Platform, engine: Any, images: Any) -> None:
    data = platform.data
    assert list(data) == ["client", "way", *PARTS[1:]]
    assert data["engine"]["is_there"]
    assert data["engine"]["name"] == engine.engine_name
    assert data["engine"]["runtime"] == engine.launcher or not engine.launcher
    assert data["way"]["kind"] in ("unix socket", "TCP", "TLS", "ssh")
    assert any(images.busybox in name for name in data["images"]["names"])
    assert json.loads(json.dumps(data)) == data
    assert list(platform.to_pandas()["part"]) == list(PARTS)
    assert [line.partition(":")[0] for line in platform.summary().splitlines()] == list(PARTS)
    static = str(platform.static())
    assert not re.search(r"\bid=|<button", static)
    assert f"{engine.engine_name} " in static


def test_it_follows_containers(platform: Platform, engine: Any, images: Any) -> None:
    platform._handle_custom_msg({"view": "opened"}, [])
    assert wait_for(lambda: platform._feeds is not None)
    created = engine.create(
        {"Image": images.busybox, "Cmd": ["sleep", "1000"]}, name="widget-platform"
    )
    try:
        engine.start(created.id)
        assert wait_for(lambda: "widget-platform" in platform.facts["containers"]["names"])
    finally:
        engine.remove(created.id)
    assert wait_for(lambda: "widget-platform" not in platform.facts["containers"]["names"])


def test_without_an_engine_the_client_is_there_and_the_rest_is_absent(tmp_path: Path) -> None:
    widget = Platform(engine=f"unix://{tmp_path}/none.sock")
    assert {part: widget.data[part]["is_there"] for part in PARTS} == {
        "client": True,
        **dict.fromkeys(PARTS[1:], False),
    }
    assert "there is no socket" in widget.summary()
    drawing = str(widget.draw())
    assert drawing.count(">absent<") == 3
    assert drawing.count("✗ absent") == 4
    assert repr(widget) == f"Platform(engine='unix://{tmp_path}/none.sock')"


@pytest.mark.podman
def test_podman_is_named(podman: str, images: Any) -> None:
    widget = Platform(engine=podman)
    assert widget.data["engine"]["name"] == "Podman"
    assert widget.data["images"]["is_there"]
    widget.draw()


def test_a_registry_is_there_when_somebody_takes_the_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert reach(["http://nobody.invalid/", f"http://127.0.0.1:{port}/"]).is_there
    gone = reach([f"http://127.0.0.1:{port}/"])
    assert (gone.is_there, gone.why) == (False, "not to be reached from here: Connection refused")
    assert not reach(["http://["]).is_there


def test_what_nobody_has_tried_is_not_said_to_be_there(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From another machine a registry may answer where it does not from here."""
    monkeypatch.setattr(platform._connected(), "shares_files", False)
    assert platform.data["registry"]["is_there"] is None
    assert "registry: not tried: " in platform.summary()
    assert "? may be there" in platform.draw()
