"""Files of a container: put, get, stat, and what differs from its image.

Knows: Docker's header for a path. Does not know: where a root is; ``files`` does.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

from ipycontainers.engine import files, unpacked, wire
from ipycontainers.engine.engine import Engine
from ipycontainers.engine.record import Record
from ipycontainers.engine.server import Answer, Chunks, Reply, Request
from ipycontainers.errors import Invalid, NotFound

from .transfers import streamed

STATUS = "X-Docker-Container-Path-Stat"


async def changes(engine: Engine, request: Request, name: str) -> Answer:
    found = await asyncio.to_thread(engine.changes, engine.find(name))
    listed = [{"Path": path, "Kind": kind} for path, kind in found.items()]
    return Reply(200, listed or b"null\n", {"Content-Type": "application/json"})


def _path(request: Request) -> str:
    path = request.query.get("path", "")
    if not path:
        raise Invalid("bad parameter: path cannot be empty")
    return path


@contextlib.contextmanager
def _said(record: Record, name: str) -> Iterator[None]:
    """dockerd calls the container as the request did."""
    try:
        yield
    except NotFound as error:
        raise NotFound(error.message.replace(record.id, name)) from error


async def status(engine: Engine, request: Request, name: str) -> Answer:
    return Reply(200, None, await _status(engine, request, name))


async def _status(engine: Engine, request: Request, name: str) -> dict[str, str]:
    record = engine.find(name)
    with _said(record, name):
        root = unpacked.image_root(engine.data, record.image)
        found = await asyncio.to_thread(files.look, record, _path(request), root)
    shown = wire.path_status(found.name, found.size, found.mode, found.modified, found.target)
    return {STATUS: shown}


async def get(engine: Engine, request: Request, name: str) -> Answer:
    headers = await _status(engine, request, name)
    record = engine.find(name)
    root = unpacked.image_root(engine.data, record.image)
    engine.running.publish(record, "archive-path")
    return Chunks(streamed(files.get(record, _path(request), root)), "application/x-tar", headers)


async def put(engine: Engine, request: Request, name: str) -> Answer:
    assert request.file
    record, strict = engine.find(name), request.flag("noOverwriteDirNonDir")
    root = unpacked.image_root(engine.data, record.image)
    with _said(record, name):
        to_user = request.flag("copyUIDGID")
        await asyncio.to_thread(
            files.put, record, _path(request), request.file, root, strict=strict, to_user=to_user
        )
    engine.running.publish(record, "extract-to-dir")
    return Reply(200, b"")
