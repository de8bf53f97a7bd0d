"""What an engine tells of a build, line by line, as steps.

    progress = Progress(plan)
    for line in stream.lines(): progress.feed(line)
    progress.steps, progress.image, progress.failure

dockerd and our own engine write ``Step 2/3 : RUN make``, Podman ``[1/2] STEP 2/3: RUN make``. Of
what a step prints the end is kept, up to a bound.

Knows: the classic builder's lines, those of dockerd and of Podman. Does not know: engines, time
but by a clock that it is given.
"""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .plan import Plan

KEPT = 64_000  # characters of what one step prints
_STEP = re.compile(r"(?:\[(\d+)/(\d+)\] )?(?:Step|STEP) (\d+)/(\d+) ?: ([^\n]*)\n?")
_CACHED = re.compile(r" ?-+> Using cache(?: ([0-9a-f]{12,64}))?\n?")
_MADE = re.compile(r" ?-+> ([0-9a-f]*)\n?")  # nothing for FROM scratch
_BEGUN = re.compile(r" ?-+> Running in ([0-9a-f]+)\n?")
# In the words of Engine 20.10, and of later ones.
_REMOVED = re.compile(r"(?: ?-+> Removed|Removing) intermediate container ([0-9a-f]+)(?:: .*)?\n?")
# Of no use to a reader: ids that differ from run to run, and what stands elsewhere. A program may
# say such things too, as pip does, so they are the engine's only behind what a step has made.
_NOISE = re.compile(r"Successfully (?:built|tagged) \S+\n?|[0-9a-f]{64}\n?")
_COMMIT = re.compile(r"COMMIT(?: \S+)?\n?")
_WARNING = re.compile(r"\[W(?:arning|ARNING)\].*\n?", re.DOTALL)
# Colours, and whatever else moves about in a terminal (ECMA-48, 5.3 to 5.6).
_ESCAPE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


@dataclass(eq=False)  # two steps may say the same
class Step:
    """One step. ``state`` is waiting, running, done, cached, failed, or stopped: nobody waits for
    it any more; ``line`` that of the cell, 0 where it is not known; ``seconds`` how long it took,
    None while it lasts."""

    text: str
    line: int = 0
    state: str = "waiting"
    seconds: float | None = None
    image: str = ""  # the id that the engine gives what is built by then
    began: float = 0.0
    printed: deque[str] = field(default_factory=deque)
    lost: int = 0  # characters of the beginning that were not kept
    _kept: int = 0

    def add(self, text: str) -> None:
        """More that it printed."""
        self.printed.append(text[-KEPT:])
        self.lost += max(0, len(text) - KEPT)
        self._kept += len(self.printed[-1])
        while self._kept > KEPT:
            over = self._kept - KEPT
            first = self.printed.popleft()
            if len(first) > over:
                self.printed.appendleft(first[over:])
            gone = min(over, len(first))
            self._kept -= gone
            self.lost += gone

    @property
    def output(self) -> str:
        """What a terminal shows in the end: lines that are written over, as a bar is, once."""
        # In one step of the interpreter: it is asked for in another thread, too.
        text = _ESCAPE.sub("", "".join(self.printed))
        shown = (line.rstrip("\r").rsplit("\r", 1)[-1] for line in text.split("\n"))
        return _CONTROL.sub("", "\n".join(shown))


@dataclass(frozen=True)
class Failure:
    """The engine's last word. ``code`` is a command's, 0 where none failed."""

    message: str
    code: int


class Progress:
    """Of one build. ``status`` is what is done apart from steps, as a pull; "" for nothing."""

    def __init__(self, plan: Plan, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._plan = plan
        self.steps: list[Step] = [Step(one.text, one.line) for one in plan.steps]
        self.current: Step | None = None
        self.image = ""
        self.status = ""
        self.warnings: list[str] = []
        self.failure: Failure | None = None
        self._next = 0
        self._container = ""  # in which dockerd has a step done
        self._ends_stage = False
        self._is_made = False

    @property
    def number(self) -> int:
        """Of the current step, from 1; 0 before the first."""
        return self.steps.index(self.current) + 1 if self.current else 0

    @property
    def elapsed(self) -> float:
        """Seconds that the current step lasts by now."""
        return self._clock() - self.current.began if self.current else 0.0

    @property
    def last_stage(self) -> list[Step]:
        """The steps from the last FROM on."""
        froms = [n for n, step in enumerate(self.steps) if step.text[:5].upper() == "FROM "]
        return self.steps[froms[-1] :] if froms else self.steps

    def feed(self, line: Mapping[str, Any]) -> None:
        """Take one line."""
        if "errorDetail" in line or "error" in line:
            self._fail(line)
        elif isinstance(text := line.get("stream"), str):
            (self._said_inside if self._container else self._said)(text)
        elif isinstance(aux := line.get("aux"), dict):
            self.image = str(aux.get("ID") or self.image)
        elif "status" in line:
            self.status = _status(line)

    def end(self) -> None:
        """The stream has ended."""
        self._finish()

    def stop(self) -> None:
        """Nobody reads the stream any more; of no effect after its end."""
        if self.current and self.current.state == "running":
            self._finish("stopped")

    def _said(self, text: str) -> None:
        if found := _STEP.fullmatch(text):
            self._begin(found)
        elif (found := _CACHED.fullmatch(text)) and self.current and not self.current.printed:
            self.current.state = "cached"
            self.current.image = found[1] or self.current.image
        elif found := _BEGUN.fullmatch(text):
            self._container = found[1]
        elif found := _MADE.fullmatch(text):
            self._made(found[1])
        elif self._is_warning(plain := _ESCAPE.sub("", text)):
            self.warnings.append(plain.strip())
        # dockerd ends the line of a step with a line of its own.
        elif self.current and not self._is_noise(text) and (text != "\n" or self.current.printed):
            self.current.add(text)

    def _said_inside(self, text: str) -> None:
        """While dockerd's container is there, all is its program's, whatever it looks like."""
        found = _REMOVED.fullmatch(text)
        if found and found[1] == self._container:
            self._container = ""
        elif self.current:
            self.current.add(text)

    def _made(self, image: str) -> None:
        self.status = ""
        self._is_made = True
        if self.current:
            self.current.image = image

    def _is_warning(self, text: str) -> bool:
        return (self.current is None or self._is_made) and bool(_WARNING.fullmatch(text))

    def _is_noise(self, text: str) -> bool:
        if self._is_made:
            return bool(_NOISE.fullmatch(text) or _REMOVED.fullmatch(text))
        return self._ends_stage and bool(_COMMIT.fullmatch(text))

    def _begin(self, found: re.Match[str]) -> None:
        self._finish()
        self.status = ""
        self._ends_stage, self._is_made = found[3] == found[4], False
        number = self._found(found)
        if number is None:
            self.steps.insert(self._next, Step(found[5]))
            number = self._next
        self._next = number + 1
        self.current = self.steps[number]
        self.current.state, self.current.began = "running", self._clock()

    def _found(self, found: re.Match[str]) -> int | None:
        """Which of the planned steps it is. dockerd counts them as they are planned; Podman in
        each stage, of which it leaves out what no other needs."""
        count = int(found[4])
        if not found[1] and count == len(self._plan.steps) and int(found[3]) <= len(self.steps):
            return int(found[3]) - 1
        said = " ".join(found[5].split())
        for number in range(self._next, len(self.steps)):
            if " ".join(self.steps[number].text.split()) == said:
                return number
        return None

    def _finish(self, state: str = "done") -> None:
        step = self.current
        if step is None or step.seconds is not None:
            return
        step.seconds = self._clock() - step.began
        if step.state == "running" or state == "failed":
            step.state = state

    def _fail(self, line: Mapping[str, Any]) -> None:
        detail = line.get("errorDetail")
        detail = detail if isinstance(detail, dict) else {}
        message = str(detail.get("message") or line.get("error") or "the build failed")
        code = detail.get("code")
        if not isinstance(code, int) or not code:
            told = re.search(r"exit(?:ed with)? (?:status|code) (\d+)", message)
            code = int(told[1]) if told else 0
        self.failure = Failure(" ".join(message.split()), code)
        self._finish("failed")


def _status(line: Mapping[str, Any]) -> str:
    """A line of a pull, without its bar."""
    layer, said = str(line.get("id") or ""), str(line["status"])
    detail = line.get("progressDetail")
    current = detail.get("current") if isinstance(detail, dict) else None
    total = detail.get("total") if isinstance(detail, dict) else None
    share = f" {100 * current // total}%" if current and total else ""
    return f"{f'{layer}: ' if layer else ''}{said}{share}"
