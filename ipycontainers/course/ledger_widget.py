"""The ledger: every claim of the orientation, what the learner measured, and both verdicts; and
which exercises are done.

    Ledger(Progress.here())              all 33 claims
    Ledger(Progress.here(), "04a")       those of one notebook
    print(ledger.to_markdown())

It is drawn again when something is measured, judged or checked in the same kernel. Only the
learner's own measurements stand in it; a recording never does.

Knows: the catalogue, the learner's progress. Does not know: how anything was measured.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ipycontainers.widgets.drawing import Markup, element, joined, table
from ipycontainers.widgets.widget import Widget

from . import catalogue
from .answer import State
from .cards import Told, card, head, prose, style_sheet, wide
from .catalogue import VERDICTS, legible, state_words, words
from .progress import Progress

Row = Mapping[str, Any]


class Ledger(Widget):
    """A table that a learner fills by working. Raises Invalid where there is no such notebook."""

    _css = style_sheet()

    def __init__(self, progress: Progress, notebook: str = "") -> None:
        self._progress, self._notebook = progress, notebook
        self._told = Told(progress)
        names = [notebook] if notebook else catalogue.notebooks()
        self._notebooks = {name: catalogue.notebook(name) for name in names}
        super().__init__()
        progress.call(self.redraw)
        self.redraw()

    @property
    def data(self) -> Mapping[str, Any]:
        return {"claims": list(self.rows()), "exercises": list(self.exercises())}

    def rows(self) -> Sequence[Row]:
        verdicts, measured = self._progress.of("verdicts"), self._progress.of("measured")
        return [
            {
                "claim": one.id,
                "text": one.text,
                "notebook": one.notebook,
                "measured": _told(measured.get(one.id)),
                "mine": mine if (mine := verdicts.get(one.id)) in VERDICTS else "",
                "course": one.verdict if mine in VERDICTS else "",
            }
            for one in catalogue.claims()
            if not self._notebook or self._is_judged_here(one)
        ]

    def _is_judged_here(self, claim: catalogue.Claim) -> bool:
        named = self._notebooks[self._notebook].get("claims", ())
        return claim.notebook == self._notebook or claim.id in named

    def exercises(self) -> Iterator[Row]:
        """One for each: its notebook, how far it is, whether it was done at some time."""
        checks = self._progress.of("checks")
        for notebook, told in self._notebooks.items():
            for name in told.get("exercises", ()):
                kept = checks.get(name)
                state, is_done = _state(kept if isinstance(kept, Mapping) else {})
                yield {"exercise": name, "notebook": notebook, "state": state, "done": is_done}

    def summary(self) -> str:
        rows, exercises = self.rows(), list(self.exercises())
        return words(
            "ledger.summary",
            judged=sum(1 for row in rows if row["mine"]),
            all=len(rows),
            done=sum(1 for one in exercises if one["done"]),
            exercises=len(exercises),
        )

    def subject(self) -> str:
        return repr(self._notebook) if self._notebook else ""

    def static(self) -> Markup:
        """Without what one learner has done: the claims, and where each is judged."""
        rows = [[row["claim"], prose(row["text"]), row["notebook"]] for row in self.rows()]
        return element("div", table(words("ledger.still").split("|"), rows), class_="ipycontainers")

    def draw(self) -> Markup:
        title, exercises = words("ledger.title"), list(self.exercises())
        claims = [[_called(name, text), *more] for name, text, *more in self._cells()]
        heads = words("ledger.exercises" if self._notebook else "ledger.by-notebook").split("|")
        listed = _each(exercises) if self._notebook else self._by_notebook(exercises)
        return card(
            "ledger",
            head(title),
            element("p", self.summary(), role="status"),
            wide(words("ledger.claims.label"), table(words("ledger.heads").split("|"), claims)),
            wide(words("ledger.exercises.label"), table(heads, listed)) if exercises else Markup(),
            self._told.now(),
            label=title,
        )

    def _cells(self) -> list[list[str]]:
        return [
            [
                row["claim"],
                row["text"],
                row["measured"],
                _verdict(row["mine"]),
                _verdict(row["course"]),
            ]
            for row in self.rows()
        ]

    def _by_notebook(self, exercises: Sequence[Row]) -> list[list[str]]:
        rows = []
        for notebook, told in self._notebooks.items():
            here = [one for one in exercises if one["notebook"] == notebook]
            to_do = [str(one["exercise"]) for one in here if not one["done"]]
            count = words("ledger.done", done=len(here) - len(to_do), all=len(here))
            if here:
                rows.append([f"{notebook} {told['title']}", count, ", ".join(to_do)])
        return rows

    def to_markdown(self) -> str:
        """The same, to keep."""
        heads = words("ledger.heads").split("|")
        claims = [[f"{name}: {text}", *more] for name, text, *more in self._cells()]
        exercises = _each(self.exercises())
        lines = [self.summary(), "", *_markdown(heads, claims)]
        if exercises:
            lines += ["", *_markdown(words("ledger.exercises").split("|"), exercises)]
        return "\n".join(lines) + "\n"


def _called(name: str, text: str) -> Markup:
    return joined([element("strong", name), " ", element("span", prose(text), class_="says")])


def _told(measured: object) -> str:
    if not isinstance(measured, Mapping):
        return ""
    return f"{legible(measured.get('value', ''))} ({legible(measured.get('engine', ''))})"


def _state(kept: Row) -> tuple[str, bool]:
    """How far it is, in words, and whether it was done."""
    if kept.get("done"):
        return f"✓ {state_words(State.CORRECT)}", True
    found = next((one for one in State if one.value == kept.get("state")), State.NOT_STARTED)
    return state_words(found), found is State.CORRECT


def _each(exercises: Iterator[Row] | Sequence[Row]) -> list[list[str]]:
    return [[one["exercise"], one["state"]] for one in exercises]


def _verdict(choice: str) -> str:
    return words(f"verdict.{choice}") if choice else ""


def _markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [heads, ["---"] * len(heads), *rows]
    return [f"| {' | '.join(_escaped(one) for one in line)} |" for line in lines]


def _escaped(text: str) -> str:
    """For a cell of a table: nothing in it is markup."""
    plain = html.escape(" ".join(text.split()), quote=False)
    return "".join(f"\\{it}" if it in "\\|`*_[" else it for it in plain)
