"""Restart policies: who starts again, how often, how soon, and who stays as it is."""

from __future__ import annotations

import time
from typing import Any

import pytest
from docker import errors as docker_errors
from embedded import Engine
from support import awaited, wait_for

IMAGE = "ipycontainers-test/busybox"
# docker-py leaves the sockets of exec_run to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def run(engine: Engine, script: str, policy: str, most: int = 0, **more: Any) -> Any:
    again = {"Name": policy, "MaximumRetryCount": most}
    command = ["sh", "-c", script]
    client = engine.client
    return client.containers.run(IMAGE, command, detach=True, restart_policy=again, **more)


def state(container: Any) -> tuple[str, int]:
    container.reload()
    return container.status, container.attrs["RestartCount"]


def test_on_failure_gives_up_after_so_many(own: Engine, docker: Any) -> None:
    container = run(own, "echo once; exit 3", "on-failure", 2)
    assert wait_for(lambda: state(container) == ("exited", 2))
    assert container.logs() == b"once\n" * 3
    assert container.attrs["State"]["ExitCode"] == 3
    container = run(own, "exit 0", "on-failure")
    assert wait_for(lambda: state(container) == ("exited", 0))


def test_each_pause_between_is_twice_the_last(own: Engine, docker: Any) -> None:
    container = run(own, "date +%s; exit 1", "always")
    assert wait_for(lambda: state(container)[1] >= 4)
    container.reload()
    raw = docker.api.logs(container.id, timestamps=True).split(b"\n")
    first, last = (float(line[17:].partition(b"Z")[0]) for line in (raw[0], raw[3]))
    assert (last - first) % 60 > 0.65  # 0.1 + 0.2 + 0.4
    assert wait_for(lambda: state(container)[0] == "restarting")
    assert container.attrs["State"]["Running"] is True
    (listed,) = docker.api.containers(filters={"status": "restarting"})
    assert listed["Status"].startswith("Restarting (1) ")
    with pytest.raises(docker_errors.APIError, match="wait until the container is running"):
        container.exec_run("true")
    container.stop()
    assert state(container)[0] == "exited"


@pytest.mark.parametrize("policy", ["always", "unless-stopped", "on-failure"])
def test_what_was_stopped_by_hand_stays_so(own: Engine, docker: Any, policy: str) -> None:
    container = run(own, "sleep 60", policy)
    container.stop(timeout=0)
    time.sleep(0.4)
    assert state(container) == ("exited", 0)
    container.start()
    container.kill()
    assert wait_for(lambda: state(container) == ("exited", 0))


def test_a_wait_hears_of_each_end_and_logs_go_on(own: Engine, docker: Any) -> None:
    script = ["sh", "-c", "echo hi; exit 4"]
    again = {"Name": "on-failure", "MaximumRetryCount": 1}
    container = docker.containers.create(IMAGE, script, restart_policy=again)
    code = awaited(docker, container.id, "next-exit")
    container.start()
    assert code() == 4
    assert wait_for(lambda: state(container) == ("exited", 1))
    assert container.logs() == b"hi\nhi\n"


def test_it_goes_ill_with_removal_by_itself(own: Engine, docker: Any) -> None:
    said = "can't create 'AutoRemove' container with restart policy"
    with pytest.raises(docker_errors.APIError, match=said) as caught:
        run(own, "true", "always", auto_remove=True)
    assert caught.value.status_code == 400


def test_the_next_engine_starts_who_is_to_run(mine: Engine) -> None:
    run(mine, "sleep 60", "always", name="always")
    run(mine, "sleep 60", "always", name="by-hand").kill()
    run(mine, "sleep 60", "unless-stopped", name="stopped").stop(timeout=0)
    run(mine, "sleep 60", "no", name="never").kill()
    again = run(mine, "sleep 0.2; exit 1", "always", name="again")
    mine.client.containers.create(IMAGE, name="made", restart_policy={"Name": "always"})
    assert wait_for(lambda: state(again)[1] >= 2)
    mine.kill9()
    mine.start()
    docker = mine.client

    def status(name: str) -> str:
        return str(docker.containers.get(name).status)

    assert status("always") == "running"
    assert wait_for(lambda: status("by-hand") == "running")
    again = docker.containers.get("again")
    assert wait_for(lambda: state(again)[1] >= 3)
    assert [status(name) for name in ("stopped", "never", "made")] == [
        "exited",
        "exited",
        "created",
    ]


def test_what_ends_without_an_engine_starts_with_the_next(mine: Engine) -> None:
    container = run(mine, "sleep 0.7; exit 7", "on-failure", 5)
    mine.kill9()
    ended = mine.data / "containers" / container.id / "exit.json"
    assert wait_for(ended.exists)
    mine.start()
    found = mine.client.containers.get(container.id)
    assert wait_for(lambda: state(found)[1] >= 1)
    assert wait_for(lambda: state(found)[0] == "running")
