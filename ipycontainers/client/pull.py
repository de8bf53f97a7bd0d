"""Pulling an image, with its progress, and its failures told so that they help.

The engine answers 200 at once and then sends JSON lines, one for each change of each
layer; a failure later than that is a line with ``errorDetail``. Closing the connection
makes dockerd stop pulling, so an interrupt does.

Registries answer 401 for a repository that does not exist, since they do not tell
strangers what exists; the engine makes "pull access denied" of it. So a name that is
not found gets both readings, and the full name, in which a typo shows.

Knows: the lines of progress, names of images as a user types them.
Does not know: how progress is shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ipycontainers import errors

from .translate import Json, of_status, one_line

MISSING = re.compile(
    r"repository does not exist|pull access denied|manifest unknown|not found|"
    r"no such image|no matching manifest|name unknown|"
    r"requested access to the resource is denied",
    re.IGNORECASE,
)
DENIED = re.compile(
    r"unauthorized|authentication required|incorrect username|"
    r"no basic auth credentials|denied",
    re.IGNORECASE,
)
PLATFORM = re.compile(r"no matching manifest|does not match the specified platform", re.IGNORECASE)
UNREACHABLE = re.compile(
    r"dial tcp|i/o timeout|no such host|connection refused|"
    r"Client\.Timeout|TLS handshake",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class PullProgress:
    """One layer's state. ``current`` of ``total`` bytes, 0 where the engine does not say.

    ``layer`` is the first 12 digits of its digest, empty for lines on the whole image.
    """

    layer: str
    status: str
    current: int
    total: int

    @classmethod
    def parse(cls, line: Json) -> PullProgress:
        detail = line.get("progressDetail") or {}
        return cls(
            str(line.get("id", "")),
            str(line.get("status") or line.get("stream") or ""),
            int(detail.get("current") or 0),
            int(detail.get("total") or 0),
        )


def follow(
    lines: Iterable[Json], reference: str, progress: Callable[[PullProgress], None] | None
) -> None:
    """Calls ``progress`` for each line, from this thread. Raises as ``failure``."""
    for line in lines:
        if "errorDetail" in line or "error" in line:
            detail = line.get("errorDetail") or {}
            raise failure(str(detail.get("message") or line.get("error")), reference)
        if progress:
            progress(PullProgress.parse(line))


def failure(explanation: str, reference: str, status: int = 500) -> errors.ContainerError:
    """NotFound (also for a platform), Unauthorized, or EngineError with the engine's text."""
    full, text = full_name(reference), one_line(explanation)
    if PLATFORM.search(text):
        return errors.NotFound(
            f"{full}: {text}", "ask for another one with --platform, e.g. linux/amd64"
        )
    if MISSING.search(text):
        return errors.NotFound(
            f"{full}: no such image, or it is private and needs a login",
            f"check the spelling; if it is private: docker login {registry(full)}".rstrip(),
        )
    if status in (401, 403) or DENIED.search(text):
        return errors.Unauthorized(
            f"{full}: the registry refuses these credentials: {text}",
            f"docker login {registry(full)}".rstrip(),
        )
    if UNREACHABLE.search(text):
        return errors.EngineError(
            f"{full}: the engine does not reach the registry: {text}",
            "is there a network, or a proxy that the engine must be told?",
        )
    return of_status(status, text, f"pulling {full}")


def full_name(reference: str) -> str:
    """``alpine`` → ``docker.io/library/alpine:latest``, as Docker reads it."""
    name, at, digest = reference.partition("@")
    first, slash, rest = name.partition("/")
    if not slash or not ("." in first or ":" in first or first == "localhost"):
        name = f"docker.io/{name}" if slash else f"docker.io/library/{name}"
    elif first == "docker.io" and "/" not in rest:
        name = f"docker.io/library/{rest}"
    if at:
        return f"{name}@{digest}"
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def registry(full: str) -> str:
    """What ``docker login`` wants: nothing for Docker Hub."""
    host = full.partition("/")[0]
    return "" if host == "docker.io" else host
