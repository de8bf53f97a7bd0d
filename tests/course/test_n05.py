"""05: what is expected of kernels, numbers and prices can fail; how one ended is looked up."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from ipycontainers.course import catalogue
from ipycontainers.course.answer import State
from ipycontainers.course.lab import PROOT, Lab
from ipycontainers.course.lessons import n05
from ipycontainers.course.progress import Progress
from ipycontainers.widgets.inspection import Inspection

SLEEP = "exec sleep 300"
SAYS = "echo {size} > /told; exec sleep 300"
Answered = Callable[[str], tuple[str, str]]


# What is expected


def test_kernels_are_counted(lab: Lab) -> None:
    assert n05.is_one_kernel(lab, 1)
    assert not n05.is_one_kernel(lab, 3)
    assert n05.is_the_same_kernel(lab, lab.is_here)
    assert not n05.is_the_same_kernel(lab, not lab.is_here)


def test_numbers_are_those_that_are_measured(lab: Lab, attempt: Any) -> None:
    running = Inspection(lab.engine).processes(attempt("t05", SLEEP, wait=False))
    first = running.found[0]
    assert n05.has_two_numbers(lab, (first.inside, first.outside))
    is_proot = lab.tier == PROOT
    assert n05.has_two_numbers(lab, (4711, 4711)) == is_proot
    assert n05.has_two_numbers(lab, (1, 4711)) != is_proot
    for wrong in ((1, 1), (None, 4711), (1, None), (2, 4711)):
        assert not n05.has_two_numbers(lab, wrong)
    question = catalogue.question("05-numbers")
    assert ("only number" in question.choices[n05.which_number(lab)]) == is_proot


def test_a_container_has_processes_only_while_it_runs(lab: Lab) -> None:
    assert n05.has_processes_while_it_runs(lab, [0, 3, 0])
    for wrong in ([1, 3, 0], [0, 1, 0], [0, 3, 1], [0, 3]):
        assert not n05.has_processes_while_it_runs(lab, wrong)


def test_prices_are_those_of_this_engine(lab: Lab) -> None:
    """That they are measured so, nbval compares."""
    shared, copied = (1900, 1600, 370, 9000), (1900, 1600, 1590, 9000)
    right, other = (shared, copied) if n05.shares_files(lab) else (copied, shared)
    assert n05.costs_what_a_process_costs(lab, right)
    assert not n05.costs_what_a_process_costs(lab, other)
    assert n05.costs_what_a_process_costs(lab, [str(one) for one in right])
    fifth = right[2]
    for here, alone in ((0, 1600), (700, 1600), (1900, 9000)):
        assert not n05.costs_what_a_process_costs(lab, (here, alone, fifth, 9000))
    assert not n05.costs_what_a_process_costs(lab, (1900, 1600, 0, 9000))
    # What the engine costs is seen on its own machine.
    assert n05.costs_what_a_process_costs(lab, (1900, 1600, fifth, 0)) != lab.is_here
    rows = catalogue.question("05-memory").rows
    assert len(n05.what_costs_more(lab)) == len(rows)  # type: ignore[arg-type]


def test_the_programs_of_the_engine_are_found(lab: Lab, attempt: Any) -> None:
    attempt("t05", SLEEP, wait=False)
    told = n05.engine_memory(lab)
    assert told
    assert all(size > 500 for size in told.values()), told


# End it


def killed_by_hand(lab: Lab, container: str, attempt: Any) -> None:
    pid = int(lab.engine.inspect(container)["State"]["Pid"])
    try:
        os.kill(pid, signal.SIGKILL)
    except PermissionError:
        attempt("t05", f"kill -9 {pid}", pid_mode="host")
    lab.engine.docker.api.wait(container)


def test_a_container_is_to_end_by_a_signal(lab: Lab, answered: Answered, attempt: Any) -> None:
    api = lab.engine.docker.api
    assert answered("05-kill")[0] == "not started"
    first = attempt("05-kill", SLEEP, wait=False)
    assert answered("05-kill") == ("keep working", "running")
    api.kill(first)
    api.wait(first)
    assert answered("05-kill") == ("almost", "by-engine")
    attempt("05-kill", "exit 143")
    assert answered("05-kill") == ("keep working", "other-code")
    attempt("05-kill", "exit 137")
    assert answered("05-kill") == ("almost", "by-itself")
    last = attempt("05-kill", SLEEP, wait=False)
    killed_by_hand(lab, last, attempt)
    assert answered("05-kill") == ("correct", "correct")
    # A later mistake does not undo it.
    attempt("05-kill", "true")
    assert answered("05-kill") == ("correct", "correct")


def test_a_stop_is_a_request_too(lab: Lab, answered: Answered, attempt: Any) -> None:
    # A shell as process 1 without a trap: it is not ended before docker loses patience.
    made = attempt("05-kill", "trap '' TERM; sleep 300 & wait", wait=False)
    time.sleep(0.5)
    lab.engine.docker.api.stop(made, timeout=1)
    assert answered("05-kill") == ("almost", "by-engine")


def test_an_engine_may_tell_of_an_end_late(lab: Lab, attempt: Any) -> None:
    made = attempt("05-kill", SLEEP, wait=False)
    time.sleep(2.5)
    killed_by_hand(lab, made, attempt)
    found = lab.engine.inspect(made)
    state = {**found["State"], "FinishedAt": found["State"]["StartedAt"]}
    assert n05._ended(lab, {**found, "State": state}).state is State.CORRECT


def test_one_that_never_ran_has_not_ended(lab: Lab, answered: Answered, attempt: Any) -> None:
    made = attempt("05-kill", "true")
    found = lab.engine.inspect(made)
    state = {**found["State"], "Status": "created", "ExitCode": 0}
    assert n05._ended(lab, {**found, "State": state}).reason == "never-ran"
    state = {**found["State"], "ExitCode": 137, "OOMKilled": True}
    assert n05._ended(lab, {**found, "State": state}).reason == "out-of-memory"
    # Of a container that the engine does not remember nothing is claimed.
    state = {**found["State"], "ExitCode": 137}
    answer = n05._ended(lab, {**found, "Id": "0" * 64, "State": state})
    assert (answer.state, answer.reason) == (State.CANNOT, "forgotten")


# Explain it


def test_an_explanation_has_a_reason_and_a_number(
    lab: Lab, answered: Answered, attempt: Any, progress: Progress
) -> None:
    def given(value: Any) -> tuple[str, str]:
        progress.keep("answers", "05-price", value)
        return answered("05-price")

    if not n05.shares_files(lab):
        assert given({"why": "b", "kB": 370}) == ("cannot be checked here", "copies")
        return
    assert answered("05-price")[0] == "not started"
    assert given({"why": "b", "kB": 370}) == ("keep working", "not-measured")
    attempt("05-price", SAYS.format(size=1600), wait=False)
    attempt("05-price", SAYS.format(size=370), wait=False)
    time.sleep(0.5)
    for wrong in ("b", 370, {"why": "b"}, {"why": "b", "kB": "370"}, {"why": "b", "kB": -1}):
        assert given(wrong) == ("keep working", "form")
    assert given({"why": "a", "kB": 1600}) == ("keep working", "neither")
    assert given({"why": "a", "kB": 370}) == ("almost", "other-reason")
    assert given({"why": "b", "kB": 1600}) == ("almost", "other-number")
    assert given({"why": "b", "kB": 300}) == ("correct", "correct")
    assert given({"why": " B ", "kB": 440}) == ("correct", "correct")
    assert given({"why": "(b)", "kB": 370}) == ("correct", "correct")


@pytest.mark.parametrize("said", ["", "many", "9" * 40, "370 kB"])
def test_what_is_no_price_was_not_measured(
    lab: Lab, answered: Answered, attempt: Any, progress: Progress, said: str
) -> None:
    progress.keep("answers", "05-price", {"why": "b", "kB": 370})
    attempt("05-price", SAYS.format(size=said or "''"), wait=False)
    time.sleep(0.5)
    explains = n05.shares_files(lab)
    assert answered("05-price") == (
        ("keep working", "not-measured") if explains else ("cannot be checked here", "copies")
    )


# On Podman


@pytest.mark.podman
def test_podman_gives_what_is_expected_of_it(
    podman_lab: Lab, attempts_on: Any, answered: Answered
) -> None:
    attempt, api = attempts_on(podman_lab), podman_lab.engine.docker.api
    assert n05.engine_memory(podman_lab)
    last = attempt("05-kill", SLEEP, wait=False)
    first = Inspection(podman_lab.engine).processes(last).found[0]
    assert n05.has_two_numbers(podman_lab, (first.inside, first.outside))
    assert answered("05-kill") == ("keep working", "running")
    api.kill(last)
    api.wait(last)
    assert answered("05-kill") == ("almost", "by-engine")
    last = attempt("05-kill", SLEEP, wait=False)
    killed_by_hand(podman_lab, last, attempt)
    assert answered("05-kill") == ("correct", "correct")


@pytest.mark.podman
def test_podman_that_copies_files_has_no_price_to_explain(
    podman_lab: Lab, answered: Answered, progress: Progress
) -> None:
    """The tests' stores are not stacked."""
    progress.keep("answers", "05-price", {"why": "b", "kB": 370})
    assert podman_lab.info["Driver"] == "vfs"
    assert answered("05-price") == ("cannot be checked here", "copies")
