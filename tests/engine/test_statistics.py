"""What runs in a container, and what it uses."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import Any

import pytest
from docker import errors as docker_errors
from embedded import Engine
from support import wait_for

IMAGE = "ipycontainers-test/busybox"
# docker-py leaves the sockets of exec_run to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
FULL = ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]
BSD = ["USER", "PID", "%CPU", "%MEM", "VSZ", "RSS", "TTY", "STAT", "START", "TIME", "COMMAND"]


def run(engine: Engine, script: str, **more: Any) -> Any:
    return engine.client.containers.run(IMAGE, ["sh", "-c", script], detach=True, **more)


def commands(container: Any) -> list[str]:
    return [row[-1] for row in container.top()["Processes"]]


def test_top_lists_what_runs_in_it_and_nothing_else(own: Engine, docker: Any) -> None:
    run(own, "sleep 71")
    container = run(own, "sleep 72 & exec sleep 73")
    container.exec_run("sleep 74", detach=True)
    expected = ["sleep 72", "sleep 73", "sleep 74"]
    assert wait_for(lambda: sorted(commands(container)) == expected)
    found = container.top()
    assert found["Titles"] == FULL
    row = dict(zip(FULL, found["Processes"][0], strict=True))
    assert Path(f"/proc/{row['PID']}").exists()
    assert row["TTY"] == "?"
    assert row["TIME"] == "00:00:00"
    assert len(row["STIME"]) == 5


def test_top_has_the_columns_of_ps(own: Engine, docker: Any) -> None:
    container = run(own, "exec sleep 75", tty=True)
    assert wait_for(lambda: commands(container) == ["sleep 75"])
    found = container.top(ps_args="aux")
    row = dict(zip(BSD, found["Processes"][0], strict=True))
    assert found["Titles"] == BSD
    assert row["TTY"].startswith("pts/")
    assert row["STAT"].startswith("S")
    pid = row["PID"]
    answer = {"Processes": [[pid, "sleep"]], "Titles": ["PID", "COMMAND"]}
    assert container.top(ps_args="-eo pid,comm") == answer
    assert container.top(ps_args="-o pid,comm") == answer
    with pytest.raises(docker_errors.APIError, match="Couldn't find PID field") as caught:
        container.top(ps_args="-eo comm")
    assert caught.value.status_code == 500
    with pytest.raises(docker_errors.APIError, match="knows -ef, aux"):
        container.top(ps_args="--forest")


def test_what_does_not_run_has_no_processes_and_uses_nothing(own: Engine, docker: Any) -> None:
    container = docker.containers.create(IMAGE, ["true"])
    with pytest.raises(docker_errors.APIError, match="is not running") as caught:
        container.top()
    assert caught.value.status_code == 409
    found = container.stats(stream=False)
    assert found["read"] == "0001-01-01T00:00:00Z"
    assert found["cpu_stats"]["cpu_usage"]["total_usage"] == 0
    assert (found["memory_stats"], found["pids_stats"]) == ({}, {})
    with pytest.raises(docker_errors.NotFound):
        docker.api.stats("nosuch", stream=False)


def test_stats_measure_processor_memory_and_processes(own: Engine, docker: Any) -> None:
    busy = run(own, "while :; do :; done")
    held = "x=$(head -c 5000000 /dev/zero | tr '\\0' x); sleep 60; echo ${#x}"
    idle = run(own, f"sleep 60 & {held}")
    assert wait_for(lambda: commands(idle).count("sleep 60") == 2)
    found = busy.stats(stream=False)
    used = (
        found["cpu_stats"]["cpu_usage"]["total_usage"]
        - found["precpu_stats"]["cpu_usage"]["total_usage"]
    )
    whole = found["cpu_stats"]["system_cpu_usage"] - found["precpu_stats"]["system_cpu_usage"]
    assert 0 < used <= whole * 1.1
    assert found["cpu_stats"]["online_cpus"] == os.cpu_count()
    assert found["pids_stats"]["current"] == 1
    assert found["preread"] < found["read"]
    found = docker.api.stats(idle.id, stream=False, one_shot=True)
    assert 5e6 < found["memory_stats"]["usage"] < found["memory_stats"]["limit"]
    assert found["pids_stats"]["current"] == 3
    assert found["preread"] == "0001-01-01T00:00:00Z"
    assert found["networks"] == {}  # none is counted apart
    apart = run(own, "sleep 60", network_mode="host")
    assert "networks" not in docker.api.stats(apart.id, stream=False, one_shot=True)


def test_what_ended_processes_used_still_counts(own: Engine, docker: Any) -> None:
    container = run(own, "sh -c 'i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done'; sleep 60")
    assert wait_for(lambda: commands(container)[-1] == "sleep 60", seconds=60)
    found = docker.api.stats(container.id, stream=False, one_shot=True)
    assert found["cpu_stats"]["cpu_usage"]["total_usage"] >= 20e6


def test_stats_go_on_until_the_client_leaves(own: Engine, docker: Any) -> None:
    container = run(own, "sleep 60")
    stream = container.stats(decode=True)
    first, second = next(stream), next(stream)
    assert first["preread"] == "0001-01-01T00:00:00Z"
    assert second["preread"] == first["read"]
    container.kill()
    container.wait()
    assert any(it["pids_stats"] == {} for it in itertools.islice(stream, 5))
    container.remove()
    assert all(it["pids_stats"] == {} for it in stream)  # and that is over


def test_update_changes_the_policy_and_says_what_it_cannot(own: Engine, docker: Any) -> None:
    container = run(own, "sleep 60")
    told = container.update(restart_policy={"Name": "on-failure", "MaximumRetryCount": 3})
    assert told == {"Warnings": None}
    container.reload()
    policy = container.attrs["HostConfig"]["RestartPolicy"]
    assert policy == {"Name": "on-failure", "MaximumRetryCount": 3}
    with pytest.raises(docker_errors.APIError, match="invalid restart policy 'x'") as caught:
        container.update(restart_policy={"Name": "x"})
    assert caught.value.status_code == 400
    with pytest.raises(docker_errors.APIError, match="Minimum memory limit allowed is 6MB"):
        container.update(mem_limit=100)
    leaving = run(own, "sleep 60", auto_remove=True)
    with pytest.raises(docker_errors.APIError, match="because AutoRemove is enabled") as caught:
        leaving.update(restart_policy={"Name": "always"})
    assert caught.value.status_code == 409
