"""stats: what containers take of the machine, once or again and again.

Knows: a container's numbers, as /containers/ID/stats gives them. Does not know: how they are
drawn over time (that is the widget Stats).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ipycontainers.errors import ContainerError, Refused
from ipycontainers.oci import sizes
from ipycontainers.samples import Sample, percent

from . import columns
from .call import Call
from .console import Console, failed, refusals, told, told_of
from .listing import Kind, layout, listed
from .result import Lines, Listing

if TYPE_CHECKING:
    from ipycontainers.client import Feeds

Json = Mapping[str, Any]
TABLE = (
    "{{.ID}}\\t{{.Name}}\\t{{.CPUPerc}}\\t{{.MemUsage}}\\t{{.MemPerc}}\\t{{.NetIO}}\\t{{.BlockIO}}"
    "\\t{{.PIDs}}"
)
HEADS = {
    "Container": "CONTAINER",
    "ID": "CONTAINER ID",
    "Name": "NAME",
    "CPUPerc": "CPU %",
    "MemUsage": "MEM USAGE / LIMIT",
    "MemPerc": "MEM %",
    "NetIO": "NET I/O",
    "BlockIO": "BLOCK I/O",
    "PIDs": "PIDS",
}
EVERY = 1.0  # seconds between two tables; engines measure as often
AT_ONCE = 16  # containers that are asked at the same time; an answer takes dockerd a second


@dataclass(frozen=True)
class Look:
    """What was asked for, and the engine's numbers: None where there are none yet, or not any more.
    ``processor`` is percent of one."""

    container: str
    id: str
    name: str
    processor: float = 0.0
    sample: Sample | None = None


def stats(call: Call, console: Console) -> Lines | Listing | None:
    """docker stats."""
    if not call.has("no-stream"):
        _follow(call, console)
        return None
    names = list(call.arguments) or _running(call, console)

    def look(name: str) -> Look | Refused:
        try:
            found = console.daemon.get("containers", name, "stats", stream="0")
        except Refused as error:
            return error
        return _seen(name, told_of(found))

    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        looks = list(pool.map(look, names))
    except BaseException:
        # An interrupt does not wait for answers.
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()
    _check(call, [one for one in looks if isinstance(one, Refused)])
    return _table(call, [one for one in looks if isinstance(one, Look)])


def _running(call: Call, console: Console) -> list[str]:
    """Those that run, with -a all."""
    with refusals():
        ones = console.daemon.get("containers", "json", all="1" if call.has("all") else "")
    return [columns.short(one["Id"]) for one in ones or ()]


def _check(call: Call, problems: Sequence[Refused]) -> None:
    """One that was named has to be there; one that was listed may be gone by now."""
    if problems and call.arguments:
        raise failed("\n".join(map(told, problems)))


def _table(call: Call, looks: Iterable[Look]) -> Lines | Listing:
    form = layout(call.text("format"), TABLE)
    return listed(looks, _kind(cut=not call.has("no-trunc")), form)


# --- again and again -----------------------------------------------------------------------------


def _follow(call: Call, console: Console) -> None:
    """A table that changes each second, until an interrupt, or none of those that were named
    is measured any more."""
    from ipycontainers.client import Feeds

    if console.renew is None:
        raise failed("docker stats: a variable takes one look: add --no-stream")
    with Feeds() as feeds:
        looks: dict[str, Look] = {}
        while not (call.arguments and looks) or any(name in feeds for name in looks):
            if not (call.arguments and looks):
                looks = _joined(call, console, feeds, looks)
            _hear(feeds, looks)
            console.renew(_table(call, looks.values()))


def _joined(
    call: Call, console: Console, feeds: Feeds, looks: Mapping[str, Look]
) -> dict[str, Look]:
    """Those that are to be seen now: what was seen of them, and from now on what comes."""
    names = list(call.arguments) or _running(call, console)
    for name in looks.keys() - set(names):
        feeds.drop(name)
    joined: dict[str, Look] = {}
    problems: list[Refused] = []
    for name in names:
        if name in looks:
            joined[name] = looks[name]
            continue
        try:
            found = console.daemon.get("containers", name, "json")
        except Refused as error:
            problems.append(error)
            continue
        joined[name] = Look(name, found["Id"], found["Name"].removeprefix("/"))
        stats = ("containers", found["Id"], "stats")
        with suppress(ContainerError):  # Podman measures none that does not run
            feeds.add(name, console.connection.feed(*stats, doing="measuring"))
    _check(call, problems)
    return joined


def _hear(feeds: Feeds, looks: dict[str, Look]) -> None:
    """What comes until the next table."""
    end = time.monotonic() + EVERY
    while (left := end - time.monotonic()) > 0:
        feeds.wait(left)
        for name, found in feeds.take():
            looks[name] = _seen(name, found) if found else replace(looks[name], sample=None)


# --- numbers -------------------------------------------------------------------------------------


def _seen(container: str, found: Json) -> Look:
    now = Sample.of(found, 1.0)
    before = Sample.of({"cpu_stats": found.get("precpu_stats")}, 0.0)
    name = str(found.get("name") or "").removeprefix("/")
    return Look(
        container, str(found.get("id") or found.get("Id") or ""), name, percent(before, now), now
    )


def _kind(*, cut: bool) -> Kind:
    def number(shown: Callable[[Sample], str], unknown: str = "--") -> Callable[[Look], str]:
        return lambda one: shown(one.sample) if one.sample else unknown

    def pair(of: Callable[[Sample], tuple[int, int]]) -> Callable[[Look], str]:
        return number(lambda one: " / ".join(sizes.size(count, 3) for count in of(one)))

    return Kind(
        "*container.statsContext",
        HEADS,
        {
            "Container": lambda one: one.container,
            "ID": lambda one: columns.short(one.id) if cut else one.id,
            "Name": lambda one: one.name or "--",
            "CPUPerc": lambda one: f"{one.processor:.2f}%" if one.sample else "--",
            "MemUsage": number(
                lambda one: " / ".join(
                    sizes.size(count, binary=True) for count in (one.memory, one.memory_limit)
                ),
                "-- / --",
            ),
            "MemPerc": number(lambda one: f"{_share(one):.2f}%"),
            "NetIO": pair(lambda one: (one.received, one.sent)),
            "BlockIO": pair(lambda one: (one.read, one.written)),
            "PIDs": number(lambda one: str(one.pids)),
        },
    )


def _share(one: Sample) -> float:
    return one.memory / one.memory_limit * 100 if one.memory_limit else 0.0
