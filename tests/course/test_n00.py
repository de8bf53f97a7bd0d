"""The first exercise, from the wrong attempts to the right one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ipycontainers.course import evidence, lesson
from ipycontainers.course.lab import Lab

Answered = Callable[[str], tuple[str, str]]


def test_the_system_below_a_container_is_linux(lab: Lab, attempt: Any) -> None:
    is_right = lesson.lesson("00").expectation_of["00-system"]
    container = lab.engine.inspect(attempt("t00-system", "uname -s"))
    assert is_right(lab, evidence.printed(lab, container).strip())
    assert not is_right(lab, "Darwin")
    assert not is_right(lab, "")


def test_without_a_container_it_has_not_begun(answered: Answered) -> None:
    assert answered("00-ready") == ("not started", "not-started")


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("true", ("keep working", "silent")),
        ("ech ready", ("keep working", "failed")),
        ('echo "not yet"', ("keep working", "other")),
        ('echo "Ready."', ("almost", "letters")),
        ("echo already", ("keep working", "other")),
        ('echo "ready"', ("correct", "correct")),
        ("echo I am ready", ("correct", "correct")),
    ],
)
def test_what_was_printed_counts(
    attempt: Any, answered: Answered, script: str, expected: tuple[str, str]
) -> None:
    attempt("00-ready", script)
    assert answered("00-ready") == expected
