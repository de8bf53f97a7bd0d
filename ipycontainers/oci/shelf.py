"""Texts of files that are kept while an image is read, so that they need no second reading.

    shelf = Shelf()
    start = shelf.keep(content, size)        None where it is not kept

Of text all is kept, unless it is long, of what is binary as much as tells what it is; and of all
files together so much that an image of some hundred megabytes has most of its text here.

Knows: well-known kinds of files. Does not know: paths, layers.
"""

from __future__ import annotations

from .heads import Content

MOST_KEPT = 32 << 20  # bytes, of an image
LONGEST_KEPT = 1 << 16  # bytes of a file
LOOKED_AT = 8000  # bytes, in which git looks for a zero too
_OF_ONE = 200  # bytes that keeping takes beside the file's own, about
_KINDS = (
    (b"\x7fELF", "ELF program or library"),
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"PK\x03\x04", "zip"),
    (b"!<arch>", "ar archive"),
    (b"\x89PNG", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"%PDF", "PDF"),
    (b"SQLite format 3", "SQLite"),
    (b"\0asm", "WebAssembly"),
)


class Shelf:
    """One for all layers of an image."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._left = most

    def keep(self, content: Content, size: int) -> tuple[bytes, bytes | None]:
        """What was read of the content, and what of it is to be kept."""
        if self._left <= 0:
            return b"", None
        wanted = size if size <= LONGEST_KEPT else LOOKED_AT
        start = content.exactly(wanted)
        kept: bytes | None = start if len(start) == size else None
        if binary(start):
            kept = start[: max(_LONGEST_MAGIC, start.find(b"\0", 0, LOOKED_AT) + 1)]
        if kept is None:
            return start, None
        self._left -= len(kept) + _OF_ONE
        # One that does not fit closes it: to look at all the others would take time for little.
        return start, kept if self._left >= 0 else None


_LONGEST_MAGIC = max(len(magic) for magic, _ in _KINDS)


def binary(start: bytes) -> str:
    """What a file is that begins so; "" where it may be text."""
    for magic, kind in _KINDS:
        if start.startswith(magic):
            return kind
    return "binary" if b"\0" in start[:LOOKED_AT] else ""


def is_enough(start: bytes, size: int, limit: int) -> bool:
    """Whether ``limit`` bytes of the file would show no more."""
    return len(start) >= min(size, limit) or bool(binary(start))
