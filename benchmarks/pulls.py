"""Pulls of one image of 100 MB in five layers by our engine and by dockerd, from a real registry.

The layers are files of this machine's /usr, compressed with gzip. Each side removes the image
before its next pull, which is not timed.

Knows: docker-py, how tests run a registry. Does not know: how an engine pulls.
"""

from __future__ import annotations

import contextlib
import io
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import registry as registries

from .figure import Absent, Side

LAYERS = 5
SIZE = 20_000_000  # bytes of each layer
NAME = "benchmarks/pulled"
LARGEST = 4 << 20  # of a file: an image has few that are larger


@contextlib.contextmanager
def stocked() -> Iterator[str]:
    """The image's name, in a registry that runs meanwhile."""
    if not registries.is_installed():
        raise Absent("no docker-registry here: apt-get install docker-registry")
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.closing(registries.Registry(Path(folder))) as registry,
    ):
        registry.push(NAME, list(_layers()), compress=True)
        yield f"127.0.0.1:{registry.port}/{NAME}"


def _layers() -> Iterator[bytes]:
    """Of one file each is only once in them."""
    files = iter(sorted(path for path in Path("/usr").rglob("*") if _is_fit(path)))
    for _ in range(LAYERS):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            for path in files:
                tar.add(path, str(path)[1:], recursive=False)
                if buffer.tell() >= SIZE:
                    break
            else:
                raise Absent("there is too little below /usr")
        yield buffer.getvalue()


def _is_fit(path: Path) -> bool:
    with contextlib.suppress(OSError):
        return path.is_file() and not path.is_symlink() and 0 < path.stat().st_size <= LARGEST
    return False


def side(client: Any, name: str) -> Side:
    def run() -> float:
        with contextlib.suppress(Exception):
            client.api.remove_image(name, force=True)
        start = time.perf_counter()
        for line in client.api.pull(name, tag="latest", stream=True, decode=True):
            assert "error" not in line, line
        took = time.perf_counter() - start
        assert len(client.api.inspect_image(name)["RootFS"]["Layers"]) == LAYERS
        return took * 1000

    return run
