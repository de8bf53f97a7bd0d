"""Removing a cell's container in the background, so that a slow engine delays nobody.

Knows: engines refuse for a while. Does not know: cells.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from .errors import ContainerError

if TYPE_CHECKING:
    from .client import Connection

NAME = "ipycontainers-remove"  # of the threads
PATIENCE = 3.0
PAUSES = (0.0, 0.2, 0.5, 1.0, 2.0, 4.0)


def begin(connection: Connection, container_id: str, labels: Mapping[str, str]) -> None:
    """Remove the container; with an empty id those of ``labels``: of one whose creation or
    start was interrupted half way nothing else is known.

    An engine that is still busy with it refuses, or does not know it yet: it is asked again
    for some seconds. What is left then, the watchdog finds.
    """

    def remove() -> None:
        for pause in PAUSES:
            time.sleep(pause)
            with contextlib.suppress(ContainerError):
                for found in [container_id] if container_id else _found(connection, labels):
                    connection.remove(found)
                if container_id:
                    return

    threading.Thread(target=remove, name=NAME, daemon=True).start()


def _found(connection: Connection, labels: Mapping[str, str]) -> list[str]:
    return [str(container["Id"]) for container in connection.list_containers(labels=labels)]


def finish() -> None:
    """Wait for those that have begun, some seconds at most."""
    for thread in threading.enumerate():
        if thread.name == NAME:
            thread.join(PATIENCE)
