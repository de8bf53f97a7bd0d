"""What is in an image of 1 GB and 100,000 files, beside ``docker save``, which only sends it.

The image is made here, in five layers, and taken away again. Ours is a process that reads the
image and makes the tree of all its files; its memory is the most that the whole process had.

Knows: docker-py, the docker program. Does not know: how an image is read.
"""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from layers import Made, sha256

from .figure import Absent, Figure, Gap, Row, compare

NAME = "ipycontainers-test/contents:1"
LAYERS, FOLDERS, FILES = 5, 200, 100  # 100,000 files
SIZE = 10_000  # bytes of each
ROOM = 6 * LAYERS * FOLDERS * FILES * SIZE  # what dockerd unpacks, and twice what it has in between
TARGETS = (1.4, 0.2)
WHAT = "image of 1 GB, 100,000 files"
PROGRAM = """
import json, sys, time
from ipycontainers import client, layers
with client.connect() as connection:
    connection.inspect_image(sys.argv[1])
    began = time.perf_counter()
    contents = layers.read(connection, sys.argv[1])
    count = contents.tree().count()
    took = time.perf_counter() - began
with open("/proc/self/status") as status:
    peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
print(json.dumps([took * 1000, peak * 1024, count, contents.size]))
"""


def rows(docker: Any, runs: int) -> Iterator[Row]:
    """Time and memory; ``docker`` is dockerd's client, or None."""
    names = (f"tree of an {WHAT}, beside docker save", f"memory for it, beside the {WHAT}")
    try:
        with _made(docker):
            yield from _measured(names, max(3, runs // 3))
    except Absent as why:
        yield from (Gap(name, str(why)) for name in names)


def _measured(names: tuple[str, str], runs: int) -> Iterator[Row]:
    peaks: list[float] = []
    sizes: list[float] = []

    def ours() -> float:
        took, peak, count, size = _read()
        assert count == LAYERS * FOLDERS * FILES, count
        peaks.append(peak / 1e6)
        sizes.append(size / 1e6)
        return took

    yield compare(names[0], ours, _save, target=TARGETS[0], runs=runs)
    yield Figure(names[1], max(peaks), sizes[0], TARGETS[1], unit="MB")


def _read() -> list[float]:
    command = [sys.executable, "-c", PROGRAM, NAME]
    answer = subprocess.run(command, capture_output=True, check=True)
    found: list[float] = json.loads(answer.stdout)
    return found


def _save() -> float:
    program = shutil.which("docker")
    if not program:
        raise Absent("no docker program on PATH")
    began = time.perf_counter()
    subprocess.run([program, "save", NAME], stdout=subprocess.DEVNULL, check=True)
    return (time.perf_counter() - began) * 1000


@contextlib.contextmanager
def _made(docker: Any) -> Iterator[None]:
    """The image is there meanwhile."""
    if docker is None:
        raise Absent("no Docker answers")
    root = Path(docker.info().get("DockerRootDir") or "/")
    if root.exists() and shutil.disk_usage(root).free < ROOM:
        raise Absent(f"{root} has less than {ROOM // 10**9} GB free")
    with subprocess.Popen(["docker", "load", "-q"], stdin=subprocess.PIPE) as loading:
        assert loading.stdin
        _write_archive(loading.stdin)
    try:
        yield
    finally:
        docker.api.remove_image(NAME, force=True)


def _write_archive(stream: Any) -> None:
    """One layer is in memory at a time, and made twice: its digest comes first."""
    digests = [sha256(_layer(number)) for number in range(LAYERS)]
    config = {"rootfs": {"type": "layers", "diff_ids": digests}}
    document = Made([], config=config).config_blob
    paths = [f"layer{number}/layer.tar" for number in range(LAYERS)]
    listed = [{"Config": "config.json", "RepoTags": [NAME], "Layers": paths}]
    with tarfile.open(fileobj=stream, mode="w|") as archive:
        _add(archive, "config.json", document)
        _add(archive, "manifest.json", json.dumps(listed).encode())
        for number, path in enumerate(paths):
            _add(archive, path, _layer(number))


def _layer(number: int) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for folder in range(FOLDERS):
            for file in range(FILES):
                name = f"usr/share/layer-{number}/folder-{folder:03}/some-file-{file:03}.txt"
                _add(archive, name, name.encode().ljust(SIZE, b"."))
    return written.getvalue()


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))
