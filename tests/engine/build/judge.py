"""Asking an engine what a Dockerfile without files says, and what our own parts say to it.

Knows: docker-py. Does not know: which engine it asks.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

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


def of(docker: Any, text: str, arguments: dict[str, str] | None = None, **query: Any) -> Outcome:
    """What a build says. The images that it made are left."""
    query = {"nocache": 1, "buildargs": json.dumps(arguments or {}), **query}
    context = tar(file("Dockerfile", text.encode()))
    answer = docker.api.post(docker.api._url("/build"), params=query, data=context, timeout=100)
    if answer.status_code != 200:
        return answer.status_code, answer.json()["message"]
    lines = [json.loads(line) for line in answer.content.split(b"\n") if line]
    errors = [line["error"] for line in lines if "error" in line]
    if errors:
        return 200, errors[0]
    return 200, [_told(docker, line["aux"]["ID"]) for line in lines if "aux" in line]


def _told(docker: Any, image: str) -> Told:
    inspected = docker.api.inspect_image(image)
    config = {key: value for key, value in inspected["Config"].items() if key not in BY_NATURE}
    steps = [step["CreatedBy"] for step in docker.api.history(image)]
    return Told(config, inspected["Author"], steps)


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
