"""A paused container: nothing of it runs, whatever it does, until it goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from docker import errors as docker_errors
from embedded import Engine
from support import wait_for

IMAGE = "ipycontainers-test/busybox"
# docker-py leaves the sockets of exec_run to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
# One that computes, one that forks all the time, one whose children lose their parent.
BUSY = """
while :; do :; done &
while :; do /bin/true; done &
while :; do (sleep 0.01 &); done &
i=0; while :; do i=$((i+1)); echo $i; done
"""


def run(engine: Engine, script: str, **more: Any) -> Any:
    return engine.client.containers.run(IMAGE, ["sh", "-c", script], detach=True, **more)


def spent(container: Any) -> int:
    """Ticks of processor time of what it has."""
    found = container.top()
    pid = found["Titles"].index("PID")
    total = 0
    for row in found["Processes"]:
        words = Path(f"/proc/{row[pid]}/stat").read_text().rpartition(")")[2].split()
        total += int(words[11]) + int(words[12])
    return total


def still(container: Any) -> tuple[int, bytes]:
    """What it has spent and said last, when neither changes for a while: what it had written is
    still on its way into the log."""
    seen: list[tuple[int, bytes]] = [(-1, b"")]

    def stays() -> bool:
        seen.append((spent(container), container.logs(tail=1)))
        return seen[-1] == seen[-2]

    assert wait_for(stays, every=0.3), seen
    return seen[-1]


def refused(call: Any) -> tuple[int, str]:
    with pytest.raises(docker_errors.APIError) as caught:
        call()
    return caught.value.status_code, caught.value.explanation


def test_nothing_runs_while_it_is_paused(own: Engine, docker: Any) -> None:
    container = run(own, BUSY, log_config={"Type": "json-file", "Config": {"max-size": "1m"}})
    assert wait_for(lambda: container.logs(tail=1))
    for _ in range(2):
        container.pause()
        container.reload()
        assert (container.status, container.attrs["State"]["Paused"]) == ("paused", True)
        before = still(container)
        container.unpause()
        container.reload()
        assert container.status == "running"
        assert wait_for(lambda last=before[1]: container.logs(tail=1) != last)
    container.kill()
    assert container.wait()["StatusCode"] == 137


def test_what_a_paused_one_refuses_is_said_in_dockers_words(own: Engine, docker: Any) -> None:
    container = run(own, "sleep 60", name="still")
    assert refused(container.unpause) == (500, f"Container {container.id} is not paused")
    container.pause()
    assert refused(container.pause) == (409, f"Container {container.id} is already paused")
    said = "cannot start a paused container, try unpause instead"
    assert refused(container.start) == (409, said)
    said = "Container still is paused, unpause the container before exec"
    assert refused(lambda: container.exec_run("true")) == (409, said)
    code, said = refused(container.remove)
    assert (code, "Unpause and then stop the container before" in said) == (409, True)
    (listed,) = docker.api.containers(filters={"status": "paused"})
    assert (listed["State"], listed["Status"].endswith("(Paused)")) == ("paused", True)
    container.remove(force=True)


def test_stop_and_kill_let_it_go_on_first(own: Engine, docker: Any) -> None:
    script = "trap 'echo bye; exit 5' TERM; echo up; while :; do sleep 0.1; done"
    container = run(own, script)
    assert wait_for(container.logs) == b"up\n"
    container.pause()
    container.stop(timeout=20)
    assert (container.wait()["StatusCode"], container.logs()) == (5, b"up\nbye\n")
    container = run(own, "trap 'echo heard' USR1; echo up; while :; do sleep 0.1; done")
    assert wait_for(container.logs) == b"up\n"
    container.pause()
    container.kill("USR1")
    container.reload()
    assert container.status == "running"
    assert wait_for(lambda: b"heard" in container.logs())


def test_what_had_stopped_itself_stays_so(own: Engine, docker: Any) -> None:
    container = run(own, "sleep 1000 & kill -STOP $!; echo $!; sleep 60")
    assert wait_for(container.logs)
    status = f"/proc/{int(container.logs())}/status"
    container.pause()
    container.unpause()
    # PRoot lets nothing stop at all, but for itself.
    state = b"T (stopped)" if own.launcher == "bubblewrap" else b"S (sleeping)"
    assert state in container.exec_run(["grep", "State", status]).output


def test_it_is_still_paused_for_the_next_engine(mine: Engine) -> None:
    container = run(mine, "i=0; while :; do i=$((i+1)); echo $i; sleep 0.01; done", name="kept")
    assert wait_for(container.logs)
    container.pause()
    mine.kill9()
    mine.start()
    found = mine.client.containers.get("kept")
    assert found.status == "paused"
    before = still(found)
    found.unpause()
    assert wait_for(lambda: found.logs(tail=1) != before[1])
    # An engine that was killed between the deed and its record:
    state = mine.data / "containers" / found.id / "state.json"
    running = state.read_bytes()
    found.pause()
    mine.kill9()
    state.write_bytes(running)
    mine.start()
    assert mine.client.containers.get("kept").status == "paused"
