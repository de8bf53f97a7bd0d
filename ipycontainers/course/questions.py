"""Questions that a learner answers by a button: predictions, recall questions, verdicts.

    Prediction(question("04a-doors"))     keeps the answer, and says nothing of right or wrong
    Quiz(question("04a-recall-1"))        says at once whether it is right, and why
    Verdict(claim("C9"))                  asks for the learner's verdict, then shows ours

Every one is answered by buttons, so by the keyboard too, or by an argument in the cell. What is
stored with the notebook is the question and its choices, whatever the learner has answered.

Knows: the catalogue, the learner's progress. Does not know: engines.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ipycontainers.errors import Invalid
from ipycontainers.widgets.drawing import Markup, element, joined
from ipycontainers.widgets.widget import Widget

from .cards import card, head, style_sheet
from .catalogue import VERDICTS, Claim, Question, words
from .progress import Progress


class Questioned(Widget):
    """One question with its choices; with ``rows``, one for each row."""

    _css = style_sheet()
    part = "predictions"
    kind = "prediction"

    def __init__(self, question: Question, progress: Progress, answer: object = None) -> None:
        self.question, self.progress = question, progress
        super().__init__()
        if answer is not None:
            self.keep(_checked(question, answer))
        self.redraw()

    @property
    def given(self) -> Any:
        """The index of the choice that was made, or of each row; None before."""
        return _known(self.question, self.progress.of(self.part).get(self.question.id))

    def keep(self, answer: Any) -> None:
        """Remember it."""
        self.progress.keep(self.part, self.question.id, answer)

    def do(self, what: str) -> None:
        """``choose:CHOICE`` or ``choose:ROW:CHOICE``."""
        try:
            numbers = [int(one) for one in what.removeprefix("choose:").split(":")]
            self.keep(_with(self.question, self.given, numbers))
        except (ValueError, IndexError):
            return
        self.redraw()

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
        rows = [f"  {row}: ?" for row in self.question.rows]
        choices = [f"  {chr(97 + n)}) {one}" for n, one in enumerate(self.question.choices)]
        return "\n".join([self.question.text, *rows, *choices])

    def static(self) -> Markup:
        question = self.question
        rows = element("ul", *(element("li", it) for it in question.rows)) if question.rows else ""
        choices = element("ul", *(element("li", it) for it in question.choices))
        form = joined([element("p", element("strong", question.text)), rows, choices])
        return element("div", form, class_="ipycontainers")

    def draw(self) -> Markup:
        question, given = self.question, self.given
        asked = _grid(question, given) if question.rows else _list(question, given)
        return card(
            self.kind,
            head(words(f"{self.kind}.title")),
            element("p", question.text),
            asked,
            element("p", self.said(given), role="status", class_="muted"),
            label=f"{words(f'{self.kind}.title')}: {question.text}",
        )

    def said(self, given: Any) -> Markup | str:
        """Below the choices: what follows from the answer."""
        if not _is_whole(self.question, given):
            return words(f"{self.kind}.ask")
        return words(f"{self.kind}.kept")


class Prediction(Questioned):
    """Kept until the cell that measures says what was so."""


class Quiz(Questioned):
    """Right or wrong is said at once, with the reason."""

    part = "quizzes"
    kind = "quiz"

    def said(self, given: Any) -> Markup | str:
        question = self.question
        if not _is_whole(question, given):
            return words("quiz.ask")
        verdict = words("quiz.right" if is_right(question, given) else "quiz.wrong")
        return f"{verdict} {reason(question, given)}"


class Verdict(Questioned):
    """The learner's, and then the course's with its reason."""

    part = "verdicts"
    kind = "verdict"

    def __init__(
        self,
        claim: Claim,
        progress: Progress,
        measured: Callable[[], str],
        answer: str | None = None,
    ) -> None:
        self.claim, self._measured = claim, measured
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

    def said(self, given: Any) -> Markup | str:
        if given is None:
            return words("verdict.ask")
        ours = words(f"verdict.{self.claim.verdict}")
        same = VERDICTS[given] == self.claim.verdict
        start = words("verdict.same") if same else words("verdict.other", verdict=ours)
        return " ".join(filter(None, [start, self.claim.because, self._measured()]))


def is_right(question: Question, given: Any, right: Any = None) -> bool:
    """``right`` is the lesson's, where the engine decides it."""
    wanted = question.right if right is None else right
    return bool(given == (list(wanted) if isinstance(wanted, Sequence) else wanted))


def reason(question: Question, given: Any) -> str:
    """Why the choice is right or wrong."""
    if isinstance(question.why, str):
        return question.why
    return question.why[given] if isinstance(given, int) else " ".join(question.why)


def shown(question: Question, given: Any) -> str:
    """An answer in words."""
    if isinstance(given, list):
        return ", ".join(
            f"{row}: {question.choices[it]}"
            for row, it in zip(question.rows, given, strict=True)
            if it is not None
        )
    return question.choices[given] if isinstance(given, int) else ""


def _list(question: Question, given: Any) -> Markup:
    return element(
        "ul",
        *(
            element("li", _button(text, f"choose:{number}", given == number), data_key=str(number))
            for number, text in enumerate(question.choices)
        ),
        class_="choices",
    )


def _grid(question: Question, given: Any) -> Markup:
    chosen = given or [None] * len(question.rows)
    rows = [
        element(
            "tr",
            element("th", row, scope="row"),
            *(
                element(
                    "td",
                    _button(text, f"choose:{at}:{number}", chosen[at] == number, f"{row}: {text}"),
                )
                for number, text in enumerate(question.choices)
            ),
        )
        for at, row in enumerate(question.rows)
    ]
    return element("table", element("tbody", *rows), class_="grid")


def _button(text: str, do: str, is_pressed: bool, label: str = "") -> Markup:
    return element(
        "button",
        text,
        type="button",
        data_do=do,
        aria_pressed="true" if is_pressed else "false",
        aria_label=label or None,
    )


def _with(question: Question, given: Any, numbers: Sequence[int]) -> Any:
    """The answer with one more choice. Raises ValueError, IndexError where there is none."""
    if not 0 <= numbers[-1] < len(question.choices):
        raise IndexError(numbers)
    if not question.rows:
        (chosen,) = numbers
        return chosen
    at, chosen = numbers
    if not 0 <= at < len(question.rows):
        raise IndexError(numbers)
    answer = list(given or [None] * len(question.rows))
    answer[at] = chosen
    return answer


def _known(question: Question, kept: Any) -> Any:
    """What is kept, if it is an answer to this question: the file may be from an older course."""
    options = range(len(question.choices))
    if not question.rows:
        return kept if isinstance(kept, int) and kept in options else None
    if not isinstance(kept, list) or len(kept) != len(question.rows):
        return None
    return kept if all(one is None or one in options for one in kept) else None


def _is_whole(question: Question, given: Any) -> bool:
    return given is not None and (not question.rows or None not in given)


def _checked(question: Question, answer: object) -> Any:
    """An answer in the cell: the letter, the number from 0, or the text of a choice; for rows a
    list of these."""
    if question.rows:
        if not isinstance(answer, list | tuple) or len(answer) != len(question.rows):
            raise Invalid(
                f"{question.id} asks for {len(question.rows)} answers",
                "give a list, in their order",
            )
        return [_one(question, it) for it in answer]
    return _one(question, answer)


def _one(question: Question, answer: object) -> int:
    choices = list(question.choices)
    if isinstance(answer, str):
        if answer in choices:
            return choices.index(answer)
        if len(answer) == 1 and 0 <= ord(answer.lower()) - 97 < len(choices):
            return ord(answer.lower()) - 97
    if isinstance(answer, int) and not isinstance(answer, bool) and 0 <= answer < len(choices):
        return answer
    letters = ", ".join(f'"{chr(97 + number)}"' for number in range(len(choices)))
    raise Invalid(f"{answer!r} is no choice of {question.id}", f"they are {letters}")
