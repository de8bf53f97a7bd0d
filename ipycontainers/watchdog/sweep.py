"""Remove containers whose kernel is dead: all of one kernel, or what dead kernels left.

Runs in the watchdog's process or a child of it, never in a kernel. Nobody reads
what it would print, so it prints nothing: what cannot be reached is tried again
and then given up, and the next sweep finds it.

A container that carries the label ``keep`` is never removed here, nor one whose
owner is not proven dead.

Knows: how to ask engines for labelled containers. Does not know: kernels that live.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

from ipycontainers.client import candidates, open_candidate
from ipycontainers.errors import EngineUnavailable
from ipycontainers.watchdog.labels import KEEP, KERNEL, is_abandoned, place

if TYPE_CHECKING:
    from ipycontainers.client import Candidate, Connection

# Seconds after a kernel's death. The later ones are for a create request that was on its way
# when the kernel died, and for an engine that does not answer at once.
MOMENTS = (0, 0.5, 1, 2, 4, 8)

# Seconds until one request counts as unanswered; to log in by ssh may take some.
PATIENCE = 5

# Seconds after which what does not answer is given up.
LIMIT = 11

# The same for an engine that answers and has not removed all by then, as Podman may be on a
# loaded machine.
SLOW_MOMENTS = (14, 36)
SLOW_PATIENCE = 20
SLOW_LIMIT = 60

# dockerd needs 0.1-0.5 s to remove one running container and does several at a time.
AT_ONCE = 8


def remove_of(kernel: str, engines: Iterable[Candidate]) -> None:
    """Remove the containers of the kernel that had the id ``kernel``; returns within 11 s, or
    within 60 s where an engine answers and is slow to remove.

    Each engine is asked in a thread of its own, so that one that hangs does not
    keep the others waiting. The caller ends its process afterwards, whatever
    such a thread still waits for.
    """
    begin = time.monotonic()
    removals = [_Removal(kernel, engine) for engine in engines]
    for removal in removals:
        removal.start()
    for limit in (LIMIT, SLOW_LIMIT):
        for removal in removals:
            if limit == LIMIT or removal.remains:
                removal.join(max(0, begin + limit - time.monotonic()))


def remove_dead(setting: str | None = None) -> None:
    """Remove what is provably ours and dead from the engine that a cell would use.

    Asks the places where an engine may listen, in ``connect``'s order, until one
    answers. Starts no engine.
    """
    for candidate in candidates(setting):
        try:
            connection = open_candidate(candidate, timeout=PATIENCE)
        except EngineUnavailable:
            continue
        with connection:
            _remove(
                connection,
                [
                    container["Id"]
                    for container in connection.list_containers(labels=place(), all=True)
                    if is_abandoned(container["Labels"])
                ],
            )
        return


class _Removal(threading.Thread):
    """From one engine, until nothing more can have been on its way."""

    def __init__(self, kernel: str, engine: Candidate) -> None:
        super().__init__(daemon=True)
        self._kernel, self._engine = kernel, engine
        self.remains = False  # whether the engine, when it last answered, had some left

    def run(self) -> None:
        begin = time.monotonic()
        for moment in (*MOMENTS, *SLOW_MOMENTS):
            is_late = moment > LIMIT
            if is_late and not self.remains:
                return
            if not is_late and time.monotonic() - begin > LIMIT:
                continue
            time.sleep(max(0, begin + moment - time.monotonic()))
            with suppress(Exception):  # whatever it was, nobody else would try again
                self._try(SLOW_PATIENCE if is_late else PATIENCE)

    def _try(self, patience: float) -> None:
        with open_candidate(self._engine, timeout=patience) as connection:
            found = connection.list_containers(labels={KERNEL: self._kernel}, all=True)
            ours = [container["Id"] for container in found if KEEP not in container["Labels"]]
            self.remains = bool(ours)
            _remove(connection, ours)
            self.remains = False


def _remove(connection: Connection, containers: list[str]) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for _ in pool.map(connection.remove, containers):
            pass
