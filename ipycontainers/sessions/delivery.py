"""Files that a cell of a session needs, on their way into its container.

Knows: where they lie, that a root may be read-only. Does not know: what they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ipycontainers.errors import ContainerError
from ipycontainers.interpreter import FILE_FOLDER

if TYPE_CHECKING:
    from ipycontainers.client import Connection
    from ipycontainers.exchange import Archive


def deliver(
    connection: Connection, container_id: str, archive: Callable[[str], bytes | Archive]
) -> None:
    """Unpacks ``archive(folder)``, for the folder "/", or FILE_FOLDER where the root is
    read-only: a session has a volume there then."""
    try:
        connection.put_archive(container_id, "/", archive("/"))
    except ContainerError:
        connection.put_archive(container_id, FILE_FOLDER, archive(FILE_FOLDER))
