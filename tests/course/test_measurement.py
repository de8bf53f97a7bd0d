"""What is measured: compared, kept, put beside the prediction, and stored as one word."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest

from ipycontainers.course import measurement
from ipycontainers.course.cards import Card
from ipycontainers.course.catalogue import question
from ipycontainers.course.lab import NONE, Lab
from ipycontainers.course.lesson import Lesson
from ipycontainers.course.progress import Progress
from ipycontainers.course.questions import Prediction
from ipycontainers.errors import Invalid

HOSTILE = "<img src=x onerror=alert(1)> {0.__class__}\x1b[2J" + "a" * 100_000


@pytest.fixture
def lesson(made_up: Lesson, progress: Progress) -> Lesson:
    """It expects 5 at 98-leaks."""
    made_up.expects("98-leaks")(lambda _lab, value: value == 5)
    return made_up


def of_value(lab: Lab, value: Any, **more: str) -> Card:
    given = {"prediction": "", "show": "", **more}
    return measurement.of_value("98-leaks", value, lab=lab, **given)


def text(card: Card) -> str:
    return html.unescape(re.sub(r"<[^>]*>", " ", card.form))


@pytest.mark.parametrize(("value", "is_expected"), [(5, True), (4, False), (None, False)])
def test_stored_is_only_whether_it_was_as_expected(
    lesson: Lesson, lab: Lab, value: Any, is_expected: bool
) -> None:
    card = of_value(lab, value)
    assert repr(card) == f"as expected for this engine: {is_expected}"
    assert card.data == {"value": str(value), "as_expected": is_expected, "engine": lab.name}
    assert lab.badge in text(card)


def test_a_value_of_another_kind_is_not_expected(made_up: Lesson, lab: Lab) -> None:
    made_up.expects("98-leaks")(lambda _lab, value: value["pid"].x)
    for value in (None, "x", {}, {"pid": 1}, []):
        assert of_value(lab, value).data["as_expected"] is False


def test_a_value_is_shown_in_the_words_that_are_given(lesson: Lesson, lab: Lab) -> None:
    assert "five of them" in text(of_value(lab, 5, show="five of them"))


def test_what_a_container_said_is_text_and_bounded(
    lesson: Lesson, lab: Lab, progress: Progress
) -> None:
    for card in (
        of_value(lab, HOSTILE),
        measurement.of_claim("C9", HOSTILE, prediction="", show="", lab=lab),
    ):
        assert "<img" not in card.form
        assert "\x1b" not in card.form
        assert len(card.form) < 5000
    assert len(progress.of("measured")["C9"]["value"]) <= 300


def test_a_claim_is_kept_with_where_and_when(lab: Lab, progress: Progress) -> None:
    card = measurement.of_claim("C9", "x", prediction="", show="", lab=lab)
    kept = progress.of("measured")["C9"]
    assert (kept["value"], kept["engine"], kept["kernel"]) == ("x", lab.name, lab.kernel)
    assert kept["as_expected"] is card.data["as_expected"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", kept["at"])


def test_a_claim_that_no_lesson_compares_is_not_said_to_be_as_expected(
    made_up: Lesson, lab: Lab, progress: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measurement.lesson, "lesson", lambda _: Lesson("98"))
    card = measurement.of_claim("C9", "x", prediction="", show="", lab=lab)
    assert (repr(card), card.data["as_expected"]) == ("Kept in the ledger.", None)


def test_without_an_engine_nothing_is_measured(lesson: Lesson, progress: Progress) -> None:
    lab = Lab(NONE, why="no socket")
    for card in (
        of_value(lab, 5),
        measurement.of_claim("C9", 5, prediction="", show="", lab=lab),
    ):
        assert repr(card) == "Not measured: no engine runs here. no socket"
    assert progress.of("measured") == {}


@pytest.mark.parametrize("name", ["98-nothing", "77-x", "", "C99"])
def test_what_is_not_there_is_said(lesson: Lesson, name: str) -> None:
    lab = Lab(NONE)
    with pytest.raises(Invalid, match="there is no claim"):
        measurement.of_claim(name, 5, prediction="", show="", lab=lab)
    with pytest.raises(Invalid, match="there is nothing to compare"):
        measurement.of_value(name, 5, prediction="", show="", lab=lab)


# --- beside the prediction ------------------------------------------------------------------


def test_a_right_prediction(lesson: Lesson, lab: Lab, progress: Progress) -> None:
    Prediction(question("98-one"), progress, "b")
    shown = text(of_value(lab, 5, prediction="98-one"))
    assert "You predicted: that. Right." in shown
    assert "It is: that." in shown
    assert "Yes." in shown


def test_a_wrong_one(lesson: Lesson, lab: Lab, progress: Progress) -> None:
    Prediction(question("98-one"), progress, "a")
    shown = text(of_value(lab, 5, prediction="98-one"))
    assert "You predicted:  this . Not so." in shown
    assert "Yes." in shown


def test_what_was_not_measured_is_not_said_to_be_so(
    lesson: Lesson, lab: Lab, progress: Progress
) -> None:
    """Another value than this engine's: the right answer is only what is usual."""
    lesson.answers("98-rows")(lambda _: [1, 0])
    for name, usual in (("98-one", "Usually it is: that."), ("98-rows", "Usually it is")):
        shown = text(of_value(lab, 4, prediction=name))
        assert usual in shown
        assert "It is" not in shown


def test_none(lesson: Lesson, lab: Lab) -> None:
    assert "You made no prediction" in text(of_value(lab, 5, prediction="98-one"))


def test_rows_are_compared_one_by_one_with_what_the_engine_decides(
    lesson: Lesson, lab: Lab, progress: Progress
) -> None:
    lesson.answers("98-rows")(lambda _: [1, 0])
    asked = Prediction(question("98-rows"), progress)
    asked.do("choose:0:0")
    shown = text(of_value(lab, 5, prediction="98-rows"))
    assert re.search(r"files +shared +own +Not so\.", shown)
    assert re.search(r"kernel +– +shared +Files are", shown)


def test_what_was_chosen_first_counts_when_the_cell_runs_again(
    lesson: Lesson, lab: Lab, progress: Progress
) -> None:
    asked = Prediction(question("98-one"), progress, "a")
    of_value(lab, 5, prediction="98-one")
    assert "this answer counts" in asked.drawing  # drawn again by itself
    asked.do("choose:1")
    assert "You predicted:  this . Not so." in text(of_value(lab, 5, prediction="98-one"))


def test_what_was_chosen_only_then_does_not(lesson: Lesson, lab: Lab, progress: Progress) -> None:
    of_value(lab, 5, prediction="98-one")
    Prediction(question("98-one"), progress, "b")
    assert "You made no prediction" in text(of_value(lab, 5, prediction="98-one"))


def test_the_answer_is_not_given_away_by_an_unknown_prediction(lesson: Lesson, lab: Lab) -> None:
    with pytest.raises(Invalid, match="there is no prediction 98-two"):
        of_value(lab, 5, prediction="98-two")
