"""Containers go, however early, on each launcher."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from docker import errors as docker_errors
from embedded import Engine
from support import wait_for

IMAGE = "ipycontainers-test/busybox"


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
