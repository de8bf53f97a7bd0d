"""Questions that a learner answers by a button: predictions, recall questions, verdicts.

    Prediction(question("04a-doors"), progress)     keeps the answer, and does not judge it
    Quiz(question("04a-recall-1"), progress)        says at once whether it is right, and why
    Verdict(claim("C9"), progress)                  asks for the learner's verdict, then shows ours

Every one is answered by buttons, so by the keyboard too, or by an argument in the cell. What is
stored with the notebook is the question and its choices, whatever the learner has answered.

Knows: the catalogue, the learner's progress. Does not know: engines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ipycontainers.widgets.drawing import Markup, element, joined
from ipycontainers.widgets.widget import Widget

from . import choices
from .cards import Told, card, head, prose, style_sheet
from .catalogue import VERDICTS, Claim, Question, legible, words
from .choices import is_whole, judged, reason, shown
from .progress import Progress


class Questioned(Widget):
    """One question with its choices; with ``rows``, one for each row."""

    _css = style_sheet()
    part = "predictions"
    kind = "prediction"

    def __init__(self, question: Question, progress: Progress, answer: object = None) -> None:
        self.question, self.progress = question, progress
        self._told = Told(progress)
        given = None if answer is None else choices.parsed(question, answer)
        super().__init__()
        progress.call(self.redraw)
        if given is not None:
            self.keep(given)
        self.redraw()

    @property
    def given(self) -> Any:
        """The index of the choice that was made, or of each row; None before."""
        return choices.known(self.question, self.progress.of(self.part).get(self.question.id))

    def keep(self, answer: Any) -> None:
        """Remember it."""
        self.progress.keep(self.part, self.question.id, answer)

    def do(self, what: str) -> None:
        """``choose:CHOICE`` or ``choose:ROW:CHOICE``."""
        try:
            numbers = [int(one) for one in what.removeprefix("choose:").split(":")]
            answer = choices.pressed(self.question, self.given, numbers)
        except (ValueError, IndexError):
            return
        self.keep(answer)

    # What a widget of ours gives

    @property
    def data(self) -> Mapping[str, Any]:
        question = self.question
        return {
            "id": question.id,
            "question": question.text,
            "choices": list(question.choices),
            "rows": list(question.rows),
            "given": self.given,
        }

    def rows(self) -> Sequence[Mapping[str, Any]]:
        return [{"choice": one} for one in self.question.choices]

    def subject(self) -> str:
        return repr(self.question.id)

    def __repr__(self) -> str:
        return self.summary()

    def summary(self) -> str:
        """The question and its choices, whatever was answered: stored and compared."""
        question = self.question
        rows = [f"  {row}: ?" for row in question.rows]
        listed = [f"  {choices.letter(n)}) {one}" for n, one in enumerate(question.choices)]
        return "\n".join([question.text, *rows, *listed])

    def static(self) -> Markup:
        question = self.question
        rows = element("ul", *(element("li", it) for it in question.rows)) if question.rows else ""
        listed = element("ul", *(element("li", it) for it in question.choices))
        form = joined([element("p", element("strong", question.text)), rows, listed])
        return element("div", form, class_="ipycontainers")

    def draw(self) -> Markup:
        question, given = self.question, self.given
        title = words(f"{self.kind}.title")
        asked = _grid(question, given) if question.rows else self._list(given)
        return card(
            self.kind,
            head(title),
            element("fieldset", element("legend", prose(question.text)), asked),
            element("div", self.said(given), role="status", class_="said"),
            self._told.now(),
            label=title,
        )

    def _list(self, given: Any) -> Markup:
        each = (
            _button(text, f"choose:{n}", given == n, class_=self.mark(given) if n == given else "")
            for n, text in enumerate(self.question.choices)
        )
        return element("div", *each, class_="choices")

    def mark(self, given: Any) -> str:
        """The class of the choice that was made, where it is judged."""
        return "" if given is None else "is-chosen"

    def said(self, given: Any) -> Markup:
        """Below the choices: what follows from the answer."""
        is_asked = not is_whole(self.question, given)
        return _muted(words(f"{self.kind}.{'ask' if is_asked else 'kept'}"))


class Prediction(Questioned):
    """Kept until the cell that measures says what was so. What was chosen before that counts."""

    @property
    def counted(self) -> Any:
        """What was chosen before the result was shown."""
        return super().given

    @property
    def given(self) -> Any:
        """What is chosen now."""
        later = choices.known(self.question, self.progress.of("later").get(self.question.id))
        return self.counted if later is None else later

    @property
    def is_seen(self) -> bool:
        """Whether the result has been shown."""
        return self.question.id in self.progress.of("seen")

    def keep(self, answer: Any) -> None:
        self.progress.keep("later" if self.is_seen else self.part, self.question.id, answer)

    def said(self, given: Any) -> Markup:
        if not self.is_seen:
            return super().said(given)
        counted = self.counted
        if counted is None:
            return _muted(words("prediction.late" if given is None else "prediction.only-later"))
        if counted == given:
            return _muted(words("prediction.seen"))
        return _muted(words("prediction.changed", answer=shown(self.question, counted)))


class Quiz(Questioned):
    """Right or wrong is said at once, with the reason."""

    part = "quizzes"
    kind = "quiz"

    def mark(self, given: Any) -> str:
        return "is-right" if judged(self.question, given) else "is-wrong"

    def said(self, given: Any) -> Markup:
        question = self.question
        if not is_whole(question, given):
            return super().said(given)
        word = words("quiz.right" if judged(question, given) else "quiz.wrong")
        return element("p", element("strong", word), " ", prose(reason(question, given)))


class Verdict(Questioned):
    """The learner's, and then the course's with its reason, beside what the learner measured."""

    part = "verdicts"
    kind = "verdict"

    def __init__(self, claim: Claim, progress: Progress, answer: object = None) -> None:
        self.claim = claim
        question = Question(
            id=claim.id,
            text=f"{claim.id}: {claim.text}",
            choices=[words(f"verdict.{one}") for one in VERDICTS],
        )
        number = VERDICTS.index(answer) if answer in VERDICTS else answer
        super().__init__(question, progress, number)

    def keep(self, answer: Any) -> None:
        self.progress.keep(self.part, self.claim.id, VERDICTS[answer])

    @property
    def given(self) -> Any:
        found = self.progress.of(self.part).get(self.claim.id)
        return VERDICTS.index(found) if found in VERDICTS else None

    def said(self, given: Any) -> Markup:
        if given is None:
            return super().said(given)
        is_same = VERDICTS[given] == self.claim.verdict
        ours = words(f"verdict.{self.claim.verdict}")
        start = words("verdict.same") if is_same else words("verdict.other", verdict=ours)
        return joined(
            [
                element("p", element("strong", start), " ", prose(self.claim.because)),
                _muted(self._measured()),
            ]
        )

    def _measured(self) -> str:
        kept = self.progress.of("measured").get(self.claim.id)
        if not isinstance(kept, Mapping):
            return words("verdict.not-measured")
        value, engine = legible(kept.get("value", "")), legible(kept.get("engine", ""))
        return words("verdict.measured", value=value, engine=engine)


def _muted(text: str) -> Markup:
    return element("p", prose(text), class_="muted")


def _grid(question: Question, given: Any) -> Markup:
    chosen = given or [None] * len(question.rows)
    rows = (
        element(
            "div",
            element("span", prose(row), class_="row"),
            element(
                "span",
                *(
                    _button(text, f"choose:{at}:{number}", chosen[at] == number, f"{row}: {text}")
                    for number, text in enumerate(question.choices)
                ),
                class_="answers",
            ),
            role="group",
            aria_label=_heard(row),
        )
        for at, row in enumerate(question.rows)
    )
    return element("div", *rows, class_="grid")


def _heard(text: str) -> str:
    return text.replace("`", "")


def _button(text: str, do: str, is_pressed: bool, label: str = "", class_: str = "") -> Markup:
    return element(
        "button",
        prose(text),
        type="button",
        class_=class_ or None,
        data_do=do,
        data_key=do,
        aria_pressed="true" if is_pressed else "false",
        aria_label=_heard(label) or None,
    )
