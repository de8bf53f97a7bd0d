"""A build while it lasts, and what came of each step.

Stored is what was to be done, which is the same each time; how long a step took and whether it
was cached stands in the live form only.

Knows: steps, drawing. Does not know: engines, when to show or hide itself.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from ipycontainers.building.plan import Plan
from ipycontainers.building.progress import Progress, Step
from ipycontainers.oci.sizes import counted

from .drawing import Markup, element, joined, size
from .durations import duration
from .widget import Widget, source

EVERY = 0.25  # seconds from one drawing to the next
BRIEF = 0.05  # seconds; less is not told
TAIL = 8  # lines of a step that runs
SHOWN = 4000  # characters of one that has ended
MARKS = {
    "waiting": "○",
    "running": "▶",
    "done": "✓",
    "cached": "↺",
    "failed": "✗",
    "stopped": "■",
}


def fixed_text(title: str, plan: Plan) -> str:
    """The same in each run, for stored outputs."""
    count = len(plan.steps)
    steps = (f"Step {n}/{count} : {flat(one.text)}" for n, one in enumerate(plan.steps, 1))
    return "\n".join([title, *steps])


def fixed_form(title: str, plan: Plan) -> Markup:
    """The same as HTML."""
    steps = (element("li", element("code", flat(one.text))) for one in plan.steps)
    return element(
        "div", element("p", element("strong", title)), element("ol", *steps), class_="ipycontainers"
    )


def flat(text: str) -> str:
    return " ".join(text.split())


class BuildView(Widget):
    """A heading, and for each step its state, its text, its time and what it printed.

    It is drawn by a thread, four times a second until its end: the last thing that an engine says
    before a step of an hour is to be seen too.
    """

    _css = source("widget.css", "build.css")

    def __init__(self, title: str, plan: Plan, progress: Progress) -> None:
        """``progress`` is fed by somebody else, up to ``end``."""
        super().__init__()
        self._title, self._plan, self._progress = title, plan, progress
        self._sent = 0
        self._has_ended = threading.Event()
        self.redraw()
        self._thread = threading.Thread(
            target=self._follow, name=f"ipycontainers {self!r}", daemon=True
        )
        self._thread.start()

    def sent(self, count: int) -> None:
        """Bytes of the context that are on their way."""
        self._sent = count

    def end(self) -> None:
        """Nothing more comes."""
        self._progress.stop()
        self._has_ended.set()
        self._thread.join()
        self.redraw()

    def _follow(self) -> None:
        while not self._has_ended.wait(EVERY):
            self.redraw()

    @property
    def data(self) -> Mapping[str, Any]:
        return {"title": self._title, "steps": self.rows()}

    def rows(self) -> Sequence[Mapping[str, Any]]:
        return [
            {
                "text": one.text,
                "line": one.line,
                "state": one.state,
                "seconds": one.seconds,
                "output": one.output,
            }
            for one in self._progress.steps
        ]

    def subject(self) -> str:
        return repr(self._title)

    def static(self) -> Markup:
        return fixed_form(self._title, self._plan)

    def _repr_mimebundle_(self, **more: object) -> tuple[dict[str, Any], dict[str, Any]]:
        data, metadata = super()._repr_mimebundle_(**more)
        return {**data, "text/plain": fixed_text(self._title, self._plan)}, metadata

    def summary(self) -> str:
        """How far it is."""
        progress = self._progress
        count = len(progress.steps)
        if progress.failure:
            return f"failed in step {progress.number} of {count}"
        if progress.current and progress.current.state == "stopped":
            return f"stopped in step {progress.number} of {count}"
        if self._has_ended.is_set() and not progress.current:
            return "not built"
        if self._has_ended.is_set():
            took = sum(one.seconds or 0 for one in progress.steps)
            cached = sum(one.state == "cached" for one in progress.steps)
            told = f", {cached} from the cache" if cached else ""
            return f"built in {duration(took)}{told}"
        if progress.current:
            return f"step {progress.number} of {count}"
        return f"sending the folder, {size(self._sent)}" if self._sent else "beginning"

    def draw(self) -> Markup:
        steps = self._progress.steps
        return element(
            "div",
            element(
                "p",
                element("strong", self._title),
                " ",
                element("span", self.summary(), class_="muted", role="status"),
                class_="build-head",
            ),
            element("ol", *(self._row(n, one) for n, one in enumerate(steps, 1)), role="list"),
            class_="build",
        )

    def _row(self, number: int, step: Step) -> Markup:
        is_now = step is self._progress.current and not self._has_ended.is_set()
        seconds = self._progress.elapsed if is_now else step.seconds or 0.0
        took = duration(seconds) if seconds >= BRIEF else ""
        is_left_out = step.state == "waiting" and self._has_ended.is_set()
        parts = [
            element(
                "span",
                element("span", MARKS[step.state], aria_hidden="true", class_="build-mark"),
                f" {'not run' if is_left_out else step.state}",
                class_="build-state",
            ),
            element("code", flat(step.text)),
            element("span", took, class_="build-time muted"),
        ]
        printed = self._running(step) if is_now else self._printed(step)
        return element(
            "li",
            *parts,
            printed,
            class_=f"build-step build-{step.state}",
            data_key=f"step-{number}",
        )

    def _running(self, step: Step) -> Markup:
        """The last lines of a step that is not over."""
        status = self._progress.status
        lines = [*step.output[-SHOWN:].splitlines()[-TAIL:], *([status] if status else ())]
        return element("pre", "\n".join(lines), class_="build-now") if lines else Markup()

    def _printed(self, step: Step) -> Markup:
        """All that it printed, when all is over: each time would be too much for a page. What a
        failed step printed stands below the cell."""
        text = step.output.strip("\n")
        if not text or not self._has_ended.is_set() or step.state == "failed":
            return Markup()
        count = text.count("\n") + 1
        shown = text[-SHOWN:]
        cut = len(shown) < len(text) or step.lost
        return element(
            "details",
            element("summary", f"{counted(count, 'line')} of output"),
            element("pre", joined((["… "] if cut else []) + [shown]), tabindex="0"),
        )
