"""Named and anonymous volumes: create, list, inspect, remove, prune.

Knows: dockerd's queries and answers. Does not know: where a volume is.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from ipycontainers.engine import wire
from ipycontainers.engine.engine import Engine
from ipycontainers.engine.server import Answer, Reply, Request
from ipycontainers.engine.volumes import DRIVER, Volume
from ipycontainers.errors import Conflict, Invalid, NotFound

from .containers import filters_of, json_of, meant

UNREADABLE = "error reading volume filters"
FILTERS = ("dangling", "driver", "label", "name")
OF_PRUNE = ("label", "label!")


def _shape(volume: Volume) -> wire.Json:
    return {
        "CreatedAt": wire.time_text(int(volume.created)).replace(".000000000", ""),
        "Driver": DRIVER,
        "Labels": volume.labels,
        "Mountpoint": str(volume.data),
        "Name": volume.name,
        "Options": volume.options,
        "Scope": "local",
    }


async def listed(engine: Engine, request: Request) -> Answer:
    wanted = filters_of(request, FILTERS, UNREADABLE)
    dangling = wanted.get("dangling", [])
    if set(dangling) - {"true", "false", "1", "0"}:
        raise Invalid(f"Invalid filter 'dangling=[{' '.join(dangling)}]'")
    found = [
        _shape(volume)
        for volume in await asyncio.to_thread(engine.volumes.all)
        if _passes(volume, wanted)
        and (not dangling or bool(_users(engine, volume.name)) != wire.flag(dangling[0]))
    ]
    return Reply(200, {"Volumes": found, "Warnings": None})


def _passes(volume: Volume, wanted: dict[str, list[str]]) -> bool:
    """dockerd takes the value of ``name`` for a pattern, and then for a part of the name."""
    own: dict[str, Callable[[str], bool]] = {
        "name": lambda value: value in volume.name or fits(value, volume.name),
        "driver": lambda value: value == DRIVER,
    }
    return wire.has_labels(volume.labels or {}, wanted.get("label", ())) and all(
        any(map(own[name], values)) for name, values in wanted.items() if name in own
    )


def fits(pattern: str, name: str) -> bool:
    """Of a filter by names: anchored, but no other expression."""
    # Only what a user may mean by it: an anchored name. A pattern of any kind could take for ever.
    bare = re.fullmatch(r"(\^?)([\w.-]*)(\$?)", pattern)
    if not bare:
        return False
    kinds = {"": str.__contains__, "^": str.startswith, "$": str.endswith, "^$": str.__eq__}
    return bool(kinds[bare[1] + bare[3]](name, bare[2]))


def _users(engine: Engine, name: str) -> list[str]:
    """The ids of the containers that have this volume."""
    return [
        record.id
        for record in engine.containers()
        if any(point.mount.type == "volume" and point.name == name for point in record.mounts)
    ]


async def create(engine: Engine, request: Request) -> Answer:
    body = json_of(request)
    made = await asyncio.to_thread(
        engine.volumes.create,
        str(body.get("Name") or ""),
        driver=str(body.get("Driver") or ""),
        labels=body.get("Labels"),
        options=body.get("DriverOpts"),
    )
    return Reply(201, _shape(made))


async def inspected(engine: Engine, request: Request, name: str) -> Answer:
    return Reply(200, _shape(engine.volumes.find(name)))


async def remove(engine: Engine, request: Request, name: str) -> Answer:
    try:
        found = engine.volumes.find(name)
    except NotFound:
        if request.flag("force"):
            return Reply(204)
        raise
    await asyncio.to_thread(engine.volumes.remove, found, partial(_users, engine))
    return Reply(204)


async def prune(engine: Engine, request: Request) -> Answer:
    """All that no container has: API 1.41 knows no difference of named and anonymous ones."""
    wanted = filters_of(request, OF_PRUNE, UNREADABLE)
    is_to_go = meant(wanted)
    gone, size = [], 0
    for volume in await asyncio.to_thread(engine.volumes.all):
        if not is_to_go(volume.labels, volume.created) or _users(engine, volume.name):
            continue
        bytes_of_it = await asyncio.to_thread(engine.volumes.size, volume)
        with suppress(Conflict):  # a container has it meanwhile
            await asyncio.to_thread(engine.volumes.remove, volume, partial(_users, engine))
            gone.append(volume.name)
            size += bytes_of_it
    engine.events.publish("volume", "prune", "", {"reclaimed": str(size)})
    return Reply(200, {"VolumesDeleted": gone, "SpaceReclaimed": size})
