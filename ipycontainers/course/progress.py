"""What a learner has done, in one JSON file beside the notebooks.

    progress = Progress.here()
    progress.keep("predictions", "04a-doors", ["pid", "net"])
    progress.of("predictions")["04a-doors"]

The file is ``course-progress.json`` in the notebook's folder, or what IPYCONTAINERS_COURSE_PROGRESS
names. Deleting it starts the course anew. It is written whole beside the old one and put in its
place, under a lock, since two notebooks may be open. One that is no progress of ours is set aside
under another name, and said.

    {"version": 1, "predictions": {id: value}, "quizzes": {…}, "verdicts": {claim: choice},
     "checks": {exercise: {state, at}}, "answers": {exercise: value},
     "measured": {claim: {value, engine, …}}}

Knows: the file. Does not know: what the values mean.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

NAME: Final = "course-progress.json"
PARTS: Final = ("predictions", "quizzes", "verdicts", "checks", "answers", "measured")
# One of a whole course has some 20 kB.
SIZE_LIMIT: Final = 2_000_000


def now() -> str:
    """In UTC, to the second: 2026-11-26T18:00:00Z."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class Progress:
    """The file at ``path``. Reading never fails for what is in it; writing raises OSError where
    the folder cannot be written to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.set_aside: Path | None = None

    @classmethod
    def here(cls) -> Progress:
        """That of the notebooks in the current folder."""
        return cls(Path(os.environ.get("IPYCONTAINERS_COURSE_PROGRESS") or NAME).absolute())

    def of(self, part: str) -> dict[str, Any]:
        """What is kept of one of PARTS."""
        return self._read()[part]

    def keep(self, part: str, key: str, value: Any) -> None:
        """Remember it, in place of what was there."""
        with self._locked():
            all_parts = self._read()
            all_parts[part][key] = value
            self._write(all_parts)

    def forget(self) -> None:
        """Start anew."""
        with self._locked():
            self.path.unlink(missing_ok=True)

    def _read(self) -> dict[str, dict[str, Any]]:
        empty: dict[str, dict[str, Any]] = {part: {} for part in PARTS}
        try:
            with self.path.open("rb") as file:
                text = file.read(SIZE_LIMIT + 1)
        except FileNotFoundError:
            return empty
        found = _parsed(text)
        if found is None:
            self._put_aside()
            return empty
        return {part: {**found.get(part, {})} for part in PARTS}

    def _put_aside(self) -> None:
        number = 1
        while (other := self.path.with_suffix(f".damaged-{number}.json")).exists():
            number += 1
        self.path.rename(other)
        self.set_aside = other

    def _write(self, parts: Mapping[str, Any]) -> None:
        text = json.dumps({"version": 1, **parts}, indent=1, ensure_ascii=False, sort_keys=True)
        descriptor, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{NAME}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text + "\n")
            Path(name).replace(self.path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            import fcntl
        except ImportError:  # Windows: the last writer has the last word
            yield
            return
        # Of the folder: the file itself is replaced by each writer.
        descriptor = os.open(self.path.parent, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _parsed(text: bytes) -> dict[str, dict[str, Any]] | None:
    """None where it is no progress of this version."""
    if len(text) > SIZE_LIMIT:
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or found.get("version") != 1:
        return None
    are_parts = all(isinstance(found.get(part, {}), dict) for part in PARTS)
    return found if are_parts else None
