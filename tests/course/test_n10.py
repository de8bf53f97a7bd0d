"""The Docker platform: requests by hand, the order of the parts, what each engine is made of."""

from __future__ import annotations

from typing import Any

import pytest

from ipycontainers.course import catalogue
from ipycontainers.course.answer import State
from ipycontainers.course.lab import Lab
from ipycontainers.course.lesson import check_of, lesson
from ipycontainers.course.progress import Progress
from ipycontainers.errors import ContainerError

PARTS = {
    "docker": ["Engine", "containerd", "docker-init", "runc"],
    "podman": ["Conmon", "OCI Runtime (crun)", "Podman Engine"],
    "namespaces": ["ipycontainers"],
    "proot": ["ipycontainers"],
}
ORDER = [1, 4, 2, 3, 0]


def ended(lab: Lab, attempt: Any, script: str) -> None:
    lab.engine.wait(attempt.start("10-run", "sh", "-c", script))


def test_a_container_that_is_right_passes_whatever_came_before(
    lab: Lab, attempt: Any, look: Any
) -> None:
    assert look("10-run").reason == "not-started"
    ended(lab, attempt, "echo hi; exit 3")
    attempt.create("10-run", "sh", "-c", "exit 3")
    answer = look("10-run")
    assert (answer.reason, answer.values) == ("correct", {"said": "hi"})


def test_one_that_was_not_started_is_named(lab: Lab, attempt: Any, look: Any) -> None:
    attempt.create("10-run", "sh", "-c", "echo hi; exit 3")
    assert look("10-run").reason == "created"


def test_a_command_that_is_one_word_is_named(lab: Lab, attempt: Any, look: Any) -> None:
    made = attempt.create("10-run", "sh -c 'exit 3'")
    with pytest.raises(ContainerError):
        lab.engine.start(made)
    answer = look("10-run")
    assert answer.reason == "no-program"
    assert "not found" in str(answer.values["error"])


def test_one_that_runs_has_no_exit_code(lab: Lab, attempt: Any, look: Any) -> None:
    attempt.start("10-run", "sleep", "100")
    assert look("10-run").reason == "running"


def test_another_exit_code_is_named(lab: Lab, attempt: Any, look: Any) -> None:
    ended(lab, attempt, "echo exit 3")
    answer = look("10-run")
    assert (answer.reason, answer.values) == ("code", {"code": 0})


def test_silence_is_almost_right(lab: Lab, attempt: Any, look: Any) -> None:
    ended(lab, attempt, "exit 3")
    answer = look("10-run")
    assert (answer.state, answer.reason) == (State.ALMOST, "silent")


def test_a_flood_of_words_is_cut(lab: Lab, attempt: Any, look: Any) -> None:
    ended(lab, attempt, "yes '{0}<script>' | head -c 99999; exit 3")
    answer = look("10-run")
    assert answer.reason == "correct"
    assert len(str(answer.values["said"])) <= 200


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (None, "not-started"),
        ("b", "not-started"),
        ([1, 4, 2], "not-started"),
        ([1, 4, 2, 3, 7], "not-started"),
        ([1, 4, None, 3, None], "incomplete"),
        ([1, 4, 4, 3, 0], "twice"),
        ([0, 3, 2, 4, 1], "first"),
        ([1, 4, 2, 0, 3], "shim"),
        ([1, 2, 4, 3, 0], "daemons"),
        ([1, 3, 2, 4, 0], "order"),
        (ORDER, "correct"),
    ],
)
def test_the_order_of_the_parts(progress: Progress, given: object, reason: str) -> None:
    if given is not None:
        progress.keep("predictions", "10-order", given)
    assert check_of("10-order")(Lab("docker")).reason == reason


def test_the_order_is_the_questions_too() -> None:
    assert catalogue.question("10-order").right == ORDER


@pytest.mark.parametrize("tier", PARTS)
def test_each_engine_has_its_own_parts(tier: str) -> None:
    expected = lesson("10").expectation_of["C28"]
    assert [other for other in PARTS if expected(Lab(tier), PARTS[other])] == [
        other for other in PARTS if PARTS[other] == PARTS[tier]
    ]


def test_the_parts_of_this_engine_are_expected(lab: Lab) -> None:
    parts = [part["Name"] for part in lab.engine.version()["Components"]]
    assert lesson("10").expectation_of["C28"](lab, parts)
    assert not lesson("10").expectation_of["C28"](lab, [])


@pytest.mark.parametrize(
    ("claim", "right", "wrong"),
    [
        ("C32", True, False),
        ("C29", True, False),
        ("C30", [True, True, False], [True, True, True]),
        ("C30", [True, True, False], [True, False, False]),
    ],
)
def test_what_is_measured_can_be_wrong(claim: str, right: object, wrong: object) -> None:
    expected = lesson("10").expectation_of[claim]
    assert expected(Lab("docker"), right)
    assert not expected(Lab("docker"), wrong)


def test_it_is_the_engine_that_goes_to_the_registry(lab: Lab) -> None:
    with pytest.raises(Exception, match=r"127\.0\.0\.1:9"):
        lab.engine.pull("127.0.0.1:9/nothing:1")
    assert catalogue.question("10-registry").right == 1
