"""One at a time at the exercises of a notebook, whoever runs tests on one engine.

    with turn("04a", "unix:///var/run/docker.sock"): …

A check looks at all containers with its exercise's label, also at those that another run of the
same notebook, or another test of its checks, makes at the same time.

Knows: locks between processes of several users. Does not know: notebooks, engines.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def turn(notebook: str, address: str | None) -> Iterator[None]:
    """Waits until nobody else is at it."""
    key = hashlib.sha256(f"{notebook} {address}".encode()).hexdigest()[:16]
    path = Path(tempfile.gettempdir()) / f"ipycontainers-turn-{key}"
    # Opened by each as it is allowed to: in a sticky folder O_CREAT on another's file is refused.
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        descriptor = os.open(path, os.O_RDONLY | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
