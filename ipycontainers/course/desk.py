"""What a learner writes in a cell: one function per thing that can be asked for.

Each reads the catalogue, looks at the lab, keeps what is to be kept and returns something that
shows itself. *Restart & Run All* never stops at one: an answer that is missing is asked for, an
exercise that is not done says so.

Knows: all of the course. Does not know: drawing.
"""

from __future__ import annotations

from typing import Any

from ipycontainers.errors import Invalid
from ipycontainers.widgets.drawing import Markup, element, joined, table

from . import catalogue, lesson
from .answer import Answer, State, cannot
from .cards import Card, card, head
from .catalogue import words
from .lab import NONE, Lab
from .ledger_widget import Ledger
from .progress import Progress, now
from .questions import Prediction, Quiz, Verdict, is_right, reason, shown
from .recording import Recording

TUTORIAL = "https://github.com/bitlogic/hello-docker/blob/3a36403/0-orientation/README.md"

LONGEST_ANSWER = 10_000  # characters: a number, a name, a short list


def claim(*names: str) -> Card:
    """One or more claims of the orientation, in our words, with the place where it makes them."""
    found = [catalogue.claim(name) for name in names]
    items = [
        element(
            "p",
            element("strong", one.id),
            f" {one.text} ",
            element("a", words("claim.where", sentence=one.sentence), href=TUTORIAL),
        )
        for one in found
    ]
    text = "\n".join(f"{one.id}: {one.text}" for one in found)
    title = words("claim.title")
    return Card(text, card("claim", head(title), *items, label=title), is_still=True)


def predict(name: str, answer: object = None) -> Prediction:
    """Ask for a prediction; ``answer`` gives it in the cell: a letter, or a list of letters where
    there are several rows. Raises Invalid where there is no such question or choice."""
    return Prediction(catalogue.question(name), Progress.here(), answer)


def measured(name: str, value: Any, *, prediction: str = "", show: str = "") -> Card:
    """What was measured for a claim: kept in the ledger, with engine and time, and compared with
    what this engine gives. ``prediction`` is the question that it answers. ``show`` is the value
    in words where ``str`` does not do. Stored is only whether it was as expected."""
    lab = Lab.here()
    expected = lesson.lesson(catalogue.claim(name).notebook).expectation_of.get(name)
    as_expected = expected is None or expected(lab, value)
    told = show or str(value)
    if lab.tier != NONE:
        Progress.here().keep(
            "measured",
            name,
            {
                "value": told,
                "engine": lab.name,
                "kernel": lab.kernel,
                "at": now(),
                "as_expected": as_expected,
            },
        )
    return _compared(f"{name}", told, as_expected, lab, prediction)


def expect(name: str, value: Any, *, prediction: str = "", show: str = "") -> Card:
    """The same for a value that belongs to no claim; ``name`` is the lesson's."""
    lab = Lab.here()
    as_expected = lesson.lesson(name.partition("-")[0]).expectation_of[name](lab, value)
    return _compared(name, show or str(value), as_expected, lab, prediction)


def _compared(name: str, told: str, as_expected: bool, lab: Lab, prediction: str) -> Card:
    text = words("measured.as-expected", answer=str(as_expected))
    said = words("measured.yes" if as_expected else "measured.no")
    form = card(
        "correct" if as_expected else "working",
        head(words("measured.title", name=name), lab.badge),
        element("p", told),
        element("p", said, class_="muted"),
        _predicted(prediction, lab),
        label=words("measured.title", name=name),
    )
    return Card(text, form, data={"value": told, "as_expected": as_expected, "engine": lab.name})


def _predicted(name: str, lab: Lab) -> Markup:
    """The learner's prediction beside what was so."""
    if not name:
        return Markup()
    question = catalogue.question(name)
    asked = Prediction(question, Progress.here())
    given = asked.given
    asked.close()
    answers = lesson.lesson(name.partition("-")[0]).right_of
    right = answers[name](lab) if name in answers else question.right
    right = right if isinstance(right, int) or right is None else list(right)
    if given is None:
        mine = words("measured.no-prediction")
    else:
        mine = words("measured.mine", answer=shown(question, given))
        mine += " " + words("quiz.right" if is_right(question, given, right) else "quiz.wrong")
    ours = words("measured.right", answer=shown(question, right))
    return joined([element("p", mine), element("p", ours, " ", reason(question, right))])


def check(name: str) -> Card:
    """Whether an exercise is done: looks at the engine's state and at what is measured, so any
    way to the goal passes. Raises Invalid where there is no such exercise."""
    lab = Lab.here()
    exercise = catalogue.exercise(name)
    answer = _answer(name, lab)
    Progress.here().keep("checks", name, {"state": answer.state.value, "at": now()})
    state, said = catalogue.state_words(answer.state), exercise.words(answer)
    kind = "correct" if answer.state is State.CORRECT else "working"
    form = card(
        kind,
        head(f"{name}: {state}", lab.badge),
        element("p", said, role="status"),
        element("p", words("exercise.hint", name=name), class_="muted")
        if answer.state in {State.NOT_STARTED, State.KEEP_WORKING, State.ALMOST}
        else Markup(),
        label=f"{name}: {state}",
    )
    return Card(f"{name}: {state}. {said}", form, data={"state": answer.state.value})


def found(name: str, value: object) -> Card:
    """Keep a value that the learner has found out, for the check of the exercise ``name`` to look
    at: a number, a text, or a list of these. Raises Invalid for another kind, or no exercise."""
    catalogue.exercise(name)
    Progress.here().keep("answers", name, _plain(value))
    title = words("answer.title", name=name)
    form = card(
        "place",
        head(title),
        element("p", str(value)[:LONGEST_ANSWER]),
        element("p", words("answer.kept", name=name), class_="muted"),
        label=title,
    )
    return Card(words("answer.kept", name=name), form, data={"value": value})


def _plain(value: object) -> object:
    """As JSON holds it. Raises Invalid."""
    several = list(value) if isinstance(value, list | tuple | set | frozenset) else [value]
    if not all(one is None or isinstance(one, str | int | float) for one in several):
        raise Invalid("an answer is a number, a text or a list of these", "str(…) makes a text")
    if len(str(value)) > LONGEST_ANSWER:
        raise Invalid(f"an answer has at most {LONGEST_ANSWER} characters")
    return value if isinstance(value, str | int | float) or value is None else several


def hint(name: str) -> Card:
    """What helps with an exercise now: it looks at the mistake."""
    answer = _answer(name, Lab.here())
    told = catalogue.exercise(name).hint(answer)
    title = words("hint.title", name=name)
    return Card(told, card("hint", head(title), element("p", told), label=title))


def _answer(name: str, lab: Lab) -> Answer:
    look = lesson.check_of(name)
    if lab.tier == NONE:
        return cannot("no-engine", why=lab.why)
    return look(lab)


def quiz(name: str, *answers: object) -> Any:
    """The recall questions of a notebook, one below the other; ``answers`` gives them in the
    cell."""
    from IPython.display import display

    asked = catalogue.quizzes(name)
    given = [*answers, *([None] * len(asked))]
    for question, answer in zip(asked, given, strict=False):
        display(Quiz(question, Progress.here(), answer))  # type: ignore[no-untyped-call]


def verdict(name: str, answer: str | None = None) -> Verdict:
    """The learner's verdict on a claim, and then ours: holds, condition, wrong or opinion."""

    def own() -> str:
        kept = Progress.here().of("measured").get(name)
        return words("verdict.measured", value=kept["value"]) if isinstance(kept, dict) else ""

    return Verdict(catalogue.claim(name), Progress.here(), own, answer)


def ledger(notebook: str = "") -> Ledger:
    """All claims, or those of one notebook: what was measured, and both verdicts."""
    return Ledger(Progress.here(), notebook)


def recorded(name: str) -> Card:
    """A recording, in a frame of its own. It is no measurement of the learner's."""
    found = Recording.load(name)
    badge = words("badge.recorded", date=found.date, engine=found.engine, kernel=found.kernel)
    form = card(
        "recorded",
        head(found.what, badge),
        element("div", table(found.heads, found.rows), class_="wide"),
        label=badge,
    )
    lines = [" · ".join(row) for row in found.rows]
    return Card("\n".join([badge, found.what, *lines]), form, is_still=True)


def here() -> Card:
    """Which engine runs the cells, and what can be shown with it."""
    lab = Lab.here()
    told = lab.why or words(f"tier.{lab.tier}")
    form = card("place", head(words("here.title"), lab.badge), element("p", told), label=lab.badge)
    return Card(f"{lab.badge}\n{told}", form, data={"tier": lab.tier, "engine": lab.name})


def fishbowl() -> Card:
    """This notebook's own program, looked at as if it were in a container: often it is."""
    from .bowl import look

    rows = look()
    title = words("fishbowl.title")
    form = card(
        "place",
        head(title),
        element("div", table(words("fishbowl.heads").split("|"), rows), class_="wide"),
        label=title,
    )
    return Card("\n".join(" · ".join(row) for row in rows), form)


def colophon() -> Card:
    """Which versions this was run with, and the licence."""
    from .bowl import versions

    rows = versions(Lab.here(start=False))
    title = words("colophon.title")
    form = card(
        "place",
        head(title),
        element("div", table(["", ""], rows), class_="wide"),
        element("p", words("colophon.licence"), class_="muted"),
        label=title,
    )
    lines = [f"{name}: {value}" for name, value in rows]
    return Card("\n".join([*lines, words("colophon.licence")]), form)
