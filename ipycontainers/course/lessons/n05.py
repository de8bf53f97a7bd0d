"""One kernel, ordinary processes: two numbers of one process, what it costs, how it ends.

Knows: what the kernel tells of processes, the engine's events. Does not know: words.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final

from ipycontainers import answers
from ipycontainers.course.answer import (
    Answer,
    almost,
    best,
    cannot,
    correct,
    keep_working,
    not_started,
)
from ipycontainers.course.lab import DOCKER, PODMAN, PROOT, Lab
from ipycontainers.course.lesson import Lesson
from ipycontainers.course.progress import Progress
from ipycontainers.engine.wire import seconds_of
from ipycontainers.namespaces import proc
from ipycontainers.namespaces.snapshot import fields

lesson = Lesson("05")
KILL: Final = "05-kill"
PRICE: Final = "05-price"
KILLED: Final = 137  # 128 and the number of SIGKILL
DIED: Final = frozenset({"die", "died"})  # Docker's word, and Podman's
LATE: Final = 5  # seconds in which an engine tells of an end
SOON: Final = 2  # seconds from now that an engine takes for the time to come
LESS, SAME, MORE = 0, 1, 2
# What stacks layers in such a way that containers of one image read the same file.
STACKING: Final = frozenset({"overlay", "overlay2", "overlayfs"})
# Names of programs, as the kernel shortens them; those of our engine are told by their command.
PROGRAMS: Final = {
    DOCKER: ("dockerd", "containerd", "containerd-shim", "docker-proxy"),
    PODMAN: ("podman", "conmon"),
}
OURS: Final = ("bwrap", "proot")
# How far a number that a learner writes down may be from the measured one.
NEAR: Final = 0.2
RIGHT: Final = "b"  # of the reasons that the exercise offers


# What is expected


@lesson.expects("C12")
def is_the_same_kernel(lab: Lab, value: bool) -> bool:
    """Where the engine is not this machine's, its kernel is another one."""
    return value == lab.is_here


@lesson.expects("C21")
def is_one_kernel(_: Lab, boots: int) -> bool:
    """How many boot ids several containers told."""
    return boots == 1


@lesson.expects("C24")
def has_two_numbers(lab: Lab, numbers: tuple[int | None, int | None]) -> bool:
    """Inside and outside, of a container's first process."""
    inside, outside = numbers
    if inside is None or outside is None:
        return False
    if lab.tier == PROOT:
        return inside == outside != 1
    return inside == 1 != outside


@lesson.answers("05-numbers")
def which_number(lab: Lab) -> int:
    """The last choice: it has one number, and that is not 1."""
    return 3 if lab.tier == PROOT else 1


@lesson.expects("C16")
def has_processes_while_it_runs(_: Lab, counts: Sequence[int]) -> bool:
    """Of one whose program starts two more: before its start, as it runs, and after its end."""
    return list(counts) == [0, 3, 0]


def shares_files(lab: Lab) -> bool:
    """Whether containers of one image have its files in memory once."""
    return lab.tier != PROOT and lab.info.get("Driver") in STACKING


@lesson.expects("C17")
def costs_what_a_process_costs(lab: Lab, prices: Sequence[int | str]) -> bool:
    """In kB, or as the program has printed it: on this machine, with a file of its own in a
    container, and as the fifth in a row of containers that have one file; and what the engine's
    programs have, which only the engine's own machine sees. How much of a file is mapped differs
    a little between file systems."""
    here, alone, fifth, engine = map(int, prices)
    if min(here, alone, fifth) <= 0 or not 0.5 < alone / here < 2:
        return False
    if engine <= 0 and lab.is_here:
        return False
    return fifth < alone / 2 if shares_files(lab) else 0.7 < fifth / alone < 1.4


@lesson.answers("05-memory")
def what_costs_more(lab: Lab) -> list[int]:
    """In the order of the question's rows."""
    return [SAME, LESS if shares_files(lab) else SAME, MORE]


def engine_memory(lab: Lab | None = None) -> dict[str, int]:
    """By program, the kB that those of the engine have in memory on this machine. What several of
    them share is counted for each."""
    lab, found = lab or Lab.here(), dict[str, int]()
    for folder in proc.PROC.glob("[0-9]*"):
        told = fields(proc.read(folder / "status") or "")
        name = _program(lab, told.get("Name", ""), folder)
        if name and (size := told.get("VmRSS", "").removesuffix(" kB")).isdecimal():
            found[name] = found.get(name, 0) + int(size)
    return dict(sorted(found.items()))


def _program(lab: Lab, name: str, folder: Path) -> str:
    """Its name, if it is one of the engine's; else ""."""
    if lab.tier in PROGRAMS:
        return name if name in PROGRAMS[lab.tier] else ""
    is_ours = "ipycontainers.engine" in (proc.read(folder / "cmdline") or "")
    return name if name in OURS else "ipycontainers.engine" if is_ours else ""


# A container ends


@lesson.checks(KILL)
def killed(lab: Lab) -> Answer:
    return best([_ended(lab, one) for one in lab.made_for(KILL)])


def _ended(lab: Lab, container: Mapping[str, Any]) -> Answer:
    state = container["State"]
    status = str(state.get("Status") or "?")
    if state.get("Running"):
        return keep_working("running")
    if status != "exited":
        return keep_working("never-ran", status=status)
    code = int(state.get("ExitCode") or 0)
    if state.get("OOMKilled"):
        return almost("out-of-memory")
    if code != KILLED:
        return keep_working("other-code", code=code)
    told = _events(lab, container)
    if {"kill", "stop"} & told:
        return almost("by-engine")
    if command := _giving(container):
        return almost("by-itself", command=command)
    # An engine that has forgotten the end may have forgotten more.
    return correct() if DIED & told else cannot("forgotten")


def _giving(container: Mapping[str, Any]) -> str:
    """What its command says to end with the code; "" where it says nothing of it."""
    words = [container.get("Path") or "", *(container.get("Args") or ())]
    found = re.search(rf"\bexit +{KILLED}\b", " ".join(map(str, words)))
    return found[0] if found else ""


def _events(lab: Lab, container: Mapping[str, Any]) -> set[str]:
    """What happened to it since its last start, by the engine's clock, in whole seconds. A busy
    engine tells of an end more than a second after it, and Podman of a stop after that."""
    began, ended = (seconds_of(container["State"][key]) for key in ("StartedAt", "FinishedAt"))
    told: set[str] = set()
    with suppress(Exception):  # docker-py's own, requests', and what an engine says
        for one in _heard(lab, container["Id"], began, ended + LATE):
            if _action(one) in DIED:
                ended = max(ended, int(one.get("time") or 0))
                break
        told = {_action(one) for one in _heard(lab, container["Id"], began, ended + 1)}
    return told


def _heard(lab: Lab, name: str, since: int, until: int) -> Iterator[Mapping[str, Any]]:
    """Waits for ``until``, where that is to come. Podman 4.3 tells nothing if it is not."""
    if lab.tier == PODMAN:
        until = max(until, int(time.time()) + SOON)
    events = lab.engine.docker.api.events(
        since=since, until=until, filters={"container": name}, decode=True
    )
    with closing(events):
        yield from events


def _action(event: Mapping[str, Any]) -> str:
    return str(event.get("Action") or event.get("status"))


# What it costs


@lesson.checks(PRICE)
def explained(lab: Lab) -> Answer:
    """A reason and a number, beside what the newest container has told of itself."""
    if not shares_files(lab):
        return cannot("copies")
    given = Progress.here().of("answers").get(PRICE)
    if given is None:
        return not_started()
    why, size = _given(given)
    if not size:
        return keep_working("form")
    measured = _told(lab)
    if not measured:
        return keep_working("not-measured")
    is_near = abs(size - measured) <= NEAR * measured
    if why != RIGHT:
        return almost("other-reason", why=why or "?") if is_near else keep_working("neither")
    return correct() if is_near else almost("other-number", given=f"{size:g}", measured=measured)


def _given(value: Any) -> tuple[str, float]:
    """The letter and the number; "" and 0 where it is none."""
    if not isinstance(value, Mapping):
        return "", 0
    why, size = value.get("why"), value.get("kB")
    letter = why.strip(" ().").lower() if isinstance(why, str) and len(why) < 10 else ""
    if not isinstance(size, int | float) or isinstance(size, bool) or size <= 0:
        return letter, 0
    return letter, float(size)


def _told(lab: Lab) -> int:
    """By the fifth container of the notebook; 0 where it does not run."""
    running = [one for one in lab.made_for(PRICE) if one["State"].get("Running")]
    if not running:
        return 0
    said = answers.output(lab.engine, str(running[0]["Id"]), "cat /told").strip()
    return int(said) if said.isdigit() and len(said) < 10 else 0
