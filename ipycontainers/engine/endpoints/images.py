"""Images: list, inspect, history, tag, remove, prune.

Knows: dockerd's rules for names, its filters. Does not know: what is in an image.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from ipycontainers.engine import deletion, image_shapes, images, wire
from ipycontainers.engine.engine import Engine
from ipycontainers.engine.image_shapes import Shown
from ipycontainers.engine.server import Answer, Reply, Request
from ipycontainers.engine.unpacked import image_root
from ipycontainers.errors import EngineError, Invalid, NotFound
from ipycontainers.oci import Image, Reference

from .containers import filters_of

Filters = dict[str, list[str]]
_TRUE, _FALSE = ("1", "true"), ("0", "false")


async def listed(engine: Engine, request: Request) -> Answer:
    wanted = filters_of(request, ("label", "reference", "dangling", "before", "since"))
    if name := request.query.get("filter"):
        wanted.setdefault("reference", []).append(name)
    return Reply(200, await asyncio.to_thread(_list, engine, wanted, request.flag("all")))


def _list(engine: Engine, wanted: Filters, everything: bool) -> list[wire.Json]:
    between = _between(engine, wanted)
    dangling = truth(wanted, "dangling")
    found = engine.layout.images()
    parents = {image.config.raw.get("parent") for _, image in found}
    kept = []
    for names, image in found:
        shown = show(engine, image, names)
        if not (between(image) and wire.has_labels(image.config.labels, wanted.get("label", ()))):
            continue
        if not names and not shown.digests:
            between_steps = str(image.id) in parents and not everything
            if dangling is False or wanted.get("reference") or between_steps:
                continue
        elif dangling and names:
            continue
        if patterns := wanted.get("reference"):
            shown = _selected(shown, patterns)
            if not shown.names and not shown.digests:
                continue
        kept.append(shown)
    kept.sort(key=lambda shown: -shown.created)
    return [image_shapes.summary(shown) for shown in kept]


def show(engine: Engine, image: Image, names: Sequence[str]) -> Shown:
    return Shown(
        dict(image.config.raw),
        str(image.id),
        names,
        engine.layout.origins(image),
        engine.sizes.of(image),
    )


def _selected(shown: Shown, patterns: Sequence[str]) -> Shown:
    """With the names alone that one of the patterns is like."""
    names, digests = (
        [name for name in names if any(_is_like(name, pattern) for pattern in patterns)]
        for names in (shown.names, shown.digests)
    )
    return Shown(shown.raw, shown.id, names, digests, shown.sizes)


def _is_like(name: str, pattern: str) -> bool:
    """``pattern`` is a name with or without a tag, and may have wildcards, as Go's path.Match:
    none of them is for a slash."""
    parts = re.findall(r"\*|\?|\[[^]]*\]|\\.|.", pattern)
    known = {"*": "[^/]*", "?": "[^/]"}
    text = "".join(
        known.get(part) or (part if part[0] in "[\\" and len(part) > 1 else re.escape(part))
        for part in parts
    )
    try:
        compiled = re.compile(text)
    except re.error as error:
        raise Invalid(f"syntax error in pattern: {pattern}") from error
    bare = Reference.parse(name).familiar_name
    return bool(compiled.fullmatch(name) or compiled.fullmatch(bare))


def _between(engine: Engine, wanted: Filters) -> Callable[[Image], bool]:
    """Whether an image is older and newer than those of the filters. NotFound for these."""
    before, since = (
        [moment(engine.image_of(name)) for name in wanted.get(key, ())]
        for key in ("before", "since")
    )
    return lambda image: (
        all(moment(image) < other for other in before)
        and all(moment(image) > other for other in since)
    )


def moment(image: Image) -> tuple[int, int]:
    return wire.moment_of(image.config.created or wire.ZERO_TIME)


def truth(wanted: Filters, name: str) -> bool | None:
    """The value of a filter that is true or false; None without it."""
    values = wanted.get(name)
    if not values:
        return None
    if len(values) > 1 or values[0].lower() not in (*_TRUE, *_FALSE):
        raise Invalid(f"Invalid filter '{name}=[{' '.join(values)}]'")
    return values[0].lower() in _TRUE


async def inspected(engine: Engine, request: Request, name: str) -> Answer:
    return Reply(200, await asyncio.to_thread(_inspect, engine, name))


def _inspect(engine: Engine, name: str) -> wire.Json:
    try:
        image = engine.image_of(name)
    except (NotFound, Invalid) as error:
        raise NotFound(f"no such image: {name}: {error.message}") from error
    root = image_root(engine.data, str(image.id))
    store = {"Root": str(root)} if engine.launcher.needs_copy else {}
    shown = show(engine, image, engine.layout.names(image))
    return image_shapes.inspected(replace(shown, tagged=engine.layout.tagged(image)), store)


async def history(engine: Engine, request: Request, name: str) -> Answer:
    return Reply(200, await asyncio.to_thread(_history, engine, name))


def _history(engine: Engine, name: str) -> list[wire.Json]:
    image = engine.image_of(name)
    known = {str(other.id): (str(other.id), names) for names, other in engine.layout.images()}
    by_id = {str(other.id): other for _, other in engine.layout.images()}
    parents: list[tuple[str, Sequence[str]]] = []
    parent = str(image.config.raw.get("parent", ""))
    while parent in known and len(parents) < len(by_id):
        parents.append(known[parent])
        parent = str(by_id[parent].config.raw.get("parent", ""))
    return image_shapes.history(show(engine, image, engine.layout.names(image)), parents)


async def tag(engine: Engine, request: Request, name: str) -> Answer:
    """Its name is judged before the image is looked for, and answered with dockerd's 500."""
    repository, word = request.query.get("repo", ""), request.query.get("tag", "")

    def work() -> None:
        image = engine.image_of(name)
        try:
            reference = images.named(repository, word) or Reference.parse("")
        except Invalid as error:
            raise EngineError(error.message) from error
        engine.layout.tag(reference, image.manifest)
        images.tell(engine, "tag", image, str(reference))

    await asyncio.to_thread(work)
    return Reply(201)


async def remove(engine: Engine, request: Request, name: str) -> Answer:
    force, keep = request.flag("force"), request.flag("noprune")
    told = await asyncio.to_thread(deletion.remove, engine, name, force=force, prune=not keep)
    return Reply(200, told)


async def prune(engine: Engine, request: Request) -> Answer:
    wanted = filters_of(request, ("dangling", "label", "label!", "until"))
    dangling = truth(wanted, "dangling")
    latest = [wire.moment_text(text, time.time()) for text in wanted.get("until", ())]

    def is_wanted(image: Image) -> bool:
        labels = image.config.labels
        unwanted = wanted.get("label!")
        return (
            all(moment(image)[0] <= until for until in latest)
            and wire.has_labels(labels, wanted.get("label", ()))
            and not (unwanted and wire.has_labels(labels, unwanted))
        )

    told, freed = await asyncio.to_thread(
        deletion.prune, engine, dangling=dangling is not False, wanted=is_wanted
    )
    return Reply(200, {"ImagesDeleted": told or None, "SpaceReclaimed": freed})
