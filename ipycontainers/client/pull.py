"""Names of images, and pulling one, with its progress, and failures told so that they help.

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
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ipycontainers import errors

from . import logins
from .dial import Dialler
from .stream import Stream
from .translate import Json, of_status, one_line, translated

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
NO_NAME = re.compile(
    r"invalid reference format|invalid tag format|must be lowercase|cannot contain a scheme"
)
# Broader than any engine, and enough that a name cannot become another path of its API.
NAME = re.compile(r"(?a)\w[\w.:/@+-]*|\[[\w:]+\][\w.:/@+-]*")
ABSENT = re.compile(r"no such image|image not known", re.IGNORECASE)
OTHER_PLATFORM = re.compile(r"does not match the specified platform: .*actual: (?P<here>\S+)")
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


Progress = Callable[[PullProgress], None]


def pull(
    api: Any,
    dialler: Dialler,
    reference: str,
    platform: str | None,
    progress: Progress | None,
    *,
    timeout: float,
) -> None:
    """``api`` is docker-py's client, ``dialler`` opens the stream; see ``Connection.pull``."""
    try:
        with naming(reference), translated(f"pulling {reference}"):
            _pull(api, dialler, reference, platform, progress, timeout)
    except (errors.NotFound, errors.EngineError, errors.Unsupported) as error:
        if platform and (hint := platform_hint(platform, _platform_here(api, reference))):
            error.hint = hint
        raise


def _pull(
    api: Any,
    dialler: Dialler,
    reference: str,
    platform: str | None,
    progress: Progress | None,
    timeout: float,
) -> None:
    from docker.utils import parse_repository_tag

    repository, tag = parse_repository_tag(reference)
    parameters = {"fromImage": repository, "tag": tag or "latest"}
    if platform:
        parameters["platform"] = platform
    try:
        stream = Stream(
            dialler,
            "POST",
            f"/v{api.api_version}/images/create",
            parameters=parameters,
            headers=logins.header(repository),
            doing=f"pulling {reference}",
            timeout=timeout,
        )
    except errors.EngineUnavailable:
        raise
    except errors.ContainerError as error:
        raise failure(error.message, reference) from error
    with stream:
        follow(stream.lines(), reference, progress)


def _platform_here(api: Any, reference: str) -> str:
    """``linux/amd64``, of the image that the engine has by that name, or ""."""
    try:
        with translated(f"image {reference}"):
            image = api.inspect_image(reference)
    except errors.ContainerError:
        return ""
    return f"{image.get('Os')}/{image.get('Architecture')}"


def follow(lines: Iterable[Json], reference: str, progress: Progress | None) -> None:
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


@contextmanager
def naming(reference: str) -> Iterator[None]:
    """What an engine says of a name in this block, told so that the name is in it.

    Raises Invalid for what is no name, NotFound for an image that is not here.
    """
    if not NAME.fullmatch(reference) or re.search(r"/[/.]|/$", reference):
        raise _no_name(reference)
    try:
        yield
    except (errors.Invalid, errors.NotFound, errors.EngineError) as error:
        if NO_NAME.search(error.message):
            raise _no_name(reference) from error
        if found := OTHER_PLATFORM.search(error.message):
            raise errors.NotFound(
                f"the image {with_tag(reference)} that is here is for {found['here']}",
                "--pull missing, the default, fetches it for the other --platform",
            ) from error
        # With a hint it is ``failure``'s already, of a registry and not of this engine.
        is_here = isinstance(error, errors.NotFound) and not error.hint
        if is_here and ABSENT.search(error.message):
            raise errors.NotFound(
                f"there is no image {with_tag(reference)} here",
                "--pull missing, the default, fetches it",
            ) from error
        raise


def _no_name(reference: str) -> errors.Invalid:
    shown = one_line(reference, 80)
    if "://" in reference:
        return errors.Invalid(
            f"{shown!r} is no name of an image",
            f"without {reference.partition('://')[0]}://, as in docker.io/library/alpine",
        )
    if reference != reference.lower() and NAME.fullmatch(reference.lower()):
        return errors.Invalid(
            f"{shown!r} is no name of an image", f"it must be lowercase: {shown.lower()}"
        )
    return errors.Invalid(
        f"{shown!r} is no name of an image",
        "for example alpine, python:3.13-slim, registry.example.org/team/name:tag",
    )


def platform_hint(wanted: str, here: str) -> str:
    """For a pull that failed: the image may be here for another platform than was asked for."""
    if not here or set(wanted.split("/")[:2]) <= set(here.split("/")):
        return ""
    return f"the image that is here is for {here}: leave --platform {wanted} out"


def full_name(reference: str) -> str:
    """``alpine`` → ``docker.io/library/alpine:latest``, as Docker reads it."""
    name, at, digest = reference.partition("@")
    first, slash, rest = name.partition("/")
    if not slash or not ("." in first or ":" in first or first == "localhost"):
        name = f"docker.io/{name}" if slash else f"docker.io/library/{name}"
    elif first == "docker.io" and "/" not in rest:
        name = f"docker.io/library/{rest}"
    return with_tag(f"{name}{at}{digest}")


def with_tag(reference: str) -> str:
    """``alpine`` → ``alpine:latest``; a tag or a digest stays."""
    tagged = "@" in reference or ":" in reference.rpartition("/")[2]
    return reference if tagged else f"{reference}:latest"


def registry(full: str) -> str:
    """What ``docker login`` wants: nothing for Docker Hub."""
    host = full.partition("/")[0]
    return "" if host == "docker.io" else host
