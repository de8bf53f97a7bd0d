"""What the calls of a contract are made on: a few containers and a volume, the same on each engine.

    with Bench(client) as bench:
        bench.api.inspect_container(bench.running)

``created`` was never started, ``running`` answers SIGTERM with exit code 7, ``exited`` has written
to both streams and ended with 3, ``volume`` is used by ``created``. All names are the same on
each engine and begin with PREFIX.

Knows: docker-py. Does not know: which engine, what is compared.
"""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING, Any

import images
from layers import file, tar

if TYPE_CHECKING:
    from typing_extensions import Self

PREFIX = "ipyc-contract-"
LABEL = "ipycontainers-test.contract"
LABELS = {LABEL: "1", "colour": "blue"}
MINE = {"label": [f"{LABEL}=1"]}
LONG = "trap 'exit 7' TERM; echo ready; while :; do sleep 0.1; done"


class Bench:
    def __init__(self, client: Any) -> None:
        self.docker, self.api = client, client.api
        self.image = images.ensure(client, "busybox")
        self.created, self.running = f"{PREFIX}created", f"{PREFIX}running"
        self.exited, self.volume = f"{PREFIX}exited", f"{PREFIX}volume"

    def __enter__(self) -> Self:
        self.clear()
        self.api.create_volume(self.volume, labels=LABELS)
        self.create(
            "created", ["echo", "a b", "c"], environment={"A": "1"}, working_dir="/tmp",
            volumes=["/data"], hostname="host", host_config={"binds": [f"{self.volume}:/data"]},
        )  # fmt: skip
        self.create("running", ["sh", "-c", LONG], stdin_open=True)
        self.create(
            "exited", ["sh", "-c", "echo out; sleep 0.3; echo err >&2; echo new > /new; exit 3"]
        )
        self.api.start(self.running)
        self.api.start(self.exited)
        assert self.api.wait(self.exited)["StatusCode"] == 3
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def create(self, name: str, command: Any, **more: Any) -> str:
        """A container of this name; ``host_config`` are the words of create_host_config."""
        host = self.api.create_host_config(**more.pop("host_config", {}))
        name = f"{PREFIX}{name}"
        self.api.create_container(
            self.image, command, name=name, labels=LABELS, host_config=host, **more
        )
        return name

    def ran(self, name: str, command: Any, **more: Any) -> str:
        """The same when it has ended."""
        made = self.create(name, command, **more)
        self.api.start(made)
        self.api.wait(made)
        return made

    def clear(self) -> None:
        for found in self.api.containers(all=True, filters=MINE):
            self.api.remove_container(found["Id"], force=True, v=True)
        for found in self.api.volumes(filters=MINE)["Volumes"] or ():
            self.api.remove_volume(found["Name"])
        for found in self.api.networks(filters=MINE):
            self.api.remove_network(found["Id"])
        for found in self.api.images(f"{PREFIX}*"):
            for tag in found["RepoTags"]:
                self.api.remove_image(tag, noprune=True)


def archive(**files: bytes) -> bytes:
    return tar(*(file(name, content, mode=0o640) for name, content in files.items()))


def members(data: bytes) -> list[tuple[str, str, int, str]]:
    """Of a tar: name, type, mode, link."""
    with tarfile.open(fileobj=io.BytesIO(data)) as opened:
        return sorted((m.name, m.type.decode(), m.mode & 0o7777, m.linkname) for m in opened)
