"""04a: what is expected of doors and rights is what is measured, and the one door is found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ipycontainers.course import catalogue
from ipycontainers.course.answer import Answer, State
from ipycontainers.course.lab import NAMESPACES, PROOT, Lab
from ipycontainers.course.lessons import n04a
from ipycontainers.namespaces.kinds import NAMES
from ipycontainers.widgets.inspection import Inspection

Doors = tuple[list[str], list[str]]


@pytest.fixture
def stays(attempt: Any) -> Callable[..., str]:
    """stays(pid_mode="host") → the id of a container that runs, made for the exercise."""
    return staying(attempt)


def staying(attempt: Any) -> Callable[..., str]:
    def make(**options: Any) -> str:
        return str(attempt("04a-door", "sleep 300", wait=False, **options))

    return make


def inspected(lab: Lab, container: str) -> Any:
    (found,) = Inspection(lab.engine).namespaces([container])["containers"]
    return found


def doors_of(found: Any) -> Doors:
    """As the notebook asks for them."""
    doors = found["namespaces"]
    shut = [name for name, door in doors.items() if door["own"]]
    return shut, [name for name, door in doors.items() if door["shared_with"] == "host"]


def checked(lab: Lab) -> Answer:
    """Its words and its hint are there too."""
    answer = n04a.door(lab)
    exercise = catalogue.exercise("04a-door")
    assert answer.reason in exercise.reasons
    assert exercise.words(answer)
    assert answer.reason in exercise.hints
    assert exercise.hint(answer)
    return answer


# What is expected


def test_a_plain_container_has_what_is_expected(lab: Lab, stays: Callable[..., str]) -> None:
    found = inspected(lab, stays())
    assert n04a.has_the_usual_doors(lab, doors_of(found))
    assert n04a.has_the_usual_rights(lab, found["capabilities"]["effective"])


def test_another_one_has_not(lab: Lab, stays: Callable[..., str]) -> None:
    found = inspected(lab, stays(pid_mode="host", cap_drop=["KILL"]))
    are_alike = lab.tier == PROOT
    assert n04a.has_the_usual_doors(lab, doors_of(found)) == are_alike
    assert n04a.has_the_usual_rights(lab, found["capabilities"]["effective"]) == are_alike


@pytest.mark.parametrize("wrong", [([], []), (["pid"], []), (list(NAMES), []), (["time"], NAMES)])
def test_doors_that_cannot_be_are_not_expected(lab: Lab, wrong: Doors) -> None:
    assert not n04a.has_the_usual_doors(lab, wrong)


@pytest.mark.parametrize("wrong", [None, ["SYS_TIME"], [*NAMES]])
def test_rights_that_cannot_be_are_not_expected(lab: Lab, wrong: Any) -> None:
    assert not n04a.has_the_usual_rights(lab, wrong)


def test_the_right_prediction_is_what_is_measured(lab: Lab, stays: Callable[..., str]) -> None:
    shut, opened = doors_of(inspected(lab, stays()))
    right = dict(zip(NAMES, n04a.shut_or_open(lab), strict=True))
    assert [name for name in NAMES if right[name] == 0] == shut
    assert [name for name in NAMES if right[name] == 1] == opened
    rows = catalogue.question("04a-doors").rows
    assert [row.partition(":")[0] for row in rows] == list(NAMES)


@pytest.mark.podman
def test_podman_gives_what_is_expected_of_it(podman_lab: Lab, attempts_on: Any) -> None:
    stays = staying(attempts_on(podman_lab))
    assert n04a.door(podman_lab).state is State.NOT_STARTED
    found = inspected(podman_lab, stays())
    assert n04a.has_the_usual_doors(podman_lab, doors_of(found))
    assert n04a.has_the_usual_rights(podman_lab, found["capabilities"]["effective"])
    assert n04a.door(podman_lab).reason == "shut"
    stays(pid_mode="host")
    assert n04a.door(podman_lab).state is State.CORRECT


# The exercise


def test_one_door_is_to_be_open(lab: Lab, attempt: Any, stays: Callable[..., str]) -> None:
    if lab.tier == PROOT:
        none_is_opened(lab, stays)
        return
    assert checked(lab).state is State.NOT_STARTED
    attempt("04a-door", "true")
    assert checked(lab).reason == "not-running"
    neighbour = stays()
    assert checked(lab).reason == "shut"
    if lab.tier != NAMESPACES:  # which cannot join two containers
        stays(pid_mode=f"container:{neighbour}")
        assert checked(lab).reason == "joined"
    stays(network_mode="host")
    answer = checked(lab)
    assert (answer.state, answer.reason, answer.values["doors"]) == (
        State.KEEP_WORKING,
        "other",
        "net",
    )
    stays(pid_mode="host", uts_mode="host")
    answer = checked(lab)
    assert (answer.state, answer.values["doors"]) == (State.ALMOST, "uts")
    stays(pid_mode="host")
    assert checked(lab).state is State.CORRECT
    # A later mistake does not undo it.
    stays()
    assert checked(lab).state is State.CORRECT


def test_what_nobody_can_tell_is_no_success(lab: Lab, stays: Callable[..., str]) -> None:
    if lab.tier == PROOT:
        none_is_opened(lab, stays)
        return
    found = inspected(lab, stays(pid_mode="host"))
    assert n04a._judged(lab, found).state is State.CORRECT
    nobody = {**found["namespaces"]["uts"], "own": None, "shared_with": None}
    unknown = {**found, "namespaces": {**found["namespaces"], "uts": nobody}}
    answer = n04a._judged(lab, unknown)
    assert (answer.state, answer.values["doors"]) == (State.CANNOT, "uts")
    assert catalogue.exercise("04a-door").words(answer)


def none_is_opened(lab: Lab, stays: Callable[..., str]) -> None:
    """Where all are open."""
    assert checked(lab).state is State.CANNOT
    stays(pid_mode="host")
    assert checked(lab).reason == "all-open"
