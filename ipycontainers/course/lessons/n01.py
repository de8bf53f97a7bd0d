"""One cell, two worlds: four questions asked twice, a host name, a variable.

Knows: what a container has of its own on each engine. Does not know: words.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from typing import Any

from ipycontainers.course import evidence
from ipycontainers.course.answer import (
    Answer,
    almost,
    cannot,
    correct,
    keep_working,
    not_started,
)
from ipycontainers.course.evidence import quoted
from ipycontainers.course.lab import PROOT, Lab
from ipycontainers.course.lesson import Lesson

lesson = Lesson("01")

ASKED = ("files in /", "kernel", "user number", "host name")
SAME, DIFFERENT = 0, 1
NAME, VALUE = "COLOUR", "blue"


@lesson.answers("01-worlds")
def _predicted(lab: Lab) -> list[int]:
    return _worlds(lab)


def _worlds(lab: Lab) -> list[int]:
    """In the order of ASKED. A container of the toolbox is user 0's."""
    kernel = SAME if lab.kernel == platform.release() else DIFFERENT
    user = SAME if _user() == 0 else DIFFERENT
    name = SAME if lab.tier == PROOT else DIFFERENT
    return [DIFFERENT, kernel, user, name]


@lesson.expects("01-worlds")
def _as_answered(lab: Lab, value: Any) -> bool:
    right = dict(zip(ASKED, _worlds(lab), strict=True))
    return bool(value == {what: ("same", "different")[it] for what, it in right.items()})


def _user() -> int | None:
    return os.getuid() if hasattr(os, "getuid") else None


@lesson.checks("01-name")
def _name(lab: Lab) -> Answer:
    if lab.tier == PROOT:
        return cannot("proot")
    made = lab.made_for("01-name")
    if not made:
        return not_started()
    container, printed = made[0], evidence.printed(lab, made[0])
    if not printed.strip():
        return _silent(container)
    words = set(printed.split())
    if {platform.node(), lab.info.get("Name")} & words:
        return keep_working("hosts", printed=quoted(printed))
    if container["Config"]["Hostname"] not in words:
        return keep_working("other", printed=quoted(printed))
    return correct()


def _silent(container: Mapping[str, Any]) -> Answer:
    name, code = evidence.name(container), evidence.code(container)
    if code:
        return keep_working("failed", container=name, code=code)
    return keep_working("silent", container=name)


@lesson.checks("01-colour")
def _colour(lab: Lab) -> Answer:
    made = lab.made_for("01-colour")
    if not made:
        return not_started()
    container, variables = made[0], evidence.variables(made[0])
    is_printed = VALUE in evidence.printed(lab, container).split()
    if NAME not in variables:
        return _without(container, variables, is_printed=is_printed)
    if variables[NAME] != VALUE:
        return keep_working("value", found=quoted(variables[NAME]) or "empty")
    if is_printed:
        return correct()
    code = evidence.code(container)
    return almost("failed", code=code) if code else almost("silent")


def _without(
    container: Mapping[str, Any], variables: Mapping[str, str], *, is_printed: bool
) -> Answer:
    near = [name for name in variables if name.upper() in {NAME, "COLOR"}]
    if near:
        return almost("name", found=quoted(near[0]))
    if is_printed:
        return keep_working("inside")
    return keep_working("missing", container=evidence.name(container))
