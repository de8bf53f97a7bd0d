"""The checks of notebook 08, from the wrong attempts to the right one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from support import wait_for

from ipycontainers.course import catalogue, lesson
from ipycontainers.course.lab import LABEL, NAMESPACES, PROOT, Lab
from ipycontainers.course.lessons import n08
from ipycontainers.course.lessons.n08 import BUSY, CLEAN, LIFE, LISTED, NEIGHBOUR, STOP

Answered = Callable[[str], tuple[str, str]]
TOOLBOX = "ipyc/toolbox:1"
CANNOT = ("cannot be checked here", "proot")
COMPUTE = "i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done; touch /done; sleep 600"
SOUGHT = lesson.lesson("08").expectation_of


# --- what is measured -------------------------------------------------------------------------


def test_docker_ps_lists_containers(lab: Lab) -> None:
    assert SOUGHT["C25"](lab, dict(LISTED))
    assert catalogue.question("08-rows").choices[1] == "three"
    assert catalogue.question("08-rows").right == 1
    for wrong in ({"rows": 6, "processes": 6}, {"rows": 3, "processes": 3}, {}, None):
        assert not SOUGHT["C25"](lab, wrong)


def test_a_life_has_all_states(lab: Lab) -> None:
    assert SOUGHT["C31"](lab, list(LIFE))
    for number in range(len(LIFE)):
        assert not SOUGHT["C31"](lab, [*LIFE[:number], *LIFE[number + 1 :]])


def test_a_first_process_that_has_arranged_for_nothing_is_killed(lab: Lab, attempt: Any) -> None:
    container = attempt("t08", "exec sleep 600", wait=False)
    time.sleep(0.5)
    lab.engine.docker.api.stop(container, timeout=1)
    code = lab.engine.inspect(container)["State"]["ExitCode"]
    assert code == (143 if lab.tier == PROOT else 137)
    assert SOUGHT["08-stop"](lab, code)
    assert not SOUGHT["08-stop"](lab, 0)
    assert not SOUGHT["08-stop"](lab, 280 - code)
    right = lesson.lesson("08").right_of["08-stop"](lab)
    assert str(code) in catalogue.question("08-stop").choices[right]


def test_memory_is_limited_where_the_engine_says_so(lab: Lab, attempt: Any) -> None:
    script = "exec dd if=/dev/zero of=/dev/null bs=200M count=1"
    container = attempt("t08", script, mem_limit="16m")
    state = lab.engine.inspect(container)["State"]
    found = {"code": state["ExitCode"], "killed": state["OOMKilled"]}
    assert SOUGHT["08-limit"](lab, found)
    assert not SOUGHT["08-limit"](lab, {**found, "killed": not found["killed"]})
    assert not SOUGHT["08-limit"](lab, {**found, "code": 1})
    right = lesson.lesson("08").right_of["08-limit"](lab)
    assert f"with {found['code']}:" in catalogue.question("08-limit").choices[right]


# --- a container that stops well ----------------------------------------------------------------


def test_without_a_container_there_is_nothing_to_stop(answered: Answered, lab: Lab) -> None:
    wanted = CANNOT if lab.tier == PROOT else ("not started", "not-started")
    assert answered(STOP) == wanted


WELL = 'trap "exit 0" TERM; sleep 600 & wait'


@pytest.mark.parametrize(
    ("script", "options", "expected"),
    [
        ("exec sleep 600", {}, ("keep working", "slow")),
        ('trap "exit 0" TERM; sleep 600', {}, ("keep working", "slow")),
        ("exec sleep 600", {"stop_signal": "SIGKILL"}, ("keep working", "killed")),
        ('trap "exit 3" TERM; sleep 600 & wait', {}, ("almost", "code")),
        ('trap "sleep 2; exit 0" TERM; sleep 600 & wait', {}, ("almost", "late")),
        ("sleep 0", {}, ("keep working", "over")),
        (WELL, {}, ("correct", "correct")),
        ("exec sleep 600", {"init": True}, ("correct", "correct")),
    ],
)
def test_only_a_program_that_listens_stops_well(
    answered: Answered,
    attempt: Any,
    lab: Lab,
    script: str,
    options: dict[str, Any],
    expected: tuple[str, str],
) -> None:
    attempt(STOP, script, wait=False, **options)
    assert answered(STOP) == (CANNOT if lab.tier == PROOT else expected)


def test_one_that_was_stopped_is_started_and_stopped_again(
    answered: Answered, attempt: Any, lab: Lab
) -> None:
    if lab.tier == PROOT:
        assert answered(STOP) == CANNOT
        return
    container = attempt(STOP, WELL, wait=False)
    for _ in range(2):
        assert answered(STOP) == ("correct", "correct")
        assert lab.engine.inspect(container)["State"]["Status"] == "exited"


def test_one_that_hears_nothing_or_leaves_nothing_is_told_apart(
    answered: Answered, attempt: Any, lab: Lab
) -> None:
    container = attempt(STOP, WELL, wait=False)
    lab.engine.docker.api.pause(container)
    assert answered(STOP) == (CANNOT if lab.tier == PROOT else ("keep working", "paused"))
    lab.engine.docker.api.unpause(container)
    attempt(STOP, WELL, wait=False, auto_remove=True)
    assert answered(STOP) == (CANNOT if lab.tier == PROOT else ("keep working", "auto"))


def test_a_late_end_is_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine may have been busy."""
    answers = iter([n08.almost("late"), n08.almost("late"), n08.correct()])
    monkeypatch.setattr(n08, "_stop", lambda *_: next(answers))
    made = [{"Id": "1", "HostConfig": {}}]
    lab = Lab(NAMESPACES)
    monkeypatch.setattr(Lab, "made_for", lambda *_: made)
    assert n08.stops_well(lab).reason == "correct"


# --- the busy one -------------------------------------------------------------------------------


@pytest.fixture
def trio(lab: Lab, attempt: Any) -> Sequence[str]:
    """The first one has computed."""
    ids = [attempt(BUSY, it, wait=False) for it in (COMPUTE, "sleep 600", "sleep 600")]
    assert wait_for(lambda: lab.engine.changes(ids[0]), seconds=30)
    return ids


def test_without_three_containers_none_is_busy(answered: Answered) -> None:
    assert answered(BUSY) == ("not started", "not-started")


def test_the_busy_one_is_to_be_paused_and_no_other(
    answered: Answered, trio: Sequence[str], lab: Lab
) -> None:
    api = lab.engine.docker.api
    assert answered(BUSY) == ("not started", "none")
    api.pause(trio[1])
    assert answered(BUSY) == ("keep working", "idle")
    api.pause(trio[0])
    assert answered(BUSY) == ("keep working", "several")
    api.unpause(trio[1])
    assert answered(BUSY) == ("correct", "correct")
    api.unpause(trio[0])
    lab.engine.kill(trio[0])
    lab.engine.wait(trio[0])
    assert answered(BUSY) == ("keep working", "missing")
    lab.engine.remove(trio[0])
    assert answered(BUSY) == ("keep working", "gone")


@pytest.mark.parametrize(
    ("computed", "reason"),
    [
        ({"a": 10.0, "b": 1.0, "c": 0.0}, "correct"),
        ({"a": 1.0, "b": 10.0, "c": 0.0}, "idle"),
        ({"a": 1.0, "b": 1.5, "c": 1.0}, "unclear"),
        ({"a": 0.0, "b": 0.0}, "unclear"),
    ],
)
def test_what_is_hardly_different_says_nothing(computed: dict[str, float], reason: str) -> None:
    assert n08._compared("a", computed).reason == reason


# --- one's own, and nobody else's ---------------------------------------------------------------


@pytest.fixture
def crowd(lab: Lab) -> Iterator[dict[str, list[str]]]:
    """As the notebook makes them: "mine" are two that run, one that has ended, one not started."""
    create = lab.engine.docker.containers.create
    mine = [create(TOOLBOX, ["sleep", "600"], labels={LABEL: CLEAN}) for _ in range(3)]
    mine.append(create(TOOLBOX, ["true"], labels={LABEL: CLEAN}))
    neighbour = create(TOOLBOX, ["true"], name=NEIGHBOUR)
    for one in (mine[0], mine[1], mine[3]):
        one.start()
    mine[3].wait()
    yield {"mine": [it.id for it in mine], "theirs": [neighbour.id]}
    for one in (*mine, neighbour):
        lab.engine.remove(one.id)


def test_ones_own_are_to_go_and_the_neighbours_is_to_stay(
    answered: Answered, crowd: dict[str, list[str]], lab: Lab
) -> None:
    running, second, created, ended = crowd["mine"]
    assert answered(CLEAN) == ("not started", "not-started")
    lab.engine.remove(ended)
    lab.engine.remove(created)
    assert answered(CLEAN) == ("keep working", "left")
    lab.engine.remove(running)
    lab.engine.remove(second)
    assert answered(CLEAN) == ("correct", "correct")


def test_who_stops_them_has_not_removed_them(
    answered: Answered, crowd: dict[str, list[str]], lab: Lab
) -> None:
    for one in crowd["mine"][:2]:
        lab.engine.kill(one)
        lab.engine.wait(one)
    assert answered(CLEAN) == ("keep working", "left")


def test_who_takes_all_that_do_not_run_takes_the_neighbours_too(
    answered: Answered, crowd: dict[str, list[str]], lab: Lab
) -> None:
    for one in (*crowd["mine"][2:], *crowd["theirs"]):  # as docker container prune would
        lab.engine.remove(one)
    assert answered(CLEAN) == ("keep working", "both")
    for one in crowd["mine"][:2]:
        lab.engine.remove(one)
    assert answered(CLEAN) == ("keep working", "neighbour")
