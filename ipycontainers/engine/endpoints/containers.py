"""Containers, the requests that are answered at once: create, list, inspect, start, kill, …

Knows: dockerd's queries, filters and statuses. Does not know: how anything is done.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence

from ipycontainers.engine import shapes, wire
from ipycontainers.engine.engine import Engine
from ipycontainers.engine.events import Queue
from ipycontainers.engine.record import Record
from ipycontainers.engine.server import Answer, Reply, Request
from ipycontainers.errors import Conflict, Invalid, NotFound
from ipycontainers.oci import Platform

from .sizes import sized

GRACE = 10  # seconds that stop gives a program, as docker's


def json_of(request: Request) -> wire.Json:
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip()
    if request.body and kind != "application/json":
        raise Invalid(f"Content-Type specified ({kind}) must be 'application/json'")
    try:
        return request.json()
    except ValueError as error:
        raise Invalid(f"invalid JSON: {error}") from error


def filters_of(
    request: Request, known: Sequence[str], failed: str = "invalid filter"
) -> dict[str, list[str]]:
    """``failed`` begins the message where they cannot be read. Raises Invalid."""
    try:
        wanted = wire.filters(request.query.get("filters", ""))
    except ValueError as error:
        raise Invalid(f"{failed}: {error}") from error
    for name in wanted:
        if name not in known:
            raise Invalid(f"Invalid filter '{name}'")
    return wanted


def meant(wanted: Mapping[str, Sequence[str]]) -> Callable[[Mapping[str, str] | None, float], bool]:
    """By a prune with the filters "label", "label!" and "until": whether what has these labels, and
    was made at that time, is to go. Raises Invalid."""
    latest = [wire.moment_text(text, time.time()) for text in wanted.get("until", ())]

    def is_to_go(labels: Mapping[str, str] | None, created: float) -> bool:
        has = dict(labels or {})
        return (
            wire.has_labels(has, wanted.get("label", ()))
            and not any(wire.has_labels(has, [text]) for text in wanted.get("label!", ()))
            and all(created < moment for moment in latest)
        )

    return is_to_go


async def create(engine: Engine, request: Request) -> Answer:
    body, name = shapes.spelled(json_of(request)), request.query.get("name", "")
    image, platform = str(body.get("Image") or ""), request.query.get("platform", "")
    if platform:
        await asyncio.to_thread(_check_platform, engine, image, platform)
    record, warnings = await asyncio.to_thread(engine.create, body, name)
    return Reply(201, {"Id": record.id, "Warnings": warnings})


def _check_platform(engine: Engine, name: str, platform: str) -> None:
    """NotFound, for which docker pulls, where the image is for another one."""
    from ipycontainers.engine.registry import platforms

    wanted = platforms.parse(platform, Platform.here())
    actual = engine.image_of(name).config.platform
    if platforms.rank(wanted, actual) is None:
        raise NotFound(
            f"image with reference {name} was found but does not match the specified platform: "
            f"wanted {wanted}, actual: {actual}"
        )


async def inspected(engine: Engine, request: Request, name: str) -> Answer:
    record = engine.find(name)
    size = await asyncio.to_thread(sized, engine, record) if request.flag("size") else {}
    (told,) = engine.describe(record)
    return Reply(200, {**shapes.container(told), **size})


async def start(engine: Engine, request: Request, name: str) -> Answer:
    record = engine.find(name)
    return Reply(204 if await asyncio.to_thread(engine.running.start, record) else 304)


async def kill(engine: Engine, request: Request, name: str) -> Answer:
    try:
        record = engine.find(name)
    except NotFound as error:
        raise NotFound(f"Cannot kill container: {name}: {error.message}") from error
    try:
        await asyncio.to_thread(engine.running.kill, record, request.query.get("signal") or "KILL")
    except Conflict as error:  # which calls the container as the request did
        message = error.message.replace(f"container: {record.id}", f"container: {name}", 1)
        raise Conflict(message) from error
    return Reply(204)


async def stop(engine: Engine, request: Request, name: str) -> Answer:
    record = engine.find(name)
    if not record.is_up:
        return Reply(304)
    await _stop(engine, record, request)
    return Reply(204)


async def pause(engine: Engine, request: Request, name: str) -> Answer:
    await asyncio.to_thread(engine.running.pause, engine.find(name))
    return Reply(204)


async def unpause(engine: Engine, request: Request, name: str) -> Answer:
    await asyncio.to_thread(engine.running.unpause, engine.find(name))
    return Reply(204)


async def restart(engine: Engine, request: Request, name: str) -> Answer:
    """One that removes itself is not to do so in between."""
    record = engine.find(name)
    record.is_kept = True
    try:
        await _stop(engine, record, request)
        await asyncio.to_thread(engine.running.start, record)
    finally:
        record.is_kept = False
    engine.running.publish(record, "restart")
    return Reply(204)


async def _stop(engine: Engine, record: Record, request: Request) -> None:
    """SIGTERM or the image's signal, and after ``t`` seconds SIGKILL. Returns at the end."""
    grace = _grace(request, record)
    signal = request.query.get("signal") or record.config.get("StopSignal") or "TERM"
    with contextlib.suppress(Conflict):  # it has ended by itself
        latest = time.monotonic() + grace if grace >= 0 else None  # whatever the clock does
        if not await _ends(engine, record, signal, latest):
            await _ends(engine, record, "KILL", None)
        engine.events.publish("container", "stop", record.id, record.attributes)


def _grace(request: Request, record: Record) -> float:
    asked = request.query.get("t") or record.config.get("StopTimeout") or GRACE
    try:
        return float(asked)
    except ValueError as error:
        raise Invalid(f'strconv.Atoi: parsing "{asked}": invalid syntax') from error


async def _ends(engine: Engine, record: Record, signal: str, until: float | None) -> bool:
    """Whether the signal has ended it in time."""
    with Queue(engine.events) as queue:
        await asyncio.to_thread(engine.running.kill, record, signal)
        if not record.is_up:  # it was between two runs
            return True
        async for event in queue.until(until, clock=time.monotonic):
            if event["Actor"]["ID"] == record.id and event["Action"] == "die":
                return True
    return False


async def remove(engine: Engine, request: Request, name: str) -> Answer:
    if request.flag("link"):
        await asyncio.to_thread(_unlink, engine, name)
        return Reply(204)
    record = engine.find(name)
    force, volumes = request.flag("force"), request.flag("v")
    await asyncio.to_thread(engine.remove, record, force=force, volumes=volumes)
    return Reply(204)


def _unlink(engine: Engine, name: str) -> None:
    if "/" not in name.removeprefix("/"):
        engine.find(name)
        raise Conflict("Conflict, cannot remove the default link name of the container")
    engine.connections.refresh(engine.connections.links.take_away(name))


async def rename(engine: Engine, request: Request, name: str) -> Answer:
    record = engine.find(name)
    await asyncio.to_thread(engine.rename, record, request.query.get("name", ""))
    return Reply(204)


async def update(engine: Engine, request: Request, name: str) -> Answer:
    record = engine.find(name)
    warnings = await asyncio.to_thread(
        engine.update, record, wire.spelled(json_of(request), shapes.HOST_CONFIG)
    )
    return Reply(200, {"Warnings": warnings or None})


async def resize(engine: Engine, request: Request, name: str) -> Answer:
    record = engine.find(name)
    size = await _resize(engine, record, request, {})
    engine.running.publish(record, "resize", height=str(size["h"]), width=str(size["w"]))
    return Reply(200)


async def exec_resize(engine: Engine, request: Request, exec_id: str) -> Answer:
    made = engine.execs.find(exec_id)
    await _resize(engine, made.container, request, {"exec": made.id})
    return Reply(200)


async def _resize(
    engine: Engine, record: Record, request: Request, more: wire.Json
) -> Mapping[str, int]:
    """The size, as asked. Raises Invalid, Conflict."""
    try:
        size = {key[0]: int(request.query[key]) for key in ("h", "w")}
    except (KeyError, ValueError) as error:
        raise Invalid(f"invalid size of a terminal: {error}") from error
    if not record.is_running:
        raise Conflict(f"Container {record.id} is not running")
    asked = {"do": "resize", "height": size["h"], "width": size["w"], **more}
    await asyncio.to_thread(engine.running.tell, record, asked)
    return size


async def exec_create(engine: Engine, request: Request, name: str) -> Answer:
    made = engine.execs.new(engine.find(name), wire.spelled(json_of(request), shapes.EXEC))
    return Reply(201, {"Id": made.id})


async def exec_inspected(engine: Engine, request: Request, exec_id: str) -> Answer:
    made = engine.execs.find(exec_id)
    engine.execs.refresh(made)
    return Reply(200, shapes.exec_(made.describe()))
