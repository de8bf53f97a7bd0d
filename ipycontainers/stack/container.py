"""A container, made for the purpose and removed again.

Knows: which requests a container takes. Does not know: which engine answers them.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ipycontainers import streams, watchdog
from ipycontainers.errors import ContainerError

from .probe import BEGIN, Measured, marked

if TYPE_CHECKING:
    from ipycontainers.client import Connection

LIMIT = 256 << 20  # bytes that it may take, so that a limit can be seen
PATIENCE = 30.0  # seconds that it may take to answer: an image's sh may do what it likes
_MOST = 65536  # bytes that it may say


def measure(connection: Connection, image: str) -> Measured:
    """Of ``image``, which has a shell and is pulled where it is missing. Never raises what engines
    do: it is said in ``missing``."""
    try:
        try:
            connection.inspect_image(image)  # else the time of a pull would be measured
        except ContainerError:
            connection.pull(image)
        with marked() as mark:
            return _measured(connection, image, mark.script)
    except ContainerError as error:
        return Measured("container", missing=error.message)
    except OSError as error:
        return Measured("container", missing=str(error))


def _measured(connection: Connection, image: str, script: str) -> Measured:
    config: dict[str, Any] = {
        "Image": image,
        "Entrypoint": ["sh", "-c", script],
        "Labels": watchdog.labels(),
        "HostConfig": {"Memory": LIMIT},
    }
    began = time.monotonic()
    created = connection.create(config)
    try:
        attachment = connection.attach(created.id)
        with attachment:
            connection.start(created.id)
            said, first = _listen(attachment)
    finally:
        connection.remove(created.id)
    has_limit = not any("memory" in warning.lower() for warning in created.warnings)
    limit = LIMIT if has_limit else 0
    return Measured.of("container", said, seconds=first - began, limit=limit)


def _listen(attachment: Any) -> tuple[str, float]:
    """What it says, and when its first program spoke."""
    said, first = b"", 0.0
    end = threading.Timer(PATIENCE, attachment.close)
    end.start()
    with suppress(OSError):  # closed
        for frames in streams.batches(attachment.read):
            said += b"".join(frame.data for frame in frames)[:_MOST]
            if not first and BEGIN.encode() in said:
                first = time.monotonic()
            if len(said) > _MOST:
                break
    end.cancel()
    end.join()
    return said.decode("utf-8", "replace"), first or time.monotonic()
