"""Managing containers: what is listed, how one ends, what it may use, who must not be harmed.

Knows: what each engine does with signals and limits. Does not know: words.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ipycontainers.client.translate import translated
from ipycontainers.course import evidence
from ipycontainers.course.answer import Answer, almost, cannot, correct, keep_working, not_started
from ipycontainers.course.lab import PROOT, Lab
from ipycontainers.course.lesson import Lesson
from ipycontainers.errors import NotFound

lesson = Lesson("08")
STOP: Final = "08-stop"
BUSY: Final = "08-busy"
CLEAN: Final = "08-clean"
NEIGHBOUR: Final = "course-neighbour"
LISTED: Final = {"rows": 3, "processes": 6}
LIFE: Final = ["created", "running", "paused", "running", "exited", "gone"]
TERM, KILL = 128 + 15, 128 + 9
ALLOWED: Final = 1.0  # seconds that a stop may take
PATIENCE: Final = 3  # seconds that the check gives before it kills
SETTLED: Final = 0.7  # seconds after its start in which a program makes ready for signals
TRIES: Final = 3  # of a stop that ends well but late: the machine may be busy
THREE: Final = 3  # containers of which one computes
CLEAR: Final = 2.0  # how many times as much the busy one has computed, at least


@lesson.expects("C25")
def lists_containers_and_not_processes(lab: Lab, value: Any) -> bool:  # noqa: ARG001
    return bool(value == LISTED)


@lesson.expects("C31")
def goes_through_all_states(lab: Lab, value: Any) -> bool:  # noqa: ARG001
    return list(value) == LIFE


@lesson.expects("08-stop")
def ends_as_a_first_process_does(lab: Lab, value: Any) -> bool:
    """By PRoot it is an ordinary process, which TERM ends."""
    return bool(value == (TERM if lab.tier == PROOT else KILL))


@lesson.answers("08-stop")
def _stopped(lab: Lab) -> int:
    return 1 if lab.tier == PROOT else 2


@lesson.expects("08-limit")
def ends_as_limits_allow(lab: Lab, value: Any) -> bool:
    """Whether memory is limited is what the engine says of itself, before it was tried."""
    limited = {"code": KILL, "killed": True}
    return bool(value == (limited if _limits(lab) else {"code": 0, "killed": False}))


@lesson.answers("08-limit")
def _limited(lab: Lab) -> int:
    return 0 if _limits(lab) else 2


def _limits(lab: Lab) -> bool:
    return bool(lab.info.get("MemoryLimit"))


# --- a container that stops well ----------------------------------------------------------------


@lesson.checks(STOP)
def stops_well(lab: Lab) -> Answer:
    """Stops the newest container, as often as it needs to be sure, and reads its exit code."""
    if lab.tier == PROOT:
        return cannot("proot")
    made = lab.made_for(STOP)
    if not made:
        return not_started()
    if made[0]["HostConfig"].get("AutoRemove"):
        return keep_working("auto")
    answers = (_stop(lab, str(made[0]["Id"])) for _ in range(TRIES))
    answer = next(answers)
    while answer.reason == "late" and (again := next(answers, None)):
        answer = again
    return answer


def _stop(lab: Lab, container: str) -> Answer:
    state = _running(lab, container)
    if state.get("Paused"):
        return keep_working("paused")
    if not state.get("Running"):
        return keep_working("over", code=int(state.get("ExitCode") or 0))
    begun = time.monotonic()
    with translated("stopping the container"):
        lab.engine.docker.api.stop(container, timeout=PATIENCE)
    took = time.monotonic() - begun
    return _judged(evidence.code(lab.engine.inspect(container)), took)


def _running(lab: Lab, container: str) -> Mapping[str, Any]:
    """Its state, when it has been started and has had time to make ready."""
    if not lab.engine.inspect(container)["State"].get("Running"):
        lab.engine.start(container)
    time.sleep(SETTLED)
    state: Mapping[str, Any] = lab.engine.inspect(container)["State"]
    return state


def _judged(code: int, took: float) -> Answer:
    if code == KILL:
        return keep_working("slow" if took >= PATIENCE else "killed", code=code)
    if code not in (0, TERM):
        return almost("code", code=code)
    if took >= ALLOWED:
        return almost("late", code=code, seconds=f"{took:.1f}")
    return correct(code=code)


# --- the busy one -------------------------------------------------------------------------------


@lesson.checks(BUSY)
def paused_the_busy_one(lab: Lab) -> Answer:
    """Compares what each has computed since its start, as the engine counts it."""
    made = {evidence.name(one): one for one in lab.made_for(BUSY)}
    if not made:
        return not_started()
    if len(made) < THREE:
        return keep_working("gone", names=", ".join(sorted(made)))
    ended = [name for name, one in made.items() if not one["State"].get("Running")]
    if ended:
        return keep_working("missing", name=ended[0])
    paused = sorted(name for name, one in made.items() if one["State"].get("Paused"))
    if not paused:
        return not_started("none")
    if len(paused) > 1:
        return keep_working("several", names=", ".join(paused))
    return _compared(paused[0], {name: _computed(lab, one) for name, one in made.items()})


def _compared(paused: str, computed: Mapping[str, float]) -> Answer:
    others = max((it for name, it in computed.items() if name != paused), default=0.0)
    mine = computed[paused]
    if mine >= CLEAR * others and mine > 0:
        return correct()
    if others >= CLEAR * mine and others > 0:
        return keep_working("idle", name=paused)
    return keep_working("unclear")


def _computed(lab: Lab, container: Mapping[str, Any]) -> float:
    """In nanoseconds."""
    with translated("asking what a container uses"):
        told = lab.engine.docker.api.stats(str(container["Id"]), stream=False)
    usage = (told.get("cpu_stats") or {}).get("cpu_usage") or {}
    return float(usage.get("total_usage") or 0)


# --- one's own, and nobody else's ---------------------------------------------------------------


@lesson.checks(CLEAN)
def removed_ones_own(lab: Lab) -> Answer:
    """The neighbour's container has no label of the course, and does not run."""
    left = lab.made_for(CLEAN)
    if not _is_there(lab, NEIGHBOUR):
        return keep_working("both", count=len(left)) if left else keep_working("neighbour")
    if not left:
        return correct()
    states = sorted(str(one["State"].get("Status")) for one in left)
    if len(left) >= 4 and len(set(states)) > 2:
        return not_started()
    return keep_working("left", count=len(left), states=_counted(states))


def _is_there(lab: Lab, name: str) -> bool:
    try:
        lab.engine.inspect(name)
    except NotFound:
        return False
    return True


def _counted(states: Sequence[str]) -> str:
    """1 created, 2 running"""
    return ", ".join(f"{states.count(one)} {one}" for one in dict.fromkeys(states))
