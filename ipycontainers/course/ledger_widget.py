"""The ledger: every claim of the orientation, what the learner measured, and both verdicts.

    Ledger(Progress.here())              all 33 claims
    Ledger(Progress.here(), "04a")       those of one notebook
    print(ledger.to_markdown())

Only the learner's own measurements stand in it; a recording never does.

Knows: the catalogue, the learner's progress. Does not know: how anything was measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ipycontainers.widgets.drawing import Markup, element, table
from ipycontainers.widgets.widget import Widget

from .cards import card, head, style_sheet
from .catalogue import VERDICTS, claims, words
from .progress import Progress


class Ledger(Widget):
    """A table that a learner fills by working."""

    _css = style_sheet()

    def __init__(self, progress: Progress, notebook: str = "") -> None:
        self._progress, self._notebook = progress, notebook
        super().__init__()
        self.redraw()

    @property
    def data(self) -> Mapping[str, Any]:
        return {"claims": list(self.rows())}

    def rows(self) -> Sequence[Mapping[str, Any]]:
        verdicts, measured = self._progress.of("verdicts"), self._progress.of("measured")
        return [
            {
                "claim": one.id,
                "text": one.text,
                "notebook": one.notebook,
                "measured": _told(measured.get(one.id)),
                "mine": verdicts.get(one.id, "") if verdicts.get(one.id) in VERDICTS else "",
                "course": one.verdict if one.id in verdicts else "",
            }
            for one in claims()
            if not self._notebook or one.notebook == self._notebook
        ]

    def summary(self) -> str:
        rows = self.rows()
        judged = sum(1 for row in rows if row["mine"])
        return words("ledger.summary", judged=judged, all=len(rows))

    def subject(self) -> str:
        return repr(self._notebook) if self._notebook else ""

    def static(self) -> Markup:
        """Without what one learner has done: the claims, and where each is judged."""
        rows = [[row["claim"], row["text"], row["notebook"]] for row in self.rows()]
        return element("div", table(words("ledger.still").split("|"), rows), class_="ipycontainers")

    def draw(self) -> Markup:
        rows = [
            [
                row["claim"],
                row["text"],
                row["measured"],
                _verdict(row["mine"]),
                _verdict(row["course"]),
            ]
            for row in self.rows()
        ]
        shown = table(words("ledger.heads").split("|"), rows, caption=self.summary())
        wide = element("div", shown, class_="wide", tabindex="0", role="group", aria_label="Table")
        return card("ledger", head(words("ledger.title")), wide, label=words("ledger.title"))

    def to_markdown(self) -> str:
        """The same, to keep."""
        lines = [f"| {' | '.join(words('ledger.heads').split('|'))} |", "|---|---|---|---|---|"]
        for row in self.rows():
            cells = [row["claim"], row["text"], row["measured"]]
            cells += [_verdict(row["mine"]), _verdict(row["course"])]
            lines.append("| " + " | ".join(_escaped(one) for one in cells) + " |")
        return "\n".join(lines) + "\n"


def _told(measured: object) -> str:
    if not isinstance(measured, Mapping):
        return ""
    return f"{measured.get('value', '')} ({measured.get('engine', '')})"


def _verdict(choice: str) -> str:
    return words(f"verdict.{choice}") if choice else ""


def _escaped(text: str) -> str:
    return " ".join(text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").split())
