"""Keys that leave a terminal: how they are read, and that they are found wherever they fall."""

from __future__ import annotations

import socket
from typing import Any

import docker as docker_py
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import wait_for

from ipycontainers.engine.detach import Split, parse

# docker-py leaves what it had the socket from to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
IMAGE = "ipycontainers-test/busybox"


@pytest.mark.parametrize("text", ["ctrl-", "ctrl-pp", "ctrl-1", "pp", "ctrl-p,", "é"])
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="Unknown character"):
        parse(text)


@given(st.lists(st.binary(max_size=6)), st.binary(min_size=1, max_size=4))
def test_nothing_is_lost_or_added_before_the_keys_however_input_comes(
    pieces: list[bytes], keys: bytes
) -> None:
    split, passed = Split(keys), b""
    for piece in [*pieces, keys]:
        shown, is_over = split.feed(piece)
        passed += shown
        if is_over:
            break
    assert is_over
    assert passed == (b"".join(pieces) + keys).partition(keys)[0]


@pytest.mark.parametrize("asked", [{"detachKeys": "ctrl-x"}, {}])
def test_a_client_leaves_by_its_own_keys_and_the_program_lives_on(
    docker: Any, asked: dict[str, str]
) -> None:
    made = docker.containers.run(IMAGE, "cat", tty=True, stdin_open=True, detach=True)
    params = {"stdin": 1, "stdout": 1, "stream": 1, **asked}
    stream = docker.api.attach_socket(made.id, params)
    sock: socket.socket = stream._sock
    sock.settimeout(30)
    sock.sendall(b"a\x18b\n" if not asked else b"a\x10\x11b\n")  # the keys of the other
    assert wait_for(lambda: b"b" in sock.recv(100))
    sock.sendall(b"\x18" if asked else b"\x10\x11")
    while sock.recv(100):
        pass
    sock.close()
    made.reload()
    assert made.status == "running"


def test_an_exec_has_keys_of_its_own(docker: Any) -> None:
    made = docker.containers.run(IMAGE, "sleep 60", detach=True)
    command = docker.api.exec_create(made.id, "cat", stdin=True, tty=True, detach_keys="ctrl-x,y")
    stream = docker.api.exec_start(command, tty=True, socket=True)
    sock: socket.socket = stream._sock
    sock.settimeout(30)
    sock.sendall(b"\x18")
    sock.sendall(b"y")
    while sock.recv(100):
        pass
    sock.close()
    assert docker.api.exec_inspect(command)["Running"] is True


def test_keys_that_are_none_are_refused(docker: Any) -> None:
    made = docker.containers.run(IMAGE, "cat", tty=True, stdin_open=True, detach=True)
    with pytest.raises(docker_py.errors.APIError, match=r"Invalid detach keys \(ctrl-1\) provided"):
        docker.api.attach_socket(made.id, {"stdin": 1, "stream": 1, "detachKeys": "ctrl-1"})
    with pytest.raises(docker_py.errors.APIError, match=r"Invalid escape keys \(ctrl-1\) provided"):
        docker.api.exec_create(made.id, "cat", detach_keys="ctrl-1")
