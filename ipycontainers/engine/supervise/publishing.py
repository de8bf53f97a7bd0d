"""The forwarder of a container that has published ports: a child of its supervisor.

Whatever ends the supervisor ends it too, and it belongs to no container's processes.

Knows: that there is one. Does not know: sockets.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from ipycontainers.engine.network import forwarder

from .failure import StartError

NOT_PUBLISHED = 128  # as dockerd's State.ExitCode


_REVIVALS = 5  # of one that is killed, by whoever; for ever would be a circle


class Publishing:
    """``pid`` is the forwarder's, 0 without one; ``ports`` what it said is open."""

    def __init__(self) -> None:
        self.pid = 0
        self.ports: list[Any] = []
        self._asked: Mapping[str, Any] = {}
        self._revivals = 0
        self._is_over = False

    def begin(self, asked: Mapping[str, Any] | None) -> None:
        """As ``forwarder`` has it; None for nothing. Raises StartError, which tells all that
        the forwarder said."""
        self._is_over, self.ports = False, []
        if not asked:
            return
        self._asked = asked
        self.pid, answer = forwarder.begin(asked)
        if "error" in answer:
            raise StartError(answer["error"], NOT_PUBLISHED, answer)
        self.ports = answer["ports"]

    def stop(self) -> None:
        """The forwarder is about to be killed with all else, and no other one is to follow."""
        self._is_over = True

    def revive(self, pid: int) -> None:
        """The process ``pid`` has ended: where it was the forwarder, have the same ports again,
        as far as that can be: the container goes on without them too."""
        if pid != self.pid or self._is_over or self._revivals == _REVIVALS:
            return
        self._revivals += 1
        again = [
            [port, host_ip, number, number, asked[-1]]
            for asked, (port, host_ip, number) in zip(
                self._asked["bindings"], self.ports, strict=True
            )
            if asked[-1] != number
        ]
        self.pid = 0
        with suppress(OSError):  # of a machine that has no room for a process just now
            self.pid, _ = forwarder.begin({**self._asked, "bindings": again})
