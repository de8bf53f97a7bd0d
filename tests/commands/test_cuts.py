"""A connection that breaks while a program of %docker runs is no success of it."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from proxy import Proxy

from ipycontainers.client import Candidate, Connection, open_candidate
from ipycontainers.commands import Console, parse
from ipycontainers.errors import NoEngine

A = "ipyc-verbs-cut"


@pytest.fixture
def container(engine: Connection, images: Any) -> Iterator[str]:
    made = engine.docker.containers.run(images.busybox, "sleep 100", name=A, detach=True)
    yield A
    made.remove(force=True)


@pytest.mark.parametrize("reset", [True, False], ids=["reset", "closed"])
@pytest.mark.parametrize("verb", ["exec", "run --rm"])
def test_a_cut_fails_the_verb(
    engine: Connection, images: Any, container: str, tmp_path: Path, verb: str, reset: bool
) -> None:
    path = engine.candidate.address.removeprefix("unix://")
    where = container if verb == "exec" else images.busybox
    call = parse([*verb.split(), where, "sh", "-c", "echo before; sleep 3"])
    said: list[str] = []
    with (
        contextlib.closing(Proxy(socket.AF_UNIX, path)) as proxy,
        open_candidate(Candidate("test", proxy.address, True)) as connection,
    ):

        def out(text: str) -> None:
            said.append(text)
            proxy.cut(reset=reset)

        with pytest.raises(NoEngine, match="output may be missing"):
            call.verb.handler()(call, Console(connection, out, out, tmp_path))
    assert said == ["before\n"]
