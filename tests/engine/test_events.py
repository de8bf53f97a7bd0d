"""What is told of a container's life: every action by dockerd's name, to whom it concerns."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from embedded import Engine
from support import wait_for

IMAGE = "ipycontainers-test/busybox"
# docker-py leaves the sockets of exec_run to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@contextlib.contextmanager
def heard(docker: Any, **filters: Any) -> Iterator[list[dict[str, Any]]]:
    """What is told in the block; dockerd answers a moment before it listens."""
    told: list[dict[str, Any]] = []
    stream = docker.events(decode=True, filters=filters, since=f"{time.time():.6f}")
    listening = threading.Thread(target=lambda: told.extend(stream))
    listening.start()
    try:
        yield told
    finally:
        stream.close()
        listening.join(30)


def live(docker: Any, told: list[dict[str, Any]]) -> None:
    """Most of what can happen to a container; what is told a moment after its request was
    answered is waited for, so that there is one order."""
    container = docker.containers.create(
        IMAGE, ["sh"], name="lively", tty=True, stdin_open=True, labels={"lab": "1"}
    )
    container.start()
    container.resize(20, 30)
    container.restart(timeout=0)
    container.pause()
    container.unpause()
    container.top()
    container.rename("livelier")
    container.exec_run(["echo", "hi"])
    assert wait_for(lambda: any(event["Action"] == "exec_die" for event in told))
    container.put_archive("/tmp", b"\0" * 1024)
    list(container.get_archive("/etc/hostname")[0])
    container.update(restart_policy={"Name": "no"})
    sock = container.attach_socket(params={"stdin": 1, "stream": 1, "detachKeys": "ctrl-b,y"})
    sock._sock.sendall(b"\x02y")
    assert sock._sock.recv(1) == b""
    sock.close()
    assert wait_for(lambda: any(event["Action"] == "detach" for event in told))
    container.kill("WINCH")
    container.stop(timeout=0)
    container.remove()


EXPECTED = [
    *("create", "start", "resize"),
    *("kill", "kill", "die", "stop", "start", "restart", "pause", "unpause", "top", "rename"),
    *("exec_create: echo hi", "exec_start: echo hi", "exec_die"),
    *("extract-to-dir", "archive-path", "update", "attach", "detach"),
    *("kill", "kill", "kill", "die", "stop", "destroy"),
]


def test_everything_is_told_by_dockers_names(own: Engine, docker: Any) -> None:
    with heard(docker, type="container") as told:
        live(docker, told)
        assert wait_for(lambda: told and told[-1]["Action"] == "destroy")
    assert [event["Action"] for event in told] == EXPECTED
    by_action = {event["Action"]: event for event in told}
    event = by_action["resize"]
    assert sorted(event) == sorted(
        ["status", "id", "from", "Type", "Action", "Actor", "scope", "time", "timeNano"]
    )
    assert (event["status"], event["from"], event["scope"]) == ("resize", IMAGE, "local")
    assert event["id"] == event["Actor"]["ID"]
    assert event["time"] == event["timeNano"] // 10**9
    attributes = event["Actor"]["Attributes"]
    assert (attributes["height"], attributes["width"]) == ("20", "30")
    assert (attributes["name"], attributes["lab"], attributes["image"]) == ("lively", "1", IMAGE)
    assert by_action["rename"]["Actor"]["Attributes"]["oldName"] == "/lively"
    assert by_action["die"]["Actor"]["Attributes"]["exitCode"] == "137"
    assert by_action["exec_die"]["Actor"]["Attributes"]["exitCode"] == "0"
    ids = {by_action[name]["Actor"]["Attributes"]["execID"] for name in EXPECTED[13:16]}
    assert len(ids) == 1


def test_dockerd_tells_the_same(engine: Any, images: Any) -> None:
    """What the other tests expect of our own is what Docker tells."""
    import docker

    client = docker.from_env()
    try:
        with heard(client, type="container", label="lab=1") as told:
            assert images.busybox == IMAGE
            live(client, told)
            assert wait_for(lambda: told and told[-1]["Action"] == "destroy")
    finally:
        client.close()
    for (theirs, times), (expected, least) in zip(
        _runs(event["Action"] for event in told), _runs(EXPECTED), strict=True
    ):
        assert theirs == expected
        # dockerd kills again what has not ended a moment after, as on a busy machine.
        assert times == least or (theirs == "kill" and times > least)


def _runs(actions: Iterable[str]) -> list[tuple[str, int]]:
    """Each action with how often it comes in a row."""
    return [(action, len(list(row))) for action, row in itertools.groupby(actions)]


def test_filters_choose_events(own: Engine, docker: Any) -> None:
    start = time.time()
    one = docker.containers.create(IMAGE, ["true"], name="one-of-two", labels={"lab": "1"})
    two = docker.containers.create(IMAGE, ["true"], name="other")
    one.start()
    one.wait()

    def asked(since: float = start, until: float | None = None, **filters: Any) -> list[str]:
        until = until or time.time()
        found = docker.events(since=since, until=until, decode=True, filters=filters)
        return [f"{it['Actor']['Attributes'].get('name')} {it['Action']}" for it in found]

    first = ["one-of-two create", "other create", "bridge connect", "one-of-two start"]
    whole = [*first, "one-of-two die", "bridge disconnect"]
    assert wait_for(lambda: asked() == whole)
    assert asked(unheard="of") == whole
    assert asked(type="network") == asked(network="bri") == [whole[2], whole[5]]
    assert asked(event=["start", "die"]) == whole[3:5]
    assert asked(container=two.id[:12]) == asked(container="oth") == whole[1:2]
    assert asked(label="lab=1", event="create") == whole[:1]
    assert asked(image=IMAGE) == asked(type="container") == [*whole[:2], *whole[3:5]]
    assert asked(image="nosuch") == asked(type="volume") == asked(label="lab=2") == []
    assert asked(until=start) == []
    refused = docker.api._get(docker.api._url("/events"), params={"since": "never"})
    assert (refused.status_code, "never" in refused.json()["message"]) == (400, True)


def test_the_end_of_what_was_left_alone_is_told(own: Engine, docker: Any) -> None:
    container = docker.containers.run(IMAGE, ["sleep", "60"], detach=True)
    with heard(docker, event="exec_die") as told:
        container.exec_run(["sh", "-c", "sleep 0.3; exit 6"], detach=True)
        assert wait_for(lambda: told)
    assert told[0]["Actor"]["Attributes"]["exitCode"] == "6"
