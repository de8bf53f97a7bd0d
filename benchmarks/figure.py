"""A figure: two medians, their ratio, and how high it may be; or why there is none here.

Knows: arithmetic, how a row is printed. Does not know: what is measured.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

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
    """Of each side; they take turns, ``runs`` times after one uncounted turn."""
    for side in sides:
        side()
    turns = [[side() for side in sides] for _ in range(runs)]
    return [statistics.median(times) for times in zip(*turns, strict=True)]


def compare(name: str, ours: Side, theirs: Side, *, target: float, runs: int) -> Figure:
    left, right = medians([ours, theirs], runs)
    return Figure(name, left, right, target)


def _digits(value: float) -> int:
    return 0 if value >= 100 else 1
