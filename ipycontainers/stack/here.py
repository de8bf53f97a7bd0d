"""This machine, where the kernel of the notebook runs.

Knows: processes. Does not know: containers.
"""

from __future__ import annotations

import subprocess
import sys
import time

from .probe import SCRIPT, Measured


def measure() -> Measured:
    """A shell is started here, as it is in the container and in the virtual machine."""
    if not sys.platform.startswith("linux"):
        return Measured("host", missing=f"this is {sys.platform}, which has no /proc")
    began = time.monotonic()
    try:
        ran = subprocess.run(
            ["sh", "-c", SCRIPT], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Measured("host", missing=str(error))
    took = time.monotonic() - began
    return Measured.of("host", ran.stdout, seconds=took)
