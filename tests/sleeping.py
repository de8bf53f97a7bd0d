"""Containers that sleep, and what /proc says of their first process: what is looked at in tests.

    with ExitStack() as opened: name = started(opened, connection, "busybox", "web")

    seconds = lasting(); …; is_asleep(seconds)      of one sleep on this machine

Knows: our connection, /proc. Does not know: pytest's fixtures.
"""

from __future__ import annotations

import os
import subprocess
import time
import uuid
from contextlib import ExitStack
from pathlib import Path
from typing import Any

KINDS = ("pid", "net", "mnt", "uts", "ipc", "user", "cgroup", "time")


def started(opened: ExitStack, connection: Any, image: str, name: str, **more: Any) -> str:
    """The name of a container with a shell and a child of it; ``host`` is its HostConfig, other
    words are of its configuration. It is removed when ``opened`` ends."""
    words = more.pop("Cmd", ["sh", "-c", "sleep 300 & wait"])
    config = {"Image": image, "Cmd": words, "HostConfig": more.pop("host", {}), **more}
    name = f"{name}-{os.getpid()}-{time.monotonic_ns()}"
    made = connection.create(config, name=name)
    opened.callback(connection.remove, made.id)
    connection.start(made.id)
    return name


def inodes(pid: int | str) -> dict[str, int]:
    """Of each namespace. Raises PermissionError for another user's process."""
    return {kind: (Path("/proc") / str(pid) / "ns" / kind).stat().st_ino for kind in KINDS}


def lasting() -> str:
    """The seconds of a sleep that nobody else's has: others sleep on this machine too."""
    return f"{10**6 + uuid.uuid4().int % 10**9}"


def is_asleep(seconds: str) -> bool:
    """Whether a process, in a container or not, is ``sleep SECONDS``."""
    asked = ["pgrep", "-xf", f"sleep {seconds}"]
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0
