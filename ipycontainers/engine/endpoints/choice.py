"""Which containers are meant: the filters of list and prune.

Knows: dockerd's filters. Does not know: what is done with what they choose.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from ipycontainers.engine import shapes, wire
from ipycontainers.engine.engine import Engine
from ipycontainers.engine.network import ports
from ipycontainers.engine.network.binding import split
from ipycontainers.engine.record import Record
from ipycontainers.engine.server import Answer, Reply, Request
from ipycontainers.errors import ContainerError, Invalid

from .containers import filters_of, meant
from .sizes import sized

STATUSES = ("created", "restarting", "running", "removing", "paused", "exited", "dead")
HEALTH = ("none", "starting", "healthy", "unhealthy")
OF_LIST = (
    *("ancestor", "before", "exited", "expose", "health", "id", "is-task", "label", "name"),
    *("network", "publish", "since", "status", "volume"),
)
EVEN_IF_ENDED = ("status", "exited")
PORT = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?(?:/(tcp|udp|sctp))?")
Wanted = Mapping[str, Sequence[str]]
Claim = Callable[[Record], bool]


def chosen(engine: Engine, request: Request) -> list[Record]:
    """Of GET /containers/json, the newest first. Raises Invalid."""
    wanted = filters_of(request, OF_LIST)
    _check(wanted)
    limit = _limit(request)
    everything = request.flag("all") or limit > 0 or any(key in wanted for key in EVEN_IF_ENDED)
    passes = _claims(engine, wanted)
    found = [
        record
        for record in engine.containers()
        if (everything or record.is_up) and all(passes_one(record) for passes_one in passes)
    ]
    return found[:limit] if limit > 0 else found


def _limit(request: Request) -> int:
    text = request.query.get("limit") or "-1"
    if not re.fullmatch(r"-?\d+", text):
        raise Invalid(f'strconv.Atoi: parsing "{text}": invalid syntax')
    return int(text)


def _check(wanted: Wanted) -> None:
    for value in wanted.get("status", ()):
        if value not in STATUSES:
            raise Invalid(f"Invalid filter 'status={value}'")
    for value in wanted.get("health", ()):
        if value not in HEALTH:
            raise Invalid(f"Unrecognised filter value for health: {value}")
    for value in wanted.get("is-task", ()):
        if value.lower() not in ("0", "1", "true", "false"):
            raise Invalid(f"Invalid filter 'is-task=[{value}]'")
    for value in wanted.get("exited", ()):
        if not re.fullmatch(r"-?\d+", value):
            raise Invalid(f'strconv.Atoi: parsing "{value}": invalid syntax')
    for key in ("publish", "expose"):
        for value in wanted.get(key, ()):
            found = PORT.fullmatch(value)
            if not found or int(found[2] or found[1]) < int(found[1]):
                raise Invalid(f"error while looking up for {key} {value}: it is no port")


def _claims(engine: Engine, wanted: Wanted) -> list[Claim]:
    """One for each filter: any of its values will do, but each label must be there."""
    return [_claim(engine, key, values) for key, values in wanted.items() if values]


def _claim(engine: Engine, key: str, values: Sequence[str]) -> Claim:
    if key == "label":
        return lambda record: wire.has_labels(record.labels, values)
    if key in ("before", "since"):
        moments = [engine.find(value).created for value in values]
        return _is_older(moments) if key == "before" else _is_newer(moments)
    if key == "ancestor":
        images = _images(engine, values)
        return lambda record: record.image in images
    fits = FITS[key]
    return lambda record: any(fits(record, value) for value in values)


def _is_older(moments: list[float]) -> Claim:
    return lambda record: any(record.created < moment for moment in moments)


def _is_newer(moments: list[float]) -> Claim:
    return lambda record: any(record.created > moment for moment in moments)


def _images(engine: Engine, names: Sequence[str]) -> set[str]:
    """Ids of the images that are named, and of those made of them: the same layers and more."""
    found = []
    for name in names:
        with contextlib.suppress(ContainerError):
            found.append(engine.image_of(name))
    below = [tuple(image.config.diff_ids) for image in found]
    ids = {str(image.id) for image in found}
    for record_image in {record.image for record in engine.containers()} - ids:
        with contextlib.suppress(ContainerError):
            layers = tuple(engine.image_of(record_image).config.diff_ids)
            if any(own and layers[: len(own)] == own for own in below):
                ids.add(record_image)
    return ids


def _has_volume(record: Record, value: str) -> bool:
    return any(value in (point.name, point.mount.target) for point in record.mounts)


def _is_in_network(record: Record, value: str) -> bool:
    """By its name, its id or the beginning of that."""
    return any(value == end.name or end.network.startswith(value) for end in record.endpoints)


def _is_called(record: Record, value: str) -> bool:
    """By a regular expression, with or without the slash."""
    try:
        return any(re.search(value, name) for name in (f"/{record.name}", record.name))
    except re.error:
        return value in record.name


def _exposed(record: Record) -> list[str]:
    is_reachable = record.is_running and ports.has_ports_of_its_own(record.host_config)
    return ports.exposed(record.config) if is_reachable else []


def _public(record: Record) -> list[str]:
    """The host's ports that are open for it."""
    return [f"{one.host_port}/{split(one.container_port)[1]}" for one in record.ports]


def _has_port(open_ports: Iterable[str], value: str) -> bool:
    found = PORT.fullmatch(value)
    assert found
    low, high = int(found[1]), int(found[2] or found[1])
    wanted = {f"{number}/{found[3] or 'tcp'}" for number in range(low, high + 1)}
    return bool(wanted & set(open_ports))


FITS: Mapping[str, Callable[[Record, str], bool]] = {
    "status": lambda record, value: record.status == value,
    "name": _is_called,
    "id": lambda record, value: record.id.startswith(value),
    "exited": lambda record, value: record.status == "exited" and record.exit_code == int(value),
    "health": lambda record, value: (record.health.status if record.health else "none") == value,
    "is-task": lambda _, value: value.lower() in ("0", "false"),
    "volume": _has_volume,
    "network": _is_in_network,
    "publish": lambda record, value: _has_port(_public(record), value),
    "expose": lambda record, value: _has_port(_exposed(record), value),
}


# --- list and prune ------------------------------------------------------------------------------


async def listed(engine: Engine, request: Request) -> Answer:
    now, found = time.time(), chosen(engine, request)
    told = [shapes.container_summary(it, now) for it in engine.describe(*found)]
    if request.flag("size"):
        sizes = [await asyncio.to_thread(sized, engine, record) for record in found]
        told = [{**shape, **size} for shape, size in zip(told, sizes, strict=True)]
    return Reply(200, told)


async def prune(engine: Engine, request: Request) -> Answer:
    """All that do not run, and what room they took."""
    wanted = filters_of(request, ("label", "label!", "until"))
    is_to_go = meant(wanted)
    gone, freed = [], 0
    for record in engine.containers():
        if record.is_up or not is_to_go(record.labels, record.created):
            continue
        size = await asyncio.to_thread(sized, engine, record)
        if await asyncio.to_thread(engine.prune, record):
            gone.append(record.id)
            freed += size.get("SizeRw", 0)
    engine.events.publish("container", "prune", "", {"reclaimed": str(freed)})
    return Reply(200, {"ContainersDeleted": gone or None, "SpaceReclaimed": freed})
