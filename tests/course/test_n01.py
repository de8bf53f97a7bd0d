"""The checks of notebook 01, from the wrong attempts to the right one."""

from __future__ import annotations

import platform
from collections.abc import Callable
from typing import Any

import pytest

from ipycontainers.course import lesson
from ipycontainers.course.lab import PROOT, Lab
from ipycontainers.course.lessons.n01 import ASKED

Answered = Callable[[str], tuple[str, str]]
CANNOT = ("cannot be checked here", "proot")


def measured(attempt: Any, lab: Lab) -> dict[str, str]:
    """As the notebook asks: of user and name it is known what a container says."""
    import os
    import socket

    from ipycontainers.course import evidence

    container = attempt("t01-worlds", "uname -r; id -u; hostname", hostname="box")
    inside = evidence.printed(lab, lab.engine.inspect(container)).split()
    here = [platform.release(), str(os.getuid()), socket.gethostname()]
    same = ["same" if a == b else "different" for a, b in zip(here, inside, strict=True)]
    return dict(zip(ASKED, ["different", *same], strict=True))


def test_the_four_answers_are_what_this_engine_gives_and_no_others(lab: Lab, attempt: Any) -> None:
    is_right = lesson.lesson("01").expectation_of["01-worlds"]
    worlds = measured(attempt, lab)
    assert is_right(lab, worlds)
    for what in ASKED:
        other = "same" if worlds[what] == "different" else "different"
        assert not is_right(lab, {**worlds, what: other}), what
    assert not is_right(lab, {})
    assert not is_right(lab, None)


def test_the_prediction_follows_the_same_facts(lab: Lab, attempt: Any) -> None:
    right = lesson.lesson("01").right_of["01-worlds"](lab)
    assert right == [int(it == "different") for it in measured(attempt, lab).values()]


def test_without_a_container_the_exercise_has_not_begun(answered: Answered, lab: Lab) -> None:
    assert answered("01-colour") == ("not started", "not-started")
    assert answered("01-name") == (CANNOT if lab.tier == PROOT else ("not started", "not-started"))


@pytest.mark.parametrize(
    ("script", "options", "expected"),
    [
        ("true", {}, ("keep working", "silent")),
        ("hostnam", {}, ("keep working", "failed")),
        ("echo hostname", {}, ("keep working", "other")),
        (f"echo {platform.node()}", {}, ("keep working", "hosts")),
        ("hostname", {}, ("correct", "correct")),
        ("echo my name is $(hostname)", {"hostname": "box"}, ("correct", "correct")),
    ],
)
def test_the_name_is_found_by_what_was_printed(
    attempt: Any,
    answered: Answered,
    lab: Lab,
    script: str,
    options: dict[str, Any],
    expected: tuple[str, str],
) -> None:
    attempt("01-name", script, **options)
    assert answered("01-name") == (CANNOT if lab.tier == PROOT else expected)


def test_a_container_that_shares_the_hosts_name_has_none_of_its_own(
    attempt: Any, answered: Answered, lab: Lab
) -> None:
    attempt("01-name", "hostname", network_mode="host")
    assert answered("01-name") == (CANNOT if lab.tier == PROOT else ("keep working", "hosts"))


@pytest.mark.parametrize(
    ("script", "environment", "expected"),
    [
        ("echo $COLOUR", {}, ("keep working", "missing")),
        ("COLOUR=blue; echo $COLOUR", {}, ("keep working", "inside")),
        ("echo $COLOR", {"COLOR": "blue"}, ("almost", "name")),
        ("echo $colour", {"colour": "blue"}, ("almost", "name")),
        ("echo $COLOUR", {"COLOUR": "red"}, ("keep working", "value")),
        ("echo blue", {"COLOUR": ""}, ("keep working", "value")),
        ("echo COLOUR", {"COLOUR": "blue"}, ("almost", "silent")),
        ("ech $COLOUR", {"COLOUR": "blue"}, ("almost", "failed")),
        ("echo $COLOUR", {"COLOUR": "blue"}, ("correct", "correct")),
    ],
)
def test_the_variable_counts_where_the_container_was_made_with_it(
    attempt: Any,
    answered: Answered,
    script: str,
    environment: dict[str, str],
    expected: tuple[str, str],
) -> None:
    attempt("01-colour", script, environment=environment)
    assert answered("01-colour") == expected


def test_the_newest_container_counts(attempt: Any, answered: Answered) -> None:
    attempt("01-colour", "echo $COLOUR", environment={"COLOUR": "blue"})
    attempt("01-colour", "echo $COLOUR", environment={"COLOUR": "red"})
    assert answered("01-colour") == ("keep working", "value")
