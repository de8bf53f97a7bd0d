"""What is in a file of an image, in each layer that has it, and what a layer changed of it.

    passage = Passage(frozenset({"/etc/passwd"}), limit=1 << 19)
    found = saved.walk(stream, passage.take)         by layer, the first bytes of these files
    shown = text("/etc/passwd", 3, size, content)
    difference(shown_below, shown)                   lines, as diff -u has them

Knows: text. Does not know: where archives come from.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from .blob import Readable
from .heads import heads
from .listing import normal
from .shelf import Shelf, binary

LIMIT = 1 << 19  # bytes of a file that are shown
MOST_COMPARED = 20_000_000  # pairs of lines, after what is the same at both ends
_CONTEXT = 3
_UNENDED = "\n\\ No newline at end of file"


@dataclass(frozen=True)
class FileText:
    """A file as a layer has it. ``text`` is None of one that is no text, and ``binary`` then says
    what it is, as far as its first bytes tell. ``is_cut``: there is more than is shown."""

    path: str
    layer: int
    size: int
    text: str | None
    binary: str = ""
    is_cut: bool = False


class Passage:
    """Takes the first bytes of some files out of the layers that pass, and of the files beside
    them what ``Shelf`` keeps: who opens one of a folder opens others."""

    def __init__(self, paths: frozenset[str], limit: int = LIMIT) -> None:
        self._paths, self._limit = paths, limit
        self._folders = frozenset(path.rpartition("/")[0] for path in paths)
        self._shelf = Shelf()

    def take(self, tar: Readable, first: bytes) -> dict[str, bytes]:
        """By path, as the layer has them; of a name that is there twice the last."""
        found = {}
        for head, content in heads(tar, "a layer", first):
            if content is None:
                continue
            path = normal(head.name)
            if path in self._paths:
                found[path] = content.exactly(min(self._limit, head.size))
            elif path.rpartition("/")[0] in self._folders:
                _, kept = self._shelf.keep(content, head.size)
                if kept is not None:
                    found[path] = kept
        return found


def text(path: str, layer: int, size: int, content: bytes) -> FileText:
    """``content`` is all of the ``size`` bytes, or the first of them."""
    is_cut = len(content) < size
    if kind := binary(content):
        return FileText(path, layer, size, None, kind, is_cut)
    try:
        shown = content.decode()
    except UnicodeDecodeError as error:
        if not is_cut or len(content) - error.start > 3:  # not just a letter that was cut
            return FileText(path, layer, size, None, "no UTF-8", is_cut)
        shown = content[: error.start].decode()
    return FileText(path, layer, size, shown, "", is_cut)


def lines(text: str) -> list[str]:
    """A text's lines, as programs count them: only a line feed ends one."""
    return text.removesuffix("\n").split("\n") if text else []


def difference(below: FileText | None, here: FileText | None) -> list[str] | None:
    """The lines of ``diff -u`` from a file as it was to what it is, without the two names; a side
    that is None was not there. None where one is no text, or too much is different to compare."""
    if any(side and side.text is None for side in (below, here)):
        return None
    old, new = (_compared(side) if side else [] for side in (below, here))
    start, end = _same(old, new)
    if (len(old) - start - end) * (len(new) - start - end) > MOST_COMPARED:
        return None
    from_line = max(0, start - _CONTEXT)
    to_line = max(0, end - _CONTEXT)
    parts = [side[from_line : len(side) - to_line] for side in (old, new)]
    return list(_unified(parts[0], parts[1], from_line))


def _compared(file: FileText) -> list[str]:
    """Its lines, the last of which is another one where no line feed ends it."""
    found = lines(file.text or "")
    if found and not file.is_cut and not (file.text or "").endswith("\n"):
        found[-1] += _UNENDED
    return found


def _same(old: list[str], new: list[str]) -> tuple[int, int]:
    """How many lines are the same at the beginning, and at the end."""
    shortest, start, end = min(len(old), len(new)), 0, 0
    while start < shortest and old[start] == new[start]:
        start += 1
    while end < shortest - start and old[-1 - end] == new[-1 - end]:
        end += 1
    return start, end


def _unified(old: list[str], new: list[str], skipped: int) -> list[str]:
    said = []
    for group in difflib.SequenceMatcher(None, old, new).get_grouped_opcodes(_CONTEXT):
        first, last = group[0], group[-1]
        ranges = (
            _range(skipped + first[1], skipped + last[2]),
            _range(skipped + first[3], skipped + last[4]),
        )
        said.append(f"@@ -{ranges[0]} +{ranges[1]} @@")
        for kind, old_from, old_to, new_from, new_to in group:
            if kind == "equal":
                said += [f" {line}" for line in old[old_from:old_to]]
                continue
            said += [f"-{line}" for line in old[old_from:old_to]]
            said += [f"+{line}" for line in new[new_from:new_to]]
    return [part for line in said for part in line.split("\n")]


def _range(start: int, end: int) -> str:
    """As diff -u counts: from 1, the length left out where it is one."""
    length = end - start
    if length == 1:
        return str(start + 1)
    return f"{start + 1 if length else start},{length}"
