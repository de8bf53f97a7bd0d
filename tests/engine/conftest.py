"""Containers on each launcher."""

from __future__ import annotations

import gc
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from engine.containers import Containers


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


@pytest.fixture(scope="module", params=["bubblewrap", "ptrace"])
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


def _shared(folder: str, launcher: str) -> Containers:
    Path(folder).chmod(0o755)
    return Containers(Path(folder), launcher)
