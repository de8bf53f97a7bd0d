"""What it costs to watch twenty containers: the kernel with Stats() beside ``docker stats``.

Both watch the same containers on Docker at the same time, and each is on the account of its own
process: the kernel with all that it does meanwhile, the docker program without the engine, which
measures for both.

Knows: kernels, the docker program, /proc. Does not know: our own engine.
"""

from __future__ import annotations

import contextlib
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kernels import Kernel

from .cells import NO_DOCKER, NO_PROGRAM
from .figure import Figure, Gap, Row

STATS = "CPU of the kernel with Stats() of 20 containers ÷ docker stats"
COUNT = 20
WARM = 4.0  # seconds until both have their streams
SPAN = 8.0  # seconds that are measured; a view has to say that it is there every twenty
OPEN = "watched._handle_custom_msg({'view': 'alive'}, []); len(watched.drawing)"


def rows(docker: Any, image: str | None, runs: int) -> Iterator[Row]:
    """``image`` is busybox on Docker, or None without a Docker."""
    if image is None or not shutil.which("docker"):
        yield Gap(STATS, NO_DOCKER if image is None else NO_PROGRAM)
        return
    with contextlib.ExitStack() as stack:
        names = [stack.enter_context(_running(docker, image)) for _ in range(COUNT)]
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        kernel = Kernel(folder, cwd=folder, env={})
        stack.callback(kernel.close)
        code = f"from ipycontainers import Stats\nwatched = Stats(*{names!r})\nwatched"
        result = kernel.run(code, watched=True)
        assert result.status == "ok", result.error
        turns = [_turn(kernel, names) for _ in range(max(3, runs // 3))]
        ours, theirs = (statistics.median(side) for side in zip(*turns, strict=True))
        yield Figure(STATS, ours, theirs, 1.0, "ms/s")


@contextlib.contextmanager
def _running(docker: Any, image: str) -> Iterator[str]:
    container = docker.containers.run(image, ["sleep", "3600"], detach=True, network_mode="none")
    try:
        yield container.name
    finally:
        container.remove(force=True)


def _turn(kernel: Kernel, names: list[str]) -> tuple[float, float]:
    """Milliseconds of a processor per second, of each."""
    with subprocess.Popen(["docker", "stats", *names], stdout=subprocess.DEVNULL) as theirs:
        try:
            kernel.run(OPEN)
            time.sleep(WARM)
            assert int(kernel.run(OPEN).data["text/plain"]) > 1000
            pids = (kernel.pid, theirs.pid)
            before, start = [_used(pid) for pid in pids], time.monotonic()
            time.sleep(SPAN)
            after, seconds = [_used(pid) for pid in pids], time.monotonic() - start
        finally:
            theirs.kill()
    ours, other = ((b - a) / seconds for a, b in zip(before, after, strict=True))
    return ours, other


def _used(pid: int) -> float:
    """Milliseconds of a processor that its threads have had; those that ended are left out."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            total += int((task / "schedstat").read_text().split()[0])
    return total / 1e6
