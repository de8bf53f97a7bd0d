"""Cells of a session and values, on Docker, beside what a user would have done without us.

A cell is timed as ``cells`` does it, and what an empty cell takes in the same kernel is
taken off each side that is a cell; all of a row in turn, in one run.

Knows: kernels, the docker program. Does not know: our own engine.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from kernels import Kernel

from .cells import NO_DOCKER, NO_PROGRAM, cell_side, command_side
from .figure import Figure, Gap, Row, medians

SHELL = "a cell in a shell session ÷ the same in %%bash, both less an empty cell"
PYTHON = "1+1 in a Python session, less an empty cell ÷ docker exec … python3 -c 1+1"
ARRAY = "100 MB of NumPy in and out, {how} ÷ docker cp of the bytes"
NO_NUMPY = "its image, with NumPy, cannot be made here, see tests/images.py"
SIZE = 100_000_000
BODY = "echo hi"
WAYS = {"a session": (1.5, "-s bench-array"), "one-shot": (None, "{image} python3")}


def rows(images: Mapping[str, str], runs: int) -> Iterator[Row]:
    """``images`` on Docker: busybox, and perhaps python and numpy."""
    names = [SHELL, PYTHON, *(ARRAY.format(how=how) for how in WAYS)]
    if "busybox" not in images or not shutil.which("docker"):
        without = NO_PROGRAM if "busybox" in images else NO_DOCKER
        yield from (Gap(name, without) for name in names)
        return
    with tempfile.TemporaryDirectory() as folder:
        kernel = Kernel(Path(folder), cwd=Path(folder), env={})
        try:
            yield _shell(kernel, images["busybox"], runs)
            yield _python(kernel, images, runs)
            yield from _arrays(kernel, images, runs, Path(folder))
        finally:
            kernel.close()


def _shell(kernel: Kernel, image: str, runs: int) -> Row:
    _ready(kernel, f"%%container -s bench-sh {image}\ntrue")
    ours, theirs, empty = medians(
        [
            cell_side(kernel, f"%%container -s bench-sh\n{BODY}"),
            cell_side(kernel, f"%%bash\n{BODY}"),
            cell_side(kernel, "pass"),
        ],
        10 * runs,
    )
    return Figure(SHELL, ours - empty, theirs - empty, 0.5)


def _python(kernel: Kernel, images: Mapping[str, str], runs: int) -> Row:
    if "debian" not in images:
        return Gap(PYTHON, NO_NUMPY.replace(", with NumPy,", ""))
    _ready(kernel, f"%%container -s bench-py {images['debian']} python3\n1+1")
    container = _container_of("bench-py")
    ours, theirs, empty = medians(
        [
            cell_side(kernel, "%%container -s bench-py\n1+1"),
            command_side(f"docker exec {container} python3 -c 1+1"),
            cell_side(kernel, "pass"),
        ],
        2 * runs,
    )
    return Figure(PYTHON, ours - empty, theirs, 0.05)


def _arrays(kernel: Kernel, images: Mapping[str, str], runs: int, folder: Path) -> Iterator[Row]:
    """Their side: the same bytes as a file, into a container that runs, and out again.

    A cell without a session starts a container, which docker cp finds started; so what an
    empty one takes is taken off. It has no target: the bytes cross a disk on both ways, too,
    but a Python that has NumPy starts beside them.
    """
    if "numpy" not in images:
        yield from (Gap(ARRAY.format(how=how), NO_NUMPY) for how in WAYS)
        return
    image, file, copied = images["numpy"], folder / "array", folder / "copied"
    file.write_bytes(os.urandom(SIZE))
    _ready(kernel, f"import numpy\na = numpy.fromfile({str(file)!r})")
    _ready(kernel, f"%%container -s bench-array {image} python3\nimport numpy")
    container = _container_of("bench-array")
    copy = f"docker cp {file} {container}:/array && docker cp {container}:/array {copied}"
    for how, (target, words) in WAYS.items():
        line = words.format(image=image)
        ours, theirs, empty = medians(
            [
                cell_side(kernel, f"%%container -i a -o b=a {line}\npass"),
                command_side(copy),
                cell_side(kernel, f"%%container {line}\nimport numpy"),
            ],
            runs,
        )
        yield Figure(ARRAY.format(how=how), ours - empty, theirs, target)
    _ready(kernel, "assert b.tobytes() == a.tobytes()")


def _ready(kernel: Kernel, code: str) -> None:
    result = kernel.run(code, timeout=300)
    assert result.status == "ok", result.error


def _container_of(session: str) -> str:
    label = f"label=org.ipycontainers.session={session}"
    listed = subprocess.run(
        ["docker", "ps", "-q", "--filter", label], capture_output=True, text=True, check=True
    )
    return listed.stdout.strip()
