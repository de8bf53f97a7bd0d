"""A start that fails because the program is none: of a folder, runtimes do not say that it is one.

Knows: what tells a folder from a program. Does not know: how a container is started.
"""

from __future__ import annotations

import base64
import http.client
import json
import posixpath
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ipycontainers import errors

from .stream import Stream
from .translate import Json, translated

PATH_STATUS = "X-Docker-Container-Path-Stat"
GO_FOLDER = 1 << 31  # fs.ModeDir in Go's file modes


@contextmanager
def starting(
    doing: str, inspect: Callable[[], Json], head: Callable[[str], Stream]
) -> Iterator[None]:
    """Errors of a start, in the block. ``head`` asks for a path of the container."""
    try:
        with translated(doing, starting=True):
            yield
    except errors.EngineError as error:
        if error.exit_code == 126 and (program := _folder(inspect, head)):
            raise errors.EngineError(
                f"{program}: is a folder, not a program",
                "name a program of the image behind it, for example sh",
                exit_code=126,
            ) from error
        raise


def _folder(inspect: Callable[[], Json], head: Callable[[str], Stream]) -> str:
    """The program's path where that is a folder, else ""."""
    try:
        found = inspect()
        program = str(found["Path"])
        path = posixpath.join("/", found["Config"].get("WorkingDir") or "/", program, ".")
        with head(path) as stream:
            status = json.loads(base64.b64decode(stream.header(PATH_STATUS)))
    except (errors.ContainerError, OSError, http.client.HTTPException, ValueError, KeyError):
        return ""
    return program if int(status.get("mode", 0)) & GO_FOLDER else ""
