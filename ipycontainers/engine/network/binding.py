"""A published port, as it is asked for and as it is open.

Knows: their fields. Does not know: Docker's words, sockets. Light, since supervisors have it.
"""

from __future__ import annotations

from typing import NamedTuple


class Wanted(NamedTuple):
    """``first`` and ``last`` are a range of which the first free one is taken; both 0 for any
    free one. ``avoided`` is the number that is left to the container's program, where that has
    the host's network; 0 for none."""

    container_port: str  # "80/tcp"
    host_ip: str
    first: int
    last: int
    avoided: int = 0

    @property
    def everywhere(self) -> str:
        """All addresses of the kind that ``host_ip`` is."""
        return "::" if ":" in self.host_ip else "0.0.0.0"

    @property
    def is_held(self) -> bool:
        """Whether something listens for the container. Else its program does so itself, and the
        port must only be free before."""
        return not self.avoided or not self.first == self.last == self.avoided


class Binding(NamedTuple):
    """Who connects to ``host_port`` at ``host_ip`` reaches the container's port."""

    container_port: str
    host_ip: str
    host_port: int


def split(container_port: str) -> tuple[int, str]:
    """
    >>> split("80/tcp")
    (80, 'tcp')
    """
    number, _, protocol = container_port.partition("/")
    return int(number), protocol
