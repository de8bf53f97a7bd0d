"""Several containers: names in networks, a server that serves from a volume."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from ipycontainers.course.answer import State
from ipycontainers.course.lab import PROOT, Lab
from ipycontainers.course.lesson import lesson

FOREVER = ("sleep", "300")
WEB = "ipyc/web:1"
SERVER = ("httpd", "-f", "-p", "8133", "-h", "/www")
FRESH = "echo fresh > /site/index.html"


# --- 13-meet -------------------------------------------------------------------------------------


@pytest.fixture
def network(lab: Lab, attempt: Any) -> Iterator[Any]:
    """One that nobody else has."""
    made = lab.engine.docker.networks.create(f"learner-{uuid.uuid4().hex[:12]}")
    yield made
    attempt.remove()
    made.remove()


@pytest.fixture
def pair(network: Any, attempt: Any) -> tuple[str, str]:
    """The asker and the server, as the notebook starts them."""
    server = ("httpd", "-f", "-p", "8132", "-h", "/www")
    return (
        attempt.start("13-asker", *FOREVER, network=network.name),
        attempt.start("13-stock", *server, image=WEB),
    )


def test_they_meet_by_the_name_that_was_asked_for(
    lab: Lab, network: Any, pair: tuple[str, str], look: Any
) -> None:
    answer = look("13-meet")
    assert (answer.state, answer.reason) == (State.NOT_STARTED, "untouched")
    network.connect(pair[1], aliases=["stock"])
    assert look("13-meet").state is State.CORRECT
    lab.engine.docker.api.kill(pair[1])
    assert look("13-meet").values == {"which": "the server"}
    lab.engine.docker.api.kill(pair[0])
    assert look("13-meet").values == {"which": "the asker"}


def test_a_network_without_the_name_is_almost_right(
    network: Any, pair: tuple[str, str], look: Any
) -> None:
    network.connect(pair[1], aliases=["stack"])
    answer = look("13-meet")
    assert (answer.state, answer.reason) == (State.ALMOST, "no-name")
    assert "stack" in str(answer.values["names"])


def test_the_default_network_helps_nobody(lab: Lab, pair: tuple[str, str], look: Any) -> None:
    default = lab.engine.docker.networks.get("bridge")
    default.connect(pair[0])
    assert look("13-meet").reason == "apart"


def test_a_name_behind_which_nobody_serves_is_told_from_it(
    network: Any, attempt: Any, look: Any
) -> None:
    attempt.start("13-asker", *FOREVER, network=network.name)
    network.connect(attempt.start("13-stock", *FOREVER, image=WEB), aliases=["stock"])
    assert look("13-meet").reason == "no-answer"


def test_without_the_two_there_is_nothing_to_look_at(attempt: Any, look: Any) -> None:
    assert look("13-meet").reason == "not-started"
    attempt.start("13-asker", *FOREVER)
    assert look("13-meet").reason == "not-started"


# --- 13-volume -----------------------------------------------------------------------------------


@pytest.fixture
def volume(lab: Lab, attempt: Any) -> Iterator[str]:
    made = lab.engine.docker.volumes.create()
    yield str(made.name)
    attempt.remove()
    made.remove()


def writes(lab: Lab, attempt: Any, script: str, volume: str) -> None:
    binds = [f"{volume}:/site"]
    lab.engine.wait(attempt.start("13-writer", "sh", "-c", script, volumes=binds))


def serves(attempt: Any, *binds: str, command: tuple[str, ...] = SERVER) -> str:
    return attempt.start("13-volume", *command, image=WEB, volumes=list(binds))


def test_a_page_from_a_volume_passes_whatever_else_is_there(
    lab: Lab, attempt: Any, volume: str, look: Any
) -> None:
    assert look("13-volume").reason == "not-started"
    writes(lab, attempt, FRESH, volume)
    serves(attempt, f"{volume}:/www")
    serves(attempt, command=FOREVER)
    assert look("13-volume").state is State.CORRECT


@pytest.mark.parametrize(
    ("command", "port"),
    [
        (FOREVER, "80"),
        (("httpd", "-f", "-p", "127.0.0.1:8133", "-h", "/bin"), "8133"),
        (("sh", "-c", "exec httpd -f -p8134 -h /"), "8134"),
    ],
)
def test_a_page_that_nobody_hands_out_is_not_served(
    lab: Lab, attempt: Any, volume: str, look: Any, command: tuple[str, ...], port: str
) -> None:
    writes(lab, attempt, FRESH, volume)
    serves(attempt, f"{volume}:/www", command=command)
    answer = look("13-volume")
    assert (answer.state, answer.reason) == (State.ALMOST, "not-served")
    assert answer.values == {"port": port}


def test_a_server_that_has_ended_serves_nothing(lab: Lab, attempt: Any, look: Any) -> None:
    lab.engine.wait(attempt.start("13-volume", "sh", "-c", "exit 1", image=WEB))
    assert look("13-volume").values == {"code": 1}


def test_a_server_without_a_volume_is_named(attempt: Any, look: Any) -> None:
    serves(attempt)
    assert look("13-volume").reason == "no-volume"


def test_a_folder_of_the_machine_is_no_volume(attempt: Any, tmp_path: Any, look: Any) -> None:
    (tmp_path / "index.html").write_text("fresh")
    serves(attempt, f"{tmp_path}:/www")
    answer = look("13-volume")
    assert (answer.state, answer.reason) == (State.ALMOST, "bind")


def test_a_volume_in_another_place_is_named(attempt: Any, volume: str, look: Any) -> None:
    serves(attempt, f"{volume}:/data")
    assert look("13-volume").values == {"where": "/data"}


def test_the_page_of_the_image_is_not_a_new_one(attempt: Any, volume: str, look: Any) -> None:
    serves(attempt, f"{volume}:/www")
    answer = look("13-volume")
    assert (answer.state, answer.reason) == (State.ALMOST, "old-page")


def test_another_file_is_no_page(lab: Lab, attempt: Any, volume: str, look: Any) -> None:
    writes(lab, attempt, "echo fresh > /site/page.html", volume)
    serves(attempt, f"{volume}:/www")
    assert look("13-volume").reason == "no-page"


# --- what is expected ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tier", "last"), [("docker", False), ("namespaces", False), ("podman", True), (PROOT, True)]
)
def test_who_gets_the_page_is_the_engines(tier: str, last: bool) -> None:
    expected = lesson("13").expectation_of["13-names"]
    assert expected(Lab(tier), [True, False, False, last])
    assert not expected(Lab(tier), [True, False, False, not last])
    assert not expected(Lab(tier), [True, False, True, last])
    assert lesson("13").right_of["13-names"](Lab(tier)) == [0, 1, 1, 0 if last else 1]


def test_podman_may_have_no_name_server() -> None:
    expected = lesson("13").expectation_of["13-names"]
    assert expected(Lab("podman"), [False, False, False, True])
    assert not expected(Lab("docker"), [False, False, False, False])
    assert not expected(Lab("podman"), [True, False, False])


def test_the_wrong_variable_is_not_expected() -> None:
    expected = lesson("13").expectation_of["13-variables"]
    right = ["World", "file", "option", "option", "machine"]
    assert expected(Lab("docker"), right)
    assert not expected(Lab("docker"), [*right[:3], "file", "machine"])
