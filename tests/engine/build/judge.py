"""Asking an engine what a Dockerfile without files says, and what our own parts say to it.

Knows: docker-py. Does not know: which engine it asks.
"""

from __future__ import annotations

import contextlib
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from docker.errors import NotFound
from layers import file, tar

from ipycontainers.engine.build.arguments import Arguments
from ipycontainers.engine.build.dockerfile import Instruction, decode, parse
from ipycontainers.engine.build.instructions import State, begun, changed, expanded, nothing
from ipycontainers.engine.build.words import expand

BY_NATURE = {"Hostname", "Image"}  # ids


class Told(NamedTuple):
    """What is known of a stage's image."""

    config: dict[str, Any]
    author: str
    history: list[str]


Outcome = tuple[int, Any]  # 200 and each stage's Told; 200 and an error that came late; a refusal


class Judge:
    """An engine that is asked; it remembers the images that it made for that."""

    def __init__(self, docker: Any) -> None:
        self._docker = docker
        self._made: list[str] = []

    def of_each(self, texts: list[str], given: list[dict[str, str]] | None = None) -> list[Outcome]:
        """The same of many, several at a time."""
        with ThreadPoolExecutor(6) as together:
            return list(together.map(self.of, texts, given or [{}] * len(texts)))

    def of(self, text: str, given: dict[str, str]) -> Outcome:
        """What a build with these arguments says, none of whose steps is from a cache."""
        query = {"nocache": 1, "buildargs": json.dumps(given)}
        context = tar(file("Dockerfile", text.encode()))
        api = self._docker.api
        answer = api.post(api._url("/build"), params=query, data=context, timeout=100)
        if answer.status_code != 200:
            return answer.status_code, answer.json()["message"]
        lines = [json.loads(line) for line in answer.content.split(b"\n") if line]
        images = [line["aux"]["ID"] for line in lines if "aux" in line]
        self._made += images
        errors = [line["error"] for line in lines if "error" in line]
        return 200, errors[0] if errors else [self._told(image) for image in images]

    def _told(self, image: str) -> Told:
        inspected = self._docker.api.inspect_image(image)
        config = {key: value for key, value in inspected["Config"].items() if key not in BY_NATURE}
        steps = [step["CreatedBy"] for step in self._docker.api.history(image)]
        return Told(config, inspected["Author"], steps)

    def forget(self) -> None:
        """Remove what was made; an image may be that of two stages."""
        for image in set(self._made):
            with contextlib.suppress(NotFound):
                self._docker.images.remove(image, force=True)


# --- our parts -----------------------------------------------------------------------------------

_EMPTY = {"AttachStdin": False, "AttachStdout": False, "AttachStderr": False, "Tty": False}
_EMPTY |= dict.fromkeys(("Cmd", "Volumes", "Entrypoint", "OnBuild", "Labels"))
_EMPTY |= dict.fromkeys(("Domainname", "User", "WorkingDir"), "")


def read(text: str, given: dict[str, str] | None = None) -> list[Told]:
    """What a builder without files, layers and a cache makes of it. Invalid."""
    dockerfile = parse(decode(text.encode()), heredocs=False)
    arguments = Arguments(given or {})
    for instruction in dockerfile.arguments:
        known = expanded(instruction, State({}, arguments), dockerfile.escape)
        for word in known.arguments:
            name, equals, value = word.partition("=")
            arguments = arguments.before_from(name, value if equals else None)
    made = []
    for stage in dockerfile.stages:
        assert expand(stage.base, arguments.for_from(), dockerfile.escape) == "scratch"
        state = State(begun(None), arguments.stage())
        made.append(_built(state, stage.instructions, dockerfile.escape))
    return made


def _built(state: State, instructions: tuple[Instruction, ...], escape: str) -> Told:
    history: list[str] = []
    for instruction in instructions:
        change = changed(state, instruction, escape)
        state = change.state
        words = nothing(state.config, instruction.word, change.comment)
        history.insert(0, " ".join(words))
    return Told({**_EMPTY, **state.config}, state.author, history)
