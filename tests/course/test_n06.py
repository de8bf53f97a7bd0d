"""06: what is expected of three machines is what is measured, and what a recipe made is known."""

from __future__ import annotations

import io
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support import require

from ipycontainers.course import catalogue
from ipycontainers.course.lab import Lab
from ipycontainers.course.lessons import n06
from ipycontainers.course.progress import Progress
from ipycontainers.stack import kernels, least_memory, measure_container, measure_here
from ipycontainers.stack.probe import Measured

TOOLBOX = "ipyc/toolbox:1"
GONE = Measured("vm", missing="nothing to boot")
MACHINE = Measured("vm", kernel="6.1", boot="other", seconds=3, used=20 << 20, machine="QEMU, KVM")


@pytest.fixture
def nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """No machine is to be booted."""
    monkeypatch.setenv(kernels.VARIABLE, "none")


def three(lab: Lab, vm: Measured = MACHINE) -> dict[str, dict[str, Any]]:
    container = measure_container(lab.engine, TOOLBOX)
    return {it.where: it.plain for it in (measure_here(), container, vm)}


# What is expected


def test_three_as_they_are_measured_are_expected(lab: Lab) -> None:
    found = three(lab)
    assert n06.starts_sooner_and_takes_less(lab, found)
    assert n06.has_a_kernel_of_its_own(lab, found)


@pytest.mark.parametrize(
    ("where", "wrong"),
    [
        ("host", {"seconds": 100.0}),
        ("container", {"missing": "no engine"}),
        ("vm", {"used": 1 << 20}),
        ("vm", {"seconds": 0.0}),
        ("vm", {"missing": "it did not boot"}),
    ],
)
def test_others_are_not(lab: Lab, where: str, wrong: dict[str, Any]) -> None:
    if "missing" in wrong and where == "vm":
        require(n06._best(), "uml", "nothing can be booted here")
    found = three(lab)
    found[where].update(wrong)
    assert not n06.starts_sooner_and_takes_less(lab, found)


def test_a_kernel_that_is_not_its_own_is_not_expected(lab: Lab) -> None:
    found = three(lab)
    boot = found["host"]["boot"]
    for wrong in ({"boot": boot}, {"boot": ""}, {"sees_files": True}, {"sees_processes": True}):
        assert not n06.has_a_kernel_of_its_own(lab, {**found, "vm": {**found["vm"], **wrong}})
    other = {**found, "container": {**found["container"], "boot": "another"}}
    assert n06.has_a_kernel_of_its_own(lab, other) is not lab.is_here


@pytest.mark.usefixtures("nothing")
def test_where_nothing_can_be_booted_nothing_is_expected(lab: Lab) -> None:
    found = three(lab, GONE)
    assert n06.starts_sooner_and_takes_less(lab, found)
    assert n06.has_a_kernel_of_its_own(lab, found)
    assert n06.boots_with_little(lab, least_memory())
    assert not n06.boots_with_little(lab, 64 << 20)


def test_so_little_memory_is_expected(lab: Lab) -> None:
    require(n06._best(), "uml", "nothing can be booted here")
    assert n06.boots_with_little(lab, 32 << 20)
    assert not n06.boots_with_little(lab, 0)
    assert not n06.boots_with_little(lab, 8 << 20)
    assert not n06.boots_with_little(lab, 1 << 30)
    choice = catalogue.question("06-memory").choices[n06._size(lab)]
    assert choice.startswith("less" if n06._best() == kernels.UML else "from 64")


def test_what_the_processor_says_is_expected(lab: Lab) -> None:
    with open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123
        here = " hypervisor " in file.read()
    assert n06.says_so_inside_and_outside(lab, [here, here])
    assert not n06.says_so_inside_and_outside(lab, [not here, not here])
    assert n06.says_so_inside_and_outside(lab, [here, not here]) is not lab.is_here
    assert catalogue.question("06-host").choices[n06._is_itself_virtual(lab)] == (
        "yes" if here else "no"
    )


def test_what_was_done_by_hand_is_gone(lab: Lab) -> None:
    assert n06.is_gone(lab, "gone")
    assert not n06.is_gone(lab, n06.MOTTO)


# Exercises

Build = Callable[[str], str]


@pytest.fixture
def build(lab: Lab, attempt: Any) -> Iterator[Build]:
    """build("RUN …") → an image of the toolbox with that line."""
    made = []

    def run(line: str) -> str:
        name = f"machine-test-{uuid.uuid4().hex[:8]}"
        text = f"FROM {TOOLBOX}\n{line}\n".encode()
        lab.engine.docker.images.build(fileobj=io.BytesIO(text), tag=name, rm=True)
        made.append(name)
        return name

    yield run
    attempt.remove()  # what is of it
    for name in made:
        lab.engine.docker.images.remove(name, force=True)


@pytest.fixture
def committed(lab: Lab, attempt: Any) -> Iterator[Build]:
    """committed(container) → an image of it, as somebody made it by hand."""
    made = []

    def run(container: str) -> str:
        made.append(lab.engine.docker.containers.get(container).commit())
        return str(made[-1].id)

    yield run
    attempt.remove()  # what is of it
    for one in made:
        lab.engine.docker.images.remove(one.id, force=True)


def test_a_motto_is_made_by_a_recipe(
    attempt: Any, answered: Callable[[str], tuple[str, str]], build: Build, committed: Build
) -> None:
    def check() -> str:
        return answered("06-rebuild")[1]

    assert check() == "not-started"
    attempt("06-rebuild", "true")
    assert check() == "no-file"
    attempt("06-rebuild", "echo giant leaps > /motto")
    assert check() == "other-text"
    by_hand = attempt("06-rebuild", "echo small steps > /motto")
    assert check() == "by-hand"
    attempt("06-rebuild", "true", image=committed(by_hand))
    assert check() == "committed"
    attempt("06-rebuild", "true", image=build("RUN echo small steps > /motto"))
    assert answered("06-rebuild") == ("correct", "correct")
    # A later mistake does not undo it.
    attempt("06-rebuild", "true")
    assert check() == "correct"


def test_another_way_of_writing_it_passes(
    attempt: Any, answered: Callable[[str], tuple[str, str]], build: Build
) -> None:
    image = build("ARG WORD=steps\nRUN echo small $WORD > /motto\nENV A=b\nCMD cat /motto")
    attempt("06-rebuild", "cat /motto", image=image)
    assert answered("06-rebuild")[0] == "correct"


def test_what_a_stranger_wrote_is_quoted(lab: Lab, attempt: Any) -> None:
    attempt("06-rebuild", r"printf '\033[31m%0500d' 1 > /motto")
    answer = n06.rebuild(lab)
    assert answer.reason == "other-text"
    assert "\x1b" not in str(answer.values["found"])
    assert len(str(answer.values["found"])) < 100


def test_steps_of_every_builder_are_known() -> None:
    for step in (
        "/bin/sh -c echo small steps > /motto",
        "/bin/sh -c #(nop) COPY file:1 in /motto ",
        "|1 WORD=steps /bin/sh -c echo small $WORD > /motto",
        "RUN /bin/sh -c echo small steps > /motto # buildkit",
        "COPY motto /motto # buildkit",
    ):
        assert n06._STEP.match(step)
    for other in ("sh", "sh -c echo small steps > /motto", "", "RUNNER"):
        assert not n06._STEP.match(other)


@pytest.mark.parametrize(
    ("given", "answer"),
    [
        (None, ("not started", "not-started")),
        ([0, 1], ("not started", "not-started")),
        ([0, None, 1, None], ("keep working", "incomplete")),
        ([0, 0, 0, 0], ("keep working", "several")),
        ([1, 1, 1, 0], ("almost", "copies")),
        ([0, 0, 1, 0], ("almost", "kernel")),
        ([0, 1, 0, 0], ("almost", "stranger")),
        ([0, 1, 1, 1], ("almost", "tools")),
        ([0, 1, 1, 0], ("correct", "correct")),
    ],
)
def test_four_cases_are_chosen(
    progress: Progress,
    answered: Callable[[str], tuple[str, str]],
    given: Any,
    answer: tuple[str, str],
) -> None:
    if given:
        progress.keep("predictions", "06-choose", given)
    assert answered("06-choose") == answer
    assert list(catalogue.question("06-choose").right or ()) == n06.CHOSEN
