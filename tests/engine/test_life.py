"""The engine's process: one of each, closed to others, outlived by containers."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import time
from collections.abc import Iterator

import embedded
import images as recipes
import pytest
from support import REPOSITORY, require, wait_for

IMAGE = "ipycontainers-test/busybox"
# docker-py leaves the sockets of exec_run to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def own() -> Iterator[embedded.Engine]:
    with embedded.running("bubblewrap") as engine:
        yield engine


def refused(command: list[str]) -> str:
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY)}
    ran = subprocess.run(
        command, capture_output=True, text=True, env=environ, cwd="/", timeout=60, check=False
    )
    assert ran.returncode == 1
    return ran.stderr


def test_it_is_closed_to_others(own: embedded.Engine) -> None:
    assert stat.S_IMODE(own.socket.stat().st_mode) == 0o600
    assert stat.S_IMODE(own.socket.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(own.data.stat().st_mode) == 0o700


def test_there_is_one_for_a_folder_and_one_for_a_socket(own: embedded.Engine) -> None:
    words = own.command()
    other = [*words, "--socket", f"{own.socket}2"]
    assert f"another engine has {own.data}" in refused(other)
    other = [*words, "--data", f"{own.data}2"]
    assert f"another engine listens at {own.socket}" in refused(other)
    assert own.client.ping()


def test_a_folder_that_others_may_enter_gets_no_socket(own: embedded.Engine) -> None:
    words = [*own.command(), "--data", f"{own.data}2", "--socket", "/tmp/engine.sock"]
    assert "/tmp" in refused(words)


@pytest.mark.parametrize("launcher", ["bubblewrap", "ptrace"])
@pytest.mark.parametrize("name", ["a b", 'it\'s "$HOME"', "ü→", "c:d", "c,d=e", "b\\s"])
def test_its_folder_may_have_any_name(launcher: str, name: str) -> None:
    if launcher == "ptrace":
        require(shutil.which("proot"), "proot", "PRoot is not installed: apt-get install proot")
    with embedded.running(launcher, name=name) as own:
        docker = own.client
        recipes.ensure(docker, "busybox")
        script = ["sh", "-c", "cat /etc/hostname; echo 1 >/data/f; echo 2 >/t/f; cat /*/f"]
        (own.data / "a:b").mkdir()
        embedded.give(own.data / "a:b")
        mounts = {
            "mounts": [{"Type": "bind", "Source": f"{own.data}/a:b", "Target": "/data"}],
            "tmpfs": {"/t": ""},
        }
        container = docker.containers.create(IMAGE, script, hostname="here", **mounts)
        assert container.put_archive("/tmp", b"\0" * 1024)
        container.start()
        assert container.wait()["StatusCode"] == 0
        assert container.logs() == b"here\n1\n2\n"
        assert (own.data / "a:b/f").read_text() == "1\n"


@pytest.mark.parametrize("option", ["--data", "--socket"])
def test_a_name_that_cannot_be_is_refused_in_words(own: embedded.Engine, option: str) -> None:
    own.terminate()
    name = f"{own.data}\n" if option == "--data" else f"{own.data}/run/{'x' * 100}"
    why = "line break" if option == "--data" else "longer than the 107 bytes"
    assert why in refused([*own.command(), option, name])


def test_it_leaves_when_it_is_idle_and_not_before() -> None:
    with embedded.running("bubblewrap", "--idle", "1") as own:
        docker = own.client
        recipes.ensure(docker, "busybox")
        until = ["sh", "-c", "while [ ! -e /tmp/over ]; do sleep 0.1; done"]
        container = docker.containers.run(IMAGE, until, detach=True)
        time.sleep(1.5)
        assert own.process.poll() is None
        container.exec_run("touch /tmp/over")
        docker.close()
        assert own.process.wait(timeout=30) == 0
        assert not own.socket.exists()


def test_containers_outlive_it_and_are_found_again(own: embedded.Engine) -> None:
    docker = own.client
    recipes.ensure(docker, "busybox")
    script = "for i in 1 2 3 4; do echo $i; sleep 0.3; done; exit 9"
    docker.containers.run(IMAGE, ["sh", "-c", script], detach=True, name="counting")
    docker.containers.run(IMAGE, ["sleep", "100"], detach=True, name="sleeping")
    docker.containers.run(IMAGE, ["sh", "-c", "exit 4"], detach=True, name="ending")
    time.sleep(0.3)
    own.kill9()
    own.start()
    docker = own.client
    counting = docker.containers.get("counting")
    assert counting.wait()["StatusCode"] == 9
    assert counting.logs() == b"1\n2\n3\n4\n"
    assert docker.containers.get("ending").wait()["StatusCode"] == 4
    sleeping = docker.containers.get("sleeping")
    assert sleeping.status == "running"
    assert sleeping.exec_run("echo hi").output == b"hi\n"
    assert own.terminate() == 0
    own.start()
    sleeping = own.client.containers.get("sleeping")
    assert sleeping.status == "running"
    sleeping.remove(force=True)


def test_what_ended_meanwhile_has_its_exit_code(own: embedded.Engine) -> None:
    docker = own.client
    recipes.ensure(docker, "busybox")
    docker.containers.run(IMAGE, ["sh", "-c", "sleep 0.5; exit 7"], detach=True, name="ending")
    own.kill9()
    time.sleep(1)
    own.start()
    ending = own.client.containers.get("ending")
    assert wait_for(lambda: ending.reload() or ending.status == "exited")
    assert ending.wait()["StatusCode"] == 7


def test_a_container_that_was_never_told_of_is_removed(own: embedded.Engine) -> None:
    own.kill9()
    half = own.data / "containers" / ("0" * 64)
    half.mkdir()
    written = half / "state.json.unnamed-1-2-3"  # it gets its name when all of it is on the disk
    written.write_text('{"id": ')
    for path in (half, written):
        os.chown(path, own.data.stat().st_uid, own.data.stat().st_gid)
    own.start()
    assert not half.exists()
    assert own.client.containers.list(all=True, ignore_removed=True) == []


def test_nothing_of_it_is_left() -> None:
    with embedded.running("bubblewrap") as own:
        docker = own.client
        recipes.ensure(docker, "busybox")
        docker.containers.run(IMAGE, ["sleep", "100"], detach=True)
    assert wait_for(lambda: not embedded.processes_of(own))
    assert not own.data.exists()
