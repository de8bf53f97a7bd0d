"""Check your lab: what runs the containers, and a first exercise.

Knows: what a ready lab prints. Does not know: words.
"""

from __future__ import annotations

from typing import Any

from ipycontainers.course import evidence
from ipycontainers.course.answer import Answer, almost, correct, keep_working, not_started
from ipycontainers.course.evidence import quoted
from ipycontainers.course.lab import Lab
from ipycontainers.course.lesson import Lesson

lesson = Lesson("00")


@lesson.expects("00-system")
def _system(_lab: Lab, value: Any) -> bool:
    """Of every engine: the toolbox is an image for Linux."""
    return bool(value == "Linux")


@lesson.checks("00-ready")
def _ready(lab: Lab) -> Answer:
    made = lab.made_for("00-ready")
    if not made:
        return not_started()
    printed, code = evidence.printed(lab, made[0]), evidence.code(made[0])
    if not printed.strip():
        return keep_working("failed", code=code) if code else keep_working("silent")
    if "ready" in printed.split():
        return correct()
    if printed.strip().strip(".!").lower() == "ready":
        return almost("letters", printed=quoted(printed))
    return keep_working("other", printed=quoted(printed))
