"""Two engines' answers, without what is different each time, and where they differ.

Knows: which of Docker's values are of a moment or a machine. Does not know: engines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

# Of a moment or a machine, whatever they say: only that they are there, and of which type.
OF_A_MOMENT = {
    "Created", "CreatedAt", "StartedAt", "FinishedAt", "LastTagTime", "time", "timeNano", "Pid",
    "pid", "mtime", "MemTotal", "NCPU", "KernelVersion", "BuildTime", "GitCommit", "GoVersion",
    "SystemTime", "Status", "OperatingSystem", "OSVersion", "Size", "SpaceReclaimed",
    "VirtualSize", "HostPort", "PublicPort",
}  # fmt: skip
PATTERNS = (
    (re.compile(r"\b(sha256:)?[0-9a-f]{64}\b"), "ID"),
    (re.compile(r"\b[0-9a-f]{12}\b"), "SHORT"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"), "TIME"),
    (re.compile(r"(/[\w.-]+)+/volumes/"), "VOLUMES/"),
    (re.compile(r"\b([0-9a-f]{2}:){5}[0-9a-f]{2}\b"), "MAC"),
    (re.compile(r"\b(172|192)(\.\d{1,3}){3}(/\d+)?"), "ADDRESS"),
    (re.compile(r"http\+docker://\S+"), "URL"),
)


def plain(value: Any, key: str = "") -> Any:
    """The value with ids, times, numbers of the moment taken out."""
    if isinstance(value, dict):
        return {name: plain(inner, name) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner, key) for inner in value]
    if isinstance(value, bytes):
        return plain(value.decode(errors="backslashreplace"), key)
    if key in OF_A_MOMENT and value is not None:
        return type(value).__name__
    if isinstance(value, str):
        for pattern, word in PATTERNS:
            value = pattern.sub(word, value)
    return value


def differences(theirs: Any, ours: Any, path: str = "") -> Iterator[str]:
    """Lines ``PATH: dockerd …, ours …``; PATH has dots and, in lists, numbers."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for name in sorted({*theirs, *ours}):
            inner = f"{path}.{name}" if path else name
            if name not in ours:
                yield f"{inner}: dockerd {theirs[name]!r}, ours has no such key"
            elif name not in theirs:
                yield f"{inner}: dockerd has no such key, ours {ours[name]!r}"
            else:
                yield from differences(theirs[name], ours[name], inner)
    elif isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        for number, (one, other) in enumerate(zip(theirs, ours, strict=True)):
            yield from differences(one, other, f"{path}.{number}" if path else str(number))
    elif type(theirs) is not type(ours) or theirs != ours:  # true is not 1
        yield f"{path or 'the answer'}: dockerd {theirs!r}, ours {ours!r}"
