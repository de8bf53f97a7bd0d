"""What the user of a notebook waits for, on Docker: a cell, the extension, much output.

Each side is timed as its user meets it: a cell from the execute request to the reply in a
real kernel, a command as a process, an import in a fresh interpreter.

Knows: kernels, the docker program. Does not know: our own engine.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from kernels import Kernel

from .figure import Gap, Row, Side, compare

CELL = "one-shot %%container ÷ docker run --rm"
LOAD = "%load_ext ipycontainers ÷ import docker"
LIST = "%docker ps ÷ docker ps"
MUCH = "100 MB with --out ÷ docker run --log-driver none … | wc -c"
NO_DOCKER = "no Docker answers"
NO_PROGRAM = "no docker program on PATH"
HUNDRED_MB = "head -c 100000000 /dev/zero"


def rows(image: str | None, runs: int) -> Iterator[Row]:
    """``image`` is busybox on Docker, or None without a Docker."""
    without = NO_DOCKER if image is None else NO_PROGRAM
    load = compare(
        LOAD,
        _fresh_python("shell.run_line_magic('load_ext', 'ipycontainers')"),
        _fresh_python("import docker"),
        target=0.3,
        runs=runs,
    )
    if image is None or not shutil.which("docker"):
        yield from (Gap(CELL, without), load, Gap(MUCH, without), Gap(LIST, without))
        return
    with tempfile.TemporaryDirectory() as folder:
        kernel = Kernel(Path(folder), cwd=Path(folder), env={})
        try:
            yield compare(
                CELL,
                cell_side(kernel, f"%%container {image}\necho hi"),
                command_side(f"docker run --rm {image} sh -c 'echo hi'"),
                target=0.8,
                runs=runs,
            )
            yield load
            yield compare(
                MUCH,
                cell_side(kernel, f"%%container --out text {image}\n{HUNDRED_MB}"),
                command_side(f"docker run --rm --log-driver none {image} {HUNDRED_MB} | wc -c"),
                target=1.2,
                runs=runs,
            )
            yield compare(
                LIST,
                cell_side(kernel, "%docker ps"),
                command_side("docker ps"),
                target=0.7,
                runs=runs,
            )
        finally:
            kernel.close()


def command_side(words: str) -> Side:
    def run() -> float:
        start = time.perf_counter()
        subprocess.run(words, shell=True, check=True, stdout=subprocess.DEVNULL)
        return (time.perf_counter() - start) * 1000

    return run


def cell_side(kernel: Kernel, code: str) -> Side:
    def run() -> float:
        result = kernel.run(code, timeout=300)
        assert result.status == "ok", result.error
        return result.duration * 1000

    return run


def _fresh_python(timed: str) -> Side:
    """What ``timed`` takes in a new interpreter in which IPython is loaded."""
    program = (
        "import time, IPython.core.interactiveshell as i, asyncio, subprocess, traitlets\n"
        "shell = i.InteractiveShell.instance()\n"
        f"start = time.perf_counter()\n{timed}\nprint(time.perf_counter() - start)"
    )

    def run() -> float:
        done = subprocess.run(
            [sys.executable, "-c", program], check=True, capture_output=True, text=True
        )
        return float(done.stdout.split()[-1]) * 1000

    return run
