"""stats --no-stream: what containers take of the machine, once.

Knows: one look at a container's numbers, as /containers/ID/stats gives it. Does not know: how
they are followed (that is the widget Stats).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from ipycontainers.errors import Refused
from ipycontainers.oci import sizes
from ipycontainers.samples import Sample, percent

from . import columns
from .call import Call
from .console import Console, failed, refusals, told
from .listing import Kind, layout, listed
from .result import Result

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
AT_ONCE = 16  # containers that are asked at the same time; an answer takes dockerd a second


@dataclass(frozen=True)
class Look:
    """What was asked for, and the engine's numbers; ``processor`` is percent of one."""

    container: str
    id: str
    name: str
    processor: float
    sample: Sample


def stats(call: Call, console: Console) -> Result:
    """docker stats --no-stream."""
    if not call.has("no-stream"):
        raise failed(
            "docker stats: a cell shows what is so at one time: add --no-stream; "
            "the widget Stats follows containers"
        )
    names = list(call.arguments)
    if not names:
        with refusals():
            ones = console.daemon.get("containers", "json", all="1" if call.has("all") else "")
        names = [columns.short(one["Id"]) for one in ones or ()]

    def look(name: str) -> Look | Refused:
        try:
            found = console.daemon.get("containers", name, "stats", patient=True, stream="0")
        except Refused as error:
            return error
        return _seen(name, found)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        looks = list(pool.map(look, names))
    problems = [told(one) for one in looks if isinstance(one, Refused)]
    if problems and call.arguments:
        raise failed("\n".join(problems))
    shown = [one for one in looks if isinstance(one, Look)]
    return listed(shown, _kind(cut=not call.has("no-trunc")), layout(call.text("format"), TABLE))


def _seen(container: str, found: Json) -> Look:
    now = Sample.of(found, 1.0)
    before = Sample.of({"cpu_stats": found.get("precpu_stats")}, 0.0)
    name = str(found.get("name") or "").removeprefix("/")
    return Look(container, str(found.get("id") or ""), name, percent(before, now), now)


def _kind(*, cut: bool) -> Kind:
    def pair(of: Callable[[Sample], tuple[int, int]]) -> Callable[[Look], str]:
        return lambda one: " / ".join(sizes.size(count, 3) for count in of(one.sample))

    return Kind(
        "*container.statsContext",
        HEADS,
        {
            "Container": lambda one: one.container,
            "ID": lambda one: columns.short(one.id) if cut else one.id,
            "Name": lambda one: one.name,
            "CPUPerc": lambda one: f"{one.processor:.2f}%",
            "MemUsage": lambda one: " / ".join(
                sizes.size(count, binary=True)
                for count in (one.sample.memory, one.sample.memory_limit)
            ),
            "MemPerc": lambda one: f"{_share(one.sample):.2f}%",
            "NetIO": pair(lambda one: (one.received, one.sent)),
            "BlockIO": pair(lambda one: (one.read, one.written)),
            "PIDs": lambda one: str(one.sample.pids),
        },
    )


def _share(one: Sample) -> float:
    return one.memory / one.memory_limit * 100 if one.memory_limit else 0.0
