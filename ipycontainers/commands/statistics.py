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
    """What was asked for, and the engine's numbers; bytes but for ``cpu``, percent."""

    container: str
    id: str
    name: str
    cpu: float
    memory: int
    limit: int
    network: tuple[int, int]
    block: tuple[int, int]
    processes: int


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
        return seen(name, found)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        looks = list(pool.map(look, names))
    problems = [told(one) for one in looks if isinstance(one, Refused)]
    if problems and call.arguments:
        raise failed("\n".join(problems))
    shown = [one for one in looks if isinstance(one, Look)]
    return listed(shown, _kind(cut=not call.has("no-trunc")), layout(call.text("format"), TABLE))


def seen(container: str, found: Json) -> Look:
    """From the engine's numbers what the docker command makes of them."""
    memory = found.get("memory_stats") or {}
    networks = (found.get("networks") or {}).values()
    return Look(
        container,
        str(found.get("id") or ""),
        str(found.get("name") or "").removeprefix("/"),
        _cpu(found.get("cpu_stats") or {}, found.get("precpu_stats") or {}),
        _without_cache(memory),
        int(memory.get("limit") or 0),
        (sum(int(it["rx_bytes"]) for it in networks), sum(int(it["tx_bytes"]) for it in networks)),
        _block(found.get("blkio_stats") or {}),
        int((found.get("pids_stats") or {}).get("current") or 0),
    )


def _cpu(now: Json, before: Json) -> float:
    """Percent of one processor since the number before."""
    used, used_before = (
        int((it.get("cpu_usage") or {}).get("total_usage") or 0) for it in (now, before)
    )
    machine = int(now.get("system_cpu_usage") or 0) - int(before.get("system_cpu_usage") or 0)
    processors = now.get("online_cpus") or len(
        (now.get("cpu_usage") or {}).get("percpu_usage") or ()
    )
    if machine <= 0 or used <= used_before:
        return 0.0
    return (used - used_before) / machine * processors * 100


def _without_cache(memory: Json) -> int:
    usage, parts = int(memory.get("usage") or 0), memory.get("stats") or {}
    for name in ("total_inactive_file", "inactive_file"):
        if name in parts and int(parts[name]) < usage:
            return usage - int(parts[name])
    return usage


def _block(found: Json) -> tuple[int, int]:
    rows = found.get("io_service_bytes_recursive") or ()
    read, written = (
        sum(int(row["value"]) for row in rows if str(row["op"])[:1].lower() == letter)
        for letter in "rw"
    )
    return read, written


def _kind(*, cut: bool) -> Kind:
    def pair(of: Callable[[Look], tuple[int, int]]) -> Callable[[Look], str]:
        return lambda one: " / ".join(columns.size(count, 3) for count in of(one))

    return Kind(
        "*container.statsContext",
        HEADS,
        {
            "Container": lambda one: one.container,
            "ID": lambda one: columns.short(one.id) if cut else one.id,
            "Name": lambda one: one.name,
            "CPUPerc": lambda one: f"{one.cpu:.2f}%",
            "MemUsage": lambda one: " / ".join(
                columns.size(count, binary=True) for count in (one.memory, one.limit)
            ),
            "MemPerc": lambda one: f"{one.memory / one.limit * 100 if one.limit else 0:.2f}%",
            "NetIO": pair(lambda one: one.network),
            "BlockIO": pair(lambda one: one.block),
            "PIDs": lambda one: str(one.processes),
        },
    )
