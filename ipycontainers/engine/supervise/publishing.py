"""The forwarder of a container that has published ports: a child of its supervisor.

Whatever ends the supervisor ends it too, and it belongs to no container's processes.

Knows: that there is one. Does not know: sockets.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ipycontainers.engine.network import forwarder

from .failure import StartError

NOT_PUBLISHED = 128  # as dockerd's State.ExitCode


class Publishing:
    """``pid`` is the forwarder's, 0 without one; ``ports`` what it said is open."""

    def __init__(self) -> None:
        self.pid = 0
        self.ports: list[Any] = []

    def begin(self, asked: Mapping[str, Any] | None) -> None:
        """As ``forwarder`` has it; None for nothing. Raises StartError, which tells all that
        the forwarder said."""
        if not asked:
            return
        self.pid, answer = forwarder.begin(asked)
        if "error" in answer:
            raise StartError(answer["error"], NOT_PUBLISHED, answer)
        self.ports = answer["ports"]
