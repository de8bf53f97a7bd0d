"""How much room everything takes: GET /system/df; and what builds keep, which is nothing.

Knows: dockerd's answers. Does not know: how it is measured.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter

from ipycontainers.engine import image_shapes, shapes, usage, wire
from ipycontainers.engine.engine import Engine
from ipycontainers.engine.server import Answer, Reply, Request

from .images import show
from .sizes import sized
from .volumes import _shape as shape_of


async def df(engine: Engine, request: Request) -> Answer:
    return Reply(200, await asyncio.to_thread(_df, engine))


async def prune_builds(engine: Engine, request: Request) -> Answer:
    engine.events.publish("builder", "prune", "", {"reclaimed": "0"})
    return Reply(200, {"CachesDeleted": None, "SpaceReclaimed": 0})


def _df(engine: Engine) -> wire.Json:
    found = engine.layout.images()
    shared, layers = usage.shared([image for _, image in found], engine.sizes)
    records = engine.containers()
    users = Counter(record.image for record in records)
    mounts = Counter(point.name for record in records for point in record.mounts if point.name)
    now = time.time()
    return {
        "LayersSize": layers,
        "Images": [
            image_shapes.summary(
                show(engine, image, names),
                shared=shared[str(image.id)],
                containers=users[str(image.id)],
            )
            for names, image in found
        ],
        "Containers": [
            {**shapes.container_summary(told, now), **sized(engine, record)}
            for record, told in zip(records, engine.describe(*records), strict=True)
        ],
        "Volumes": _volumes(engine, mounts),
        "BuildCache": None,
        "BuilderSize": 0,
    }


def _volumes(engine: Engine, mounts: Counter[str]) -> list[wire.Json]:
    return [
        {
            **shape_of(volume),
            "UsageData": {"RefCount": mounts[volume.name], "Size": usage.of_folder(volume.data)},
        }
        for volume in engine.volumes.all()
    ]
