"""What runs in a container and what it uses: top and stats.

Knows: dockerd's answers. Does not know: how anything is measured; ``processes`` does.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from dataclasses import replace

from ipycontainers.engine import listing, processes, wire
from ipycontainers.engine.engine import Engine
from ipycontainers.engine.execs import check_running
from ipycontainers.engine.processes import Sample
from ipycontainers.engine.record import Record
from ipycontainers.engine.server import Answer, Chunks, Reply, Request
from ipycontainers.errors import Conflict

EVERY = 1.0  # seconds between two samples
MOVED = ("service_bytes", "serviced", "queue", "service_time", "wait_time", "merged", "time")


async def top(engine: Engine, request: Request, name: str) -> Answer:
    record = engine.find(name)
    if not record.is_paused:
        check_running(record)
    told = await asyncio.to_thread(engine.running.tell, record, {"do": "processes"})
    if "error" in told:
        raise Conflict(f"Container {record.id} is not running")
    found = await asyncio.to_thread(processes.read_all, told["pids"])
    titles, rows = listing.table(found, request.query.get("ps_args", ""))
    engine.running.publish(record, "top")
    return Reply(200, {"Processes": rows, "Titles": titles})


async def stats(engine: Engine, request: Request, name: str) -> Answer:
    """A container that does not run uses nothing, and is told of with zeros, as by dockerd."""
    record = engine.find(name)
    if request.flag("stream", "1"):
        return Chunks(_samples(engine, record))
    before, now = None, await asyncio.to_thread(measure, engine, record)
    if now and not request.flag("one-shot"):
        await asyncio.sleep(EVERY)
        before, now = now, await asyncio.to_thread(measure, engine, record)
    return Reply(200, shape(record, before, now))


async def _samples(engine: Engine, record: Record) -> AsyncIterator[bytes]:
    before = None
    while not record.is_going:
        now = await asyncio.to_thread(measure, engine, record)
        yield json.dumps(shape(record, before, now)).encode() + b"\n"
        before = now
        await asyncio.sleep(EVERY)


def measure(engine: Engine, record: Record) -> Sample | None:
    """What it has used; None where nothing of it runs."""
    if not record.is_running:
        return None
    told = engine.running.tell(record, {"do": "processes"})
    if "error" in told:
        return None
    sample = processes.measure(told["pids"], told["reaped"])
    return replace(sample, group=engine.groups.usage(record))


# --- shapes --------------------------------------------------------------------------------------


def shape(record: Record, before: Sample | None, now: Sample | None) -> wire.Json:
    """``before`` is the sample that a client computes percentages from.

    Of networks there are none: what a container sends over the host's is not counted apart.
    Clients that go through them find an empty object where dockerd has a network, and no key
    where it has none.
    """
    has_network = now and record.host_config["NetworkMode"] not in ("host", "none")
    return {
        "read": wire.time_text(now.time if now else None),
        "preread": wire.time_text(before.time if before else None),
        "pids_stats": _tasks(now),
        "blkio_stats": _moved(now),
        "num_procs": 0,
        "storage_stats": {},
        "cpu_stats": _processors(now),
        "precpu_stats": _processors(before),
        "memory_stats": _memory(now),
        "name": f"/{record.name}",
        "id": record.id,
        **({"networks": {}} if has_network else {}),
    }


def _tasks(sample: Sample | None) -> wire.Json:
    if not sample:
        return {}
    if not (group := sample.group):
        return {"current": sample.threads}
    return {"current": group.pids, **({"limit": group.pids_limit} if group.pids_limit else {})}


def _memory(sample: Sample | None) -> wire.Json:
    if not sample:
        return {}
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if not (group := sample.group):
        return {"usage": sample.memory, "stats": {}, "limit": machine}
    limit = group.memory_limit or machine
    return {"usage": group.memory, "stats": dict(group.memory_details), "limit": limit}


def _processors(sample: Sample | None) -> wire.Json:
    user, system = (sample.user, sample.system) if sample else (0.0, 0.0)
    counted = (
        sample.group.processor_details
        if sample and sample.group
        else {
            "user_usec": round(user * 1e6),
            "system_usec": round(system * 1e6),
            "usage_usec": round((user + system) * 1e6),
        }
    )
    made: wire.Json = {
        "cpu_usage": {
            "total_usage": counted["usage_usec"] * 1000,
            "usage_in_kernelmode": counted["system_usec"] * 1000,
            "usage_in_usermode": counted["user_usec"] * 1000,
        },
        "throttling_data": {
            "periods": counted.get("nr_periods", 0),
            "throttled_periods": counted.get("nr_throttled", 0),
            "throttled_time": counted.get("throttled_usec", 0) * 1000,
        },
    }
    if sample:
        made["system_cpu_usage"] = round(sample.machine * 1e9)
        made["online_cpus"] = os.cpu_count()
    return made


def _moved(sample: Sample | None) -> wire.Json:
    """All devices together, since /proc tells them not apart: major and minor are 0."""
    made: wire.Json = {f"io_{name}_recursive": None for name in MOVED}
    made["sectors_recursive"] = None
    if sample and sample.group:
        sample = replace(sample, read=sample.group.read, written=sample.group.written)
    if sample and sample.read is not None:
        made["io_service_bytes_recursive"] = [
            {"major": 0, "minor": 0, "op": name, "value": value}
            for name, value in (("Read", sample.read), ("Write", sample.written))
        ]
    return made
