"""What a learner has done, in one JSON file beside the notebooks.

    progress = Progress.here()
    progress.keep("predictions", "04a-doors", [0, 1])
    progress.of("predictions")["04a-doors"]
    progress.call(ledger.redraw)            after each change that this kernel makes

The file is ``course-progress.json`` in the notebook's folder, or what IPYCONTAINERS_COURSE_PROGRESS
names. Deleting it starts the course anew. It is written whole beside the old one and put in its
place, under a lock, since two notebooks may be open. One that is no progress of ours is set aside
under another name. Where it cannot be written, what is done is kept until the kernel ends; both are
``news`` for the learner.

    {"version": 1, "predictions": {id: value}, "seen": {id: when the result was shown},
     "later": {id: what was chosen after that}, "quizzes": {…}, "verdicts": {claim: choice},
     "checks": {exercise: {state, at, done}}, "answers": {exercise: value},
     "measured": {claim: {value, engine, …}}}

Knows: the file. Does not know: what the values mean, how news are told.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

NAME: Final = "course-progress.json"
PARTS: Final = (
    *("predictions", "seen", "later", "quizzes", "verdicts", "checks", "answers", "measured"),
)
# One of a whole course has some 20 kB.
SIZE_LIMIT: Final = 2_000_000

Parts = dict[str, dict[str, Any]]
# One for each file in this kernel, so that what shows it hears of changes.
_OPENED: dict[Path, Progress] = {}


def now() -> str:
    """In UTC, to the second: 2026-11-26T18:00:00Z."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class Progress:
    """The file at ``path``. Neither reading nor writing fails for what is in it or for the disk.
    ``set_aside`` is where a damaged one went, until somebody has told; ``unsaved`` why what is kept
    here is not in the file, "" where it is."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.set_aside: Path | None = None
        self.unsaved = ""
        self._unwritten = _empty()
        self._keeping = threading.Lock()
        self._listeners: list[weakref.WeakMethod[Callable[[], object]]] = []

    @classmethod
    def here(cls) -> Progress:
        """That of the notebooks in the current folder."""
        path = Path(os.environ.get("IPYCONTAINERS_COURSE_PROGRESS") or NAME).absolute()
        return _OPENED.setdefault(path, cls(path))

    def of(self, part: str) -> dict[str, Any]:
        """What is kept of one of PARTS."""
        try:
            found = self._file()
            if found is None:
                with self._locked():
                    found = self._sound()
        except OSError as error:
            self.unsaved = error.strerror or str(error)
            found = _empty()
        return {**found[part], **self._unwritten[part]}

    def keep(self, part: str, key: str, value: Any) -> None:
        """Remember it, in place of what was there, and tell who wants to know."""
        with self._keeping:
            self._unwritten[part][key] = value
            try:
                with self._locked():
                    self._write(_joined(self._sound(), self._unwritten))
            except OSError as error:
                self.unsaved = error.strerror or str(error)
            else:
                self._unwritten, self.unsaved = _empty(), ""
        self._tell()

    def forget(self) -> None:
        """Start anew. Raises OSError where the file cannot be removed."""
        self._unwritten = _empty()
        with self._locked():
            self.path.unlink(missing_ok=True)
        self._tell()

    def call(self, listener: Callable[[], object]) -> None:
        """``listener`` is a method, called after each change as long as its object is there."""
        self._listeners.append(weakref.WeakMethod(listener))

    def _tell(self) -> None:
        self._listeners = [one for one in self._listeners if one()]
        for one in self._listeners:
            if listener := one():
                listener()

    def _file(self) -> Parts | None:
        """What is in it; None where that is no progress of this version. Raises OSError."""
        try:
            with self.path.open("rb") as file:
                return _parsed(file.read(SIZE_LIMIT + 1))
        except FileNotFoundError:
            return _empty()

    def _sound(self) -> Parts:
        """The same under the lock, where one that is damaged can be set aside: else it might be
        what another notebook has just put in its place."""
        found = self._file()
        if found is not None:
            return found
        number = 1
        while (other := self.path.with_suffix(f".damaged-{number}.json")).exists():
            number += 1
        self.path.rename(other)
        self.set_aside = other
        return _empty()

    def _write(self, parts: Mapping[str, Any]) -> None:
        text = json.dumps({"version": 1, **parts}, indent=1, ensure_ascii=False, sort_keys=True)
        descriptor, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{NAME}.")
        try:
            # What is no Unicode becomes \udc80, which is JSON's own way to write it.
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
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
            with contextlib.suppress(OSError):  # some network file systems know no locks
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _empty() -> Parts:
    return {part: {} for part in PARTS}


def _joined(kept: Parts, more: Parts) -> Parts:
    return {part: {**kept[part], **more[part]} for part in PARTS}


def _parsed(text: bytes) -> Parts | None:
    """None where it is no progress of this version."""
    if len(text) > SIZE_LIMIT:
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or found.get("version") != 1:
        return None
    parts = {part: found.get(part, {}) for part in PARTS}
    return parts if all(isinstance(one, dict) for one in parts.values()) else None
