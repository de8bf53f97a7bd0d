"""Cells where neither Docker nor Podman answers: our own engine starts, and says so to a person."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from images import RECIPES
from kernels import Kernel
from podman import USER, become, handing_over
from registry import Registry
from support import REPOSITORY

pytestmark = pytest.mark.launcher

NO_OTHER = "from ipycontainers.client import discover; discover.usual = lambda *_: ()"
AS_USER = become(USER) if os.getuid() == 0 else []


@pytest.fixture
def home() -> Iterator[Path]:
    """An ordinary user's; the engine that was started for it is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="ipyc-"))
    if AS_USER:
        os.chown(folder, USER, USER)
    yield folder
    ipycontainers(folder, "engine", "stop")
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def kernel(home: Path) -> Iterator[Kernel]:
    python = handing_over(USER, [*AS_USER, sys.executable]) if AS_USER else []
    kernel = Kernel(home, cwd=home, env=environ(home), python=python)
    assert kernel.run(NO_OTHER).status == "ok"
    yield kernel
    kernel.close()


def environ(home: Path) -> dict[str, str]:
    return {"HOME": str(home), "IPYCONTAINERS_DATA": str(home / "data")}


def ipycontainers(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*AS_USER, sys.executable, "-m", "ipycontainers", *words],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY), **environ(home)},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_person_is_told_once_and_nobody_else(kernel: Kernel, home: Path) -> None:
    made = ipycontainers(home, "image", "from-host", "sh", "echo", "--name", "tools")
    assert made.returncode == 0, made.stderr
    first = kernel.run("%%container tools\necho hi", watched=True)
    assert first.stdout == "hi\n", first.error
    assert "started ipycontainers' own engine (" in first.stderr
    second = kernel.run("%%container tools\necho hi", watched=True)
    assert (second.stdout, second.stderr) == ("hi\n", "")


def test_stored_outputs_are_those_of_every_engine(kernel: Kernel, home: Path) -> None:
    ipycontainers(home, "image", "from-host", "sh", "echo", "--name", "tools")
    result = kernel.run("%%container tools\necho hi")
    assert (result.stdout, result.stderr) == ("hi\n", "")


def test_a_registry_that_cannot_be_reached_is_a_line_and_a_way_out(kernel: Kernel) -> None:
    result = kernel.run("%%container localhost:1/nosuch:1\necho hi")
    assert result.error, result.stdout
    assert result.error.ename == "EngineError"
    assert "localhost:1/nosuch:1: the engine does not reach the registry" in result.error.evalue
    assert "is there a network" in str(result.error)


def test_a_cell_pulls_an_image_that_is_not_here(kernel: Kernel, tmp_path: Path) -> None:
    with contextlib.closing(Registry(tmp_path)) as registry:
        registry.push("tools/busybox", [RECIPES["busybox"].layer().read_bytes()], compress=True)
        name = f"127.0.0.1:{registry.port}/tools/busybox"
        watched = kernel.run(f"%%container {name}\necho hi", watched=True)
        assert watched.stdout == "hi\n", watched.error
        again = kernel.run(f"%%container --pull never {name}\necho again")
        assert (again.stdout, again.stderr) == ("again\n", "")


def test_tab_starts_no_engine(kernel: Kernel, home: Path) -> None:
    kernel.complete("%%container too")
    assert not (home / "data").exists()
