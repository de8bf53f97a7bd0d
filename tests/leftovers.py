"""What a run of tests leaves on the engine under test is told at its end.

A plugin of pytest. It fails nothing: others may use the same engine at the same time.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from docker.errors import APIError
from requests import RequestException
from support import wait_for

KEPT = "ipycontainers-test/"  # images for the next run
SHOWN = 40
LEFT: list[str] = []


@contextlib.contextmanager
def told(docker: Any) -> Iterator[None]:
    """Of what is new on the engine since the block began."""
    before = found(docker)
    yield
    LEFT.extend(sorted(found(docker) - before))


def found(docker: Any) -> set[str]:
    """Containers, images, networks and volumes, a line for each."""
    return wait_for(lambda: _listed(docker.api), every=1) or set()


def _listed(api: Any) -> set[str]:
    """Nothing where one is removed while they are listed, which dockerd fails at, or where the
    engine is gone."""
    with contextlib.suppress(APIError, RequestException):
        return _lines(api)
    return set()


def _lines(api: Any) -> set[str]:
    containers = {f"container {it['Id'][:12]} {it['Names']}" for it in api.containers(all=True)}
    images = {
        f"image {it['Id'][:19]} {it['RepoTags']}"
        for it in api.images(all=True)
        if not any(tag.startswith(KEPT) for tag in it["RepoTags"] or ())
    }
    networks = {f"network {it['Name']}" for it in api.networks()}
    volumes = {f"volume {it['Name']}" for it in api.volumes()["Volumes"] or ()}
    return containers | images | networks | volumes


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if LEFT:
        terminalreporter.section("left on the engine, by these tests or by others")
        for line in LEFT[:SHOWN]:
            terminalreporter.line(line)
        terminalreporter.line(f"{len(LEFT)} in all")
