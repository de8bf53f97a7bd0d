"""Short questions to an engine: a script in a container, its processes, what it has used.

What cannot be told is empty or said to be so, and no error: an image without a shell, an engine
without ps.

Knows: connections. Does not know: what the answers are for.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ipycontainers.errors import ContainerError, EngineError
from ipycontainers.namespaces.snapshot import LONG, number
from ipycontainers.namespaces.tree import Process, rooted
from ipycontainers.streams import STDOUT, batches

if TYPE_CHECKING:
    from ipycontainers.client import Connection

PATIENCE = 10.0  # seconds for a script in a container
MOST = 1 << 20  # bytes of its output
MANY = 1000  # processes
NO_SHELL = "it has no sh"
BROKEN = "the connection to the engine broke"


@dataclass(frozen=True)
class Told:
    """``lack``: why there is no more of it, or ""."""

    output: bytes
    lack: str = ""


def output(connection: Connection, container_id: str, script: str, *arguments: str) -> bytes:
    """What sh prints of it in the container, of as much as it says within ``PATIENCE``; b"" where
    there is no sh, or none could run."""
    return told(connection, container_id, script, *arguments).output


def told(connection: Connection, container_id: str, script: str, *arguments: str) -> Told:
    """The same, and what is wrong with it."""
    found = b""
    try:
        execution = connection.execute(container_id, ["sh", "-c", script, "sh", *arguments])
        # It looks around and ends, but for one who has put something else in its place.
        timer = threading.Timer(PATIENCE, execution.close)
        timer.start()
        try:
            for frames in batches(execution.read):
                found += b"".join(it.data for it in frames if it.stream == STDOUT)
                if len(found) > MOST:
                    return Told(found[:MOST], "its sh says too much")
            code = execution.exit_code()
        finally:
            is_late = not timer.is_alive()
            timer.cancel()
            execution.close()
            timer.join()
    except EngineError as error:
        return Told(found, NO_SHELL if error.exit_code in (126, 127) else error.message)
    except ContainerError as error:
        return Told(found, error.message)
    except OSError:
        return Told(found, _late() if is_late else BROKEN)
    # An engine says on standard output that there is no such program.
    if code in (126, 127):
        return Told(b"", NO_SHELL)
    return Told(found, _late() if is_late else "")


def _late() -> str:
    return f"its sh has not ended after {PATIENCE:g} s"


def top(connection: Connection, container_id: str) -> tuple[Process, ...]:
    """The processes of a container by the numbers of the engine's machine; Podman, which would
    look for ps in the container, tells both numbers in its own words."""
    is_podman = connection.engine_name == "Podman"
    words = "hpid,pid,ppid,args" if is_podman else "-eo pid,ppid,args"
    told: dict[str, Any] = {}
    with suppress(Exception):  # docker-py's own, requests', and what an engine's ps says
        told = dict(connection.docker.api.top(container_id, ps_args=words))
    titles = [str(it).upper() for it in told.get("Titles") or ()]
    heads = [it.upper() for it in words.removeprefix("-eo ").split(",")[:-1]]
    if titles[: len(heads)] != heads:
        return ()
    found = []
    for row in (told.get("Processes") or ())[:MANY]:
        numbers = [number(str(it)) for it in row[: len(heads)]]
        if len(numbers) < len(heads) or (pid := numbers[-2]) is None:
            continue
        command = " ".join(map(str, row[len(heads) :]))[:LONG]
        inside = pid if is_podman else None
        found.append(Process(pid, numbers[-1] or 0, inside, outside=numbers[0], command=command))
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
