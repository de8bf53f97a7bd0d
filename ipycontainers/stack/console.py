"""What a machine says on its console, and what it takes of the host's memory.

    said = listen(process, until=time.monotonic() + 30, most=1 << 20, begin="…", end="…")
    said.text, said.first, said.is_whole, said.why

Knows: pipes, /proc of the host. Does not know: what is said.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Said:
    """``first`` is when ``begin`` came, by the monotonic clock. If it is not whole, the end mark
    did not come: ``why`` says so, "" where the time was over."""

    text: str
    first: float
    is_whole: bool
    why: str = ""


def listen(
    process: subprocess.Popen[bytes], *, until: float, most: int, begin: str, end: str
) -> Said:
    """Reads up to the end mark, and at most so many bytes."""
    assert process.stdout
    said, first, why = bytearray(), 0.0, ""
    marks = begin.encode(), end.encode()
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while marks[1] not in said:
            if len(said) >= most:
                why = f"said more than {most >> 20} MiB before it was ready"
                break
            if not selector.select(max(0.0, until - time.monotonic())):
                break
            piece = os.read(process.stdout.fileno(), 65536)
            if not piece:
                why = "ended"
                break
            said += piece
            if not first and marks[0] in said:
                first = time.monotonic()
    return Said(said.decode("utf-8", "replace"), first, marks[1] in said and first > 0, why)


def resident(pid: int) -> int:
    """Bytes of the host's memory that it takes, its share of what others take too: of the process
    and of those that it traces, as which user-mode Linux has its programs."""
    return sum(map(_share, [pid, *_traced(pid)]))


def _traced(pid: int) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if f"\nTracerPid:\t{pid}\n" in (folder / "status").read_text(encoding="ascii"):
                found.append(int(folder.name))
    return found


def _share(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0
