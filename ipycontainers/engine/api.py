"""The Docker Engine API: every endpoint that is served, in one table, and every error's status.

    ROUTES     method, path, endpoint; {} is one part of the path, {*} may hold slashes
    STATUS     category of error → HTTP status

What is not in the table is answered with 501 and a sentence that names it.

Knows: which paths there are, versions. Does not know: HTTP's bytes, what endpoints do.
"""

from __future__ import annotations

import errno
import functools
import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import ipycontainers
from ipycontainers import errors

from . import wire
from .endpoints import (
    archives,
    build,
    choice,
    containers,
    executions,
    images,
    networks,
    registries,
    statistics,
    streams,
    system,
    transfers,
    usage,
    volumes,
)
from .engine import Engine
from .server import Answer, Reply, Request

logger = logging.getLogger(__name__)

Endpoint = Callable[..., Awaitable[Answer]]

HEADERS = {
    "Api-Version": wire.API_VERSION,
    "Docker-Experimental": "false",
    "Ostype": "linux",
    "Server": f"ipycontainers/{ipycontainers.__version__} (linux)",
}


@dataclass(frozen=True)
class Route:
    method: str
    path: str
    endpoint: Endpoint
    archive: bool = False  # the body is one, and goes to a file

    def match(self, method: str, path: str) -> tuple[str, ...] | None:
        found = _pattern(self.path).fullmatch(path) if method == self.method else None
        return found.groups() if found else None


@functools.cache
def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.escape(path).replace(r"\{\*\}", "(.+)").replace(r"\{\}", "([^/]+)"))


OF_A_SWARM = ("swarm", "nodes", "services", "tasks", "secrets", "configs")
ROUTES = (
    Route("GET", "/_ping", system.ping),
    Route("HEAD", "/_ping", system.ping),
    Route("GET", "/version", system.version),
    Route("GET", "/info", system.info),
    Route("GET", "/events", system.events),
    Route("GET", "/system/df", usage.df),
    Route("POST", "/build", build.build, archive=True),
    Route("POST", "/build/prune", usage.prune_builds),
    Route("GET", "/networks", networks.listed),
    Route("POST", "/networks/create", networks.create),
    Route("POST", "/networks/prune", networks.prune),
    Route("POST", "/networks/{*}/connect", networks.connect),
    Route("POST", "/networks/{*}/disconnect", networks.disconnect),
    Route("GET", "/networks/{*}", networks.inspected),
    Route("DELETE", "/networks/{*}", networks.remove),
    Route("POST", "/swarm/leave", networks.swarm_leave),
    *(Route("GET", f"/{kind}", networks.no_swarm) for kind in OF_A_SWARM),
    *(Route("GET", f"/{kind}/{{}}", networks.no_swarm) for kind in OF_A_SWARM),
    Route("GET", "/plugins", networks.plugins),
    Route("GET", "/plugins/{*}/json", networks.no_plugin),
    Route("GET", "/volumes", volumes.listed),
    Route("POST", "/volumes/create", volumes.create),
    Route("POST", "/volumes/prune", volumes.prune),
    Route("GET", "/volumes/{*}", volumes.inspected),
    Route("DELETE", "/volumes/{*}", volumes.remove),
    Route("GET", "/images/json", images.listed),
    Route("GET", "/images/get", transfers.save),
    Route("POST", "/images/load", transfers.load, archive=True),
    Route("POST", "/images/create", registries.create, archive=True),
    Route("POST", "/commit", transfers.commit),
    Route("GET", "/images/{*}/get", transfers.save_one),
    Route("GET", "/images/search", registries.search),
    Route("POST", "/images/{*}/push", registries.push),
    Route("POST", "/auth", registries.login),
    Route("GET", "/distribution/{*}/json", registries.distribution),
    Route("GET", "/images/{*}/json", images.inspected),
    Route("GET", "/images/{*}/history", images.history),
    Route("POST", "/images/{*}/tag", images.tag),
    Route("POST", "/images/prune", images.prune),
    Route("DELETE", "/images/{*}", images.remove),
    Route("POST", "/containers/create", containers.create),
    Route("GET", "/containers/json", choice.listed),
    Route("POST", "/containers/prune", choice.prune),
    Route("GET", "/containers/{*}/json", containers.inspected),
    Route("POST", "/containers/{*}/start", containers.start),
    Route("POST", "/containers/{*}/kill", containers.kill),
    Route("POST", "/containers/{*}/stop", containers.stop),
    Route("POST", "/containers/{*}/pause", containers.pause),
    Route("POST", "/containers/{*}/unpause", containers.unpause),
    Route("POST", "/containers/{*}/restart", containers.restart),
    Route("POST", "/containers/{*}/rename", containers.rename),
    Route("POST", "/containers/{*}/resize", containers.resize),
    Route("DELETE", "/containers/{*}", containers.remove),
    Route("POST", "/containers/{*}/attach", streams.attach),
    Route("GET", "/containers/{*}/logs", streams.logs),
    Route("POST", "/containers/{*}/wait", streams.wait),
    Route("GET", "/containers/{*}/top", statistics.top),
    Route("GET", "/containers/{*}/stats", statistics.stats),
    Route("POST", "/containers/{*}/update", containers.update),
    Route("GET", "/containers/{*}/changes", archives.changes),
    Route("GET", "/containers/{*}/export", transfers.export),
    Route("HEAD", "/containers/{*}/archive", archives.status),
    Route("GET", "/containers/{*}/archive", archives.get),
    Route("PUT", "/containers/{*}/archive", archives.put, archive=True),
    Route("POST", "/containers/{*}/exec", containers.exec_create),
    Route("POST", "/exec/{}/start", executions.exec_start),
    Route("POST", "/exec/{}/resize", containers.exec_resize),
    Route("GET", "/exec/{}/json", containers.exec_inspected),
)

# The first that fits, along the class and its bases.
STATUS: dict[type[errors.ContainerError], int] = {
    errors.Invalid: 400,
    errors.NotFound: 404,
    errors.Unauthorized: 401,
    errors.Conflict: 409,
    errors.Forbidden: 403,
    errors.Unsupported: 501,
    errors.IntegrityError: 400,
    errors.UnsafeLayer: 400,
    errors.LaunchError: 500,
    errors.EngineError: 500,
    errors.ContainerError: 500,
}
NO_PROGRAM = (126, 127)


class Api:
    """Answers requests; ``answer`` raises nothing."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def takes_archive(self, method: str, path: str) -> bool:
        return any(route.archive and route.match(method, path) is not None for route in ROUTES)

    async def answer(self, request: Request) -> Answer:
        refused = _refused_version(request.version)
        if refused:
            return refused
        for route in ROUTES:
            parts = route.match(request.method, request.path)
            if parts is not None:
                return await self._asked(route, request, parts)
        return Reply(501, {"message": f"this engine has no {request.method} {request.path} yet"})

    async def _asked(self, route: Route, request: Request, parts: tuple[str, ...]) -> Answer:
        try:
            return await route.endpoint(self.engine, request, *parts)
        except (errors.EngineError, OSError) as error:
            if gone := self._gone(route, request, parts):
                return Reply(404, {"message": f"No such container: {gone}"})
            return _failed(request, error)
        except Exception as error:  # noqa: BLE001  # which is told and logged
            return _failed(request, error)

    def _gone(self, route: Route, request: Request, parts: tuple[str, ...]) -> str:
        """The container that was asked for, if it is removed meanwhile: what is missing is
        missing for that."""
        if route.path in ("/containers/{*}/start", "/containers/{*}/restart"):
            return ""  # which says itself that it is gone; what could not begin may go by that
        is_of_one = route.path.startswith("/containers/{*}")
        name = parts[0] if is_of_one else request.query.get("container", "")
        try:
            return name if name and self.engine.find(name).claimed else ""
        except errors.NotFound:
            return name


def _failed(request: Request, error: Exception) -> Reply:
    if isinstance(error, errors.ContainerError):
        return Reply(status_of(error), {"message": error.message})
    logger.error("%s %s", request.method, request.path, exc_info=error)
    said = _in_words(error) if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
    return Reply(500, {"message": said})


def _in_words(error: OSError) -> str:
    """As dockerd's, with what to do where the disk is full."""
    what = f"{error.filename}: " if error.filename else ""
    more = "; docker system prune makes room" if error.errno == errno.ENOSPC else ""
    return f"{what}{(error.strerror or str(error)).lower()}{more}"


def status_of(error: errors.ContainerError) -> int:
    if isinstance(error, errors.EngineError) and error.exit_code in NO_PROGRAM:
        return 400
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def _refused_version(text: str) -> Reply | None:
    if not text:
        return None
    asked, newest, oldest = (
        tuple(int(part) for part in version.split("."))
        for version in (text, wire.API_VERSION, wire.OLDEST_API)
    )
    if asked > newest:
        message = (
            f"client version {text} is too new. Maximum supported API version is {wire.API_VERSION}"
        )
        return Reply(400, {"message": message})
    if asked < oldest:
        sentence = (
            f"client version {text} is too old. Minimum supported API version is "
            f"{wire.OLDEST_API}, please upgrade your client to a newer version"
        )
        return Reply(400, sentence.encode(), {"Content-Type": "text/plain; charset=utf-8"})
    return None
