"""The JSON objects of images: inspect, list, history; as dockerd 20.10 gives them.

Knows: the Docker Engine API 1.41 (https://docs.docker.com/engine/api/v1.41). Does not
know: how anything is done. Everything here is a pure function of plain values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .shapes import CONFIG
from .wire import ZERO_TIME, Json, moment_of

_NO_NAME = "<none>:<none>"
_NO_DIGEST = "<none>@<none>"


@dataclass(frozen=True)
class Shown:
    """An image as it is told of: ``raw`` is its configuration as it was read, ``sizes`` are
    the bytes of each layer's files, ``digests`` what registries call it."""

    raw: Mapping[str, Any]
    id: str
    names: Sequence[str]
    digests: Sequence[str]
    sizes: Sequence[int]
    tagged: str = ""

    @property
    def size(self) -> int:
        return sum(self.sizes)

    @property
    def created(self) -> int:
        return moment_of(self.raw.get("created") or ZERO_TIME)[0]


def inspected(shown: Shown, store: Mapping[str, str]) -> Json:
    """``store`` is where its files are."""
    raw = shown.raw
    return {
        "Id": shown.id,
        "RepoTags": list(shown.names),
        "RepoDigests": list(shown.digests),
        "Parent": raw.get("parent", ""),
        "Comment": _comment(raw),
        "Created": raw.get("created") or ZERO_TIME,
        "Container": raw.get("container", ""),
        "ContainerConfig": {**CONFIG, **(raw.get("container_config") or {})},
        "DockerVersion": raw.get("docker_version", ""),
        "Author": raw.get("author", ""),
        "Config": {**CONFIG, **(raw.get("config") or {})},
        "Architecture": raw.get("architecture", ""),
        **({"Variant": raw["variant"]} if raw.get("variant") else {}),
        "Os": raw.get("os", "linux"),
        "Size": shown.size,
        "VirtualSize": shown.size,
        "GraphDriver": {"Data": dict(store) or None, "Name": "ipycontainers"},
        "RootFS": {"Type": "layers", "Layers": list((raw.get("rootfs") or {}).get("diff_ids", ()))},
        "Metadata": {"LastTagTime": shown.tagged or ZERO_TIME},
    }


def _comment(raw: Mapping[str, Any]) -> str:
    """Of the image, else of the newest step that made it."""
    steps = raw.get("history") or [{}]
    return str(raw.get("comment") or steps[-1].get("comment") or "")


def summary(shown: Shown, *, shared: int = -1, containers: int = -1) -> Json:
    """``names`` and ``digests`` are those that a filter let pass."""
    nameless = not shown.names and not shown.digests
    return {
        "Containers": containers,
        "Created": shown.created,
        "Id": shown.id,
        "Labels": (shown.raw.get("config") or {}).get("Labels"),
        "ParentId": shown.raw.get("parent", ""),
        "RepoDigests": [_NO_DIGEST] if nameless else list(shown.digests) or None,
        "RepoTags": [_NO_NAME] if nameless else list(shown.names) or None,
        "SharedSize": shared,
        "Size": shown.size,
        "VirtualSize": shown.size,
    }


def history(shown: Shown, parents: Sequence[tuple[str, Sequence[str]]]) -> list[Json]:
    """The newest step first. ``parents`` are the ids and names of the images that it was made
    from, as far as they are here, the nearest first."""
    steps = shown.raw.get("history") or []
    sizes = list(shown.sizes)
    counts = len(sizes) == sum(not step.get("empty_layer") for step in steps)
    told = []
    for step in steps:
        empty = step.get("empty_layer") or not counts
        told.append(
            {
                "Comment": step.get("comment", ""),
                "Created": moment_of(step.get("created") or ZERO_TIME)[0],
                "CreatedBy": step.get("created_by", ""),
                "Id": "<missing>",
                "Size": 0 if empty else sizes.pop(0),
                "Tags": None,
            }
        )
    told.reverse()
    for entry, (image_id, names) in zip(told, [(shown.id, shown.names), *parents]):  # noqa: B905
        entry |= {"Id": image_id, "Tags": list(names) or None}
    return told
