"""Building an image: a context goes to the engine, and lines of what it does come back.

Knows: the request. Does not know: contexts, what the lines say.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from . import logins
from .dial import Dialler
from .stream import Stream
from .translate import Json, translated

DOING = "building the image"


class Build(Stream):
    """The lines of one build. Closing it before the end ends the build, on dockerd, on Podman and
    on our own engine."""

    def lines(self) -> Iterator[Json]:
        """As of a Stream; raises NoEngine where the connection breaks."""
        with translated(DOING):
            yield from super().lines()


def start(
    api: Any,
    dialler: Dialler,
    context: Iterable[bytes],
    parameters: Mapping[str, str | Sequence[str]],
    *,
    timeout: float,
) -> Build:
    """``api`` is docker-py's client; see ``Connection.build``."""
    headers = {"Content-Type": "application/x-tar", **logins.headers()}
    with translated(DOING):
        return Build(
            dialler,
            "POST",
            f"/v{api.api_version}/build",
            parameters=parameters,
            headers=headers,
            body=context,
            doing=DOING,
            timeout=timeout,
        )
