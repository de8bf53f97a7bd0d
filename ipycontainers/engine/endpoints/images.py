"""Images: list, inspect, load, tag, remove.

Knows: dockerd's rules for names. Does not know: what is in an image.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from fnmatch import fnmatchcase

from ipycontainers.engine import shapes, wire
from ipycontainers.engine.engine import Engine
from ipycontainers.engine.server import Answer, Reply, Request
from ipycontainers.errors import Conflict, Invalid, NotFound
from ipycontainers.oci import Image, Reference


async def listed(engine: Engine, request: Request) -> Answer:
    wanted = _filters(request)
    if name := request.query.get("filter"):
        wanted.setdefault("reference", []).append(name)
    found = await asyncio.to_thread(engine.layout.images)
    return Reply(
        200,
        [
            shapes.image_summary(
                dict(image.config.raw),
                str(image.id),
                names,
                image.size,
                engine.layout.origins(image),
            )
            for names, image in found
            if _passes(names, image, wanted)
        ],
    )


def _filters(request: Request) -> dict[str, list[str]]:
    try:
        wanted = wire.filters(request.query.get("filters", ""))
    except ValueError as error:
        raise Invalid(f"invalid filter: {error}") from error
    for name in wanted:
        if name not in ("label", "reference", "dangling"):
            raise Invalid(f"Invalid filter '{name}'")
    return wanted


def _passes(names: Sequence[str], image: Image, wanted: dict[str, list[str]]) -> bool:
    if not wire.has_labels(image.config.labels, wanted.get("label", ())):
        return False
    if wanted.get("dangling") and wire.flag(wanted["dangling"][0]) == bool(names):
        return False
    patterns = wanted.get("reference")
    return not patterns or any(_is_like(name, pattern) for name in names for pattern in patterns)


def _is_like(name: str, pattern: str) -> bool:
    """``pattern`` is a name with or without a tag, and may have the shell's wildcards."""
    return fnmatchcase(name, pattern) or fnmatchcase(name.rpartition(":")[0], pattern)


async def inspected(engine: Engine, request: Request, name: str) -> Answer:
    return Reply(200, await asyncio.to_thread(_inspect, engine, name))


def _inspect(engine: Engine, name: str) -> wire.Json:
    try:
        image = engine.image_of(name)
    except (NotFound, Invalid) as error:
        raise NotFound(f"no such image: {name}: {error.message}") from error
    names = engine.layout.names(image)
    origins = engine.layout.origins(image)
    return shapes.image(dict(image.config.raw), str(image.id), names, image.size, origins)


async def tag(engine: Engine, request: Request, name: str) -> Answer:
    repository, word = request.query.get("repo", ""), request.query.get("tag", "")

    def work() -> None:
        image = engine.image_of(name)
        engine.layout.tag(f"{repository}:{word}" if word else repository, image.manifest)
        engine.events.publish("image", "tag", str(image.id), {"name": repository})

    await asyncio.to_thread(work)
    return Reply(201)


async def remove(engine: Engine, request: Request, name: str) -> Answer:
    return Reply(200, await asyncio.to_thread(_remove, engine, name, request.flag("force")))


def _remove(engine: Engine, name: str, force: bool) -> list[dict[str, str]]:
    image = engine.image_of(name)
    names = engine.layout.names(image)
    by_id = _is_id(name, image)
    if not by_id and len(names) > 1:
        engine.layout.untag(name)
        return _told(engine, image, [str(Reference.parse(name))], deleted=False)
    if by_id and len(names) > 1 and not force:
        raise Conflict(
            f"conflict: unable to delete {image.id.hex[:12]} (must be forced) - "
            "image is referenced in multiple repositories"
        )
    _check_unused(engine, image, name, force)
    engine.layout.remove(image)
    engine.layout.gc()
    engine.tidy()
    return _told(engine, image, names, deleted=True)


def _is_id(name: str, image: Image) -> bool:
    plain = name.removeprefix("sha256:")
    if not image.id.hex.startswith(plain):
        return False
    return name.startswith("sha256:") or len(plain) >= 12


def _check_unused(engine: Engine, image: Image, name: str, force: bool) -> None:
    for record in engine.containers():
        if record.image == str(image.id) and (record.is_up or not force):
            how = "cannot be forced" if record.is_up else "must force"
            raise Conflict(
                f'conflict: unable to remove repository reference "{name}" ({how}) - '
                f"container {record.id[:12]} is using its referenced image {image.id.hex[:12]}"
            )


def _told(
    engine: Engine, image: Image, names: Sequence[str], *, deleted: bool
) -> list[dict[str, str]]:
    for name in names:
        engine.events.publish("image", "untag", str(image.id), {"name": name})
    told = [{"Untagged": name} for name in names]
    if deleted:
        engine.events.publish("image", "delete", str(image.id), {"name": str(image.id)})
        told.append({"Deleted": str(image.id)})
    return told
