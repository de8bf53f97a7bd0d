"""A value of the kernel as what travels, and what a container answers as a value.

What comes out of a container is hostile until it is proven otherwise: it is judged by
``inside``, the code that also runs in the container, under limits that hold here.

Knows: Packed, limits, errors in words. Does not know: who sends it and how.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from ipycontainers.errors import Invalid, UnsafeLayer

from . import files, folders, inside
from .inside import paths

LIMIT = 1 << 30  # bytes of all values of one cell
TREE_LIMIT = 1 << 26  # bytes of JSON, which as values take some twenty times as many
PIECE = 1 << 20
Buffer = bytes | bytearray | memoryview


@dataclass(frozen=True)
class Packed:
    """A value on its way. ``meta`` is small and for JSON; ``data`` is the rest.

    ``kind`` is "value" or "path", as ``inside`` has them, or "file": what a shell left in
    the folder of values, whose ``meta["suffix"]`` says how to read it.
    """

    kind: str
    meta: Mapping[str, Any] = field(default_factory=dict)
    data: Buffer = b""

    @property
    def size(self) -> int:
        """Bytes of ``data``."""
        return memoryview(self.data).nbytes

    def pieces(self, size: int = PIECE) -> Iterator[memoryview]:
        """``data`` in views of at most ``size`` bytes; nothing is copied."""
        view = memoryview(self.data)
        for start in range(0, len(view), size):
            yield view[start : start + size]


def pack(value: object, name: str) -> Packed:
    """The value of the variable ``name``; an array is not copied, so leave it alone meanwhile.

    Raises Invalid, which names the variable and its type, for what cannot travel.
    """
    try:
        if isinstance(value, PurePath):
            # Called as the variable is, with the file's own type.
            called, data = paths.leave(value, name + files.suffix_of(value))
            return Packed("path", {"name": called}, data)
        kind, meta, data = inside.leave(value)
    except inside.Refused as error:
        raise Invalid(f"-i {name} cannot be sent: {error}", _hint(value)) from error
    except (OSError, ValueError, OverflowError, RecursionError) as error:
        raise Invalid(f"-i {name}, a {_type(value)}, cannot be sent: {error}") from error
    return Packed(kind, meta, data)


def _type(value: object) -> str:
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def _hint(value: object) -> str:
    if isinstance(value, PurePath):
        return "of a pathlib.Path the file or folder is sent; str of it is the path itself"
    return (
        f"it is a {_type(value)}; numbers, text, bytes, lists, dicts, dates, arrays, tables "
        "and pathlib.Path can be sent"
    )


def unpack(packed: Packed, name: str = "the value", *, limit: int = LIMIT) -> Any:
    """The value. A file or folder is unpacked into a new folder, kept until the kernel ends.

    An array may lie in ``packed.data`` itself. Raises Invalid, which names ``name``, for what
    is larger than ``limit`` bytes or no value at all; UnsafeLayer where a folder leads outside.
    """
    if packed.size > limit:
        raise too_large(name, limit)
    try:
        return _unpacked(packed, limit)
    except (Invalid, UnsafeLayer) as error:
        error.message = f"-o {name} is no value that can be read: {error.message}"
        raise
    except (
        *(ArithmeticError, AttributeError, LookupError, OSError, RecursionError),
        *(TypeError, ValueError, MemoryError, NotImplementedError),
    ) as error:
        why = " ".join(str(error).split())[:300] or type(error).__name__
        raise Invalid(f"-o {name} is no value that can be read: {why}") from error


def too_large(name: str, limit: int) -> Invalid:
    """With the value of ``name`` all of them had more than ``limit`` bytes."""
    return Invalid(
        f"-o {name}: all values together have more than {limit:,} bytes",
        f"--output-limit {_larger(limit)} allows more, and a volume (-v) has no limit",
    )


def _larger(limit: int) -> str:
    """A few times as much, as the option takes it."""
    for letter, size in (("g", 1 << 30), ("m", 1 << 20), ("k", 1 << 10)):
        if limit >= size:
            return f"{4 * limit // size}{letter}"
    return "4k"


def _unpacked(packed: Packed, limit: int) -> Any:
    if packed.kind == "path":
        return folders.unpack(packed.data, limit)
    if packed.kind == "file":
        return files.read(str(packed.meta["suffix"]), packed.data)
    _check_tree(packed)
    return inside.arrive(packed.kind, dict(packed.meta), packed.data)


def _check_tree(packed: Packed) -> None:
    size = packed.meta.get("json", 0)
    if type(size) is not int or size > TREE_LIMIT:
        raise Invalid(
            f"more than {TREE_LIMIT:,} bytes of single values; an array or a table may have more"
        )
