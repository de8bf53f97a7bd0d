"""How much memory processes need: PSS, in which what several share is divided among them.

    of_engine(pid)               our engine and the process from which it forks supervisors
    of_dockerd()                 dockerd and its containerd
    beside_ours(pids, engine)    of each container all that is not its own program:
    beside_dockerd(pids)         the supervisor and bwrap; the containerd-shim

Knows: /proc. Does not know: engines' requests.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from .figure import Absent

DOCKERD = ("dockerd", "containerd")
SHIM = "containerd-shim"  # as much as the kernel keeps of the name


def of_engine(pid: int) -> float:
    """In MB. While no container runs it has one child, the nursery."""
    return _sum([pid, *_children(pid)])


def of_dockerd() -> float:
    """In MB. Absent for users who may not read it, and where it does not run."""
    pids = [pid for pid in _pids() if _name(pid) in DOCKERD]
    if not pids:
        raise Absent("dockerd does not run on this machine")
    return _sum(pids)


def beside_ours(programs: Sequence[int], engine: int) -> float:
    """The mean in MB. ``programs`` are the containers' first processes."""
    shared = _children(engine)
    return _mean(
        [itertools.takewhile(lambda pid: pid not in shared, _above(pid)) for pid in programs]
    )


def beside_dockerd(programs: Sequence[int]) -> float:
    """As ``beside_ours``."""
    return _mean(
        [itertools.takewhile(lambda pid: _name(pid) == SHIM, _above(pid)) for pid in programs]
    )


def _mean(above: Sequence[Iterable[int]]) -> float:
    each = [list(pids) for pids in above]
    assert all(each), "a container's program has nobody above it"
    return _sum(itertools.chain.from_iterable(each)) / len(each)


def _sum(pids: Iterable[int]) -> float:
    return sum(map(_pss, pids)) / 1000


def _pss(pid: int) -> int:
    """In units of 1000 bytes."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except PermissionError as error:
        raise Absent("only root may read the memory of dockerd") from error
    found = re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
    assert found, text
    return int(found[1]) * 1024 // 1000


def _above(pid: int) -> Iterator[int]:
    while pid := _parent(pid):
        yield pid


def _parent(pid: int) -> int:
    text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    return int(text.rpartition(")")[2].split()[1])


def _children(pid: int) -> list[int]:
    return [other for other in _pids() if _parent_or_none(other) == pid]


def _parent_or_none(pid: int) -> int | None:
    try:
        return _parent(pid)
    except (FileNotFoundError, ProcessLookupError):
        return None


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
