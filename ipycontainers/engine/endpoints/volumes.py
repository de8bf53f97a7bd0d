"""Named and anonymous volumes: folders of this engine.

Knows: dockerd's answers. Does not know: what mounts them.
"""

from __future__ import annotations

import asyncio
import shutil

from ipycontainers.engine import creation, wire
from ipycontainers.engine.engine import Engine
from ipycontainers.engine.server import Answer, Reply, Request
from ipycontainers.errors import Conflict, NotFound, Unsupported


def _shape(engine: Engine, name: str) -> wire.Json:
    folder = engine.data / "volumes" / name
    try:
        created = folder.stat().st_mtime
    except FileNotFoundError as error:
        raise NotFound(f"get {name}: no such volume") from error
    return {
        "CreatedAt": wire.time_text(created),
        "Driver": "local",
        "Labels": None,
        "Mountpoint": str(folder / "_data"),
        "Name": name,
        "Options": None,
        "Scope": "local",
    }


async def listed(engine: Engine, request: Request) -> Answer:
    names = sorted(path.name for path in (engine.data / "volumes").iterdir())
    return Reply(200, {"Volumes": [_shape(engine, name) for name in names], "Warnings": None})


async def create(engine: Engine, request: Request) -> Answer:
    body = request.json()
    if body.get("Driver") not in (None, "", "local"):
        raise Unsupported(f"there is no volume driver {body['Driver']}")
    point = creation.volume(str(body.get("Name") or ""), "/", engine.data / "volumes")
    folder = engine.data / "volumes" / point.name / "_data"
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    return Reply(201, _shape(engine, point.name))


async def inspected(engine: Engine, request: Request, name: str) -> Answer:
    return Reply(200, _shape(engine, name))


async def remove(engine: Engine, request: Request, name: str) -> Answer:
    _shape(engine, name)
    users = [r.id for r in engine.containers() if any(p.name == name for p in r.mounts)]
    if users:
        raise Conflict(f"remove {name}: volume is in use - [{', '.join(users)}]")
    await asyncio.to_thread(shutil.rmtree, engine.data / "volumes" / name)
    return Reply(204)
