"""Whether a registry answers: somebody takes the connection at its port.

Nothing is asked of it, so that nothing counts against a limit of pulls.

Knows: addresses, sockets. Does not know: registries.
"""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

PATIENCE = 1.5  # seconds; names may take longer where nothing answers at all


@dataclass(frozen=True)
class Reach:
    is_there: bool
    why: str


def reach(addresses: Sequence[str], patience: float = PATIENCE) -> Reach:
    """The first of them that answers, or why the last does not, within ``patience`` seconds."""
    answers: queue.Queue[Reach] = queue.Queue()
    # A resolver cannot be told to hurry; who waits for it is left behind.
    threading.Thread(
        target=lambda: answers.put(_reach(addresses, patience)), name="reach", daemon=True
    ).start()
    try:
        return answers.get(timeout=patience)
    except queue.Empty:
        return Reach(False, f"no answer within {patience:g} seconds")


def _reach(addresses: Sequence[str], patience: float) -> Reach:
    found = Reach(False, "no address")
    for address in addresses:
        found = _reach_one(address, patience)
        if found.is_there:
            break
    return found


def _reach_one(address: str, patience: float) -> Reach:
    try:
        parts = urlsplit(address if "://" in address else f"https://{address}")
        port = parts.port or (80 if parts.scheme == "http" else 443)
        socket.create_connection((parts.hostname or "", port), patience).close()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return Reach(False, f"not to be reached from here: {reason}")
    return Reach(True, f"answers at {parts.hostname}:{port}")
