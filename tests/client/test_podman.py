"""Debian's Podman, as root and as an ordinary user, through its Docker-compatible API."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ipycontainers import errors
from ipycontainers.client import Connection, connect
from ipycontainers.client.doctor import examine

Run = Callable[..., Any]
pytestmark = pytest.mark.podman


@pytest.fixture(params=["podman", "podman_rootless"])
def connection(request: pytest.FixtureRequest) -> Iterator[Connection]:
    with connect(request.getfixturevalue(request.param)) as opened:
        yield opened


@pytest.fixture
def image(images: Any) -> str:
    return f"localhost/{images.busybox}"


def test_output_input_and_exit_code(connection: Connection, image: str, run: Run) -> None:
    data = bytes(range(256)) * 4096
    ran = run(connection, image, ["sh", "-c", "cat; echo end; exit 7"], stdin=data)
    assert ran.out == data + b"end\n"
    assert ran.exit.code == 7


def test_fast_programs(connection: Connection, image: str, run: Run) -> None:
    for _ in range(5):
        ran = run(connection, image, ["sh", "-c", "echo hi; exit 7"])
        assert (ran.out, ran.exit.code) == (b"hi\n", 7)


@pytest.mark.parametrize(("command", "code"), [("nosuch", 127), ("/etc", 126)])
def test_a_program_that_cannot_start(
    connection: Connection, image: str, run: Run, command: str, code: int
) -> None:
    """Podman says so when somebody attaches, Docker at the start."""
    with pytest.raises(errors.EngineError) as caught:
        run(connection, image, [command])
    assert caught.value.exit_code == code
    assert ("is a folder" in caught.value.message) == (command == "/etc")


def test_the_stream_lasts_as_long_as_the_container_though_the_program_closes_it(
    connection: Connection, image: str
) -> None:
    command = ["sh", "-c", "exec >&- 2>&-; sleep 1; exit 7"]
    created = connection.create({"Image": image, "Cmd": command, **NO_NETWORK})
    try:
        with (
            connection.attach(created.id) as attachment,
            connection.watch_exit(created.id) as watch,
        ):
            connection.start(created.id)
            assert attachment.read() == b""
            ended = watch.result(1)
            assert ended is not None
            assert (ended.code, watch.broke) == (7, False)
    finally:
        connection.remove(created.id)


def test_kill_and_remove(connection: Connection, image: str) -> None:
    created = connection.create({"Image": image, "Cmd": ["sleep", "100"], **NO_NETWORK})
    with connection.watch_exit(created.id) as watch:
        connection.start(created.id)
        connection.kill(created.id, "KILL")
        ended = watch.result(30)
    assert ended is not None
    assert (ended.code, ended.oom_killed) == (137, False)
    connection.remove(created.id)
    connection.remove(created.id)


def test_a_missing_image_is_not_found(connection: Connection) -> None:
    for ask in (
        lambda: connection.create({"Image": "nosuch", **NO_NETWORK}),
        lambda: connection.inspect_image("nosuch"),
    ):
        with pytest.raises(errors.NotFound, match=r"^there is no image nosuch:latest here$"):
            ask()


def test_what_is_no_name_of_an_image(connection: Connection) -> None:
    with pytest.raises(errors.Invalid, match=r"^'Nosuch' is no name of an image$"):
        connection.create({"Image": "Nosuch", **NO_NETWORK})


def test_files_are_shared(connection: Connection) -> None:
    assert connection.shares_files


def test_the_doctor_knows_it(podman: str, podman_rootless: str) -> None:
    report, rootless = examine(podman), examine(podman_rootless)
    assert report["ok"]
    assert report["versions"]["engine"].startswith("Podman 4")
    assert report["engine"]["rootless"] == "no"
    assert rootless["engine"]["rootless"] == "yes"
    assert rootless["isolation"]["user namespace"].startswith("yes")


NO_NETWORK = {"HostConfig": {"NetworkMode": "none"}}
