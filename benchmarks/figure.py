"""A figure: two medians, their ratio, and how high it may be; or why there is none here.

Knows: arithmetic, how a row is printed. Does not know: what is measured.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

IN_ROW = 5  # of a side, before it is the other's turn
REST = 0.5  # seconds in which an engine has removed the container before

Side = Callable[[], float]
"""Does it once; the milliseconds that it took."""


class Absent(Exception):
    """This machine lacks what a figure needs; the text says what."""


@dataclass(frozen=True)
class Figure:
    """``ours`` and ``theirs`` are in ``unit``; ``target`` is the highest ratio allowed, if any."""

    name: str
    ours: float
    theirs: float
    target: float | None = None
    unit: str = "ms"

    @property
    def ratio(self) -> float:
        return self.ours / self.theirs

    @property
    def is_missed(self) -> bool:
        return self.target is not None and self.ratio > self.target

    def __str__(self) -> str:
        target = f"≤ {self.target:.2f}" if self.target is not None else ""
        sides = "".join(
            f"{side:8.{_digits(side)}f} {self.unit}" for side in (self.ours, self.theirs)
        )
        return f"{self.name:70}{sides} {self.ratio:6.2f}  {target}"


@dataclass(frozen=True)
class Gap:
    """A figure that could not be measured."""

    name: str
    why: str
    is_missed: bool = False

    def __str__(self) -> str:
        return f"{self.name:70}  {self.why}"


Row = Figure | Gap


def medians(sides: Sequence[Side], runs: int) -> list[float]:
    """Of ``runs`` runs or a few more of each side. They take turns of ``IN_ROW`` runs.

    The first of a turn is not counted: engines go on working after their answer (a container
    is removed), which is to be on nobody's account but their own.
    """
    times: list[list[float]] = [[] for _ in sides]
    while len(times[0]) < runs:
        for side, found in zip(sides, times, strict=True):
            side()
            found += [side() for _ in range(IN_ROW)]
    return [statistics.median(found) for found in times]


def compare(name: str, ours: Side, theirs: Side, *, target: float, runs: int) -> Figure:
    """As somebody who runs one cell or one command now and then meets it: rested, in turn."""
    ours(), theirs()
    turns = [(_rested(ours), _rested(theirs)) for _ in range(runs)]
    left, right = (statistics.median(times) for times in zip(*turns, strict=True))
    return Figure(name, left, right, target)


def _rested(side: Side) -> float:
    time.sleep(REST)
    return side()


def _digits(value: float) -> int:
    return 0 if value >= 100 else 1
