"""Which engine: where one may answer, and which of them does.

In this order, and the first that is named decides:

    1. the argument of ``connect``, or IPYCONTAINERS_ENGINE
    2. DOCKER_HOST, with DOCKER_TLS_VERIFY and DOCKER_CERT_PATH
    3. the docker command's current context, unless that is "default"
    4. the usual sockets of Docker, rootless Docker, Podman
    5. our own engine, which is started when it does not run

An engine named by 1, 2 or 3 is what the user means: when it does not answer, that is
an error. Among the usual sockets the first that answers is taken.

Knows: names and places. Does not know: how to speak to an engine.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ipycontainers import errors

from . import contexts

if TYPE_CHECKING:
    from .connection import Connection

SETTING = "IPYCONTAINERS_ENGINE"
SCHEMES = ("unix", "tcp", "http", "https", "ssh", "npipe")


@dataclass(frozen=True)
class Tls:
    """Files in PEM format; None: the system's authorities, no certificate of our own."""

    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    verify: bool = True


@dataclass(frozen=True)
class Candidate:
    """One place where an engine may answer.

    ``source`` says who named it: "setting" (the argument), IPYCONTAINERS_ENGINE, DOCKER_HOST,
    DOCKER_CONTEXT or "context NAME" (docker's config); where those name a context, its name
    follows, as in "setting, context NAME". For a usual socket it says whose it is: "Docker",
    "rootless Docker", "Docker Desktop", "Podman", "ipycontainers" for our own.
    ``chosen``: named by the user, so that nothing else is tried.
    """

    source: str
    address: str
    chosen: bool
    tls: Tls | None = None

    def to_json(self) -> dict[str, object]:
        """Plain data, with which another process opens the same engine."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> Candidate:
        tls = data.get("tls")
        return cls(
            str(data["source"]),
            str(data["address"]),
            bool(data["chosen"]),
            Tls(**tls) if isinstance(tls, dict) else None,
        )


@dataclass(frozen=True)
class Attempt:
    candidate: Candidate
    error: errors.EngineUnavailable | None


def candidates(
    setting: str | None = None, environ: Mapping[str, str] = os.environ
) -> tuple[Candidate, ...]:
    """In the order in which they are tried. Opens nothing.

    ``setting`` is an address, the path of a socket, the name of a docker context, or
    "docker", "podman" or "ipycontainers" for the usual sockets of that engine only.
    Raises Invalid for an address that is none, NoEngine for a context that is none.
    """
    for named, source in ((setting, "setting"), (environ.get(SETTING), SETTING)):
        if named:
            return _of_setting(named, source, environ)
    if environ.get("DOCKER_HOST"):
        return (_of_docker_host(environ["DOCKER_HOST"], environ),)
    context = contexts.current(environ)
    if context != contexts.DEFAULT:
        by = "DOCKER_CONTEXT, " if environ.get("DOCKER_CONTEXT") else ""
        return (_of_context(context, environ, f"{by}context {context}"),)
    return usual(environ) + own(environ)


def own(environ: Mapping[str, str]) -> tuple[Candidate, ...]:
    """The place of the engine that needs no installation."""
    from ipycontainers.engine import places

    from . import embedded

    if not embedded.is_possible():
        return ()
    return (_socket(embedded.SOURCE, places.socket(environ)),)


def usual(environ: Mapping[str, str], platform: str = sys.platform) -> tuple[Candidate, ...]:
    """The sockets that Docker and Podman make without being told where."""
    home = contexts.home(environ)
    if platform == "win32":
        return (
            Candidate("Docker", "npipe:////./pipe/docker_engine", False),
            Candidate("Docker Desktop", "npipe:////./pipe/dockerDesktopLinuxEngine", False),
            Candidate("Podman", "npipe:////./pipe/podman-machine-default", False),
        )
    if platform == "darwin":
        temporary = Path(environ.get("TMPDIR", "/tmp"))
        machine = home / ".local/share/containers/podman/machine"
        return (
            _socket("Docker", Path("/var/run/docker.sock")),
            _socket("Docker Desktop", home / ".docker/run/docker.sock"),
            _socket("Podman", temporary / "podman/podman-machine-default-api.sock"),
            _socket("Podman", machine / "podman.sock"),
        )
    runtime = Path(environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}")
    return (
        _socket("Docker", Path("/var/run/docker.sock")),
        _socket("rootless Docker", runtime / "docker.sock"),
        _socket("rootless Docker", home / ".docker/run/docker.sock"),
        _socket("Docker Desktop", home / ".docker/desktop/docker.sock"),
        _socket("Podman", runtime / "podman/podman.sock"),
        _socket("Podman", Path("/run/podman/podman.sock")),
    )


def connect(
    setting: str | None = None,
    *,
    timeout: float = 60,
    environ: Mapping[str, str] = os.environ,
    start: bool = True,
    say: Callable[[str], object] | None = None,
) -> Connection:
    """The first engine that answers. ``timeout`` is for the answer to a short request.

    With ``start`` our own engine is started where it comes to that, and ``say`` is called
    with a sentence on it, once, from this thread; without it standard error is told.
    Raises an EngineUnavailable, whose ``attempts`` tell what was tried, and Invalid for
    a setting that makes no sense. With nothing named, the error is the one that the
    user can mend most easily: a socket that exists counts more than one that does not.
    """
    attempts: list[Attempt] = []
    for candidate in candidates(setting, environ):
        opened = _opened(candidate, timeout, tuple(attempts))
        if not isinstance(opened, errors.EngineUnavailable):
            return opened
        attempts.append(Attempt(candidate, opened))
    if start and is_startable(attempts):
        own = attempts.pop().candidate
        opened = _started(own, timeout, tuple(attempts), environ, say)
        if not isinstance(opened, errors.EngineUnavailable):
            return opened
        attempts.append(Attempt(own, opened))
    raise _verdict(tuple(attempts))


def _opened(
    candidate: Candidate, timeout: float, before: tuple[Attempt, ...]
) -> Connection | errors.EngineUnavailable:
    try:
        return open_candidate(candidate, timeout=timeout, before=before)
    except errors.EngineUnavailable as error:
        return error


def is_startable(attempts: Sequence[Attempt]) -> bool:
    """Whether it comes to our own engine: it was tried last, and the others are not there, or
    not this user's to use."""
    from . import embedded

    absent = (errors.NoEngine, errors.EngineForbidden)
    return (
        bool(attempts)
        and attempts[-1].candidate.source == embedded.SOURCE
        and isinstance(attempts[-1].error, errors.NoEngine)
        and all(isinstance(attempt.error, absent) for attempt in attempts)
    )


def is_own(setting: str | None = None, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether cells run on our own engine, or would start it. Starts nothing."""
    from . import embedded

    try:
        with connect(setting, environ=environ, start=False) as connection:
            return connection.candidate.source == embedded.SOURCE
    except errors.EngineUnavailable as error:
        return is_startable(getattr(error, "attempts", ()))


def _started(
    candidate: Candidate,
    timeout: float,
    before: tuple[Attempt, ...],
    environ: Mapping[str, str],
    say: Callable[[str], object] | None,
) -> Connection | errors.EngineUnavailable:
    from . import embedded

    try:
        embedded.start(environ)
        connection = open_candidate(candidate, timeout=timeout, before=before)
    except errors.EngineUnavailable as error:
        return error
    forbidden = [a.error.message for a in before if isinstance(a.error, errors.EngineForbidden)]
    why = forbidden[0] if forbidden else "no Docker or Podman answers here"
    (say or _say)(f"{why}: started {_described(connection)}")
    return connection


def _described(connection: Connection) -> str:
    """Our own engine, with as much of a promise as it can keep."""
    kept = {
        "bubblewrap": "its containers have namespaces of their own, and no limits",
        "ptrace": "its containers have files of their own and are not isolated otherwise",
    }
    about = kept.get(connection.launcher, "")
    return f"ipycontainers' own engine ({connection.launcher}): {about}".rstrip(": ")


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr)


def open_candidate(
    candidate: Candidate, *, timeout: float = 60, before: tuple[Attempt, ...] = ()
) -> Connection:
    """Connects to this one. Raises EngineUnavailable within some seconds."""
    from .opening import open_connection

    return open_connection(candidate, timeout=timeout, before=before)


def _verdict(attempts: tuple[Attempt, ...]) -> errors.EngineUnavailable:
    from . import hints

    failed = [attempt.error for attempt in attempts if attempt.error]
    present = [error for error in failed if not isinstance(error, errors.NoEngine)]
    dead = [error for error in failed if isinstance(error.__cause__, ConnectionRefusedError)]
    if present or dead or attempts[-1].candidate.chosen or _is_explained(failed[-1]):
        verdict = (present + dead + failed[-1:])[0]
    else:
        verdict = errors.NoEngine(
            "no container engine answers on this machine", hints.install_or_start()
        )
    verdict.attempts = attempts
    return verdict


def _is_explained(error: errors.EngineUnavailable) -> bool:
    """Our own engine was to start, and has said why it cannot."""
    return "does not start" in error.message or "cannot start" in error.message


def _of_setting(setting: str, source: str, environ: Mapping[str, str]) -> tuple[Candidate, ...]:
    if "://" in setting or setting.startswith("/"):
        address = _address(setting, source)
        return (Candidate(source, address, True, _tls_of_environ(address, environ)),)
    if not contexts.exists(setting, environ):
        family = [found for found in usual(environ) if setting.lower() in found.source.lower()]
        if setting.lower() in ("docker", "podman"):
            return tuple(family)
        if own(environ) and setting.lower() == own(environ)[0].source:
            return own(environ)
        if setting == contexts.DEFAULT:
            return usual(environ)
    return (_of_context(setting, environ, f"{source}, context {setting}"),)


def _of_docker_host(value: str, environ: Mapping[str, str]) -> Candidate:
    address = _address(value, "DOCKER_HOST")
    return Candidate("DOCKER_HOST", address, True, _tls_of_environ(address, environ))


def _of_context(name: str, environ: Mapping[str, str], source: str) -> Candidate:
    from . import hints

    try:
        address, verify, files = contexts.endpoint(name, environ)
    except errors.NoEngine as error:
        by = source.rpartition(", ")[0]
        message = f"{by}={name}: {error.message}" if by.isupper() else error.message
        raise errors.NoEngine(message, f"{hints.undo(source)}; {error.hint}") from error
    tls = Tls(files.get("ca"), files.get("cert"), files.get("key"), verify)
    # As the docker command: a context without certificates that verifies has no TLS.
    uses_tls = _is_tcp(address) and (files or not verify or address.startswith("https://"))
    return Candidate(source, _address(address, source), True, tls if uses_tls else None)


def _tls_of_environ(address: str, environ: Mapping[str, str]) -> Tls | None:
    """As docker-py and Go's client: any value of DOCKER_TLS_VERIFY verifies, and
    DOCKER_CERT_PATH alone means TLS without verifying."""
    verify, folder = environ.get("DOCKER_TLS_VERIFY", ""), environ.get("DOCKER_CERT_PATH", "")
    if not _is_tcp(address):
        return None
    if not (verify or folder):
        return Tls() if address.startswith("https://") else None
    certificates = Path(folder) if folder else contexts.folder(environ)
    ca, cert, key = (str(certificates / f"{part}.pem") for part in ("ca", "cert", "key"))
    return Tls(ca, cert, key, verify=bool(verify))


def _is_tcp(address: str) -> bool:
    return address.startswith(("tcp://", "http://", "https://"))


def _address(text: str, source: str) -> str:
    """Normal form. Raises Invalid, which names ``source``, so that nothing later has to."""
    text = text.strip()
    if text.startswith("/"):
        return f"unix://{text}"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise _no_address(f"{text} is no address of an engine: {error}", source) from error
    if parts.scheme not in SCHEMES:
        raise _no_address(f"{text} is no address of an engine", source)
    if parts.scheme == "unix":
        return f"unix:///{text.removeprefix('unix://').lstrip('/')}"
    if _is_tcp(text) and not (parts.hostname and port):
        raise _no_address(f"{text} lacks a host or a port", source)
    if parts.scheme == "ssh" and (not parts.hostname or parts.password):
        raise _no_address("an ssh address is ssh://[USER@]HOST[:PORT], without a password", source)
    return text.rstrip("/")


def _no_address(message: str, source: str) -> errors.Invalid:
    from . import hints

    said = "" if source == "setting" else f"{source}: "
    example = "for example unix:///var/run/docker.sock, tcp://HOST:2376, ssh://USER@HOST"
    return errors.Invalid(
        f"{said}{message}", f"{hints.undo(source)}, or give an address, {example}"
    )


def _socket(source: str, path: Path) -> Candidate:
    return Candidate(source, f"unix://{path}", False)
