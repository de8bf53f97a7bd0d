"""The docker command and ours, asked the same on one engine."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import embedded
import images as recipes
import pytest
from docker import DockerClient
from docker.errors import DockerException
from support import require, wait_for

from ipycontainers.client import Candidate, Connection, open_candidate
from ipycontainers.commands import Console, Help, help_text, parse
from ipycontainers.errors import CommandFailed

DEBIAN = "/usr/bin/docker"  # 20.10: another may stand before it in the PATH
DOCKERD = "unix:///var/run/docker.sock"
BUSYBOX = "ipycontainers-test/busybox"


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Both:
    """``both("ps", "-a")`` asserts that the two print and end alike, and gives what they did."""

    connection: Connection
    is_shared: bool = False  # others use the engine at the same time

    def __call__(self, *words: str, only: Callable[[str], object] = str) -> Outcome:
        """``only`` takes of what is printed what is compared."""
        # An age or a status may change between the two.
        pairs: list[tuple[Outcome, Outcome]] = []

        def alike() -> bool:
            pairs.append((self.docker(*words), self.ours(*words)))
            left, right = ((it.code, only(it.out), only(it.err)) for it in pairs[-1])
            return left == right

        same = wait_for(alike, seconds=4, every=0.3)
        theirs, mine = pairs[-1]
        assert same, f"docker {' '.join(words)}\n  docker {theirs}\n  ours   {mine}"
        return mine

    def docker(self, *words: str) -> Outcome:
        """By Debian's docker command."""
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": tempfile.gettempdir(),
            "DOCKER_HOST": self.connection.candidate.address,
            "DOCKER_CONFIG": "/nonexistent",
            **{name: os.environ[name] for name in ("TZ",) if name in os.environ},
        }
        made = subprocess.run(
            [DEBIAN, *words], capture_output=True, timeout=60, check=False, env=environ, text=True
        )
        return Outcome(made.returncode, made.stdout, made.stderr)

    def ours(self, *words: str) -> Outcome:
        """By %docker's verbs."""
        return said(self.connection, words)


def said(connection: Any, words: Sequence[str]) -> Outcome:
    """What %docker would print, on its two streams, and its exit status."""
    out: list[str] = []
    err: list[str] = []
    console = Console(connection, out.append, err.append, Path.cwd())
    try:
        call = parse(words)
        result = call.verb.handler()(call, console)
        return Outcome(0, "".join(out) + (result.text if result is not None else ""), "".join(err))
    except Help as asked:
        return Outcome(0, help_text(asked.typed, asked.verb), "")
    except CommandFailed as error:
        return Outcome(error.exit_code, "".join(out), "".join(err) + f"{error.message}\n")


@pytest.fixture(scope="module", params=["dockerd", "bubblewrap"])
def both(request: pytest.FixtureRequest) -> Iterator[Both]:
    """On dockerd, and on our own engine."""
    require(shutil.which(DEBIAN), "docker", f"no {DEBIAN} here")
    with contextlib.ExitStack() as stack:
        address = DOCKERD
        if request.param == "dockerd":
            client = stack.enter_context(contextlib.closing(DockerClient(base_url=DOCKERD)))
            try:
                client.ping()
            except DockerException as error:
                require(False, "docker", str(error))
        else:
            engine = stack.enter_context(embedded.running(request.param))
            client, address = engine.client, f"unix://{engine.socket}"
        recipes.ensure(client, "busybox")
        opened = stack.enter_context(open_candidate(Candidate("test", address, True)))
        yield Both(opened, is_shared=address == DOCKERD)
