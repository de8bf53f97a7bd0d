from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import patience

from ipycontainers import errors
from ipycontainers.client import Connection, connect
from ipycontainers.client.ssh import command, target

Run = Callable[..., Any]


def test_words_for_ssh() -> None:
    assert target("ssh://me@host:2222") == ["-l", "me", "-p", "2222", "--", "host"]
    assert target("ssh://-oProxyCommand=x") == ["--", "-oproxycommand=x"]
    assert command("ssh://host") == ["docker", "system", "dial-stdio"]
    path = "ssh://host/run/user/1000/podman.sock"
    assert command(path)[1:3] == ["--host", "unix:///run/user/1000/podman.sock"]


def test_a_container_through_ssh(
    ssh_engine: Callable[..., str], engine: Connection, images: Any, run: Run
) -> None:
    data = bytes(range(256)) * 4096
    with connect(ssh_engine()) as connection:
        assert not connection.shares_files
        ran = run(connection, images.busybox, ["sh", "-c", "cat; echo end; exit 3"], stdin=data)
        assert ran.out == data + b"end\n"
        assert ran.exit.code == 3


def test_later_connections_are_fast_and_nothing_is_left(
    ssh_engine: Callable[..., str], images: Any
) -> None:
    before = threading.active_count()
    with connect(ssh_engine()) as connection:
        ssh = connection._dialler.ssh
        assert ssh is not None
        folder = ssh._folder
        connection.list_images()
        start = time.monotonic()
        for _ in range(3):
            connection.watch_exit("0" * 64).close()
        assert (time.monotonic() - start) / 3 < patience()
        assert oct(folder.stat().st_mode & 0o777) == "0o700"
    assert not folder.exists()
    assert threading.active_count() == before
    listed = subprocess.run(["pgrep", "-f", str(folder)], capture_output=True, check=False)
    assert listed.stdout == b""


def test_a_context_may_be_ssh(
    ssh_engine: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", ssh_engine())
    with connect() as connection:
        assert connection.candidate.source == "DOCKER_HOST"
        assert connection.list_images()


def failure(address: str) -> errors.EngineUnavailable:
    start = time.monotonic()
    with pytest.raises(errors.EngineUnavailable) as caught:
        connect(address)
    assert time.monotonic() - start < 10 * patience()
    assert "\n" not in caught.value.message
    assert caught.value.hint
    return caught.value


def test_a_key_that_is_refused(ssh_engine: Callable[..., str], tmp_path: Path) -> None:
    address = ssh_engine()
    (tmp_path / "user.pub").write_text("")
    error = failure(address)
    assert type(error) is errors.EngineForbidden
    assert "Permission denied" in error.message


def test_a_host_key_that_nobody_has_seen_is_not_asked_about(
    ssh_engine: Callable[..., str], tmp_path: Path
) -> None:
    address = ssh_engine()
    (tmp_path / "known_hosts").write_text("")
    error = failure(address)
    assert type(error) is errors.EngineForbidden
    assert "Host key verification failed" in error.message


def test_a_port_on_which_no_sshd_listens(ssh_engine: Callable[..., str]) -> None:
    assert type(failure("ssh://root@127.0.0.1:1")) is errors.NoEngine


def test_a_host_without_docker(
    ssh_engine: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = ssh_engine()
    keys = (tmp_path / "user.pub").read_text()
    (tmp_path / "user.pub").write_text(f'command="docker-is-not-here" {keys}')
    error = failure(address)
    assert type(error) is errors.NoEngine
    assert "not found" in error.message
    assert "install docker" in error.hint


def test_without_the_ssh_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    error = failure("ssh://root@127.0.0.1:1")
    assert type(error) is errors.NoEngine
    assert "ssh program" in error.message
