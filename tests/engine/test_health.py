"""Health checks: run in the container, told of in inspect, list and events."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from docker import errors as docker_errors
from embedded import Engine
from support import patience, wait_for

IMAGE = "ipycontainers-test/busybox"
# docker-py leaves the sockets of exec_run to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
MILLI = 10**6


def run(engine: Engine, test: list[str], script: str = "sleep 60", **more: Any) -> Any:
    check = {"test": test, "interval": 100 * MILLI, **more.pop("check", {})}
    command = ["sh", "-c", script]
    client = engine.client
    return client.containers.run(IMAGE, command, detach=True, healthcheck=check, **more)


def health(container: Any) -> dict[str, Any]:
    container.reload()
    return dict(container.attrs["State"]["Health"])


def test_a_container_is_healthy_after_one_success_and_ill_after_failures(
    own: Engine, docker: Any
) -> None:
    told: list[dict[str, Any]] = []
    stream = docker.events(decode=True, filters={"type": "container"})
    listening = threading.Thread(target=lambda: told.extend(stream))
    listening.start()
    container = run(
        own, ["CMD-SHELL", "echo looked; test -e /tmp/ok"], check={"retries": 2}, name="ill"
    )
    assert health(container)["Status"] in ("starting", "unhealthy")
    assert wait_for(lambda: health(container)["FailingStreak"] >= 6)
    found = health(container)
    assert (found["Status"], len(found["Log"])) == ("unhealthy", 5)
    assert (found["Log"][0]["ExitCode"], found["Log"][0]["Output"]) == (1, "looked\n")
    assert found["Log"][0]["Start"] < found["Log"][0]["End"] < found["Log"][1]["Start"]
    (listed,) = docker.api.containers(filters={"health": "unhealthy"})
    assert listed["Status"].endswith(" (unhealthy)")
    assert container.exec_run("touch /tmp/ok").exit_code == 0
    assert wait_for(lambda: health(container)["Status"] == "healthy")
    assert health(container)["FailingStreak"] == 0
    # A check leaves nothing behind but its result.
    assert container.attrs["ExecIDs"] is None or len(container.attrs["ExecIDs"]) <= 1
    container.stop(timeout=0)
    assert health(container)["Status"] == "unhealthy"
    stream.close()
    listening.join(30)
    actions = [event["Action"] for event in told]
    statuses = [action for action in actions if action.startswith("health_status")]
    assert statuses == ["health_status: unhealthy", "health_status: healthy"]
    shell = "/bin/sh -c echo looked; test -e /tmp/ok"
    assert actions.count(f"exec_create: {shell}") >= 6
    assert actions.count(f"exec_start: {shell}") >= 6
    assert actions.count("exec_die") >= 6


def test_healthy_within_five_seconds(own: Engine, docker: Any) -> None:  # podman#19326, #5680
    start = time.monotonic()
    container = run(own, ["CMD", "true"], check={"interval": 1000 * MILLI})
    first = health(container)
    begun = {"Status": "starting", "FailingStreak": 0, "Log": []}
    assert first["Status"] == "healthy" if first["Log"] else first == begun
    assert wait_for(lambda: health(container)["Status"] == "healthy")
    assert time.monotonic() - start < 5 * patience()


@pytest.mark.parametrize(
    ("test", "more", "said"),
    [
        (["CMD", "nope"], {}, "executable file not found in $PATH"),
        (["CMD", "sleep", "9"], {"timeout": 300 * MILLI}, "exceeded timeout (300ms)"),
        (["CMD-SHELL", "yes | head -c 9000"], {}, "y\n..."),
    ],
)
def test_what_a_check_says_is_kept_and_bounded(
    own: Engine, docker: Any, test: list[str], more: dict[str, Any], said: str
) -> None:
    container = run(own, test, check={"retries": 1, **more})
    assert wait_for(lambda: health(container)["Log"])
    (first, *_) = health(container)["Log"]
    assert said in first["Output"]
    assert len(first["Output"]) <= 4099
    expected = (0, "healthy") if "9000" in test[1] else (-1, "unhealthy")
    assert (first["ExitCode"], health(container)["Status"]) == expected


def test_failures_at_the_start_are_forgiven(own: Engine, docker: Any) -> None:
    check = {"retries": 1, "start_period": 60_000 * MILLI}
    container = run(own, ["CMD", "test", "-e", "/tmp/ok"], check=check)
    assert wait_for(lambda: len(health(container)["Log"]) >= 3)
    assert health(container)["Status"] == "starting"
    container.exec_run("touch /tmp/ok")
    assert wait_for(lambda: health(container)["Status"] == "healthy")
    container.exec_run("rm /tmp/ok")
    assert wait_for(lambda: health(container)["Status"] == "unhealthy")


@pytest.mark.parametrize("test", [["NONE"], ["WHAT", "true"], []])
def test_where_nothing_can_be_checked_there_is_no_status(
    own: Engine, docker: Any, test: list[str]
) -> None:
    container = run(own, test)
    container.reload()
    assert "Health" not in container.attrs["State"]


def test_a_check_that_cannot_be_is_refused(own: Engine, docker: Any) -> None:
    with pytest.raises(docker_errors.APIError, match="Interval in Healthcheck cannot be less"):
        run(own, ["CMD", "true"], check={"interval": 1})
    with pytest.raises(docker_errors.APIError, match="Retries in Healthcheck cannot be negative"):
        run(own, ["CMD", "true"], check={"retries": -1})


def test_a_paused_container_is_not_asked(own: Engine, docker: Any) -> None:
    container = run(own, ["CMD", "true"], check={"timeout": 5000 * MILLI, "retries": 1})
    assert wait_for(lambda: health(container)["Status"] == "healthy")
    container.pause()
    since = time.time()

    def asked() -> list[Any]:
        filters = {"container": container.id, "event": "exec_start"}
        return list(docker.events(since=since, until=time.time(), filters=filters))

    time.sleep(0.5)
    assert asked() == []
    assert health(container)["Status"] == "healthy"
    container.unpause()
    assert wait_for(asked)
    assert health(container)["Log"][-1]["ExitCode"] == 0


def test_it_goes_on_with_the_next_engine(mine: Engine) -> None:
    container = run(mine, ["CMD", "test", "-e", "/tmp/ok"], check={"retries": 2}, name="checked")
    assert wait_for(lambda: health(container)["Status"] == "unhealthy")
    streak = health(container)["FailingStreak"]
    mine.kill9()
    mine.start()
    found = mine.client.containers.get("checked")
    assert health(found)["Status"] == "unhealthy"
    assert health(found)["FailingStreak"] >= streak
    found.exec_run("touch /tmp/ok")
    assert wait_for(lambda: health(found)["Status"] == "healthy")
