"""The watchdog: a small process that removes a kernel's containers once the kernel is dead.

A kernel that gets kill -9 cannot clean up, so somebody else has to. For each
kernel that is a process of its own (``__main__``), in a session of its own, which
holds nothing of the kernel's and waits for its death. An end, a restart and a
kill are all the same to it. Containers made with ``labels(keep=True)`` stay. When
a watchdog starts, it also removes what dead kernels of this user provably left on
the engine that cells will use; on macOS and Windows nothing proves a death after
the fact, so there this is left out.

Used so: ``start()`` when the extension is loaded, ``guard(engine)`` before a
container is created, ``labels()`` on the container. Nothing happens at import.

    identity      who is this process, in words that another process can check
    labels        what a container says about its owner, and whether that owner is dead
    kernel_side   start the process and tell it what to guard
    __main__      the process: wait for the kernel's death
    sweep         remove containers; the only one that asks an engine
"""

from __future__ import annotations

from .kernel_side import Watchdog, guard, start
from .labels import KEEP, LABEL, SESSION, labels

__all__ = ["KEEP", "LABEL", "SESSION", "Watchdog", "guard", "labels", "start"]
