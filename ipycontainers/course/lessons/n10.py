"""The Docker platform: parts, requests, and the order in which the work is handed on.

Knows: which components each kind of engine names. Does not know: words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ipycontainers.course.answer import Answer, almost, best, correct, keep_working, not_started
from ipycontainers.course.catalogue import question
from ipycontainers.course.lab import DOCKER, PODMAN, Lab
from ipycontainers.course.lesson import Lesson
from ipycontainers.course.progress import Progress

lesson = Lesson("10")

WANTED = 3  # the exit code of the exercise
LONGEST = 200  # characters of what a container or an engine said
CONTAINERD, SHIM, RUNC, DOCKERD, COMMAND = 2, 3, 0, 4, 1  # choices of 10-order
ORDER = [COMMAND, DOCKERD, CONTAINERD, SHIM, RUNC]


@lesson.expects("C28")
def parts(lab: Lab, value: Any) -> bool:
    """Docker and Podman name those that they hand on to; our own engine is one program."""
    named = set(value)
    if lab.tier == DOCKER:
        return {"Engine", "containerd", "runc"} <= named
    if lab.tier == PODMAN:
        return {"Podman Engine", "Conmon"} <= named
    return named == {"ipycontainers"}


@lesson.expects("C32")
def registry(lab: Lab, value: Any) -> bool:  # noqa: ARG001  # so on all
    """The engine's answer names the address that only the engine was told of."""
    return value is True


@lesson.expects("C29")
def copy(lab: Lab, value: Any) -> bool:  # noqa: ARG001  # so on all
    """The digests that were computed are those that the engine names."""
    return value is True


@lesson.expects("C30")
def change(lab: Lab, value: Any) -> bool:  # noqa: ARG001  # so on all
    """The base and the first line are the same layers, the second line is another."""
    return list(value) == [True, True, False]


@lesson.checks("10-run")
def run(lab: Lab) -> Answer:
    return best([_ran(lab, one) for one in lab.made_for("10-run")])


def _ran(lab: Lab, container: dict[str, Any]) -> Answer:
    state = container["State"]
    if state["Status"] == "created":
        error = str(state.get("Error") or "")[:LONGEST]
        return keep_working("no-program", error=error) if error else keep_working("created")
    if state["Running"]:
        return keep_working("running")
    if state["ExitCode"] != WANTED:
        return keep_working("code", code=int(state["ExitCode"]))
    said = _said(lab, str(container["Id"]))
    return correct(said=said) if said else almost("silent")


def _said(lab: Lab, container: str) -> str:
    """The last line of its logs."""
    line: bytes = lab.engine.docker.api.logs(container, tail=1)
    return line.decode(errors="replace").strip()[:LONGEST]


@lesson.checks("10-order")
def order(lab: Lab) -> Answer:  # noqa: ARG001  # it is about Docker, wherever it is asked
    """The learner's choices; no engine can be looked at for them."""
    given = Progress.here().of("predictions").get("10-order")
    choices = {None, *range(len(ORDER))}
    if not isinstance(given, list) or len(given) != len(ORDER) or not {*given} <= choices:
        return not_started()
    if empty := given.count(None):
        return keep_working("incomplete", left=empty)
    return _ordered(given)


def _ordered(given: Sequence[int]) -> Answer:
    if given == ORDER:
        return correct()
    if twice := [one for one in given if given.count(one) > 1]:
        return keep_working("twice", part=question("10-order").choices[twice[0]])
    if given[0] != COMMAND:
        return keep_working("first")
    if given == [COMMAND, DOCKERD, CONTAINERD, RUNC, SHIM]:
        return almost("shim")
    if given == [COMMAND, CONTAINERD, DOCKERD, SHIM, RUNC]:
        return almost("daemons")
    right = sum(one == other for one, other in zip(given, ORDER, strict=True))
    return keep_working("order", right=right)
