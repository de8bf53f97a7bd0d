"""What a learner writes in a cell: one function per thing that can be asked for.

Each reads the catalogue, looks at the lab, keeps what is to be kept and returns something that
shows itself. *Restart & Run All* never stops at one: an answer that is missing is asked for, an
exercise that is not done says so.

Knows: all of the course. Does not know: drawing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ipycontainers.client.translate import translated
from ipycontainers.errors import ContainerError, EngineUnavailable, Invalid
from ipycontainers.widgets.connection import forget
from ipycontainers.widgets.drawing import Markup, element, joined, table

from . import catalogue, lesson, measurement
from .answer import Answer, State, cannot
from .cards import Card, Told, card, head, paragraphs, prose, wide
from .catalogue import legible, words
from .lab import NONE, Lab
from .ledger_widget import Ledger
from .progress import Progress, now
from .questions import Prediction, Quiz, Verdict
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
            " ",
            prose(one.text),
            " ",
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
    return measurement.of_claim(name, value, prediction=prediction, show=show, lab=Lab.here())


def expect(name: str, value: Any, *, prediction: str = "", show: str = "") -> Card:
    """The same for a value that belongs to no claim; ``name`` is the lesson's."""
    return measurement.of_value(name, value, prediction=prediction, show=show, lab=Lab.here())


def check(name: str) -> Card:
    """Whether an exercise is done: looks at the engine's state and at what is measured, so any
    way to the goal passes. Raises Invalid where there is no such exercise."""
    exercise, lab, progress = catalogue.exercise(name), Lab.here(), Progress.here()
    answer = _answer(name, lab)
    _keep(progress, name, answer.state)
    state, said = catalogue.state_words(answer.state), exercise.words(answer)
    title = f"{name}: {state}"
    form = card(
        "correct" if answer.state is State.CORRECT else "working",
        head(title, lab.badge),
        element("div", paragraphs(said), role="status"),
        Markup() if answer.state is State.CORRECT else _hint(exercise.hint(answer)),
        Told(progress).now(),
        label=title,
    )
    return Card(f"{title}. {said}", form, data={"state": answer.state.value})


def _hint(text: str) -> Markup:
    """Opened by a button, without the kernel."""
    button = element("summary", words("hint.open"))
    return element("details", button, paragraphs(text), class_="hint")


def _keep(progress: Progress, name: str, state: State) -> None:
    """One that was done stays so in the ledger, though its containers are gone."""
    before = progress.of("checks").get(name)
    done = before.get("done") if isinstance(before, Mapping) else None
    if state is State.CORRECT:
        done = done or now()
    more = {"done": done} if done else {}
    progress.keep("checks", name, {"state": state.value, "at": now(), **more})


def found(name: str, value: object) -> Card:
    """Keep a value that the learner has found out, for the check of the exercise ``name`` to look
    at: a number, a text, a list of these, or a dict with such values. Raises Invalid for another
    kind, or no exercise."""
    catalogue.exercise(name)
    progress = Progress.here()
    progress.keep("answers", name, _plain(value))
    title = words("answer.title", name=name)
    form = card(
        "place",
        head(title),
        element("p", legible(value), class_="value"),
        element("p", words("answer.kept", name=name), class_="muted"),
        Told(progress).now(),
        label=title,
    )
    return Card(words("answer.kept", name=name), form, data={"value": value})


def _plain(value: object) -> object:
    """As JSON holds it. Raises Invalid."""
    if isinstance(value, Mapping):
        plain: object = {str(key): _flat(one) for key, one in value.items()}
    else:
        plain = _flat(value)
    if len(str(plain)) > LONGEST_ANSWER:
        raise Invalid(words("found.long", count=LONGEST_ANSWER))
    return plain


def _flat(value: object) -> object:
    several = list(value) if isinstance(value, list | tuple | set | frozenset) else [value]
    if not all(one is None or isinstance(one, str | int | float) for one in several):
        raise Invalid(words("found.kind"), words("found.kind.hint"))
    return value if isinstance(value, str | int | float) or value is None else several


def hint(name: str) -> Card:
    """What helps with an exercise now: it looks at the mistake."""
    exercise = catalogue.exercise(name)
    told = exercise.hint(_answer(name, Lab.here()))
    title = words("hint.title", name=name)
    return Card(told, card("hint", head(title), paragraphs(told), label=title))


def _answer(name: str, lab: Lab) -> Answer:
    look = lesson.check_of(name)
    if lab.tier == NONE:
        return cannot("no-engine", why=lab.why)
    try:
        with translated(name):  # lessons ask docker-py too
            return look(lab)
    except EngineUnavailable as error:
        forget()
        return cannot("engine-gone", why=error.in_one_line)
    except ContainerError as error:
        return cannot("engine-failed", why=error.in_one_line)


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
    return Verdict(catalogue.claim(name), Progress.here(), answer)


def ledger(notebook: str = "") -> Ledger:
    """All claims, or those of one notebook: what was measured, both verdicts, and which exercises
    are done. Raises Invalid where there is no such notebook."""
    return Ledger(Progress.here(), notebook)


def recorded(name: str) -> Card:
    """A recording, in a frame of its own. It is no measurement of the learner's. Raises Invalid
    where there is none."""
    found = Recording.load(name)
    label = words("recorded.label")
    badge = words("badge.recorded", date=found.date, engine=found.engine, kernel=found.kernel)
    form = card(
        "recorded",
        head(label, badge),
        element("p", prose(found.what)),
        wide(found.what, table(found.heads, found.rows)),
        label=label,
    )
    lines = [" · ".join(row) for row in found.rows]
    return Card("\n".join([f"{label} · {badge}", found.what, *lines]), form, is_still=True)


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
    shown = [[what, _with_note(here, tells)] for what, here, tells in rows]
    form = card(
        "place",
        head(title),
        wide(title, table(words("fishbowl.heads").split("|"), shown)),
        label=title,
    )
    return Card("\n".join(" · ".join(row) for row in rows), form)


def _with_note(value: str, note: str) -> Markup:
    return joined([value, element("div", note, class_="muted")])


def colophon() -> Card:
    """Which versions this was run with, and the licence."""
    from .bowl import versions

    rows = versions(Lab.here(start=False))
    title = words("colophon.title")
    form = card(
        "place",
        head(title),
        wide(title, table(words("colophon.heads").split("|"), rows)),
        element("p", words("colophon.licence"), class_="muted"),
        label=title,
    )
    lines = [f"{name}: {value}" for name, value in rows]
    return Card("\n".join([*lines, words("colophon.licence")]), form)
