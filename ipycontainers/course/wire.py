"""The engine's address and a stream to it, for who speaks HTTP with it by hand.

    address()       "unix:///var/run/docker.sock", of the engine that runs the cells
    dial()          a connected socket, whatever the address is: unix, tcp, TLS, ssh

Knows: the connection of this notebook. Does not know: HTTP.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .lab import Lab

if TYPE_CHECKING:
    from ipycontainers.client.dial import AnySocket


def address() -> str:
    """Of the engine that runs the cells. Raises EngineUnavailable where there is none."""
    return Lab.here().engine.candidate.address


def dial() -> AnySocket:
    """To be closed by who asked, as ``http.client`` does. Raises EngineUnavailable."""
    return Lab.here().engine.dial()
