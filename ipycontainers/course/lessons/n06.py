"""Beside virtual machines: start, memory and kernel of three, and what is made again from a text.

Knows: what three machines answer, how an engine tells where an image is from. Does not know: words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ipycontainers import busybox
from ipycontainers.course import evidence
from ipycontainers.course.answer import Answer, almost, best, correct, keep_working, not_started
from ipycontainers.course.evidence import quoted
from ipycontainers.course.lab import LABEL, Lab
from ipycontainers.course.lesson import Lesson
from ipycontainers.course.progress import Progress
from ipycontainers.oci import Platform
from ipycontainers.stack import kernels

lesson = Lesson("06")

MOTTO: Final = "small steps"
FILE: Final = "/motto"
LEAST: Final = range(17 << 20, (256 << 20) + 1)  # bytes with which a kernel boots
HEAVIER: Final = 4  # times what a shell takes, at least, for a machine with one shell
YES, NO = 0, 1
SMALL, MIDDLE = 0, 1  # choices of 06-memory
CONTAINER, MACHINE = 0, 1  # choices of 06-choose
CHOSEN: Final = [CONTAINER, MACHINE, MACHINE, CONTAINER]
CASES: Final = ("copies", "kernel", "stranger", "tools")
# The first of an image's history, where a recipe made it: by Docker's former builder, Podman's and
# ours; by BuildKit.
_STEP = re.compile(r"(\|\d+ .*)?/bin/sh -c |(RUN|COPY|ADD|ENV|CMD|LABEL|ENTRYPOINT|WORKDIR|USER)\b")

Machines = Mapping[str, Mapping[str, Any]]


def _best() -> str:
    """The kind of the kernel that is booted first here; "" where none can be."""
    found = kernels.find().kernels
    has_shell = busybox.of_machine(Platform.here().architecture)
    return found[0].kind if found and has_shell else ""


@lesson.expects("C13")
def starts_sooner_and_takes_less(lab: Lab, value: Machines) -> bool:  # noqa: ARG001
    """A process first; a machine takes several times the memory of the other two."""
    host, container, vm = value["host"], value["container"], value["vm"]
    if host["missing"] or container["missing"] or host["seconds"] >= container["seconds"]:
        return False
    if vm["missing"]:
        return not _best()
    others = max(host["used"], container["used"])
    return bool(vm["seconds"] > host["seconds"] and vm["used"] > HEAVIER * others)


@lesson.expects("C18")
def has_a_kernel_of_its_own(lab: Lab, value: Machines) -> bool:
    """The container has this machine's, where its engine is here."""
    host, container, vm = value["host"], value["container"], value["vm"]
    if lab.is_here and container["boot"] != host["boot"]:
        return False
    if vm["missing"]:
        return not _best()
    sees = vm["sees_files"] or vm["sees_processes"]
    return bool(vm["boot"]) and vm["boot"] not in {host["boot"], container["boot"]} and not sees


@lesson.answers("06-host")
def _is_itself_virtual(lab: Lab) -> int:  # noqa: ARG001
    return YES if _flag() else NO


@lesson.expects("C14")
def says_so_inside_and_outside(lab: Lab, value: Sequence[bool]) -> bool:
    """``value`` is what the processor says here, and in a container."""
    here, inside = value
    return here == _flag() and (inside == here or not lab.is_here)


def _flag() -> bool:
    """Whether the processor says that there is a hypervisor below; those of ARM do not say."""
    told = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    return re.search(r"^flags\s*:.*\bhypervisor\b", told, re.MULTILINE) is not None


@lesson.answers("06-memory")
def _size(lab: Lab) -> int:  # noqa: ARG001
    """Where nothing can be booted, that of the recording."""
    return SMALL if _best() in {"", kernels.UML} else MIDDLE


@lesson.expects("C19")
def boots_with_little(lab: Lab, value: int) -> bool:  # noqa: ARG001
    """In bytes; 0 where nothing can be booted."""
    return value in LEAST if _best() else value == 0


@lesson.expects("C20")
def is_gone(lab: Lab, value: str) -> bool:  # noqa: ARG001
    """What the second container found of what the first had written."""
    return value.strip() == "gone"


@lesson.checks("06-rebuild")
def rebuild(lab: Lab) -> Answer:
    return best([_rebuilt(lab, one) for one in lab.made_for("06-rebuild")])


def _rebuilt(lab: Lab, container: Mapping[str, Any]) -> Answer:
    name = evidence.name(container)
    text = evidence.file(lab, container, FILE)
    if text is None:
        return keep_working("no-file", container=name)
    told = text.decode("utf-8", "replace")
    if told.split() != MOTTO.split():
        return keep_working("other-text", found=quoted(told) or "nothing")
    changed = lab.engine.docker.api.diff(str(container["Id"])) or ()
    if any(one["Path"] == FILE for one in changed):
        return almost("by-hand", container=name)
    return _of_a_text(lab, str(container["Image"]))


def _of_a_text(lab: Lab, image: str) -> Answer:
    """A container that is committed hands its labels on to the image."""
    config = lab.engine.inspect_image(image).get("Config") or {}
    docker: Any = lab.engine.docker
    steps = docker.api.history(image)
    last = steps[0] if steps else {}
    made_by, comment = str(last.get("CreatedBy") or ""), str(last.get("Comment") or "")
    is_step = _STEP.match(made_by) or "buildkit" in comment
    if LABEL in (config.get("Labels") or {}) or not is_step:
        return almost("committed", step=quoted(made_by or comment) or "nothing")
    return correct()


@lesson.checks("06-choose")
def choose(lab: Lab) -> Answer:  # noqa: ARG001  # no engine can be looked at for it
    given = Progress.here().of("predictions").get("06-choose")
    if not isinstance(given, list) or len(given) != len(CHOSEN):
        return not_started()
    if left := sum(one not in {CONTAINER, MACHINE} for one in given):
        return keep_working("incomplete", left=left)
    wrong = [case for case, one, right in zip(CASES, given, CHOSEN, strict=True) if one != right]
    if not wrong:
        return correct()
    return almost(wrong[0]) if len(wrong) == 1 else keep_working("several", wrong=len(wrong))
