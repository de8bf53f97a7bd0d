"""Which containers a filter means, in list and prune."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import embedded
import images as recipes
import pytest
from docker import errors as docker_errors
from embedded import Engine

IMAGE = "ipycontainers-test/busybox"
# docker-py leaves the sockets of exec_run to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(scope="module")
def own() -> Iterator[Engine]:
    """With one launcher: none has a part in what is chosen."""
    with embedded.running("bubblewrap") as engine:
        recipes.ensure(engine.client, "busybox")
        yield engine


def test_each_filter_of_list_chooses_as_dockerd_does(own: Engine, docker: Any) -> None:
    def named(**filters: Any) -> list[str]:
        found = docker.containers.list(all=True, ignore_removed=True, filters=filters)
        return sorted(container.name for container in found)

    make = docker.containers.create
    ports = {"ports": {"80/tcp": None}}
    made = make(IMAGE, ["true"], name="made", labels={"a": "1"}, volumes=["vol:/in"], **ports)
    ended = make(IMAGE, ["sh", "-c", "exit 4"], name="ended", network_mode="none")
    ended.start()
    ended.wait()
    up = docker.containers.run(IMAGE, ["sleep", "60"], name="up", detach=True, **ports)
    ((published,),) = docker.containers.get("up").ports.values()
    assert named(status="created") == ["made"]
    assert named(status=["exited", "running"]) == ["ended", "up"]
    assert named(exited=4) == ["ended"]
    assert named(exited=0) == []
    assert named(label="a") == named(label="a=1") == ["made"]
    assert named(label="a=2") == []
    assert named(id=up.id[:10]) == ["up"]
    assert named(name="^/e") == named(name="nde") == ["ended"]
    assert named(name="e") == ["ended", "made"]
    assert named(volume="vol") == named(volume="/in") == ["made"]
    assert named(network="none") == ["ended"]
    assert named(network="bridge") == ["made", "up"]
    assert named(expose="80/tcp") == named(expose="79-81") == ["up"]
    assert named(publish=published["HostPort"]) == named(publish="1025-65535/tcp") == ["up"]
    assert named(expose="80/udp") == named(publish="80") == []
    assert named(health="none") == named(**{"is-task": False}) == ["ended", "made", "up"]
    assert named(**{"is-task": True}) == []
    assert named(ancestor=IMAGE) == named(ancestor=made.image.id) == ["ended", "made", "up"]
    assert named(ancestor="nosuch") == []
    assert named(before="ended") == ["made"]
    assert named(since="ended") == ["up"]
    assert [it.name for it in docker.containers.list(limit=2)] == ["up", "ended"]
    assert [it.name for it in docker.containers.list()] == ["up"]


@pytest.mark.parametrize(
    ("filters", "said"),
    [
        ({"foo": "1"}, "Invalid filter 'foo'"),
        ({"label!": "a"}, "Invalid filter 'label!'"),
        ({"status": "x"}, "Invalid filter 'status=x'"),
        ({"health": "x"}, "Unrecognised filter value for health: x"),
        ({"is-task": "x"}, r"Invalid filter 'is-task=\[x\]'"),
        ({"exited": "x"}, "invalid syntax"),
        ({"publish": "x/y"}, "error while looking up for publish x/y"),
        ({"expose": "9-8"}, "error while looking up for expose 9-8: it is no port"),
    ],
)
def test_a_filter_that_is_none_is_refused(docker: Any, filters: dict[str, str], said: str) -> None:
    with pytest.raises(docker_errors.APIError, match=said) as caught:
        docker.containers.list(filters=filters)
    assert caught.value.status_code == 400


def test_prune_takes_what_is_meant_and_says_what_it_freed(own: Engine, docker: Any) -> None:
    writes = ["sh", "-c", "head -c 300000 /dev/zero >/big"]
    kept = docker.containers.run(IMAGE, ["sleep", "60"], detach=True)
    big = docker.containers.run(IMAGE, writes, detach=True, labels={"a": "1"})
    other = docker.containers.create(IMAGE, labels={"b": "1"})
    big.wait()
    prune = docker.containers.prune
    nothing = {"ContainersDeleted": None, "SpaceReclaimed": 0}
    assert prune({"until": "24h"}) == prune({"label": "c"}) == nothing
    assert prune({"until": str(int(time.time()) - 1000)}) == nothing
    found = prune({"label!": "b"})
    assert found["ContainersDeleted"] == [big.id]
    assert 300_000 <= found["SpaceReclaimed"] < 3_000_000
    assert prune()["ContainersDeleted"] == [other.id]
    kept.reload()
    events = docker.events(since=int(time.time()) - 60, until=int(time.time()) + 1, decode=True)
    freed = [it["Actor"]["Attributes"] for it in events if it["Action"] == "prune"]
    assert {"reclaimed": str(found["SpaceReclaimed"])} in freed
    for wrong in ({"until": "x"}, {"status": "exited"}):
        with pytest.raises(docker_errors.APIError) as caught:
            docker.containers.prune(wrong)
        assert caught.value.status_code == 400, json.dumps(wrong)
