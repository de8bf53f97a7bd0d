"""Tab in the magic's line: what is offered, how fast, and also without an engine."""

from __future__ import annotations

import socket
import time

import pytest
from support import patience, wait_for

from ipycontainers.magics import session
from ipycontainers.magics.completion import candidates
from ipycontainers.magics.container import SESSION_VERBS

NAMES = {
    "image": ["alpine:latest", "python:3", "python:3-slim"],
    "container": ["web"],
    "network": ["bridge", "lab"],
    "session": ["shell", "py"],
    "volume": ["files"],
}


def names(kind: str) -> list[str]:
    return NAMES.get(kind, [])


@pytest.mark.parametrize(
    ("line", "offered", "not_offered"),
    [
        ("%%container ", ["alpine:latest"], ["--env", "sh"]),
        ("%%container --", ["--env", "--cap-drop", "--here"], ["-e"]),
        ("%%container -e A=1 --me", ["--memory"], []),
        ("%%container -e A=1 ", ["python:3"], []),
        ("%%container --pull ", ["always", "never", "missing"], ["python:3"]),
        ("%%container --pull=", ["--pull=always"], []),
        ("%%container --network ", ["lab", "container:web"], ["alpine:latest"]),
        ("%%container --pid ", ["host", "container:web"], []),
        ("%%container --out ", ["table"], ["_private"]),
        ("%%container python:3 ", ["python3", "sh"], ["alpine:latest"]),
        ("%container python:3 ", [], ["python3"]),
        ("%container ", ["alpine:latest", "sessions", "stop"], ["shell"]),
        ("%%container ", ["alpine:latest"], ["sessions", "stop"]),
        ("%%container -m ", [], ["alpine:latest"]),
        ("%%container -s ", ["shell", "py"], ["alpine:latest"]),
        ("%container stop ", ["shell", "py"], ["alpine:latest"]),
        ("%container commit ", ["shell"], ["alpine:latest"]),
        ("%%container stop ", ["sh"], ["shell"]),  # an image of that name
        ("%docker ", ["ps", "images", "container", "volume"], ["web", "container ls"]),
        ("%docker container ", ["ls", "inspect"], ["images"]),
        ("%docker ps --", ["--all", "--filter", "--help"], ["-a"]),
        ("%docker ps ", [], ["web"]),
        ("%docker inspect ", ["web", "alpine:latest", "lab", "files"], []),
        ("%docker inspect --type ", ["image", "volume"], ["web"]),
        ("%docker inspect --type=", ["--type=image"], []),
        ("%docker history -q ", ["alpine:latest"], ["web"]),
        ("%docker volume inspect ", ["files"], ["web"]),
        ("%docker top ", ["web"], []),
        ("%docker top web -", [], ["--help"]),
        ("%docker ps --filter ", ["status=", "ancestor=", "name="], ["web", "dangling="]),
        ("%docker ps -af sta", ["status="], []),
        ("%docker ps -f status=", ["status=exited", "status=paused"], ["status="]),
        ("%docker ps --filter=status=ex", ["--filter=status=exited"], []),
        ("%docker ps -a --filter ancestor=", ["ancestor=alpine:latest"], ["ancestor=web"]),
        ("%docker ps -f label=", [], ["label=web"]),
        ("%docker images -f before=", ["before=alpine:latest"], []),
        ("%docker network ls -f name=", ["name=lab"], []),
        ("%docker volume ls --filter dangling=", ["dangling=true"], []),
        ("%docker events -f event=st", ["event=start", "event=stop"], []),
        ("%docker image prune --filter ", ["until=", "label!="], ["dangling="]),
        ("%docker ps -f nosuch=", [], ["nosuch="]),
    ],
)
def test_what_may_stand_there(line, offered, not_offered):
    found = candidates(line, names, ["table", "_private"])
    assert set(offered) <= set(found)
    assert not set(not_offered) & set(found)


def test_paths_are_left_to_ipython():
    assert candidates("%%container -v ./da", names) is None
    assert candidates("%%container --env-file ", names) is None


def matches(kernel, code: str) -> list[str]:
    """The whole cell with each offered match in place."""
    reply = kernel.complete(code)
    return [code[: reply["cursor_start"]] + one for one in reply["matches"]]


def test_a_kernel_offers_options_images_and_containers(shared_kernel, images):
    name = images.busybox
    assert "%%container --cap-drop" in matches(shared_kernel, "%%container --cap")
    assert matches(shared_kernel, "%%container --cap") == [
        "%%container --cap-add", "%%container --cap-drop",
    ]  # fmt: skip
    for code in ("%%container -e A=1 ipycontainers-test/bus", f"%%container {name}:la"):
        found = wait_for(lambda code=code: matches(shared_kernel, code), every=0.1)
        assert found == [f"{code.rsplit(' ', 1)[0]} {name}:latest"]


def test_a_kernel_offers_docker_verbs_where_a_value_is_assigned(shared_kernel):
    assert matches(shared_kernel, "ids = %docker ps --qu") == ["ids = %docker ps --quiet"]
    assert matches(shared_kernel, "%docker hist") == ["%docker history"]
    assert matches(shared_kernel, "%docker ps -f stat") == ["%docker ps -f status="]
    assert matches(shared_kernel, "%docker ps -f status=ex") == ["%docker ps -f status=exited"]


def test_a_kernel_offers_its_sessions(shared_kernel, images):
    shared_kernel.run(f"%%container -s offered {images.busybox}\ntrue")
    try:
        for code in ("%%container -s off", "%container stop off", "%container commit off"):
            assert matches(shared_kernel, code) == [code + "ered"]
    finally:
        shared_kernel.run("%container stop offered")


def test_variables_are_the_users_own(shared_kernel):
    shared_kernel.run("Inner = None")
    assert matches(shared_kernel, "%%container -i In") == ["%%container -i Inner"]


def test_python_in_a_body_is_completed_as_ever(shared_kernel):
    shared_kernel.run("a_long_name = 1")
    assert "a_long_name" in shared_kernel.complete("a_long_na")["matches"]
    assert "--cap-drop" not in shared_kernel.complete("%%container bb\n--cap")["matches"]


def median_time(kernel, code: str) -> float:
    times = []
    for _ in range(9):
        start = time.monotonic()
        kernel.complete(code)
        times.append(time.monotonic() - start)
    return sorted(times)[4]


def test_tab_answers_within_a_tenth_of_a_second(shared_kernel):
    shared_kernel.complete("%%container --x")
    assert median_time(shared_kernel, "%%container --cap") < 0.1 * patience()
    assert median_time(shared_kernel, "%%container ipy") < 0.1 * patience()


def test_tab_does_not_wait_for_a_dead_engine(kernels, tmp_path):
    path = tmp_path / "silent.sock"
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(path))
        silent.listen(8)
        kernel = kernels(env={"DOCKER_HOST": f"unix://{path}"})
        kernel.complete("%%container --x")
        assert median_time(kernel, "%%container alp") < 0.2 * patience()
        assert "--cap-add" in kernel.complete("%%container --cap")["matches"]


def test_the_verbs_are_those_of_sessions() -> None:
    assert tuple(session.VERBS) == SESSION_VERBS
    assert [bool(words) for _, *words in session.VERBS.values()] == [False, *[True] * 5]
