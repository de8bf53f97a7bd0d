"""Asking an engine what a Dockerfile without files says.

Knows: docker-py. Does not know: which engine it asks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from engine.build.building import STEP, remove
from engine.sides import WARNED
from layers import file, tar

BY_NATURE = {"Hostname", "Image"}  # ids


class Told(NamedTuple):
    """What is known of a stage's image."""

    config: dict[str, Any]
    command: list[str]  # of its last step's container
    author: str
    history: list[str]


class Outcome(NamedTuple):
    """``text`` is all lines, ids masked, and the error if there is one; ``is_built``: there is
    none, and an image."""

    status: int
    stages: list[Told]
    text: str
    is_built: bool


Query = Mapping[str, str]


class Judge:
    """An engine that is asked; it remembers the images that it made for that."""

    def __init__(self, docker: Any) -> None:
        self._docker = docker
        self._made: list[str] = []
        self._before = {one["Id"] for one in docker.api.images(all=True)}

    def of_each(self, texts: list[str], queries: list[Query] | None = None) -> list[Outcome]:
        """The same of many, several at a time."""
        with ThreadPoolExecutor(6) as together:
            return list(together.map(self.of, texts, queries or [{}] * len(texts)))

    def of(self, text: str, query: Query) -> Outcome:
        """What a build says, none of whose steps is from a cache."""
        context = tar(file("Dockerfile", text.encode()))
        api = self._docker.api
        asked = {"nocache": "1", "forcerm": "1", **query}
        answer = api.post(api._url("/build"), params=asked, data=context, timeout=100)
        lines = [json.loads(line) for line in answer.content.split(b"\n") if line.strip()]
        images = [line["aux"]["ID"] for line in lines if "aux" in line]
        self._made += images
        self._made += STEP.findall("".join(line.get("stream", "") for line in lines))
        text = "".join(line.get("stream") or line.get("error") or str(line) for line in lines)
        is_built = bool(images) and not any("error" in line for line in lines)
        return Outcome(answer.status_code, [*map(self._told, images)], _masked(text), is_built)

    def _told(self, image: str) -> Told:
        inspected = self._docker.api.inspect_image(image)
        config = {key: value for key, value in inspected["Config"].items() if key not in BY_NATURE}
        steps = [step["CreatedBy"] for step in self._docker.api.history(image)]
        return Told(config, inspected["ContainerConfig"]["Cmd"], inspected["Author"], steps)

    def forget(self) -> None:
        """Remove what was made."""
        remove(self._docker, self._made, self._before)


def _masked(text: str) -> str:
    return re.sub(r"\b(?:[0-9a-f]{64}|[0-9a-f]{12})\b", "ID", WARNED.sub("", text))
