"""Prints every figure of the README: ``make bench``.

Each figure is a ratio of medians; both sides take turns in one run, so that a
machine that is slow for a while is slow for both. A side is timed as its user
meets it: a cell from the execute request to the reply in a real kernel, a
command as a process, an import in a fresh interpreter.

    python -m benchmarks [--runs N] [--json]

The image is made from this machine's static busybox (tests/images.py), so no
registry is needed. The docker program on PATH is the other side.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from images import ensure
from kernels import Kernel

from ipycontainers.client import connect

Side = Callable[[], float]


@dataclass(frozen=True)
class Figure:
    """``ours`` and ``theirs`` are medians in seconds; ``target`` is the highest ratio allowed."""

    name: str
    ours: float
    theirs: float
    target: float
    runs: int

    @property
    def ratio(self) -> float:
        return self.ours / self.theirs


def compare(name: str, ours: Side, theirs: Side, *, target: float, runs: int) -> Figure:
    """Both sides in turn, ``runs`` times after one uncounted turn."""
    ours(), theirs()
    pairs = [(ours(), theirs()) for _ in range(runs)]
    left, right = (statistics.median(side) for side in zip(*pairs, strict=True))
    return Figure(name, left, right, target, runs)


def command(words: str) -> Side:
    def run() -> float:
        start = time.perf_counter()
        subprocess.run(words, shell=True, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - start

    return run


def cell(kernel: Kernel, code: str) -> Side:
    def run() -> float:
        result = kernel.run(code, timeout=300)
        assert result.status == "ok", result.error
        return result.duration

    return run


def fresh_python(timed: str) -> Side:
    """Seconds that ``timed`` takes in a new interpreter in which IPython is loaded."""
    program = (
        "import time, IPython.core.interactiveshell as i, asyncio, subprocess, traitlets\n"
        "shell = i.InteractiveShell.instance()\n"
        f"start = time.perf_counter()\n{timed}\nprint(time.perf_counter() - start)"
    )

    def run() -> float:
        done = subprocess.run(
            [sys.executable, "-c", program], check=True, capture_output=True, text=True
        )
        return float(done.stdout.split()[-1])

    return run


def figures(kernel: Kernel, image: str, runs: int) -> list[Figure]:
    hundred_mb = "head -c 100000000 /dev/zero"
    return [
        compare(
            "one-shot %%container ÷ docker run --rm",
            cell(kernel, f"%%container {image}\necho hi"),
            command(f"docker run --rm {image} sh -c 'echo hi'"),
            target=0.8,
            runs=runs,
        ),
        compare(
            "%load_ext ipycontainers ÷ import docker",
            fresh_python("shell.run_line_magic('load_ext', 'ipycontainers')"),
            fresh_python("import docker"),
            target=0.3,
            runs=runs,
        ),
        compare(
            "100 MB with --out ÷ docker run --log-driver none … | wc -c",
            cell(kernel, f"%%container --out text {image}\n{hundred_mb}"),
            command(f"docker run --rm --log-driver none {image} {hundred_mb} | wc -c"),
            target=1.2,
            runs=runs,
        ),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    connection = connect()
    image = ensure(connection.docker, "busybox")
    with tempfile.TemporaryDirectory() as folder:
        kernel = Kernel(Path(folder), cwd=Path(folder), env={})
        try:
            measured = figures(kernel, image, options.runs)
        finally:
            kernel.close()
            connection.close()
    if options.json:
        print(json.dumps([{**asdict(one), "ratio": one.ratio} for one in measured], indent=2))
    else:
        print_table(measured)
    return int(any(one.ratio > one.target for one in measured))


def print_table(measured: list[Figure]) -> None:
    print(f"{'':60} {'ours':>9} {'theirs':>9} {'ratio':>6} {'target':>7}")
    for one in measured:
        print(
            f"{one.name:60} {one.ours * 1000:6.0f} ms {one.theirs * 1000:6.0f} ms "
            f"{one.ratio:6.2f} ≤ {one.target:5.2f}"
        )
    print(f"medians of {measured[0].runs} runs, both sides in turn")


if __name__ == "__main__":
    raise SystemExit(main())
