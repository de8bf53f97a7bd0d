"""Day-to-day running: what stays, which port it is, and what prune was to take."""

from __future__ import annotations

from typing import Any

import pytest
from support import wait_for

from ipycontainers.course.answer import State
from ipycontainers.course.lab import Lab
from ipycontainers.course.lesson import lesson
from ipycontainers.course.progress import Progress
from ipycontainers.errors import ContainerError

FOREVER = ("sleep", "300")
EVERYWHERE = ["0.0.0.0:49153", ":::49153"]
HERE = ["127.0.0.1:49153"]


# --- 12-stay -------------------------------------------------------------------------------------


def test_one_that_runs_stays_whatever_came_before(lab: Lab, attempt: Any, look: Any) -> None:
    assert look("12-stay").reason == "not-started"
    attempt.start("12-stay", *FOREVER)
    attempt.create("12-stay", "true")
    assert look("12-stay").state is State.CORRECT


def test_a_shell_that_has_nothing_to_read_has_ended(lab: Lab, attempt: Any, look: Any) -> None:
    lab.engine.wait(attempt.start("12-stay"))
    answer = look("12-stay")
    assert (answer.reason, answer.values) == ("ended", {"code": 0})


def test_one_that_was_ended_by_a_signal_has_not_ended_by_itself(
    lab: Lab, attempt: Any, look: Any
) -> None:
    made = attempt.start("12-stay", *FOREVER)
    lab.engine.kill(made)
    lab.engine.wait(made)
    answer = look("12-stay")
    assert (answer.reason, answer.values) == ("killed", {"code": 137})


def test_one_that_was_only_created_does_not_run(lab: Lab, attempt: Any, look: Any) -> None:
    attempt.create("12-stay", *FOREVER)
    assert look("12-stay").reason == "created"


def test_a_program_that_is_not_there_is_named(lab: Lab, attempt: Any, look: Any) -> None:
    made = attempt.create("12-stay", "tail-forever")
    with pytest.raises(ContainerError):
        lab.engine.start(made)
    answer = look("12-stay")
    assert answer.reason == "no-program"
    assert "tail-forever" in str(answer.values["error"])


def test_one_that_is_started_again_and_again_is_no_solution(
    lab: Lab, attempt: Any, look: Any
) -> None:
    attempt.start("12-stay", restart_policy={"Name": "always"})
    assert wait_for(lambda: look("12-stay").reason == "restarts")
    assert look("12-stay").values["count"]


def test_one_of_another_image_is_almost_right(lab: Lab, attempt: Any, look: Any) -> None:
    attempt.start("12-stay", *FOREVER, image="ipyc/web:1")
    answer = look("12-stay")
    assert (answer.state, answer.values) == (State.ALMOST, {"called": "ipyc/web:1"})
    attempt.start("12-stay", *FOREVER, image=str(lab.engine.inspect_image("ipyc/toolbox:1")["Id"]))
    assert look("12-stay").state is State.CORRECT


def test_a_pause_is_almost_right(lab: Lab, attempt: Any, look: Any) -> None:
    made = attempt.start("12-stay", *FOREVER)
    lab.engine.docker.api.pause(made)
    answer = look("12-stay")
    assert (answer.state, answer.reason) == (State.ALMOST, "paused")
    lab.engine.docker.api.unpause(made)


# --- 12-port -------------------------------------------------------------------------------------


@pytest.fixture
def server(lab: Lab, attempt: Any) -> str:
    """The port of the machine that leads to it. It listens on none that others could want."""
    made = attempt.start("12-port", *FOREVER, image="ipyc/web:1", publish_all_ports=True)
    ports = lab.engine.inspect(made)["NetworkSettings"]["Ports"]
    return str(ports["8088/tcp"][0]["HostPort"])


def test_the_port_of_the_machine_is_right(
    lab: Lab, progress: Progress, server: str, look: Any
) -> None:
    assert look("12-port").reason == "not-started"
    for given in (int(server), server, f"127.0.0.1:{server}", f"0.0.0.0:{server} "):
        progress.keep("answers", "12-port", given)
        assert look("12-port").state is State.CORRECT, given


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (8088, "inner"),
        ("8088/tcp", "inner"),
        (1, "other"),
        ("the web server", "no-number"),
        ([1, 2], "no-number"),
        ("{x}" * 3000, "no-number"),
        (-1, "no-number"),
        (True, "no-number"),
    ],
)
def test_another_answer_is_told_from_it(
    lab: Lab, progress: Progress, server: str, given: object, reason: str, look: Any
) -> None:
    progress.keep("answers", "12-port", given)
    assert look("12-port").reason == reason, server


def test_the_port_inside_is_known_whichever_it_is(
    progress: Progress, attempt: Any, look: Any
) -> None:
    attempt.start("12-port", *FOREVER, image="ipyc/web:1", ports={"8099/tcp": None})
    progress.keep("answers", "12-port", 8099)
    assert look("12-port").reason == "inner"
    progress.keep("answers", "12-port", 8098)
    assert look("12-port").reason == "other"


def test_without_a_server_no_number_is_right(
    lab: Lab, progress: Progress, attempt: Any, look: Any
) -> None:
    progress.keep("answers", "12-port", 8088)
    assert look("12-port").reason == "no-server"
    attempt.create("12-port", *FOREVER)
    assert look("12-port").reason == "no-server"


# --- 12-prune ------------------------------------------------------------------------------------


@pytest.fixture
def given(lab: Lab, attempt: Any) -> dict[str, list[str]]:
    """What the notebook starts: ids by what they are."""
    ended = [attempt.start(label, "true") for label in ("12-prune", "12-prune", "12-keep")]
    for one in ended:
        lab.engine.wait(one)
    runs = attempt.start("12-prune", *FOREVER)
    return {"meant": ended[:2], "kept": ended[2:], "runs": [runs]}


@pytest.mark.parametrize(
    ("gone", "state", "reason"),
    [
        ((), State.NOT_STARTED, "untouched"),
        (("meant",), State.CORRECT, "correct"),
        (("meant", "kept"), State.KEEP_WORKING, "too-much"),
        (("meant", "runs"), State.KEEP_WORKING, "runner"),
        (("meant", "kept", "runs"), State.NOT_STARTED, "not-started"),
    ],
)
def test_what_was_removed(
    lab: Lab,
    given: dict[str, list[str]],
    gone: tuple[str, ...],
    state: State,
    reason: str,
    look: Any,
) -> None:
    for one in [one for kind in gone for one in given[kind]]:
        lab.engine.remove(one)
    answer = look("12-prune")
    assert (answer.state, answer.reason) == (state, reason)


def test_one_that_is_left_is_almost_right(lab: Lab, given: dict[str, list[str]], look: Any) -> None:
    lab.engine.remove(given["meant"][0])
    answer = look("12-prune")
    assert (answer.state, answer.values) == (State.ALMOST, {"left": 1})


# --- what is expected ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("12-list", [0, 1], [[1, 1], [0, 0]]),
        ("12-exec", [True, False], [[True, True], [False, False]]),
    ],
)
def test_what_is_measured_can_be_wrong(name: str, right: object, wrong: list[object]) -> None:
    expected = lesson("12").expectation_of[name]
    assert expected(Lab("docker"), right)
    assert [one for one in wrong if expected(Lab("docker"), one)] == []


@pytest.mark.parametrize(
    ("tier", "lines", "choice"),
    [
        ("docker", EVERYWHERE, 1),
        ("podman", EVERYWHERE[:1], 1),
        ("namespaces", HERE, 0),
        ("proot", HERE, 0),
    ],
)
def test_who_may_come_in_is_the_engines(tier: str, lines: list[str], choice: int) -> None:
    expected = lesson("12").expectation_of["12-who"]
    others = [one for one in (EVERYWHERE, HERE, []) if one[:1] != lines[:1]]
    assert expected(Lab(tier), lines)
    assert [one for one in others if expected(Lab(tier), one)] == []
    assert lesson("12").right_of["12-who"](Lab(tier)) == choice


def test_this_engine_publishes_as_is_expected(lab: Lab, attempt: Any) -> None:
    made = attempt.start("12-who", *FOREVER, image="ipyc/web:1", publish_all_ports=True)
    found = lab.engine.inspect(made)["NetworkSettings"]["Ports"]["8088/tcp"]
    lines = [f"{one['HostIp']}:{one['HostPort']}" for one in found]
    assert lesson("12").expectation_of["12-who"](lab, lines)
