"""04b: what is expected of files and ways can fail, and the two exercises are judged by trying."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ipycontainers.course import catalogue, lesson
from ipycontainers.course.lab import DOCKER, PROOT, Lab
from ipycontainers.course.lessons import n04b

WEB, PORT = "ipyc/web:1", "8088/tcp"
SERVE = "httpd -f -p 8088 -h /www"
Answered = Callable[[str], tuple[str, str]]


@pytest.fixture
def isolating(lab: Lab) -> Lab:
    if lab.tier == PROOT:
        pytest.skip("no container has a network of its own here")
    return lab


@pytest.fixture
def network(isolating: Lab, attempt: Any) -> Iterator[Callable[[], str]]:
    made: list[Any] = []

    def make() -> str:
        name = f"course-{uuid.uuid4().hex[:8]}"
        made.append(isolating.engine.docker.networks.create(name))
        return name

    yield make
    attempt.remove()  # what is in them
    for one in made:
        one.remove()


# What is expected


def files(lab: Lab) -> tuple[str, str, str, bool, bool]:
    written = "written" if lab.tier == PROOT else "refused"
    return "absent", written, "written", True, n04b._sees_through(lab)


def test_files_are_expected_as_this_engine_keeps_them(lab: Lab) -> None:
    """That the first is what is measured, nbval compares."""
    right = files(lab)
    assert n04b.files_are_kept(lab, right)
    other = {"absent": "present", "written": "refused", "refused": "written"}
    for at in range(len(right)):
        wrong: list[Any] = list(right)
        wrong[at] = other[wrong[at]] if isinstance(wrong[at], str) else not wrong[at]
        assert not n04b.files_are_kept(lab, tuple(wrong))  # type: ignore[arg-type]


def test_ways_are_expected_as_this_engine_opens_them(lab: Lab) -> None:
    right = ["not reached" if no else "reached" for no in n04b.usual_ways(lab)]
    assert n04b.ways_are_as_usual(lab, right)
    for at in range(len(right)):
        wrong = [*right]
        wrong[at] = "not reached" if right[at] == "reached" else "reached"
        assert not n04b.ways_are_as_usual(lab, wrong)
    # One that was not tried is none that was reached, and none is left out.
    assert not n04b.ways_are_as_usual(lab, ["not known", *right[1:]])
    assert not n04b.ways_are_as_usual(lab, right[:2] + right[3:])


@pytest.mark.parametrize("question", ["04b-files", "04b-reach"])
def test_each_row_has_a_right_answer(lab: Lab, question: str) -> None:
    asked = catalogue.question(question)
    right = lesson.lesson("04b").right_of[question](lab)
    assert isinstance(right, list)
    assert len(right) == len(asked.rows)
    assert set(right) <= set(range(len(asked.choices)))


# Only here


def test_a_port_is_to_be_published_on_this_machine_only(
    isolating: Lab, answered: Answered, attempt: Any
) -> None:
    def web(**options: Any) -> tuple[str, str]:
        attempt("04b-only-here", SERVE, wait=False, image=WEB, **options)
        return answered("04b-only-here")

    assert answered("04b-only-here")[0] == "not started"
    attempt("04b-only-here", "true", image=WEB)
    assert answered("04b-only-here") == ("keep working", "not-running")
    assert web() == ("keep working", "unpublished")
    assert web(network_mode="host") == ("keep working", "host-network")
    assert web(ports={PORT: ("0.0.0.0", None)}) == ("keep working", "everywhere")
    assert web(ports={"80/tcp": ("127.0.0.1", None)}) == ("almost", "silent")
    assert web(ports={PORT: ("127.0.0.1", None)}) == ("correct", "correct")
    # A later mistake does not undo it.
    assert web() == ("correct", "correct")


def test_a_port_that_is_published_twice_is_open_to_others(
    isolating: Lab, answered: Answered, attempt: Any
) -> None:
    both = {PORT: [("127.0.0.1", None), ("0.0.0.0", None)]}
    attempt("04b-only-here", SERVE, wait=False, image=WEB, ports=both)
    assert answered("04b-only-here") == ("keep working", "everywhere")


def test_what_cannot_be_tried_is_called_told(
    isolating: Lab, answered: Answered, attempt: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt("04b-only-here", SERVE, wait=False, image=WEB, ports={PORT: ("127.0.0.1", None)})
    monkeypatch.setattr(Lab, "is_here", False)
    assert answered("04b-only-here") == ("correct", "told")


def test_what_the_engine_says_is_tried(isolating: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A port of 127.0.0.1 at which another service listens on all addresses is seen as that."""
    import socket

    with socket.create_server(("0.0.0.0", 0)) as server:
        port = server.getsockname()[1]
        outside = n04b.routes.address()
        answer = n04b._tried([("127.0.0.1", port, PORT)])
        assert answer.reason == ("silent" if outside.startswith("127.") else "everywhere")


# By name


def test_two_are_to_talk_by_name(
    isolating: Lab, answered: Answered, attempt: Any, network: Callable[[], str]
) -> None:
    def one(script: str, image: str = "ipyc/toolbox:1", **options: Any) -> tuple[str, str]:
        attempt("04b-names", script, wait=False, image=image, **options)
        return answered("04b-names")

    def named() -> str:
        return f"learner-{uuid.uuid4().hex[:8]}"

    assert answered("04b-names")[0] == "not started"
    assert one("sleep 300", name=named()) == ("keep working", "one")
    # In the default network.
    assert one(SERVE, WEB, name=named()) == ("keep working", "nameless")
    attempt.remove()
    # Each in one of its own.
    one("sleep 300", name=named(), network=network())
    assert one(SERVE, WEB, name=named(), network=network()) == ("keep working", "apart")
    attempt.remove()
    shared = network()
    one("sleep 300", name=named(), network=shared)
    assert one("sleep 300", name=named(), network=shared) == ("almost", "no-listener")
    # Any two will do.
    assert one(SERVE, WEB, name=named(), network=shared) == ("correct", "correct")


def test_an_alias_is_a_name(
    isolating: Lab, answered: Answered, attempt: Any, network: Callable[[], str]
) -> None:
    shared = network()
    api = isolating.engine.docker.api
    attempt("04b-names", "sleep 300", wait=False, network=shared)
    server = attempt("04b-names", SERVE, wait=False, image=WEB, network=shared)
    # Docker passes on no name that it has made up; our engine does.
    assert answered("04b-names")[1] == ("unnamed" if isolating.tier == DOCKER else "correct")
    api.disconnect_container_from_network(server, shared)
    api.connect_container_to_network(server, shared, aliases=["shop"])
    assert answered("04b-names") == ("correct", "correct")


def test_where_all_share_one_network_nothing_can_be_shown(
    lab: Lab, answered: Answered, attempt: Any
) -> None:
    if lab.tier != PROOT:
        pytest.skip("containers have networks here")
    for exercise in ("04b-only-here", "04b-names"):
        assert answered(exercise) == ("cannot be checked here", "shared")
    attempt("04b-only-here", "sleep 30", wait=False, ports={PORT: ("127.0.0.1", None)})
    assert answered("04b-only-here") == ("cannot be checked here", "shared")


@pytest.mark.podman
def test_podman_publishes_here_only(podman_lab: Lab, attempts_on: Any, answered: Answered) -> None:
    attempt = attempts_on(podman_lab)

    def web(**options: Any) -> tuple[str, str]:
        attempt("04b-only-here", SERVE, wait=False, image=WEB, **options)
        return answered("04b-only-here")

    assert web() == ("keep working", "unpublished")
    assert web(ports={PORT: ("0.0.0.0", None)}) == ("keep working", "everywhere")
    assert web(ports={PORT: ("127.0.0.1", None)}) == ("correct", "correct")


@pytest.mark.podman
def test_podman_without_a_name_server_cannot_show_names(
    podman_lab: Lab, attempts_on: Any, answered: Answered
) -> None:
    """Debian's has none unless golang-github-containernetworking-plugin-dnsname is installed."""
    attempt = attempts_on(podman_lab)
    assert answered("04b-names")[0] == "not started"
    shared = f"course-{uuid.uuid4().hex[:8]}"
    network = podman_lab.engine.docker.networks.create(shared)
    for script, image in (("sleep 300", "ipyc/toolbox:1"), (SERVE, WEB)):
        name = f"learner-{uuid.uuid4().hex[:8]}"
        attempt("04b-names", script, wait=False, image=image, name=name, network=shared)
    has_names = Path("/usr/lib/cni/dnsname").exists() or shutil.which("aardvark-dns")
    right = ("correct", "correct") if has_names else ("cannot be checked here", "no-name-server")
    assert answered("04b-names") == right
    attempt.remove()
    network.remove()
