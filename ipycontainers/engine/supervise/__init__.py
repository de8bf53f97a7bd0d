"""The process beside each container, and the one that forks them.

``Nursery`` belongs to the engine, ``connect`` and ``ask`` speak to a supervisor.

Knows: processes, pipes, the control socket. Does not know: Docker's JSON, images, the engine.
"""

from __future__ import annotations

from .control import END, SOCKET, ask, connect
from .nursery import Nursery, give_orders

__all__ = ["END", "SOCKET", "Nursery", "ask", "connect", "give_orders"]
