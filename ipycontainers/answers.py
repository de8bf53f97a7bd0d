"""Short questions to an engine: a script in a container, its processes, what it has used.

What cannot be told is empty, and no error: an image without a shell, an engine without ps.

Knows: connections. Does not know: what the answers are for.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ipycontainers.errors import ContainerError
from ipycontainers.namespaces.snapshot import LONG, number
from ipycontainers.namespaces.tree import Process, rooted
from ipycontainers.streams import STDOUT, batches

if TYPE_CHECKING:
    from ipycontainers.client import Connection

PATIENCE = 10.0  # seconds for a script in a container
MOST = 1 << 20  # bytes of its output
MANY = 1000  # processes


def output(connection: Connection, container_id: str, script: str, *arguments: str) -> bytes:
    """What sh prints of it in the container, of as much as it says within ``PATIENCE``; b"" where
    there is no sh, or none could run."""
    found = b""
    with suppress(ContainerError, OSError):
        execution = connection.execute(container_id, ["sh", "-c", script, "sh", *arguments])
        # It looks around and ends, but for one who has put something else in its place.
        timer = threading.Timer(PATIENCE, execution.close)
        timer.start()
        try:
            for frames in batches(execution.read):
                found += b"".join(it.data for it in frames if it.stream == STDOUT)
                if len(found) > MOST:
                    break
            code = execution.exit_code()
        finally:
            timer.cancel()
            execution.close()
            timer.join()
        # An engine says on standard output that there is no such program.
        if code in (126, 127):
            return b""
    return found[:MOST]


def top(connection: Connection, container_id: str) -> tuple[Process, ...]:
    """The processes of a container by the numbers of the engine's machine."""
    told: dict[str, Any] = {}
    with suppress(Exception):  # docker-py's own, requests', and what an engine's ps says
        told = dict(connection.docker.api.top(container_id, ps_args="-eo pid,ppid,args"))
    titles = [str(it).upper() for it in told.get("Titles") or ()]
    if titles[:2] != ["PID", "PPID"]:
        return ()
    found = []
    for row in (told.get("Processes") or ())[:MANY]:
        pid, parent = number(str(row[0])), number(str(row[1]))
        if pid is not None:
            command = " ".join(map(str, row[2:]))[:LONG]
            found.append(Process(pid, parent or 0, inside=None, outside=pid, command=command))
    return rooted(found)


def used(connection: Connection, container_id: str) -> dict[str, float]:
    """By the names of limits: bytes, seconds of processor time, processes."""
    told: dict[str, Any] = {}
    with suppress(Exception):  # docker-py's own, requests', and an API that is older
        told = connection.docker.api.stats(container_id, stream=False, one_shot=True)
    memory = (told.get("memory_stats") or {}).get("usage")
    time = ((told.get("cpu_stats") or {}).get("cpu_usage") or {}).get("total_usage")
    processes = (told.get("pids_stats") or {}).get("current")
    counts = {
        "memory": memory,
        "processor": time / 1e9 if isinstance(time, (int, float)) else None,
        "processes": processes,
    }
    return {name: float(it) for name, it in counts.items() if isinstance(it, (int, float))}
