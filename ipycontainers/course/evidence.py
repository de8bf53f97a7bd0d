"""What a container tells of itself, for checks: the engine's answer to inspect, and its log.

    printed(lab, container)          what it printed, the first of it
    file(lab, container, "/note")    the bytes of a file in it, the first of them
    variables(container)             {"COLOUR": "blue"}
    name(container)                  as the engine calls it

All of it comes from a container, so it is a stranger's: it is bounded here, and ``quoted`` makes
of it what can stand in a sentence.

Knows: fields of inspect, the log's frames. Does not know: exercises.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping
from typing import Any, Final

from ipycontainers.errors import ContainerError, Invalid, NotFound
from ipycontainers.oci.entries import entries
from ipycontainers.oci.legible import printable
from ipycontainers.streams import STDOUT, batches
from ipycontainers.widgets.drawing import shortened

from .lab import Lab

# Of a log: more than any exercise asks for.
MOST: Final = 1 << 16
LONG: Final = 60  # letters of a stranger's in a sentence


def printed(lab: Lab, container: Mapping[str, Any]) -> str:
    """Its standard output, of that at most MOST bytes; "" where the engine keeps no log of it."""
    try:
        with lab.engine.daemon.stream(
            "GET", "containers", str(container["Id"]), "logs", stdout="1", patient=False
        ) as stream:
            log = io.BytesIO(stream.whole(MOST))
    except ContainerError:  # a log driver that cannot be read; or it went in between
        return ""
    is_terminal = bool(container["Config"].get("Tty"))
    frames = (frame for batch in batches(log.read, tty=is_terminal) for frame in batch)
    return b"".join(one.data for one in frames if one.stream == STDOUT).decode("utf-8", "replace")


def file(lab: Lab, container: Mapping[str, Any], path: str) -> bytes | None:
    """Of it at most MOST bytes, whether its program runs or not; None where there is no such file,
    or it is no file."""
    with (
        contextlib.suppress(NotFound, Invalid),
        lab.engine.get_archive(str(container["Id"]), path) as archive,
    ):
        for _, content in entries(archive, path):
            return content.read(MOST) if content else None
    return None


def variables(container: Mapping[str, Any]) -> dict[str, str]:
    """Those that it was made with, the image's too."""
    pairs = (str(one).partition("=") for one in container["Config"].get("Env") or ())
    return {name: value for name, _, value in pairs}


def name(container: Mapping[str, Any]) -> str:
    """As the engine calls it."""
    return str(container["Name"]).removeprefix("/")


def code(container: Mapping[str, Any]) -> int:
    """Its exit code; 0 before its end too."""
    return int(container["State"].get("ExitCode") or 0)


def quoted(text: str) -> str:
    """A stranger's text in a sentence: its first line that says something, not too long."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return shortened(printable(lines[0]), LONG) if lines else ""
