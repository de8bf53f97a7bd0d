"""Containers on each launcher."""

from __future__ import annotations

import contextlib
import gc
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import embedded
import images as recipes
import pytest
from embedded import Engine
from engine.containers import Containers
from support import require

LAUNCHERS = ("bubblewrap", "ptrace")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker("launcher")


@pytest.fixture(scope="module", autouse=True)
def collected() -> Iterator[None]:
    """docker-py leaves the sockets of exec_run to the garbage collector: not to another module."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture(scope="module", params=LAUNCHERS)
def on_each(request: pytest.FixtureRequest) -> Iterator[Containers]:
    """A module's containers share a nursery."""
    # Not tmp_path: no other user may look into that.
    with tempfile.TemporaryDirectory() as folder, _shared(folder, request.param) as made:
        yield made


@pytest.fixture
def containers(on_each: Containers) -> Containers:
    """Made in this test, ended with the module."""
    return on_each


@pytest.fixture(scope="module")
def isolated() -> Iterator[Containers]:
    """On bubblewrap."""
    with tempfile.TemporaryDirectory() as folder, _shared(folder, "bubblewrap") as made:
        yield made


@pytest.fixture(scope="module")
def traced() -> Iterator[Containers]:
    """On PRoot."""
    with tempfile.TemporaryDirectory() as folder, _shared(folder, "ptrace") as made:
        yield made


@pytest.fixture(scope="module", params=LAUNCHERS)
def own(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """An engine with the image ipycontainers-test/busybox, which a file of tests shares."""
    with _running(request.param) as engine:
        yield engine


@pytest.fixture(params=LAUNCHERS)
def mine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """The same for one test, which may kill it."""
    with _running(request.param) as engine:
        yield engine


@contextlib.contextmanager
def _running(launcher: str) -> Iterator[Engine]:
    if launcher == "ptrace":
        require(shutil.which("proot"), "proot", "PRoot is not installed: apt-get install proot")
    with embedded.running(launcher) as engine:
        recipes.ensure(engine.client, "busybox")
        yield engine


@pytest.fixture
def docker(own: Engine) -> Iterator[Any]:
    """docker-py on it; no container is left after the test."""
    client = own.client
    yield client
    for container in client.containers.list(all=True):
        container.remove(force=True, v=True)
    client.close()


def _shared(folder: str, launcher: str) -> Containers:
    Path(folder).chmod(0o755)
    return Containers(Path(folder), launcher)
