"""What stays behind: nothing, or what -d and --keep ask for. Two hundred cells leave no trace."""

from __future__ import annotations

import contextlib
import socket
import time

import needs
import pytest
from support import free_port, patience, wait_for

LEAKS = """
import gc, os, threading
gc.collect()
print(threading.active_count(), len(os.listdir('/proc/self/fd')))
"""


def test_the_container_is_gone_soon_after_the_reply(shared_kernel, images, engine):
    shared_kernel.run(f"%%container -l test=soon {images.busybox}\ntrue")
    start = time.monotonic()
    assert wait_for(lambda: not engine.list_containers(labels={"test": "soon"}), seconds=5)
    assert time.monotonic() - start < 3 * patience()


def test_keep_keeps_the_container_and_its_output(shared_kernel, images, engine):
    result = shared_kernel.run(
        f"%%container --keep --name ipyc-kept {images.busybox}\necho hi; exit 2"
    )
    assert result.error.evalue.startswith("exit code 2")
    state = engine.inspect("ipyc-kept")
    try:
        assert state["State"]["ExitCode"] == 2
        assert state["HostConfig"]["LogConfig"]["Type"] != "none"
        assert engine.docker.containers.get("ipyc-kept").logs() == b"hi\n"
    finally:
        engine.remove("ipyc-kept")


def test_a_detached_container_runs_on_and_its_id_is_shown(shared_kernel, images, engine):
    result = shared_kernel.run(f"%%container -d {images.busybox}\necho hi; sleep 60")
    container = result.stdout.strip()
    assert len(container) == 64
    try:
        assert engine.inspect(container)["State"]["Running"]
        assert wait_for(
            lambda: engine.docker.containers.get(container).logs() == b"hi\n", seconds=5
        )
        assert engine.docker.containers.get(container).logs() == b"hi\n"
    finally:
        engine.remove(container)


def test_a_detached_perl_gets_its_program(shared_kernel, images, engine):
    result = shared_kernel.run(f"%%container -d {images.debian} perl\nprint 6*7; sleep 60")
    container = result.stdout.strip()
    try:
        assert engine.inspect(container)["State"]["Running"], result.error
    finally:
        engine.remove(container)


def test_a_name_that_is_taken_is_an_error_and_the_other_lives(shared_kernel, images, engine):
    code = f"%%container -d --name ipyc-taken {images.busybox}\nsleep 60"
    first = shared_kernel.run(code)
    try:
        second = shared_kernel.run(f"%%container --name ipyc-taken {images.busybox}\ntrue")
        assert second.error.ename == "Conflict"
        assert "ipyc-taken" in second.error.evalue
        assert engine.inspect(first.stdout.strip())["State"]["Running"]
    finally:
        engine.remove(first.stdout.strip())


def test_a_published_port_is_reached_from_the_notebook(shared_kernel, images, engine):
    here, there = free_port(), free_port()  # on the host's network the program has its own here
    code = f"%%container -d -p 127.0.0.1:{here}:{there} {images.busybox}\nnc -ll -p {there} -e cat"
    container = shared_kernel.run(code).stdout.strip()
    try:
        assert wait_for(lambda: _echo(here) == b"hello")
        told = engine.inspect(container)["NetworkSettings"]["Ports"]
        assert told == {f"{there}/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(here)}]}
    finally:
        engine.remove(container)


def _echo(port: int) -> bytes:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5) as sock:
        sock.sendall(b"hello")
        return sock.recv(5)
    return b""


def test_a_busy_port_is_an_error_and_works_when_free(shared_kernel, images, engine):  # moby#20486
    port = free_port()
    published = f"-p 127.0.0.1:{port}:80 {images.busybox}"
    first = shared_kernel.run(f"%%container -d {published}\nsleep 60")
    assert first.status == "ok", first.error
    try:
        second = shared_kernel.run(f"%%container {published}\ntrue")
        assert second.status == "error"
        assert second.error.ename == "Conflict"
        assert str(port) in str(second.error)
        holder = engine.docker.containers.get(first.stdout.strip()).name
        assert not engine.launcher or holder in str(second.error)
    finally:
        engine.remove(first.stdout.strip())
    third = shared_kernel.run(f"%%container {published}\necho free")
    assert third.stdout == "free\n", third.error


def test_init_reaps_and_ends_at_once(shared_kernel, images):  # R22 c
    body = (
        "(sleep 1 & echo $! >/orphan; exec sleep 2) & sleep 3\n"
        "test -e /proc/$(cat /orphan) && echo left || echo reaped"
    )
    result = shared_kernel.run(f"%%container --init {images.busybox}\n{body}")
    assert result.stdout == "reaped\n", result.error


@pytest.mark.parametrize(("options", "code", "seconds"), [("", 137, 4), ("--init", 143, 3)])
def test_stopping_a_detached_sleep(shared_kernel, images, engine, options, code, seconds):  # R22 b
    made = shared_kernel.run(f"%%container -d {options} {images.busybox}\nexec sleep 1000")
    container = engine.docker.containers.get(made.stdout.strip())
    try:
        start = time.monotonic()
        container.stop(timeout=1)
        assert time.monotonic() - start < seconds
        # Process 1 of a pid namespace ignores SIGTERM; where there is none nobody does.
        expected = code if needs.has(engine, "pid") else 143
        assert container.wait()["StatusCode"] == expected
    finally:
        engine.remove(container.id)


def test_a_name_is_not_held_by_a_refused_container(shared_kernel, images):  # moby#23371
    refused = shared_kernel.run(f"%%container --name ipyc-held --cpus 9999 {images.busybox}\ntrue")
    assert refused.status == "error"
    result = shared_kernel.run(f"%%container --name ipyc-held {images.busybox}\necho mine")
    assert result.stdout == "mine\n", result.error


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_sixty_cells_leave_no_thread_descriptor_or_container(kernel, images, engine):
    for _ in range(15):  # docker-py keeps up to 25 answered connections open
        kernel.run(f"%%container {images.busybox}\ntrue")
    time.sleep(2)
    before = [int(word) for word in kernel.run(LEAKS).stdout.split()]
    for number in range(60):
        result = kernel.run(f"%%container -l test=many {images.busybox}\necho {number}")
        assert result.stdout == f"{number}\n", result.error
    assert wait_for(lambda: not engine.list_containers(labels={"test": "many"}), seconds=5)
    assert not engine.list_containers(labels={"test": "many"})
    time.sleep(1)
    after = [int(word) for word in kernel.run(LEAKS).stdout.split()]
    assert after[0] <= before[0]
    assert after[1] <= before[1] + 2


def test_the_next_cell_may_have_the_same_name_and_port(shared_kernel, images):
    published = f"-p 127.0.0.1:{free_port()}:80"
    code = f"%%container --name ipyc-again {published} {images.busybox}\necho hi"
    for _ in range(4):
        assert shared_kernel.run(code).stdout == "hi\n"


def test_a_name_is_not_held_up_by_cells_that_failed(shared_kernel, images):
    for options in ("--cpus 99", "--pull never no-such-image"):
        shared_kernel.run(f"%%container {options} {images.busybox}\ntrue")
    start = time.monotonic()
    shared_kernel.run(f"%%container --name ipyc-quick {images.busybox}\ntrue")
    assert time.monotonic() - start < 3 * patience()


def test_two_kernels_at_once(kernels, images, engine):
    env = {"DOCKER_HOST": engine.candidate.address}
    one, two = kernels(env=env), kernels(env=env)
    cells = [
        kernel.submit(f"%%container {images.busybox}\nsleep 1; echo {name}")
        for kernel, name in ((one, "one"), (two, "two"))
    ]
    assert [cell.result().stdout for cell in cells] == ["one\n", "two\n"]


def test_kill_9_in_the_middle_of_a_cell_leaves_nothing(kernels, images, engine):
    kernel = kernels(env={"DOCKER_HOST": engine.candidate.address})
    cell = kernel.submit(f"%%container -l test=killed {images.busybox}\necho begin; sleep 300")
    cell.wait_for("begin")
    kernel.kill9()
    assert wait_for(lambda: not engine.list_containers(labels={"test": "killed"}), seconds=10)
    assert not engine.list_containers(labels={"test": "killed"})


def test_a_restart_in_the_middle_of_a_cell_leaves_nothing(kernels, images, engine):
    kernel = kernels(env={"DOCKER_HOST": engine.candidate.address})
    kernel.submit(
        f"%%container -l test=restarted {images.busybox}\necho begin; sleep 300"
    ).wait_for("begin")
    kernel.restart(now=True)
    assert wait_for(lambda: not engine.list_containers(labels={"test": "restarted"}), seconds=10)
    assert not engine.list_containers(labels={"test": "restarted"})
    assert kernel.run(f"%%container {images.busybox}\necho again").stdout == "again\n"
