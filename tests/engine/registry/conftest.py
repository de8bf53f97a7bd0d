"""Registries: a double that can do wrong, and Debian's real one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import docker
import pytest
from engine.registry.double import Double
from registry import Registry
from support import require


@pytest.fixture
def double() -> Iterator[Double]:
    with contextlib.closing(Double()) as made:
        yield made


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with contextlib.closing(Registry(tmp_path_factory.mktemp("registry"))) as made:
        yield made


@pytest.fixture
def dockerd() -> Iterator[Any]:
    """docker-py on Docker."""
    client = docker.from_env()
    try:
        client.ping()
    except docker.errors.DockerException as error:
        require(False, "docker", f"no Docker answers: {error}")
    yield client
    client.close()
