"""From a candidate to a connection, or to the one of four errors that fits.

    NoEngine         nothing is there, or nobody listens
    EngineForbidden  it is there; this user, key or certificate may not
    EngineSilent     it takes the connection and does not answer, or not as an engine
    EngineTooOld     it answers with an API that docker-py no longer speaks

Knows: how each kind of address fails. Does not know: what else might be tried.
"""

from __future__ import annotations

import http.client
import ssl
import sys
from typing import TYPE_CHECKING, cast

from ipycontainers import errors

from . import hints
from .dial import Dialler
from .stream import Stream
from .translate import Json, one_line

if TYPE_CHECKING:
    import docker

    from .connection import Connection
    from .discover import Attempt, Candidate, Tls

PATIENCE = 3.0
PING_PATIENCE = 0.8  # whether it is alive; what does not answer is silent after less than four
# For the version of an engine that is: Podman has programs run for it, a second for an answer.
BUSY_PATIENCE = 20.0
SSH_PATIENCE = 20.0  # a handshake with a far host, and the start of docker there
OLDEST = (1, 24)  # docker.constants.MINIMUM_DOCKER_API_VERSION


def open_connection(
    candidate: Candidate, *, timeout: float, before: tuple[Attempt, ...]
) -> Connection:
    """Asks for the version, then makes the docker-py client. Leaves nothing open if it raises."""
    dialler = Dialler(candidate)
    try:
        version = _version(dialler)
        return _connection(dialler, version, timeout, before)
    except BaseException:
        dialler.close()
        raise


def _version(dialler: Dialler) -> Json:
    """The first request, by hand: docker-py would wrap what goes wrong beyond recognition,
    and is not worth importing while nobody answers."""
    candidate = dialler.candidate
    try:
        version = _told_version(dialler)
        api = tuple(int(part) for part in str(version["ApiVersion"]).split("."))
    except errors.EngineUnavailable:
        raise
    except (
        errors.ContainerError,
        OSError,
        http.client.HTTPException,
        ValueError,
        KeyError,
        TypeError,
    ) as error:
        said = dialler.ssh.complaint() if dialler.ssh else ""
        raise unavailable(error, candidate, said) from error
    if api < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise errors.EngineTooOld(
            f"{candidate.address} speaks API {version['ApiVersion']}, "
            f"and {oldest} is the oldest that is understood",
            hints.upgrade(candidate),
        )
    return version


def _told_version(dialler: Dialler) -> Json:
    """A time-out is raised only of an engine that does not even answer a ping."""
    if dialler.ssh:
        return _told(dialler, SSH_PATIENCE)
    try:
        return _told(dialler, PATIENCE)
    except (TimeoutError, BlockingIOError):
        with _asked(dialler, "/_ping", PING_PATIENCE):
            pass
        return _told(dialler, BUSY_PATIENCE)


def _told(dialler: Dialler, patience: float) -> Json:
    with _asked(dialler, "/version", patience) as stream:
        return stream.json()


def _asked(dialler: Dialler, path: str, patience: float) -> Stream:
    return Stream(
        dialler, "GET", path, doing="asking for the version", timeout=patience, keep_timeout=True
    )


def unavailable(error: Exception, candidate: Candidate, said: str = "") -> errors.EngineUnavailable:
    """Which of the errors this is. ``said``: what the ssh program printed."""
    address = candidate.address
    if said:
        return _of_ssh(said, candidate)
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return _of_missing_file(candidate)
    if isinstance(error, PermissionError):
        return _of_permission(candidate)
    if isinstance(error, ssl.SSLError):
        return _of_tls(error, candidate)
    if isinstance(error, (TimeoutError, BlockingIOError)):
        return errors.EngineSilent(
            f"{address} takes the connection and does not answer: "
            "the engine hangs, or is still starting",
            hints.restart(candidate),
        )
    if isinstance(error, errors.Unauthorized):
        return errors.EngineForbidden(
            f"{address} refuses this user: {error.message}", "it wants other credentials"
        )
    if isinstance(error, ConnectionRefusedError):
        return _of_refusal(candidate)
    if isinstance(error, OSError) and not isinstance(error, http.client.HTTPException):
        reason = one_line(error.strerror or str(error))
        return errors.NoEngine(f"{address} cannot be reached: {reason}", hints.start(candidate))
    return errors.EngineSilent(
        f"{address} answers, but not as a container engine", hints.other_protocol(candidate)
    )


def _of_refusal(candidate: Candidate) -> errors.EngineUnavailable:
    local = candidate.address.startswith("unix://")
    why = "the engine that made this socket has ended" if local else "no engine runs there"
    return errors.NoEngine(f"nobody listens on {candidate.address}: {why}", hints.start(candidate))


def _of_missing_file(candidate: Candidate) -> errors.EngineUnavailable:
    if candidate.address.startswith("ssh://"):
        return errors.NoEngine("the ssh program is not installed", hints.install("ssh"))
    if candidate.tls:
        files = ", ".join(filter(None, (candidate.tls.ca, candidate.tls.cert, candidate.tls.key)))
        return errors.EngineForbidden(
            f"{candidate.address} needs certificates: one of {files} does not exist",
            "DOCKER_CERT_PATH names their folder",
        )
    return errors.NoEngine(
        f"there is no socket at {hints.path(candidate)}: no engine was started there",
        hints.start(candidate),
    )


def _of_permission(candidate: Candidate) -> errors.EngineUnavailable:
    if not candidate.chosen and not hints.is_visible(candidate):
        # The folder is closed to this user: whether there is a socket, nobody can tell.
        return errors.NoEngine(
            f"there is no socket at {hints.path(candidate)} that this user can see",
            hints.start(candidate),
        )
    return errors.EngineForbidden(
        f"permission denied on {hints.path(candidate)}", hints.allow(candidate)
    )


def _of_tls(error: ssl.SSLError, candidate: Candidate) -> errors.EngineUnavailable:
    reason = one_line(getattr(error, "verify_message", "") or error.reason or str(error))
    if error.reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"):
        return errors.EngineSilent(
            f"{candidate.address} does not speak TLS", hints.without_tls(candidate)
        )
    return errors.EngineForbidden(
        f"{candidate.address}: TLS failed: {reason}", hints.certificates(candidate)
    )


def _of_ssh(said: str, candidate: Candidate) -> errors.EngineUnavailable:
    message = f"{candidate.address}: {one_line(said)}"
    lower = said.lower()
    if "not found" in lower and ("docker" in lower or "command" in lower):
        return errors.NoEngine(message, "install docker on that host")
    if "daemon socket" in lower and "permission denied" in lower:
        return errors.EngineForbidden(message, "on that host: sudo usermod -aG docker $USER")
    if "permission denied" in lower or "host key verification failed" in lower:
        return errors.EngineForbidden(message, hints.over_ssh(candidate, "true"))
    kind = errors.EngineSilent if "timed out" in lower else errors.NoEngine
    return kind(message, f"{hints.over_ssh(candidate)}, or {hints.undo(candidate.source)}")


def _connection(
    dialler: Dialler, version: Json, timeout: float, before: tuple[Attempt, ...]
) -> Connection:
    from .connection import Connection
    from .discover import Attempt

    candidate = dialler.candidate
    client = _client(dialler, str(version["ApiVersion"]), timeout)
    # An engine is no web site: REQUESTS_CA_BUNDLE would take the place of its own
    # authority, ~/.netrc would send it a password, and attach cannot pass a proxy.
    client.api.trust_env = False
    return Connection(
        candidate,
        dialler,
        client,
        version,
        timeout=timeout,
        attempts=(*before, Attempt(candidate, None)),
    )


def _client(dialler: Dialler, api_version: str, timeout: float) -> docker.DockerClient:
    import docker
    from docker.errors import DockerException

    address, tls = dialler.candidate.address, dialler.candidate.tls
    seconds = cast("int", timeout)  # the stubs' word; requests takes fractions
    if address.startswith(("unix://", "ssh://")):
        from .adapter import Adapter

        # The address is never contacted: the adapter takes the place of the one for it.
        client = docker.DockerClient("unix:///unused", version=api_version, timeout=seconds)
        client.api.mount("http+docker://", Adapter(dialler))
        return client
    try:
        return docker.DockerClient(
            address,
            version=api_version,
            timeout=seconds,
            tls=_docker_tls(tls) if tls else False,
        )
    except DockerException as error:
        missing = "pip install pywin32" if sys.platform == "win32" else ""
        message = f"docker-py cannot use {address}: {one_line(str(error))}"
        raise errors.NoEngine(message, missing) from error


def _docker_tls(tls: Tls) -> docker.tls.TLSConfig:
    from docker.tls import TLSConfig

    pair = (tls.cert, tls.key) if tls.cert and tls.key else None
    return TLSConfig(client_cert=pair, ca_cert=tls.ca, verify=tls.verify)
