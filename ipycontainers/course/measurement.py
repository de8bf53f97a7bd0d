"""What was measured: kept in the ledger, compared with what this engine gives, and put beside what
the learner has predicted.

    of_claim("C9", value, prediction="04a-doors")       a Card
    of_value("04a-leaks", value)                        of what is no claim's

Once it is shown, the prediction that it answers counts as it is.

Knows: lessons, the learner's progress. Does not know: how anything was measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ipycontainers.errors import ContainerError
from ipycontainers.widgets.cells import is_left_alone
from ipycontainers.widgets.drawing import Markup, element, joined, table

from . import catalogue, choices, lesson
from .cards import Card, Told, card, head, prose, wide
from .catalogue import Question, legible, words
from .lab import NONE, Lab
from .progress import Progress, now
from .questions import Prediction


def of_claim(name: str, value: Any, *, prediction: str, show: str, lab: Lab) -> Card:
    """Raises Invalid where there is no such claim or prediction."""
    expects = lesson.lesson(catalogue.claim(name).notebook).expectation_of.get(name)
    told = legible(show or value)
    if lab.tier == NONE:
        return _without_engine(name, lab)
    is_expected = None if expects is None else _is_expected(expects, lab, value)
    found = {
        "value": told,
        "engine": lab.name,
        "kernel": _kernel(lab),
        "at": now(),
        "as_expected": is_expected,
    }
    Progress.here().keep("measured", name, found)
    return _compared(name, told, is_expected, lab, prediction)


def of_value(name: str, value: Any, *, prediction: str, show: str, lab: Lab) -> Card:
    """Raises Invalid where the lesson does not know the name, or there is no such prediction."""
    there = lesson.of(name).expectation_of
    if name not in there:
        raise catalogue.unknown("expectations", name, there)
    if lab.tier == NONE:
        return _without_engine(name, lab)
    is_expected = _is_expected(there[name], lab, value)
    return _compared(name, legible(show or value), is_expected, lab, prediction)


def _is_expected(expects: lesson.Expectation, lab: Lab, value: Any) -> bool:
    """A value of another kind, as of a cell that was changed, is not what was expected."""
    try:
        return bool(expects(lab, value))
    except (TypeError, ValueError, LookupError, AttributeError):
        return False


def _kernel(lab: Lab) -> str:
    try:
        return lab.kernel
    except ContainerError:  # it went since
        return ""


def _without_engine(name: str, lab: Lab) -> Card:
    text = words("measured.none", why=lab.why)
    title = words("measured.title", name=name)
    form = card("working", head(title, lab.badge), element("p", text), label=title)
    return Card(text, form, data={"value": None, "as_expected": None, "engine": ""})


def _compared(name: str, told: str, is_expected: bool | None, lab: Lab, prediction: str) -> Card:
    progress = Progress.here()
    question = catalogue.question(prediction) if prediction else None
    said = words({True: "measured.yes", False: "measured.no", None: "measured.open"}[is_expected])
    title = words("measured.title", name=name)
    kind = "usual" if is_expected is False else "right"
    form = card(
        "working" if is_expected is False else "correct",
        head(title, lab.badge),
        element("p", told, class_="value"),
        _predicted(question, lab, progress, kind) if question else Markup(),
        element("p", said, class_="muted"),
        Told(progress).now(),
        label=title,
    )
    text = said if is_expected is None else words("measured.as-expected", answer=str(is_expected))
    return Card(text, form, data={"value": told, "as_expected": is_expected, "engine": lab.name})


def _predicted(question: Question, lab: Lab, progress: Progress, kind: str) -> Markup:
    """The learner's prediction beside what is "right", or only "usual" if another value was
    measured."""
    given = choices.known(question, progress.of(Prediction.part).get(question.id))
    if question.id not in progress.of("seen") and not is_left_alone():
        progress.keep("seen", question.id, now())
    right = _right(question, lab)
    if question.rows and isinstance(right, list):
        shown = _row_by_row(question, given, right, kind)
    else:
        shown = _in_a_line(question, given, right, kind)
    return joined([shown, element("p", prose(choices.reason(question, right)))])


def _right(question: Question, lab: Lab) -> Any:
    answers = lesson.of(question.id).right_of
    right = answers[question.id](lab) if question.id in answers else question.right
    return list(right) if isinstance(right, Sequence) else right


def _in_a_line(question: Question, given: Any, right: Any, kind: str) -> Markup:
    mine = words("measured.no-prediction")
    if given is not None:
        is_right = choices.judged(question, given, right)
        mine = words("measured.mine", answer=choices.shown(question, given))
        mine += f" {words('quiz.right' if is_right else 'quiz.wrong')}"
    ours = words(f"measured.{kind}", answer=choices.shown(question, right))
    return joined([element("p", prose(mine)), element("p", prose(ours))])


def _row_by_row(question: Question, given: Any, right: Sequence[int], kind: str) -> Markup:
    mine = given or [None] * len(question.rows)
    rows = [
        [
            prose(row),
            "–" if own is None else prose(question.choices[own]),
            prose(question.choices[so]),
            "" if own is None else words("quiz.right" if own == so else "quiz.wrong"),
        ]
        for row, own, so in zip(question.rows, mine, right, strict=True)
    ]
    told = Markup() if given else element("p", words("measured.no-prediction"))
    shown = table(words(f"measured.{kind}.heads").split("|"), rows)
    return joined([told, wide(words("measured.table"), shown)])
