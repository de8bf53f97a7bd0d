"""The notebooks do what they show on Debian's Podman too."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import images
import kernels
import pytest
from support import EXAMPLES, REPOSITORY

from ipycontainers.client import Connection, connect

pytestmark = [pytest.mark.podman, pytest.mark.slow]


@pytest.fixture(scope="module")
def engine(podman: str) -> Iterator[Connection]:
    """Podman, so that what holds after every test is looked for there."""
    with connect(podman) as connection:
        undo = images.ensure_plain(connection.docker)
        yield connection
        undo()


@pytest.mark.parametrize("notebook", EXAMPLES, ids=lambda notebook: notebook.stem)
def test_nbval_finds_what_is_stored(engine: Connection, notebook: Path, tmp_path: Path) -> None:
    sanitize = ["--nbval-sanitize-with", REPOSITORY / "notebooks/nbval.cfg"]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-c", os.devnull, "-p", "no:cacheprovider"),
            *(f"--rootdir={REPOSITORY}", "--nbval", *sanitize, notebook),
        ],
        cwd=tmp_path,
        env=kernels.environment(tmp_path, {"DOCKER_HOST": engine.candidate.address}),
        capture_output=True,
        text=True,
        check=False,
        timeout=150,
    )
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
