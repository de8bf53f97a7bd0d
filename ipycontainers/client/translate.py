"""What docker-py, HTTP and the engine raise or answer → our errors, in one place.

Knows: status codes, the engine's texts, docker-py's and requests' exceptions.
Does not know: why somebody asked. Used by ``connection`` for every request.
"""

from __future__ import annotations

import http.client
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ipycontainers import errors

# The engine's JSON. It stays inside this package: what leaves it is a type of ours,
# or the engine's own answer (inspect, info, version), which is documented elsewhere.
Json = dict[str, Any]

RUNTIME = re.compile(
    r"^.*(?:runc create failed|OCI runtime create failed|starting container process caused"
    r"|unable to start container process|error during container init): ",
    re.DOTALL,
)
# Podman prepares a container when somebody attaches, and calls every failure of it a conflict.
PREPARING = re.compile(r"^preparing container \w+ for attach: ")
TAKEN = re.compile(r"port is already allocated|address already in use|is already in use by")
STILL_THERE = "is the engine still running? `ipycontainers doctor` tells"
# runc, crun and containerd agree on: exec: "PROGRAM": reason
PROGRAM = re.compile(
    r'exec: \\?"(?P<program>[^"\\]*)\\?": (?P<reason>.*)|'
    r"executable file `(?P<missing>[^`']*)[`'] not found|"
    r"open executable: (?P<denied>Permission denied)",
    re.DOTALL,
)


def of_status(status: int, explanation: str, doing: str) -> errors.ContainerError:
    """The error for an answer of 400 and above; ``explanation`` is the engine's text."""
    text = one_line(explanation) or http.client.responses.get(status, str(status))
    message = f"{doing}: {text}"
    if status == 404:
        return errors.NotFound(message)
    if status in (401, 403):
        return errors.Unauthorized(message)
    if status == 409 or TAKEN.search(text):
        return errors.Conflict(message)
    if status == 400:
        return errors.Invalid(message)
    if status == 501:
        return errors.Unsupported(message)
    return errors.EngineError(message)


def of_start(status: int, explanation: str, doing: str) -> errors.ContainerError:
    """As ``of_status``, and a program that cannot be run gets the code docker run gives it.

    The engine's text on it is the runtime's whole chain of causes; it stays in
    ``__cause__``.
    """
    explanation, prepares = PREPARING.subn("", explanation)
    found = PROGRAM.search(explanation)
    if not found:
        error = of_status(500 if prepares else status, explanation, doing)
        if isinstance(error, (errors.Invalid, errors.EngineError)) or "OCI" in explanation:
            return errors.EngineError(f"{doing}: {_without_runtime(explanation)}", exit_code=125)
        return error
    program = found["program"] or found["missing"] or "the program"
    reason = found["reason"] or found["denied"] or "not found"
    if re.search(r"not found|no such file|^stat .*not a directory", reason, re.IGNORECASE):
        return errors.EngineError(
            f"{program}: no such program in the image",
            f"the image has no file {program}, or it needs another that is missing"
            if "/" in program
            else f"the PATH of the image has no {program}",
            exit_code=127,
        )
    if re.search(r"permission denied|is a directory", reason, re.IGNORECASE):
        return errors.EngineError(
            f"{program}: the file is not executable",
            f"chmod +x {program}, or name its interpreter before it",
            exit_code=126,
        )
    return errors.EngineError(f"{program}: {one_line(reason)}", exit_code=125)


def _without_runtime(explanation: str) -> str:
    """The cause, without the names of the runtime's own steps before it."""
    return one_line(RUNTIME.sub("", explanation)) or one_line(explanation)


def one_line(text: str, limit: int = 500) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else flat[:limit] + "…"


@contextmanager
def translated(doing: str, *, starting: bool = False) -> Iterator[None]:
    """Foreign exceptions of the block become ours, chained; ours and Ctrl-C pass."""
    import requests.exceptions
    from docker.errors import APIError, DockerException

    try:
        yield
    except APIError as error:
        status, text = error.status_code or 500, str(error.explanation or error)
        raise (of_start if starting else of_status)(status, text, doing) from error
    except (requests.exceptions.Timeout, TimeoutError) as error:
        raise errors.EngineSilent(f"{doing}: the engine does not answer") from error
    except (requests.exceptions.RequestException, http.client.HTTPException, OSError) as error:
        message = f"{doing}: the connection to the engine broke: {one_line(str(error))}"
        raise errors.NoEngine(message, STILL_THERE) from error
    except DockerException as error:
        raise errors.EngineError(f"{doing}: {one_line(str(error))}") from error
