"""The live widgets on Debian's Podman, by root and by an ordinary user."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from support import wait_for

from ipycontainers.client import Connection, connect
from ipycontainers.widgets.lifecycle import Lifecycle
from ipycontainers.widgets.platform import Platform
from ipycontainers.widgets.stats import Stats

pytestmark = pytest.mark.podman
NAME = "widget-podman"


@pytest.fixture(params=["podman", "podman_rootless"])
def connection(request: pytest.FixtureRequest) -> Iterator[Connection]:
    with connect(request.getfixturevalue(request.param)) as opened:
        yield opened


@pytest.fixture
def container(connection: Connection, images: Any) -> Iterator[str]:
    """The id of one that is created, of NAME."""
    config = {
        "Image": f"localhost/{images.busybox}",
        "Cmd": ["sh", "-c", "while :; do :; done"],
        "StopSignal": "SIGKILL",
        "HostConfig": {"NetworkMode": "none"},
    }
    created = connection.create(config, name=NAME)
    yield created.id
    connection.remove(created.id)


def test_they_follow_a_container(connection: Connection, container: str) -> None:
    address = connection.candidate.address
    life, stats = Lifecycle(NAME, engine=address), Stats(NAME, engine=address)
    platform = Platform(engine=address)
    assert life.seen.state == "created"
    assert (platform.data["engine"]["name"], platform.data["containers"]["stopped"]) == (
        "Podman",
        1,
    )
    widgets = (life, stats, platform)
    for widget in widgets:
        widget._handle_custom_msg({"view": "opened"}, [])
    life._handle_custom_msg({"do": "start"}, [])
    assert wait_for(lambda: life.seen.state == "running"), life._failure

    def use() -> dict[str, Any]:
        return dict(stats.data["containers"][0])

    assert wait_for(lambda: use()["state"] == "running" and use()["memory"])
    assert wait_for(lambda: platform.facts["containers"]["running"] == 1)
    unseen = Stats(NAME, engine=address).data["containers"][0]
    # On control groups of version 1 an ordinary user has none, and Podman measures no processor.
    assert unseen["cpu_percent"] > 5 or connection.is_rootless
    life._handle_custom_msg({"do": "stop"}, [])
    assert wait_for(lambda: life.seen.state == "exited"), life._failure
    assert wait_for(lambda: use()["state"] == "stopped")
    for widget in widgets:
        widget.close()
        assert wait_for(lambda it=widget: it._following is None)
