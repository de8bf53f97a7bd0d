"""Does it run anywhere: three programs, two names, one image that behaves in three ways.

Knows: what runs where, by which name a container was made. Does not know: words.
"""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ipycontainers.course import evidence
from ipycontainers.course.answer import Answer, almost, best, correct, keep_working, not_started
from ipycontainers.course.evidence import quoted
from ipycontainers.course.lab import Lab
from ipycontainers.course.lesson import Lesson
from ipycontainers.course.progress import Progress
from ipycontainers.errors import NotFound

lesson = Lesson("09")

TOOLBOX: Final = "ipyc/toolbox:1"
RUNS, REFUSED, MISSING, FAILS = "it runs", "exec format error", "not found", "it fails"
OUTCOMES: Final = (RUNS, REFUSED, MISSING)
SAID: Final = ["hello, nobody", "good day, nobody", "hello, Ada"]
NEEDED, NOT_NEEDED = 0, 1
WHERE: Final = [NEEDED, NEEDED, NEEDED, NEEDED, NOT_NEEDED, NOT_NEEDED]
_DIGEST = re.compile(r"(.*@)?sha256:[0-9a-f]{64}")
_SHORT = re.compile(r"(sha256:)?[0-9a-f]{6,63}")
_EMULATORS = Path("/proc/sys/fs/binfmt_misc")


@lesson.answers("09-run")
def _predicted(lab: Lab) -> list[int]:
    return [OUTCOMES.index(one) for one in _outcomes(lab)]


def _outcomes(lab: Lab) -> list[str]:
    """A program of this machine is refused where that is no Linux, or has another processor than
    the engine's."""
    is_alike = sys.platform.startswith("linux") and _is_ours(lab)
    return [RUNS, REFUSED, MISSING if is_alike else REFUSED]


def _is_ours(lab: Lab) -> bool:
    told = str(lab.info.get("Architecture") or platform.machine())
    return {"amd64": "x86_64", "arm64": "aarch64"}.get(told, told) == platform.machine()


@lesson.expects("C27")
def runs_where_it_fits(lab: Lab, value: Sequence[str]) -> bool:
    """Where programs of other processors are handed to an emulator, that of wrongcpu fails in
    another way."""
    expected = _outcomes(lab)
    usual = list(value) == expected
    return usual or (_may_emulate(lab) and list(value) == [RUNS, FAILS, expected[2]])


def _may_emulate(lab: Lab) -> bool:
    return not lab.is_here or any(_EMULATORS.glob("qemu-*"))


@lesson.expects("09-moving")
def moves_and_stays(lab: Lab, value: Sequence[bool]) -> bool:  # noqa: ARG001
    """The name means another image, the digest the same one."""
    return list(value) == [True, True]


@lesson.expects("C26")
def is_changed_from_outside(lab: Lab, value: Sequence[str]) -> bool:  # noqa: ARG001
    """One image: what three containers of it said."""
    return list(value) == SAID


@lesson.checks("09-where")
def where(lab: Lab) -> Answer:  # noqa: ARG001  # no engine can be looked at for it
    given = Progress.here().of("predictions").get("09-where")
    if not isinstance(given, list) or len(given) != len(WHERE):
        return not_started()
    if left := sum(one not in {NEEDED, NOT_NEEDED} for one in given):
        return keep_working("incomplete", left=left)
    pairs = list(zip(given, WHERE, strict=True))
    lacking = sum(right == NEEDED != one for one, right in pairs)
    too_many = sum(right == NOT_NEEDED != one for one, right in pairs)
    if lacking and too_many:
        return keep_working("both", lacking=lacking, more=too_many)
    if lacking:
        return almost("lacking", lacking=lacking)
    return almost("more", more=too_many) if too_many else correct()


@lesson.checks("09-pin")
def pin(lab: Lab) -> Answer:
    return best([_pinned(lab, one) for one in lab.made_for("09-pin")])


def _pinned(lab: Lab, container: Mapping[str, Any]) -> Answer:
    """By what it was called when the container was made, and which image that is."""
    name = evidence.name(container)
    called = str((container.get("Config") or {}).get("Image") or "")
    try:
        wanted = str(lab.engine.inspect_image(TOOLBOX)["Id"])
    except NotFound:
        return keep_working("no-toolbox")
    if _plain(str(container.get("Image"))) != _plain(wanted):
        return keep_working("other-image", container=name, called=quoted(called))
    if _DIGEST.fullmatch(called) or called == _plain(wanted):
        return correct()
    if _SHORT.fullmatch(called):
        return almost("short", called=quoted(called))
    return keep_working("name", called=quoted(called))


def _plain(digest: str) -> str:
    return digest.removeprefix("sha256:")
