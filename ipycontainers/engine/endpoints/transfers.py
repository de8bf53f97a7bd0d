"""Images that come and go as archives: save, load, import, commit, export.

Knows: Docker's queries, its streams of progress. Does not know: what is in an archive.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

from ipycontainers.engine import contents, images, unpacked, wire
from ipycontainers.engine.engine import Engine
from ipycontainers.engine.server import Answer, Chunks, Reply, Request
from ipycontainers.errors import ContainerError, EngineError, Invalid
from ipycontainers.oci import Image, archive

from .containers import json_of

PIECE = 1 << 18


async def streamed(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """The pieces as they are made, in a thread, some at once; ended with the iteration.

    Who is cancelled leaves a thread that still makes some: their end waits for it.
    """
    turn = threading.Lock()

    def some() -> bytes:
        taken = bytearray()
        with turn:
            for piece in pieces:
                taken += piece
                if len(taken) >= PIECE:
                    break
        return bytes(taken)

    def end() -> None:
        closing = getattr(pieces, "close", None)
        with turn:
            if closing:
                closing()

    try:
        while piece := await asyncio.to_thread(some):
            yield piece
    finally:
        await asyncio.to_thread(end)


async def save(engine: Engine, request: Request) -> Answer:
    return await _save(engine, [value for key, value in request.pairs if key == "names"])


async def save_one(engine: Engine, request: Request, name: str) -> Answer:
    return await _save(engine, [name])


async def _save(engine: Engine, names: list[str]) -> Answer:
    pieces = await asyncio.to_thread(images.archive, engine, names)
    return Chunks(streamed(pieces), "application/x-tar")


async def load(engine: Engine, request: Request) -> Answer:
    """As dockerd it answers when all is done, with 200 also where it failed."""
    assert request.file
    try:
        names = await asyncio.to_thread(archive.load, request.file, engine.layout)
    except ContainerError as error:
        return _progress(wire.failed_line(error.message))
    except OSError as error:
        return _progress(wire.failed_line(f"the image cannot be kept: {error.strerror}"))
    loaded = [engine.image_of(name) for name in names]
    for image in {str(image.id): image for image in loaded}.values():
        images.tell(engine, "load", image)
    return _progress(*(wire.line({"stream": f"{_what(name)}: {name}\n"}) for name in names))


def _progress(*lines: bytes) -> Chunks:
    """In chunks, without which docker-py takes several objects for a broken one."""
    return Chunks(streamed(iter(lines)))


def _what(name: str) -> str:
    return "Loaded image ID" if name.startswith("sha256:") else "Loaded image"


async def import_(engine: Engine, request: Request) -> Answer:
    """POST /images/create with fromSrc: a URL, or ``-`` for the body."""
    assert request.file
    source = request.query["fromSrc"]
    wanted = images.Wanted(
        _name(request),
        comment=request.query.get("message", "") or f"Imported from {source}",
        changes=_changes(request),
    )
    if source == "-":
        image = await asyncio.to_thread(images.import_, engine, request.file, wanted)
        return _progress(wire.line({"status": str(image.id)}))
    image = await asyncio.to_thread(_from_url, engine, source, wanted)
    told = {"status": f"Downloading from {source}"}
    return _progress(wire.line(told), wire.line({"status": str(image.id)}))


def _from_url(engine: Engine, url: str, wanted: images.Wanted) -> Image:
    from ipycontainers.engine.registry.download import opened
    from ipycontainers.engine.registry.settings import Settings

    with opened(url, Settings.load()) as answer:
        return images.import_(engine, answer, wanted)


async def commit(engine: Engine, request: Request) -> Answer:
    record = engine.find(request.query.get("container", ""))
    wanted = images.Wanted(
        _name(request),
        comment=request.query.get("comment", ""),
        author=request.query.get("author", ""),
        changes=_changes(request),
        config=_config(json_of(request)),
    )
    pause = request.flag("pause", "1")
    image = await asyncio.to_thread(images.commit, engine, record, wanted, pause=pause)
    return Reply(201, {"Id": str(image.id)})


def _config(body: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if value}


def _name(request: Request) -> Any:
    try:
        return images.named(request.query.get("repo", ""), request.query.get("tag", ""))
    except Invalid as error:  # dockerd's status
        raise EngineError(error.message) from error


def _changes(request: Request) -> list[str]:
    return [value for key, value in request.pairs if key == "changes"]


async def export(engine: Engine, request: Request, name: str) -> Answer:
    record = engine.find(name)
    root = unpacked.image_root(engine.data, record.image)
    return Chunks(streamed(contents.export(record, root)), "application/octet-stream")
