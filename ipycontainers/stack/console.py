"""What a machine says on its console, and what it takes of the host's memory.

    said = listen(process, until=time.monotonic() + 30, most=1 << 20, marks=(…, …), stop=stop)
    said.text, said.first, said.is_whole, said.why

Knows: pipes, /proc of the host. Does not know: what is said.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Said:
    """``first`` is when the first mark came, by the monotonic clock. If it is not whole, the second
    did not come: ``why`` says so, "" where the time was over."""

    text: str
    first: float
    is_whole: bool
    why: str = ""


_GLANCE = 0.2  # seconds between looks whether to stop


def listen(
    process: subprocess.Popen[bytes],
    *,
    until: float,
    most: int,
    marks: tuple[str, str],
    stop: threading.Event,
) -> Said:
    """Reads from the first of ``marks`` up to the second, and at most so many bytes, until it is
    told to stop."""
    assert process.stdout
    said, first, why = bytearray(), 0.0, ""
    begin, end = (mark.encode() for mark in marks)
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while end not in said:
            if len(said) >= most:
                why = f"said more than {most >> 20} MiB before it was ready"
                break
            if stop.is_set():
                why = "was stopped"
                break
            left = until - time.monotonic()
            if not selector.select(max(0.0, min(left, _GLANCE))):
                if left < _GLANCE:
                    break
                continue
            piece = os.read(process.stdout.fileno(), 65536)
            if not piece:
                why = "ended"
                break
            said += piece
            if not first and begin in said:
                first = time.monotonic()
    return Said(said.decode("utf-8", "replace"), first, end in said and first > 0, why)


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
