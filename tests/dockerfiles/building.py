"""One case built on one engine, by docker-py or the docker command.

    bench = Workbench(client, address)
    found = bench.built(case, context)      as ``built.described``

Knows: docker-py, the docker command. Does not know: contexts, what is compared.
"""

from __future__ import annotations

import io
import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import images
from dockerfiles import contexts
from dockerfiles.built import Bases, described
from dockerfiles.cases import Case
from engine.build.building import STEP, remove
from engine.docker_command import DEBIAN

PREFIX = "ipyc-dockerfiles/"
# No network: none is needed, and on dockerd it is a third of a step's time.
QUIET = {"rm": True, "forcerm": True, "network_mode": "none"}
NEEDED = ("busybox", "alpine", "noshell")


class Workbench:
    """An engine that builds."""

    def __init__(self, docker: Any, address: str) -> None:
        self._docker, self._address = docker, address
        self._bases = Bases()
        self._before = {one["Id"] for one in docker.api.images(all=True)}
        self._told: list[str] = []
        self.needed = [self.ensure(name) for name in NEEDED]

    def ensure(self, name: str) -> str:
        """The id of that image, from now on. Raises images.CannotMake."""
        full = images.ensure(self._docker, name)
        found = self._docker.api.inspect_image(full)
        self._before.add(found["Id"])
        self._bases.learn(found["RootFS"]["Layers"][0])
        return str(found["Id"])

    def built(self, case: Case, context: Path, more: Mapping[str, Any]) -> Any:
        """``context`` has the Dockerfile. Raises docker.errors.BuildError and AssertionError with
        what the engine said."""
        self.ensure(case.base)
        tag = f"{PREFIX}{case.name}"
        self._build(case.client, context, tag, {**case.options, **more})
        with tempfile.TemporaryFile() as archive:
            for piece in self._docker.api.get_image(tag):
                archive.write(piece)
            archive.seek(0)
            return described(archive, self._bases)

    def prepare(self, folder: str, context: Path) -> None:
        """What another case stands on."""
        self._build("docker-py", context, f"{PREFIX}{folder}", {})

    def clear(self) -> None:
        """What was built is gone, its stages and steps too."""
        remove(self._docker, self._told, self._before)

    def _build(self, client: str, context: Path, tag: str, options: Mapping[str, Any]) -> None:
        if client == "docker":
            assert not options, "there is no case of it"
            self._command(context, tag)
        elif client == "tar":
            sent = io.BytesIO(contexts.archive(context))
            self._sent(fileobj=sent, custom_context=True, tag=tag, **options)
        else:
            self._sent(path=str(context), tag=tag, **options)

    def _sent(self, **options: Any) -> None:
        _, lines = self._docker.images.build(**QUIET, **options)
        self._hear("".join(line.get("stream", "") for line in lines))

    def _hear(self, said: str) -> None:
        self._told += STEP.findall(said)

    def _command(self, context: Path, tag: str) -> None:
        environ = {
            "PATH": os.environ["PATH"],
            "DOCKER_HOST": self._address,
            "DOCKER_BUILDKIT": "0",
            "DOCKER_CONFIG": "/nonexistent",
        }
        made = subprocess.run(
            [DEBIAN, "build", "--network=none", "-t", tag, context],
            env=environ, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert made.returncode == 0, made.stdout + made.stderr
        self._hear(made.stdout)
