"""09: what runs where is expected as it is, and a name is told from a digest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ipycontainers.course import catalogue
from ipycontainers.course.lab import Lab
from ipycontainers.course.lessons import n09
from ipycontainers.course.progress import Progress

Answered = Callable[[str], tuple[str, str]]


# What is expected


def test_three_outcomes_are_expected(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(n09, "_may_emulate", lambda _: False)
    usual = [n09.RUNS, n09.REFUSED, n09.MISSING]
    assert n09.runs_where_it_fits(lab, usual)
    for number, other in ((0, n09.FAILS), (1, n09.RUNS), (1, n09.FAILS), (2, n09.RUNS)):
        wrong = [*usual]
        wrong[number] = other
        assert not n09.runs_where_it_fits(lab, wrong)
    assert not n09.runs_where_it_fits(lab, usual[:2])


def test_the_right_prediction_is_what_is_expected(lab: Lab) -> None:
    assert n09._predicted(lab) == [0, 1, 2]
    question = catalogue.question("09-run")
    assert question.choices[0].startswith("it runs")
    assert "refuses" in question.choices[1]
    assert "missing" in question.choices[2]
    assert len(question.rows) == 3


def test_a_program_of_another_system_is_refused(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    assert n09._outcomes(lab) == [n09.RUNS, n09.REFUSED, n09.REFUSED]


def test_an_emulator_may_let_it_fail_in_another_way(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(n09, "_may_emulate", lambda _: True)
    assert n09.runs_where_it_fits(lab, [n09.RUNS, n09.FAILS, n09.MISSING])
    assert not n09.runs_where_it_fits(lab, [n09.RUNS, n09.RUNS, n09.MISSING])
    monkeypatch.undo()
    assert n09._may_emulate(replace(lab, connection=None))


def test_a_name_moves_and_a_digest_stays(lab: Lab) -> None:
    assert n09.moves_and_stays(lab, [True, True])
    assert not n09.moves_and_stays(lab, [False, True])
    assert not n09.moves_and_stays(lab, [True, False])


def test_one_image_says_three_things(lab: Lab) -> None:
    assert n09.is_changed_from_outside(lab, n09.SAID)
    assert not n09.is_changed_from_outside(lab, [n09.SAID[0]] * 3)


# Exercises


@pytest.mark.parametrize(
    ("given", "answer"),
    [
        (None, ("not started", "not-started")),
        ([0], ("not started", "not-started")),
        ([0, 0, 0, 0, 1, None], ("keep working", "incomplete")),
        ([1, 1, 0, 0, 0, 1], ("keep working", "both")),
        ([0, 0, 1, 1, 1, 1], ("almost", "lacking")),
        ([0, 0, 0, 0, 0, 0], ("almost", "more")),
        ([0, 0, 0, 0, 1, 1], ("correct", "correct")),
    ],
)
def test_four_conditions_have_to_be_so(
    progress: Progress, answered: Answered, given: Any, answer: tuple[str, str]
) -> None:
    if given:
        progress.keep("predictions", "09-where", given)
    assert answered("09-where") == answer
    assert list(catalogue.question("09-where").right or ()) == n09.WHERE


def test_an_image_is_pinned_by_its_digest(lab: Lab, attempt: Any, answered: Answered) -> None:
    def check() -> str:
        return answered("09-pin")[1]

    digest = str(lab.engine.inspect_image(n09.TOOLBOX)["Id"])
    other = str(lab.engine.inspect_image("ipyc/web:1")["Id"])
    assert check() == "not-started"
    attempt("09-pin", "true", image=other)
    assert check() == "other-image"
    attempt("09-pin", "true")
    assert check() == "name"
    attempt("09-pin", "true", image=digest.removeprefix("sha256:")[:12])
    assert check() == "short"
    attempt("09-pin", "true", image=digest)
    assert answered("09-pin") == ("correct", "correct")
    # A later mistake does not undo it.
    attempt("09-pin", "true")
    assert check() == "correct"


def test_forms_of_a_digest_are_known() -> None:
    digits = "0123456789abcdef" * 4
    for whole in (f"sha256:{digits}", f"ipyc/toolbox@sha256:{digits}"):
        assert n09._DIGEST.fullmatch(whole)
    for other in (digits[:12], f"sha256:{digits[:12]}", "ipyc/toolbox:1", f"sha256:{digits}0"):
        assert not n09._DIGEST.fullmatch(other)
    assert not n09._SHORT.fullmatch("ipyc/toolbox:1")
