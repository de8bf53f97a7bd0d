"""Prints every figure of the README: ``make bench``.

Each figure is a ratio of medians; the sides take turns in one run, so that a machine that
is slow for a while is slow for all. ``cells`` has the figures of a notebook on Docker,
``sessions`` those of sessions and values there, ``engines`` those of our own engine beside
dockerd, with ``memory``; ``contents`` those of what is in an image, ``watching`` that of a widget.

    python -m benchmarks [--runs N] [--only cells|sessions|engines|contents|watching] [--json]

No registry is needed: the images are made here (tests/images.py). The other side is Docker:
its program on PATH, and the engine that docker-py finds. Only root may read how much memory
dockerd has. What is missing is said in the row that lacks it. The exit status is 1 where a
figure is above its target.
"""

from __future__ import annotations

import argparse
import compileall
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from images import CannotMake, ensure

from . import cells, contents, engines, sessions, watching
from .figure import Figure, Row

REPOSITORY = Path(__file__).resolve().parent.parent
# python: Debian and its Python, 120 MB; numpy: the same with NumPy.
IMAGES = {"busybox": "busybox", "debian": "python", "numpy": "numpy"}
PARTS = ("cells", "sessions", "engines", "contents", "watching")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--only", choices=PARTS, default="")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    # As pip leaves it: the engine's user may not write here, and would compile at each start.
    compileall.compile_dir(REPOSITORY / "ipycontainers", quiet=2)
    docker = _docker()
    try:
        measured = []
        for row in _rows(docker, options.only, options.runs):
            measured.append(row)
            if not options.json:
                print(row, flush=True)
    finally:
        if docker:
            docker.close()
    if options.json:
        print(json.dumps([_plain(row) for row in measured], indent=2))
    else:
        print(f"ours, theirs, ours ÷ theirs, target; medians of {options.runs} runs in turn")
    return int(any(row.is_missed for row in measured))


def _docker() -> Any:
    """dockerd's client, or None."""
    import docker

    try:
        client = docker.from_env(timeout=300)
        client.ping()
    except docker.errors.DockerException:
        return None
    return client


def _rows(docker: Any, only: str, runs: int) -> Iterator[Row]:
    images = {name: _image(docker, recipe) for name, recipe in IMAGES.items() if docker}
    images = {name: image for name, image in images.items() if image}
    if only in ("", "cells"):
        yield from cells.rows(images.get("busybox"), runs)
    if only in ("", "sessions"):
        yield from sessions.rows(images, runs)
    if only in ("", "watching"):
        yield from watching.rows(docker, images.get("busybox"), runs)
    if only in ("", "engines"):
        images.pop("numpy", None)
        yield from engines.rows(docker, images, runs)
    if only in ("", "contents"):
        yield from contents.rows(docker, runs)


def _image(docker: Any, recipe: str) -> str:
    """Its name there; "" when it cannot be made here."""
    try:
        return ensure(docker, recipe)
    except CannotMake as why:
        print(f"no image {recipe}: {why}", file=sys.stderr)
        return ""


def _plain(row: Row) -> dict[str, object]:
    return {**asdict(row), "ratio": row.ratio} if isinstance(row, Figure) else asdict(row)


if __name__ == "__main__":
    raise SystemExit(main())
