"""What was measured elsewhere and before, for where it cannot be measured here.

A recording is a file in ``recordings``: what was run, on which engine and kernel, on which day, and
what it said. It is shown in a frame of its own, and never counts as the learner's measurement.

    {"what": "…", "date": "2026-11-26", "engine": "Docker 20.10.24", "kernel": "6.18.44",
     "heads": ["…"], "rows": [["…"]]}

Knows: the files. Does not know: how they were made (tests/course/record.py does).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .catalogue import unknown

FOLDER = Path(__file__).parent / "recordings"


@dataclass(frozen=True)
class Recording:
    """``rows`` are text, one for each of ``heads``."""

    what: str
    date: str
    engine: str
    kernel: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]

    @classmethod
    def load(cls, name: str) -> Recording:
        """Raises Invalid where there is none."""
        there = sorted(file.stem for file in FOLDER.glob("*.json"))
        if name not in there:
            raise unknown("recording", name, there)
        return cls(**json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8")))
