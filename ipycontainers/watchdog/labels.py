"""What every container of ours says about its owner, and whether that owner is dead.

    org.ipycontainers.user            1000:alice            uid and name
    org.ipycontainers.boot-id         5e08c151-c6b4-…       one boot of one machine
    org.ipycontainers.pid-namespace   4026531836            in which the pid has its meaning
    org.ipycontainers.kernel-pid      1234
    org.ipycontainers.kernel-start    88012                 clock ticks after boot
    org.ipycontainers.kernel          0f3a…                 random, one per kernel process
    org.ipycontainers.notebook        analysis.ipynb        for people; may be empty
    org.ipycontainers.version         0.1.0                 of this package
    org.ipycontainers.keep            true                  only with --keep and -d: never swept
    org.ipycontainers.session         lab                   only of a session: its name

Knows: what identifies a process. Does not know: engines, when to look.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from ipycontainers.watchdog import identity

LABEL = "org.ipycontainers."
KEEP = LABEL + "keep"
KERNEL = LABEL + "kernel"
SESSION = LABEL + "session"

# One id per process that asked, by pid: a child forked from a kernel starts with its parent's
# entry and makes one of its own.
_KERNEL_IDS: dict[int, str] = {}


def labels(notebook: str = "", keep: bool = False) -> dict[str, str]:
    """The labels for a container that this process creates; with ``keep`` it outlives us."""
    import ipycontainers

    found = {
        **place(),
        LABEL + "kernel-pid": str(os.getpid()),
        LABEL + "kernel-start": str(identity.started(os.getpid()) or ""),
        KERNEL: kernel_id(),
        LABEL + "notebook": notebook,
        LABEL + "version": str(getattr(ipycontainers, "__version__", "")),
    }
    return {**found, KEEP: "true"} if keep else found


def kernel_id() -> str:
    """A random id of this process, the same at each call, another one in a forked child."""
    return _KERNEL_IDS.setdefault(os.getpid(), os.urandom(16).hex())


def place() -> dict[str, str]:
    """The labels that say whose process it is and where its pid has a meaning."""
    return {
        LABEL + "user": identity.user(),
        LABEL + "boot-id": identity.boot_id(),
        LABEL + "pid-namespace": identity.pid_namespace(),
    }


def is_abandoned(found: Mapping[str, str]) -> bool:
    """True only if the owner of a container with these labels is this user's and provably dead."""
    here = place()
    if KEEP in found or not all(here.values()):
        return False
    if any(found.get(name) != value for name, value in here.items()):
        return False
    try:
        pid, start = (int(found[LABEL + name]) for name in ("kernel-pid", "kernel-start"))
        return not identity.is_alive(pid, start)
    except (KeyError, ValueError, OverflowError):
        return False
