"""The sizes of a container's files, which clients must ask for.

Knows: dockerd's words for them. Does not know: how they are measured.
"""

from __future__ import annotations

import contextlib

from ipycontainers.engine import contents, wire
from ipycontainers.engine.engine import Engine
from ipycontainers.engine.record import Record
from ipycontainers.engine.unpacked import image_root
from ipycontainers.errors import NotFound


def sized(engine: Engine, record: Record) -> wire.Json:
    """SizeRw and SizeRootFs of a container; nothing for one that is just removed."""
    try:
        written = contents.written(record, image_root(engine.data, record.image))
    except OSError:
        return {}
    below = 0
    with contextlib.suppress(NotFound):
        below = sum(engine.sizes.of(engine.layout.resolve(record.image)))
    return {"SizeRw": written, "SizeRootFs": written + below}
