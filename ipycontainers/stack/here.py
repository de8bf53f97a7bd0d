"""This machine, where the kernel of the notebook runs.

Knows: processes. Does not know: containers.
"""

from __future__ import annotations

import subprocess
import sys
import time

from ipycontainers import busybox
from ipycontainers.oci import Platform

from .probe import Measured, marked


def measure() -> Measured:
    """A shell is started here, as it is in the container and in the virtual machine: that of
    busybox where there is one, so that programs do not differ, but where they run."""
    if not sys.platform.startswith("linux"):
        return Measured("host", missing=f"this is {sys.platform}, which has no /proc")
    try:
        with marked() as mark:
            return _measured(mark.script)
    except OSError as error:
        return Measured("host", missing=str(error))


def _measured(script: str) -> Measured:
    began = time.monotonic()
    with subprocess.Popen(
        [*_shell(), "-c", script],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
        errors="replace",
    ) as process:
        assert process.stdout
        # As of the others: until its first program speaks, not until it has ended.
        first = process.stdout.readline()
        took = time.monotonic() - began
        return Measured.of("host", first + process.stdout.read(), seconds=took)


def _shell() -> list[str]:
    found = busybox.of_machine(Platform.here().architecture)
    return [found.origin, "sh"] if found else ["sh"]
