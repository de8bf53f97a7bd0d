"""A whole root between two steps, where nothing but its files says what a step has written.

    before = Snapshot.of(root)
    written, gone = before.changes(Snapshot.of(root))    paths, sorted as folders hold them

Kind, mode, size, place on the disk, and both times: who sets a file's time back changes the other.

Knows: files. Does not know: what a path is for.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Container
from pathlib import Path

Mark = tuple[int, ...]
_LOOKED_INTO = stat.S_IRUSR | stat.S_IXUSR


class Snapshot:
    """``marks`` is path → what is there; paths have no slash in front."""

    def __init__(self, marks: dict[str, Mark]) -> None:
        self.marks = marks

    @classmethod
    def of(
        cls, root: Path, without: Container[str] = (), closed: dict[str, int] | None = None
    ) -> Snapshot:
        """``without`` are paths that stay out, with all below them. Folders that their owner
        cannot look into are opened up; ``closed`` gets the modes that they had."""
        marks: dict[str, Mark] = {}
        waiting = [""]
        while waiting:
            above = waiting.pop()
            with os.scandir(root / above) as listed:
                for entry in listed:
                    path = f"{above}/{entry.name}" if above else entry.name
                    if path in without:
                        continue
                    found = entry.stat(follow_symlinks=False)
                    marks[path] = mark(found)
                    if stat.S_ISDIR(found.st_mode):
                        waiting.append(path)
                        if found.st_mode & _LOOKED_INTO != _LOOKED_INTO:
                            if closed is not None:
                                closed[path] = stat.S_IMODE(found.st_mode)
                            (root / path).chmod(stat.S_IMODE(found.st_mode) | stat.S_IRWXU)
        return cls(marks)

    def is_folder_above(self, path: str) -> bool:
        """Whether what is one step above the path is a folder still."""
        above = path.rpartition("/")[0]
        return not above or len(self.marks.get(above, ())) == 2

    def changes(self, now: Snapshot) -> tuple[list[str], list[str]]:
        """What is new or other now, and what is gone, of folders only themselves."""
        written = [path for path, seen in now.marks.items() if self.marks.get(path) != seen]
        lost = self.marks.keys() - now.marks.keys()
        gone = [path for path in lost if path.rpartition("/")[0] not in lost]
        return sorted(written, key=_order), sorted(gone, key=_order)


def mark(found: os.stat_result) -> Mark:
    """Of a folder mode and time: what is in it has marks of its own."""
    if stat.S_ISDIR(found.st_mode):
        return (found.st_mode, found.st_mtime_ns)
    return (found.st_mode, found.st_size, found.st_ino, found.st_mtime_ns, found.st_ctime_ns)


def _order(path: str) -> list[str]:
    return path.split("/")
