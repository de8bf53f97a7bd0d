"""Attach, exec and wait: terminals, the keys that leave them, clients that come late or early."""

from __future__ import annotations

import json
import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from docker import DockerClient
from docker import errors as docker_errors
from embedded import Engine
from support import patience, wait_for

IMAGE = "ipycontainers-test/busybox"
# docker-py leaves the sockets of exec_run to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
TYPED = {"stdin": 1, "stdout": 1, "stream": 1}


def run(engine: Engine, *command: str, **more: Any) -> Any:
    return engine.client.containers.run(IMAGE, list(command), detach=True, **more)


def read_until(sock: Any, text: bytes) -> bytes:
    got = b""
    sock.settimeout(30)
    while text not in got and (data := sock.recv(4096)):
        got += data
    return got


def rest(sock: Any) -> bytes:
    sock.settimeout(30)
    return b"".join(iter(lambda: sock.recv(4096), b""))


# --- attach --------------------------------------------------------------------------------------


def test_keys_leave_a_container_that_lives_on(own: Engine, docker: Any) -> None:
    container = run(own, "sh", tty=True, stdin_open=True)
    for query, typed in (({}, b"\x10\x11"), ({"detachKeys": "ctrl-a,x"}, b"\x01x")):
        sock = container.attach_socket(params={**TYPED, **query})._sock
        sock.sendall(b"echo $((6*7))\n")
        assert b"42" in read_until(sock, b"42")
        sock.sendall(typed)
        rest(sock)
        sock.close()
        container.reload()
        assert container.status == "running"
    answer = docker.api._post(
        docker.api._url("/containers/{0}/attach", container.id),
        params={**TYPED, "detachKeys": "ctrl-foo"},
    )
    assert (answer.status_code, answer.json()["message"]) == (
        400,
        "Invalid detach keys (ctrl-foo) provided",
    )


def test_a_terminal_is_resized_while_it_runs(own: Engine, docker: Any) -> None:
    # docker-py#630, #2044: a raw stream, of which not a byte is lost.
    script = "echo first; trap 'stty size; exit' WINCH; echo up; while :; do sleep 0.05; done"
    container = docker.containers.create(IMAGE, ["sh", "-c", script], tty=True, stdin_open=True)
    sock = container.attach_socket(params=TYPED)._sock
    container.start()
    assert read_until(sock, b"up\r\n") == b"first\r\nup\r\n"
    container.resize(height=33, width=44)
    assert b"33 44" in rest(sock)
    sock.close()
    assert container.wait()["StatusCode"] == 0
    with pytest.raises(docker_errors.APIError, match="is not running") as caught:
        container.resize(height=1, width=1)
    assert caught.value.status_code == 409


def test_a_terminal_of_an_exec_has_a_name_and_a_kind(own: Engine) -> None:
    script = ["sh", "-c", "tty && test -c $(tty) && echo $TERM"]
    for given, kind in (({}, b"xterm"), ({"environment": {"TERM": "vt100"}}, b"vt100")):
        container = run(own, "sleep", "60", **given)
        code, said = container.exec_run(script, tty=True)
        assert code == 0, said
        assert re.fullmatch(rb"/dev/pts/\d+\r\n%b\r\n" % kind, said)
        assert b"TERM" not in container.exec_run("env")[1] or given
        container.remove(force=True)


def test_who_attaches_to_what_has_ended_gets_its_log(own: Engine, docker: Any) -> None:
    # podman#29664
    container = run(own, "sh", "-c", "echo out; exit 4")
    assert container.attach(logs=True, stdout=True) in (b"out\n", b"")  # it may not be there yet
    assert container.wait()["StatusCode"] == 4
    assert container.attach(logs=True, stream=False) == b"out\n"
    assert container.wait()["StatusCode"] == 4
    container.reload()
    state = container.attrs["State"]
    assert (state["Status"], state["ExitCode"], state["Running"]) == ("exited", 4, False)


# --- exec ----------------------------------------------------------------------------------------


def test_an_exec_is_left_by_its_keys_and_goes_on(own: Engine, docker: Any) -> None:
    container = run(own, "sleep", "60")
    made = docker.api.exec_create(
        container.id,
        ["sh", "-c", "echo up; sleep 1; touch /tmp/went-on; sleep 60"],
        tty=True,
        stdin=True,
        detach_keys="ctrl-a,x",
    )["Id"]
    assert docker.api.exec_inspect(made)["DetachKeys"] == "AXg="
    sock = docker.api.exec_start(made, tty=True, socket=True)._sock
    read_until(sock, b"up")
    sock.sendall(b"\x01x")
    rest(sock)
    sock.close()
    assert docker.api.exec_inspect(made)["Running"] is True
    assert wait_for(lambda: container.exec_run("ls /tmp/went-on").exit_code == 0)
    with pytest.raises(docker_errors.APIError, match="Invalid escape keys") as caught:
        docker.api.exec_create(container.id, ["true"], detach_keys="ctrl-foo")
    assert caught.value.status_code == 400


def test_an_exec_has_a_size_of_its_own(own: Engine, docker: Any) -> None:
    container = run(own, "sleep", "60")
    made = docker.api.exec_create(container.id, ["sh"], tty=True, stdin=True)["Id"]
    sock = docker.api.exec_start(made, tty=True, socket=True)._sock
    docker.api.exec_resize(made, height=12, width=34)
    sock.sendall(b"stty size; exit 5\n")
    assert b"12 34" in rest(sock)
    sock.close()
    assert docker.api.exec_inspect(made)["ExitCode"] == 5


def test_what_has_ended_does_not_stay_behind(own: Engine, docker: Any) -> None:
    container = run(own, "sleep", "60")
    for _ in range(5):
        assert container.exec_run("true").exit_code == 0
    container.reload()
    assert not container.attrs["ExecIDs"]


# --- clients that wait ---------------------------------------------------------------------------


def test_a_silent_command_outlasts_the_clients_patience(own: Engine, docker: Any) -> None:
    # R10
    hasty = DockerClient(base_url=f"unix://{own.socket}", version="1.41", timeout=2)
    try:
        container = run(own, "sleep", "60")
        patient = ["sh", "-c", "sleep 2.3; echo done"]
        assert hasty.containers.get(container.id).exec_run(patient) == (0, b"done\n")
        quiet = hasty.containers.create(IMAGE, patient)
        sock = quiet.attach_socket(params={"stdout": 1, "stream": 1})._sock
        quiet.start()
        assert rest(sock).endswith(b"done\n")
        sock.close()
    finally:
        hasty.close()


def test_what_removes_itself_is_heard_to_its_end(own: Engine, docker: Any) -> None:
    # R11
    def one(command: list[str]) -> tuple[bytes, int]:
        client = own.client
        container = client.containers.create(IMAGE, command, auto_remove=True)
        sock = container.attach_socket(params={"stdout": 1, "stream": 1})._sock
        with ThreadPoolExecutor(1) as pool:
            ended = pool.submit(container.wait, condition="removed")
            time.sleep(0.05)
            container.start()
            out = rest(sock)
            sock.close()
            return out[8:], ended.result(30)["StatusCode"]

    for _ in range(5):
        assert one(["sh", "-c", "echo hi; exit 7"]) == (b"hi\n", 7)
        assert one(["true"]) == (b"", 0)
    assert wait_for(lambda: docker.api.containers(all=True) == [])


@pytest.mark.parametrize("condition", ["", "not-running", "next-exit", "removed"])
def test_a_wait_is_heard_at_once_and_told_at_the_end(
    own: Engine, docker: Any, condition: str
) -> None:
    container = run(own, "sleep", "60", auto_remove=True)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(30)
        sock.connect(str(own.socket))
        path = f"/v1.41/containers/{container.id}/wait?condition={condition}"
        sock.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())
        head = read_until(sock, b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        container.kill()
        body = head.partition(b"\r\n\r\n")[2] + read_until(sock, b"0\r\n\r\n")
    told = json.loads(body.split(b"\r\n")[1])
    assert told == {"Error": None, "StatusCode": 137}
    assert wait_for(lambda: docker.api.containers(all=True) == [])


# --- start and stop ------------------------------------------------------------------------------


def test_the_image_says_how_a_container_is_stopped(own: Engine, docker: Any) -> None:
    script = "trap 'exit 9' USR1; trap 'exit 8' USR2; echo up; while :; do sleep 0.05; done"
    container = run(own, "sh", "-c", script, stop_signal="USR1")
    assert wait_for(container.logs)
    container.stop()
    assert container.wait()["StatusCode"] == 9
    stubborn = run(own, "sh", "-c", "trap '' TERM; echo up; sleep 60")
    assert wait_for(stubborn.logs)
    start = time.monotonic()
    stubborn.stop(timeout=1)
    assert 0.9 < time.monotonic() - start < 8 * patience()
    assert stubborn.wait()["StatusCode"] == 137
    answer = docker.api._post(docker.api._url("/containers/{0}/stop", stubborn.id))
    assert answer.status_code == 304
    stubborn.start()
    answer = docker.api._post(
        docker.api._url("/containers/{0}/stop", stubborn.id), params={"t": "x"}
    )
    assert (answer.status_code, "invalid syntax" in answer.text) == (400, True)


def test_a_restart_keeps_what_removes_itself(own: Engine, docker: Any) -> None:
    container = run(own, "sleep", "60", auto_remove=True)
    before = container.attrs["State"]["StartedAt"]
    container.restart(timeout=0)
    container.reload()
    assert container.status == "running"
    assert container.attrs["State"]["StartedAt"] > before
    container.stop(timeout=0)
    assert wait_for(lambda: docker.api.containers(all=True) == [])


def test_with_init_signals_arrive_and_orphans_are_reaped(own: Engine, docker: Any) -> None:
    # R22
    container = run(own, "sleep", "60", init=True)
    start = time.monotonic()
    container.stop(timeout=20)
    assert time.monotonic() - start < 10 * patience()
    assert container.wait()["StatusCode"] == 143
    script = "for i in 1 2 3 4 5; do (true & exec true); done; sleep 0.3; echo made; sleep 60"
    container = run(own, "sh", "-c", script, init=True)
    assert wait_for(container.logs)
    pid, stat = (container.top()["Titles"].index(name) for name in ("PID", "CMD"))
    assert wait_for(
        lambda: not [row for row in container.top()["Processes"] if "defunct" in row[stat]]
    ), pid


def test_a_container_is_told_of_as_dockerd_does(own: Engine, docker: Any) -> None:
    container = run(own, "sleep", "60", name="told", restart_policy={"Name": "always"})
    found = docker.api.inspect_container("told")
    assert (found["Name"], found["Path"], found["Args"]) == ("/told", "sleep", ["60"])
    assert (found["Platform"], found["RestartCount"], found["ExecIDs"]) == ("linux", 0, None)
    assert found["HostConfig"]["RestartPolicy"] == {"Name": "always", "MaximumRetryCount": 0}
    assert found["State"]["Pid"] > 0
    assert found["Created"] < found["State"]["StartedAt"]
    assert found["State"]["FinishedAt"] == "0001-01-01T00:00:00Z"
    assert found["HostsPath"].endswith(f"{container.id}/etc/hosts")
    info = docker.info()
    counts = [info[f"Containers{state}"] for state in ("Running", "Paused", "Stopped")]
    assert counts == [1, 0, 0]
    container.pause()
    info = docker.info()
    counts = [info[f"Containers{state}"] for state in ("Running", "Paused", "Stopped")]
    assert counts == [0, 1, 0]
    said = "cannot remove the default link name"
    with pytest.raises(docker_errors.APIError, match=said) as caught:
        container.remove(link=True)
    assert caught.value.status_code == 409
