"""A connection that breaks in the middle of a container is told from the container's end."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from proxy import Proxy
from support import wait_for

from ipycontainers.client import Candidate, Connection, Tls, open_candidate
from ipycontainers.errors import NoEngine

SCRIPT = "echo before; sleep 100"
BEFORE = b"\x01\0\0\0\0\0\0\x07before\n"


@contextlib.contextmanager
def started(connection: Connection, image: str, script: str = SCRIPT) -> Iterator[Any]:
    """(attachment, watch, id) of a container that has said "before"."""
    created = connection.create({"Image": image, "Cmd": ["sh", "-c", script]})
    try:
        with (
            connection.attach(created.id) as attachment,
            connection.watch_exit(created.id) as watch,
        ):
            connection.start(created.id)
            assert attachment.read() == BEFORE
            yield attachment, watch, created.id
    finally:
        connection.remove(created.id)


@pytest.fixture
def plain(engine: Connection) -> Iterator[Proxy]:
    path = engine.candidate.address.removeprefix("unix://")
    with contextlib.closing(Proxy(socket.AF_UNIX, path)) as proxy:
        yield proxy


def test_a_reset_is_an_error(plain: Proxy, images: Any) -> None:
    with (
        open_candidate(Candidate("test", plain.address, True)) as connection,
        started(connection, images.busybox) as (attachment, _, _),
    ):
        plain.cut(reset=True)
        with pytest.raises(OSError, match="reset"):
            attachment.read()


def test_a_cut_of_plain_tcp_looks_like_an_end_but_the_container_runs(
    plain: Proxy, images: Any
) -> None:
    with (
        open_candidate(Candidate("test", plain.address, True)) as connection,
        started(connection, images.busybox) as (attachment, watch, container),
    ):
        assert not watch.broke
        plain.cut()
        assert attachment.read() == b""
        assert watch.result(0.5) is None
        assert watch.broke
        assert connection.inspect(container)["State"]["Running"]
        connection.kill(container, "KILL")
        assert watch.result(30).code == 137


def test_a_cut_of_an_answer_in_lines_is_an_error(plain: Proxy, images: Any) -> None:
    text = f"FROM {images.busybox}\nRUN echo begun; sleep 20\n".encode()
    file = tarfile.TarInfo("Dockerfile")
    file.size = len(text)
    context = file.tobuf() + text.ljust(512, b"\0") + bytes(1024)
    with (
        open_candidate(Candidate("test", plain.address, True)) as connection,
        connection.build([context], {"nocache": "1", "rm": "1", "forcerm": "1"}) as build,
    ):
        lines = build.lines()
        assert any(line.get("stream") == "begun\n" for line in lines)
        plain.cut()
        with pytest.raises(NoEngine, match="broke"):
            list(lines)


def test_a_cut_of_tls_is_an_error(tls_engine: str, tls: Tls, images: Any) -> None:
    host, _, port = tls_engine.removeprefix("tcp://").partition(":")
    with (
        contextlib.closing(Proxy(socket.AF_INET, (host, int(port)))) as proxy,
        open_candidate(Candidate("test", proxy.address, True, tls)) as connection,
        started(connection, images.busybox) as (attachment, watch, container),
    ):
        proxy.cut()
        with pytest.raises(OSError, match="EOF"):
            attachment.read()
        connection.kill(container, "KILL")
        assert watch.result(30).code == 137
        assert watch.broke


def test_a_cut_of_ssh_is_an_error_and_an_end_is_not(
    ssh_engine: Callable[..., str], engine: Connection, images: Any
) -> None:
    with open_candidate(Candidate("test", ssh_engine(), True)) as connection:
        with started(connection, images.busybox, "echo before; sleep 0.3") as (ended, watch, _):
            assert ended.read() == b""
            assert watch.result(30).code == 0
            assert not watch.broke
        with started(connection, images.busybox) as (attachment, watch, container):
            ssh = connection._dialler.ssh
            assert ssh
            found = subprocess.check_output(
                ["pgrep", "-f", f"{ssh._folder}/master.*mux"], text=True
            ).split()
            for pid in found:
                os.kill(int(pid), signal.SIGKILL)
            with pytest.raises(OSError, match="ssh ended"):
                attachment.read()
            engine.kill(container, "KILL")


@pytest.mark.parametrize("tty", [False, True])
@pytest.mark.parametrize("closes", ["exec >&- 2>&-", "exec </dev/null >/dev/null 2>&1"])
def test_the_stream_lasts_as_long_as_the_container_though_the_program_closes_it(
    engine: Connection, images: Any, closes: str, tty: bool
) -> None:
    """So that an end of the stream long before the container's end is a broken connection."""
    body = {"Image": images.busybox, "Cmd": ["sh", "-c", f"{closes}; sleep 1; exit 7"], "Tty": tty}
    created = engine.create(body)
    try:
        with (
            engine.attach(created.id, tty=tty) as attachment,
            engine.watch_exit(created.id) as watch,
        ):
            engine.start(created.id)
            assert attachment.read() == b""
            assert wait_for(lambda: watch.result(0), seconds=1)
            assert watch.result(0).code == 7
    finally:
        engine.remove(created.id)
