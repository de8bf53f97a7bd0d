"""Questions: what is kept, what counts, what is said, and what is stored whatever was answered."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest

from ipycontainers.course import catalogue, choices
from ipycontainers.course.catalogue import Question
from ipycontainers.course.progress import Progress
from ipycontainers.course.questions import Prediction, Questioned, Quiz, Verdict
from ipycontainers.errors import Invalid

ONE = Question("98-one", "Which?", ["this", "that"], right=1, why=["no", "yes"])
ROWS = Question("98-rows", "Which?", ["shared", "own"], ["files", "kernel"], [1, 0], "so it is")


def said(asked: Questioned) -> str:
    """What stands below the choices, as text."""
    (found,) = re.findall(r'<div role="status" class="said">(.*?)</div>', asked.drawing)
    return html.unescape(re.sub(r"<[^>]*>", "", found))


def pressed(asked: Questioned) -> list[str]:
    return re.findall(r'data-do="choose:([\d:]+)"[^>]*aria-pressed="true"', asked.drawing)


# --- answers --------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", ["b", "B", "that", 1])
def test_an_answer_is_a_letter_a_number_or_the_words(answer: object) -> None:
    assert choices.parsed(ONE, answer) == 1


@pytest.mark.parametrize("answer", ["c", "", "bb", "é", 2, -1, True, 1.0, ["b"], {}])
def test_what_is_no_choice_is_refused_with_the_choices(answer: object) -> None:
    with pytest.raises(Invalid, match="no choice of 98-one") as raised:
        choices.parsed(ONE, answer)
    assert raised.value.hint == 'these are there: "a" (this), "b" (that)'


def test_rows_ask_for_one_answer_each() -> None:
    assert choices.parsed(ROWS, ["b", "shared"]) == [1, 0]
    for answer in ("b", ["b"], ["b", "a", "a"]):
        with pytest.raises(Invalid, match="asks for 2 answers") as raised:
            choices.parsed(ROWS, answer)
        assert "files, kernel" in raised.value.hint


@pytest.mark.parametrize("kept", [2, -1, True, "b", [1], None, {}, 1.0])
def test_what_an_older_course_has_kept_is_no_answer(progress: Progress, kept: Any) -> None:
    progress.keep("predictions", "98-one", kept)
    assert Prediction(ONE, progress).given is None


@pytest.mark.parametrize("kept", [[1], [1, 2], [1, True], 1, "ba", [[], 1]])
def test_nor_are_rows(progress: Progress, kept: Any) -> None:
    progress.keep("predictions", "98-rows", kept)
    assert Prediction(ROWS, progress).given is None


@pytest.mark.parametrize("what", ["", "choose", "choose:", "choose:2", "choose:-1", "choose:0:0:0"])
@pytest.mark.parametrize("question", [ONE, ROWS], ids=["one", "rows"])
def test_a_message_that_no_button_sends_changes_nothing(
    progress: Progress, question: Question, what: str
) -> None:
    asked = Prediction(question, progress)
    asked.do(what)
    assert progress.of("predictions") == {}


# --- predictions ----------------------------------------------------------------------------


def test_a_prediction_is_kept_and_not_judged(progress: Progress) -> None:
    asked = Prediction(ONE, progress)
    assert (said(asked), pressed(asked)) == ("Choose before you run the next cell.", [])
    asked.do("choose:0")
    assert (progress.of("predictions"), pressed(asked)) == ({"98-one": 0}, ["0"])
    assert said(asked) == "Kept. You can change it until the result is shown."
    asked.do("choose:1")
    assert Prediction(ONE, progress).given == 1


def test_rows_are_answered_one_by_one(progress: Progress) -> None:
    asked = Prediction(ROWS, progress)
    asked.do("choose:1:0")
    assert (asked.given, said(asked)) == ([None, 0], "Choose before you run the next cell.")
    asked.do("choose:0:1")
    assert (asked.given, pressed(asked)) == ([1, 0], ["0:1", "1:0"])
    assert said(asked).startswith("Kept.")


def test_an_answer_in_the_cell_is_one_as_by_a_button(progress: Progress) -> None:
    assert Prediction(ROWS, progress, ["b", "a"]).given == [1, 0]
    assert progress.of("predictions") == {"98-rows": [1, 0]}


def test_what_was_chosen_before_the_result_counts(progress: Progress) -> None:
    asked = Prediction(ONE, progress, "a")
    progress.keep("seen", "98-one", "now")
    assert said(asked) == "The result has been shown: this answer counts."
    asked.do("choose:1")
    assert (asked.counted, asked.given, pressed(asked)) == (0, 1, ["1"])
    assert said(asked) == (
        "Changed after seeing the result. What counts is your first answer: this."
    )
    asked.do("choose:0")
    assert said(asked) == "The result has been shown: this answer counts."
    assert progress.of("predictions") == {"98-one": 0}


def test_what_is_chosen_only_after_it_is_no_prediction(progress: Progress) -> None:
    progress.keep("seen", "98-one", "now")
    asked = Prediction(ONE, progress)
    assert said(asked).startswith("The result has been shown already.")
    asked.do("choose:1")
    assert said(asked) == "Chosen after seeing the result: it does not count as a prediction."
    assert (asked.counted, pressed(asked)) == (None, ["1"])


def test_the_same_question_in_two_cells_has_one_answer(progress: Progress) -> None:
    first, second = Prediction(ONE, progress), Prediction(ONE, progress)
    first.do("choose:1")
    assert pressed(second) == ["1"]


# --- recall and verdicts --------------------------------------------------------------------


def test_a_recall_question_says_at_once_what_is_right_and_why(progress: Progress) -> None:
    asked = Quiz(ONE, progress)
    asked.do("choose:0")
    assert (said(asked), "is-wrong" in asked.drawing) == ("Not so. no", True)
    asked.do("choose:1")
    assert (said(asked), "is-right" in asked.drawing) == ("Right. yes", True)
    assert progress.of("quizzes") == {"98-one": 1}


def test_a_verdict_is_followed_by_ours_and_by_what_was_measured(progress: Progress) -> None:
    claim = catalogue.claim("C9")
    asked = Verdict(claim, progress)
    assert claim.because not in asked.drawing
    asked.do("choose:0")
    assert progress.of("verdicts") == {"C9": "holds"}
    assert said(asked).startswith(f"We say: wrong as worded. {claim.because}")
    assert said(asked).endswith("You have not measured it here yet.")
    progress.keep("measured", "C9", {"value": "5 of <8>", "engine": "Docker\n20"})
    assert "You measured: 5 of <8> (Docker 20)." in said(asked)


def test_where_both_agree_the_verdict_is_not_said_twice(progress: Progress) -> None:
    asked = Verdict(catalogue.claim("C9"), progress, "wrong")
    assert said(asked).startswith("We say so too.")
    assert "wrong as worded" not in said(asked)


@pytest.mark.parametrize("answer", ["wrong", "c", "wrong as worded", 2])
def test_a_verdict_is_given_by_its_word_too(progress: Progress, answer: Any) -> None:
    assert Verdict(catalogue.claim("C9"), progress, answer).given == 2


def test_one_that_is_none_is_refused(progress: Progress) -> None:
    with pytest.raises(Invalid, match="no choice of C9") as raised:
        Verdict(catalogue.claim("C9"), progress, "maybe")
    assert "holds under a condition" in raised.value.hint


@pytest.mark.parametrize("kept", ["maybe", 2, None, ["wrong"], {}])
def test_a_verdict_that_is_none_was_not_given(progress: Progress, kept: Any) -> None:
    progress.keep("verdicts", "C9", kept)
    assert Verdict(catalogue.claim("C9"), progress).given is None


# --- what is stored and drawn ---------------------------------------------------------------

KINDS = {
    "prediction": lambda progress, answer: Prediction(ONE, progress, answer and "b"),
    "rows": lambda progress, answer: Prediction(ROWS, progress, answer and ["a", "b"]),
    "quiz": lambda progress, answer: Quiz(ONE, progress, answer and "a"),
    "verdict": lambda progress, answer: Verdict(catalogue.claim("C9"), progress, answer and "b"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_stored_is_the_question_whatever_was_answered(
    progress: Progress, kind: str
) -> None:
    before, after = KINDS[kind](progress, None), KINDS[kind](progress, "x")
    assert pressed(after)
    assert (repr(before), before.static()) == (repr(after), after.static())
    assert "button" not in after.static()


def test_a_question_is_text_and_its_choices_are(progress: Progress) -> None:
    hostile = Question("98-x", "<b>&", ["<script>", "`<i>`"], why="<img>", right=0)
    drawn = Quiz(hostile, progress, 0).drawing
    assert not re.search(r"<(b|script|i|img)>", drawn)
    assert "&lt;script&gt;" in drawn


def test_a_file_that_cannot_be_written_is_said_with_the_question(progress: Progress) -> None:
    progress.path.mkdir()
    asked = Prediction(ONE, progress, "b")
    assert "Not saved: progress.json cannot be written (Is a directory)." in asked.drawing
    assert asked.given == 1


def test_a_damaged_file_is_said_once(progress: Progress) -> None:
    progress.path.write_text("{")
    first, second = Prediction(ONE, progress), Prediction(ONE, progress)
    assert "It was set aside as progress.damaged-1.json" in first.drawing
    assert "set aside" not in second.drawing
    first.do("choose:1")
    assert "set aside" in first.drawing  # until the cell is run again
