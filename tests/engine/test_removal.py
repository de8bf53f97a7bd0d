"""Containers go, however early, on each launcher."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import embedded
import images as recipes
import pytest
from docker import errors as docker_errors
from embedded import Engine
from support import require, wait_for

IMAGE = "ipycontainers-test/busybox"


@pytest.fixture(scope="module", params=["bubblewrap", "ptrace"])
def own(request: pytest.FixtureRequest) -> Iterator[Engine]:
    if request.param == "ptrace":
        require(shutil.which("proot"), "proot", "PRoot is not installed: apt-get install proot")
    with embedded.running(request.param) as engine:
        recipes.ensure(engine.client, "busybox")
        yield engine


def test_one_that_is_being_made_is_whole_before_it_goes(own: Engine) -> None:
    docker = own.client
    for number in range(10):
        with ThreadPoolExecutor(1) as pool:
            name = f"early-{number}"
            making = pool.submit(docker.api.create_container, IMAGE, ["true"], name=name)
            assert wait_for(lambda name=name: _removed(docker, name), seconds=20, every=0)
            assert making.result()["Id"]
    assert docker.api.containers(all=True) == []


def _removed(docker: Any, name: str) -> bool:
    try:
        docker.api.remove_container(name)
    except docker_errors.NotFound:
        return False
    return True
