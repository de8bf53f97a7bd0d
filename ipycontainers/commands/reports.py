"""What an engine tells of a pull, push, load, import or build, as docker prints it.

Where nobody watches docker leaves bars of progress out and prints each other line; so does this,
as in a stored notebook bars would be noise.

https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Image/operation/ImageCreate

Knows: the JSON of reports. Does not know: who asked for them, notebooks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from ipycontainers.errors import CommandFailed

Json = dict[str, Any]
T = TypeVar("T")


def follow(
    lines: Iterable[Json],
    say: Callable[[str], object],
    *,
    heard: Callable[[Json], None] | None = None,
    aux: Callable[[Json], None] | None = None,
    layers: bool = True,
) -> None:
    """Writes each report through ``say``; text with its line ends.

    ``heard`` gets every report, ``aux`` what a report carries for programs. ``layers``: also what
    is told of single layers. Raises CommandFailed with the engine's text of a report of failure,
    whose exit code is the engine's (a build's step), or 1.
    """
    for line in received(lines):
        if trouble := failure(line):
            raise trouble
        if line.get("aux") is not None:
            if aux and isinstance(line["aux"], dict):
                aux(line["aux"])
            continue
        if heard:
            heard(line)
        if (shown := text(line)) and (layers or not line.get("id") or not is_layer(line)):
            say(shown)


def received(answer: Iterable[T]) -> Iterator[T]:
    """What comes, and EngineUnavailable where the connection breaks before its end."""
    from ipycontainers.client.translate import translated

    parts = iter(answer)
    while True:
        with translated("reading the engine's answer"):
            part = next(parts, None)
        if part is None:
            return
        yield part


def text(line: Json) -> str:
    """What docker writes for a report where no terminal is; "" for a bar of progress."""
    detail = line.get("progressDetail") or {}
    if detail and (_positive(detail.get("current")) or _positive(detail.get("total"))):
        return ""
    front = f"{line['id']}: " if line.get("id") else ""
    if line.get("from"):
        front += f"(from {line['from']}) "
    if line.get("stream"):
        return f"{front}{line['stream']}"
    return f"{front}{line.get('status', '')}\n"


def failure(line: Json) -> CommandFailed | None:
    """The error that a report is, if it is one."""
    detail = line.get("errorDetail") or {}
    if not detail and "error" not in line:
        return None
    if detail.get("code") == 401:
        return CommandFailed("authentication is required", exit_code=1)
    message = str(detail.get("message") or line.get("error"))
    code = detail.get("code")
    return CommandFailed(message, exit_code=code if isinstance(code, int) and code > 0 else 1)


def is_layer(line: Json) -> bool:
    """Whether a report is of one layer: its id is one, and no tag's or repository's."""
    name = str(line.get("id", ""))
    return len(name) == 12 and set(name) <= set("0123456789abcdef")


def _positive(value: object) -> bool:
    return isinstance(value, int) and value > 0
