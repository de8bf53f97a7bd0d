"""Processes of the engine that are killed: what runs on, what is found again, what is told."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from pathlib import Path
from typing import Any

import pytest
from docker import errors as docker_errors
from embedded import Engine
from support import wait_for

IMAGE = "ipycontainers-test/busybox"
# docker-py leaves the sockets of exec_run to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def run(mine: Engine, script: str, **more: Any) -> Any:
    return mine.client.containers.run(IMAGE, ["sh", "-c", script], detach=True, **more)


def running(words: str) -> list[int]:
    """The processes of which the command line begins with these words."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            line = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if line.startswith(words):
                found.append(int(path.name))
    return found


def supervisor(mine: Engine, container: Any) -> int:
    """Who listens at its control socket."""
    with socket.socket(socket.AF_UNIX) as sock:
        handle = os.open(mine.data / "containers" / container.id, os.O_PATH)
        try:
            sock.connect(f"/proc/self/fd/{handle}/control.sock")
        finally:
            os.close(handle)
        told = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    return int.from_bytes(told[:4], "little")


def nursery(mine: Engine) -> int:
    assert mine.process
    children = Path(f"/proc/{mine.process.pid}/task").glob("*/children")
    (pid,) = {int(word) for path in children for word in path.read_text().split()}
    return pid


def gone(mine: Engine, name: str) -> bool:
    try:
        mine.client.containers.get(name)
    except docker_errors.NotFound:
        return True
    return False


def test_the_next_engine_finds_them_as_they_were(mine: Engine, places: Path) -> None:
    until = "until [ -e /shared/killed ]; do sleep 0.1; done"
    shared = [f"{places}:/shared"]
    run(mine, f"echo out; echo err >&2; {until}; exit 5", name="ended", volumes=shared)
    run(mine, "echo once; read x; echo got $x; exit 6", name="typed", tty=True, stdin_open=True)
    run(mine, until, name="brief", auto_remove=True, volumes=shared)
    run(mine, "sleep 60", name="kept", auto_remove=True)
    busy = run(mine, "sleep 60", name="busy")
    mark = f"sleep 60.{os.getpid()}"
    busy.exec_run(mark, detach=True)
    assert wait_for(lambda: running(mark))
    mine.kill9()
    (places / "killed").touch()
    path = mine.data / "containers"
    ended = next(p for p in path.iterdir() if b'"ended"' in (p / "state.json").read_bytes())
    assert wait_for((ended / "exit.json").exists)
    mine.start()
    docker = mine.client
    assert docker.containers.get("ended").wait()["StatusCode"] == 5
    assert sorted(docker.containers.get("ended").logs().split()) == [b"err", b"out"]
    assert wait_for(lambda: gone(mine, "brief"))
    kept = docker.containers.get("kept")
    assert kept.status == "running"
    kept.kill()
    assert wait_for(lambda: gone(mine, "kept"))
    typed = docker.containers.get("typed")
    sock = typed.attach_socket(params={"stdin": 1, "stream": 1})
    sock._sock.sendall(b"this\n")
    sock.close()
    assert typed.wait()["StatusCode"] == 6
    assert b"got this" in typed.logs()
    busy = docker.containers.get("busy")
    assert running(mark)
    assert busy.exec_run("echo more").output == b"more\n"
    busy.kill()
    assert busy.wait()["StatusCode"] == 137
    assert wait_for(lambda: not running(mark))


def test_with_its_supervisor_a_container_ends(mine: Engine) -> None:
    mark = f"sleep 61.{os.getpid()}"
    container = run(mine, f"{mark} & {mark}; true", name="left")
    assert wait_for(lambda: len(running(mark)) == 2)
    os.kill(supervisor(mine, container), signal.SIGKILL)
    assert container.wait()["StatusCode"] == 137
    assert wait_for(lambda: not running(mark))
    container.reload()
    assert container.status == "exited"
    assert "supervisor was killed" in container.attrs["State"]["Error"]
    container.start()
    container.remove(force=True)


def test_without_its_nursery_an_engine_starts_containers(mine: Engine) -> None:
    container = run(mine, "sleep 60")
    os.kill(nursery(mine), signal.SIGKILL)
    for _ in range(2):
        assert mine.client.containers.run(IMAGE, ["echo", "on"], remove=True) == b"on\n"
    assert container.exec_run("echo still").output == b"still\n"
    nursery(mine)  # there is one again
    assert mine.terminate() == 0


def test_after_everything_was_killed_the_next_start_is_clean(mine: Engine) -> None:
    mark = f"sleep 62.{os.getpid()}"
    container = run(mine, mark, name="all")
    assert wait_for(lambda: running(mark))
    for pid in (nursery(mine), supervisor(mine, container)):
        os.kill(pid, signal.SIGKILL)
    mine.kill9()
    assert wait_for(lambda: not running(mark))
    mine.start()
    found = mine.client.containers.get("all")
    assert wait_for(lambda: found.reload() or found.status == "exited")
    assert found.wait()["StatusCode"] == 137
    found.remove()
    assert mine.client.containers.run(IMAGE, ["echo", "on"], remove=True) == b"on\n"
