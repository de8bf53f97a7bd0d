"""Where the course's images go: an engine that answers, or the store of our own engine.

    store = Answering(connection)           through the engine's API
    store = Own(layout)                     into its files: no engine has to run for that

Both: architecture, find(name), load(archive).

Knows: inspect, how an archive is loaded. Does not know: which images there are to be.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from ipycontainers.errors import NotFound

if TYPE_CHECKING:
    from ipycontainers.client import Connection
    from ipycontainers.oci import Layout


@dataclass(frozen=True)
class Found:
    """An image that is there. ``labels`` and ``layers`` (RootFS.Layers) are whatever it says."""

    id: str
    size: int
    labels: Mapping[str, Any]
    layers: tuple[str, ...]


class Store(Protocol):
    @property
    def architecture(self) -> str:
        """Go's name of the processor for which images are to be."""

    def find(self, name: str) -> Found | None: ...

    def load(self, archive: Iterator[bytes]) -> None:
        """Of what docker save writes. Raises ContainerError."""


@dataclass(frozen=True)
class Answering:
    connection: Connection

    @property
    def architecture(self) -> str:
        return str(self.connection.version().get("Arch") or here())

    def find(self, name: str) -> Found | None:
        try:
            inspected = self.connection.inspect_image(name)
        except NotFound:
            return None
        labels = (inspected.get("Config") or {}).get("Labels")
        layers = (inspected.get("RootFS") or {}).get("Layers")
        return Found(
            str(inspected.get("Id")),
            int(inspected.get("Size") or 0),
            labels if isinstance(labels, Mapping) else {},
            tuple(map(str, layers)) if isinstance(layers, list) else (),
        )

    def load(self, archive: Iterator[bytes]) -> None:
        from ipycontainers.commands import reports

        to = self.connection.daemon.stream("POST", "images", "load", body=archive, quiet="1")
        with to as stream:
            reports.follow(stream.lines(), lambda _: None)


@dataclass(frozen=True)
class Own:
    layout: Layout

    @property
    def architecture(self) -> str:
        return here()

    def find(self, name: str) -> Found | None:
        try:
            image = self.layout.resolve(name)
        except NotFound:
            return None
        layers = tuple(str(digest) for digest in image.config.diff_ids)
        return Found(str(image.id), image.size, image.config.labels, layers)

    def load(self, archive: Iterator[bytes]) -> None:
        from ipycontainers.oci import archive as archives
        from ipycontainers.oci.blob import Joined

        archives.load(Joined(archive), self.layout)


def here() -> str:
    from ipycontainers.oci import Platform

    return Platform.here().architecture
