"""POST /build: an image of a Dockerfile and a context, with the classic builder's stream of lines.

What the request, the context and the Dockerfile's text have wrong is the answer's status; what
fails in a step is the last line of a stream that began with 200, as on dockerd. A client that
hangs up ends the build; the steps that are done stay in the cache.

Knows: dockerd's query, statuses and lines. Does not know: how a step is done.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ipycontainers.engine import clearing, images, wire
from ipycontainers.engine.engine import Engine
from ipycontainers.engine.server import Answer, Chunks, Request
from ipycontainers.errors import ContainerError, EngineError, Invalid, NotFound
from ipycontainers.oci import Image, Platform, Reference

from . import registries
from .backlog import Backlog, Kept, Lines

if TYPE_CHECKING:
    from ipycontainers.engine.build.context import Context
    from ipycontainers.engine.build.instruction import Dockerfile, Stage
    from ipycontainers.engine.build.plan import Plan
    from ipycontainers.engine.build.running import Cancelling
    from ipycontainers.engine.registry.transfers import Step

logger = logging.getLogger(__name__)

NUMBERS = {
    "memory": "Memory",
    "memswap": "MemorySwap",
    "cpushares": "CpuShares",
    "cpuperiod": "CpuPeriod",
    "cpuquota": "CpuQuota",
    "shmsize": "ShmSize",
}
TEXTS = {"cpusetcpus": "CpusetCpus", "cpusetmems": "CpusetMems", "cgroupparent": "CgroupParent"}


async def build(engine: Engine, request: Request) -> Answer:
    """Answers when the Dockerfile is read."""
    # Of words that are there twice Go takes the first: docker-py sends dockerfile so.
    request = replace(request, query=dict(reversed(request.pairs)))
    _refuse(request)
    from ipycontainers.engine.build.running import Cancelling

    backlog = Backlog(Cancelling())
    words = (engine, request, backlog)
    threading.Thread(target=_work, args=words, name="build", daemon=True).start()
    await backlog.begun()
    return Chunks(backlog)


def _refuse(request: Request) -> None:
    version = request.query.get("version") or "1"
    if version == "2":
        raise Invalid(
            "this engine builds without BuildKit: unset DOCKER_BUILDKIT, or set it to 0, and do "
            "not use docker buildx"
        )
    if version != "1":
        raise EngineError(f'invalid version "{version}"')
    if request.flag("squash"):
        raise Invalid("squash is only supported with experimental mode, which this engine has not")
    if "securityopt" in request.query:
        raise Invalid(
            "The daemon on this platform does not support setting security options on build"
        )
    for output in _list(request, "outputs"):
        if output:
            raise Invalid("outputs other than an image need BuildKit, which this engine has not")


class _Build:
    """One build, of which all that can be wrong with the request was looked at."""

    def __init__(
        self, engine: Engine, request: Request, cancelling: Cancelling, opened: ExitStack
    ) -> None:
        """``opened`` is what is to be closed when it has ended."""
        self.engine, self._request, self.cancelling = engine, request, cancelling
        self._folder = engine.data / "tmp" / f"build-{secrets.token_hex(8)}"
        self._folder.mkdir(mode=0o700)
        opened.callback(clearing.remove, self._folder)
        self.plan = self._plan(opened)

    def run(self, lines: Lines) -> None:
        """Raises what the build raises."""
        from ipycontainers.engine.build.builder import Builder

        kept = Kept() if self._request.flag("q") else None
        told: Lines = kept or lines

        def say(one: Mapping[str, Any]) -> None:
            told.put(wire.line(one))

        try:
            if warnings := self.plan.dockerfile.warnings:
                text = "\n".join(warnings)
                say({"stream": f"\x1b[91m{text}\n\x1b[0m"})
            plan = self._with_pull(told)
            image = Builder(self.engine, plan, say, self.cancelling, self._folder).build()
        except BaseException:
            for line in kept.all() if kept else ():
                lines.put(line)
            raise
        if kept:
            lines.put(wire.line({"stream": f"{image.id}\n"}))

    # --- what is asked ---------------------------------------------------------------------

    def _plan(self, opened: ExitStack) -> Plan:
        from ipycontainers.engine.build import dockerfile, plan

        request = self._request
        names = _names(request)
        name = request.query.get("dockerfile") or "Dockerfile"
        context = opened.enter_context(self._context(name))
        parsed = dockerfile.parse(context.dockerfile(name), name=name)
        return plan.Plan(
            parsed,
            _stages(parsed, request),
            context,
            names,
            arguments={str(k): _text(v) for k, v in _object(request, "buildargs").items()},
            host_config=_host_config(request),
            cache_from=[str(one) for one in _list(request, "cachefrom")],
            has_cache=not request.flag("nocache"),
            removes=(request.flag("rm", "1"), request.flag("forcerm")),
        )

    def _context(self, name: str) -> contextlib.AbstractContextManager[Context]:
        from ipycontainers.engine.build import context

        if remote := self._request.query.get("remote"):
            return context.remote(remote, self._folder / "context", self.cancelling)
        assert self._request.file
        return context.uploaded(self._request.file, self._folder / "context", name)

    # --- images that are not here ----------------------------------------------------------

    def _with_pull(self, lines: Lines) -> Plan:
        newest = self._request.flag("pull")

        def image(name: str, platform: str) -> Image:
            if not newest:
                with contextlib.suppress(NotFound):
                    return self.engine.image_of(name)
            return self._pulled(name, platform or self._request.query.get("platform", ""), lines)

        return replace(self.plan, pull=image)

    def _pulled(self, name: str, platform: str, lines: Lines) -> Image:
        from ipycontainers.engine.registry import platforms
        from ipycontainers.engine.registry.asking import Asker
        from ipycontainers.engine.registry.credentials import Credentials
        from ipycontainers.engine.registry.pull import Order
        from ipycontainers.engine.registry.settings import Settings

        reference = Reference.parse(name)
        header = self._request.headers.get("X-Registry-Config", "")
        try:
            known = Credentials.among(header, reference.domain)
        except Invalid:  # a stranger's, as with dockerd
            known = Credentials()
        order = Order(
            registries.store(self.engine),
            reference,
            platforms.parse(platform, Platform.here()),
            Asker(known, Settings.load()),
        )

        def heard(step: Step) -> None:
            lines.offer(registries.line(step), is_count=step.current is not None)

        with self.cancelling.calling(order.cancel):
            order.find()
            order.run(heard, lambda *_: None)
        told = {"name": reference.familiar_name}
        self.engine.events.publish("image", "pull", str(reference), told)
        return self.engine.image_of(str(reference))


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _names(request: Request) -> list[Reference]:
    found: dict[str, Reference] = {}
    for name in (value for key, value in request.pairs if key == "t" and value):
        try:
            reference = images.named(name, "")
        except Invalid as error:  # dockerd's status
            raise EngineError(error.message) from error
        if reference:
            found.setdefault(str(reference), reference)
    return list(found.values())


def _stages(parsed: Dockerfile, request: Request) -> list[Stage]:
    from ipycontainers.engine.build.dockerfile import label

    stages = _until(list(parsed.stages), request.query.get("target", ""))
    labels = sorted(_object(request, "labels").items())
    added = (label(str(name), str(value)) for name, value in labels)
    stages[-1] = replace(stages[-1], instructions=(*stages[-1].instructions, *added))
    return stages


def _until(stages: list[Stage], target: str) -> list[Stage]:
    """The stages down to that of ``--target``."""
    if not stages:
        raise Invalid("no build stage in current context")
    if not target:
        return stages
    numbers = {stage.name: number for number, stage in enumerate(stages) if stage.name}
    number = numbers.get(target.lower())
    if number is None and target.isdecimal() and len(target) < 9 and int(target) < len(stages):
        number = int(target)
    if number is None:
        raise Invalid(f"failed to reach build target {target} in Dockerfile")
    return stages[: number + 1]


def _host_config(request: Request) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, key in NUMBERS.items():
        if text := request.query.get(name):
            try:
                made[key] = int(text)
            except ValueError:
                continue  # as dockerd's ParseInt, whose error nobody looks at
    made |= {key: request.query[name] for name, key in TEXTS.items() if request.query.get(name)}
    if network := request.query.get("networkmode"):
        made["NetworkMode"] = network
    if hosts := [value for key, value in request.pairs if key == "extrahosts" and value]:
        made["ExtraHosts"] = hosts
    if ulimits := _list(request, "ulimits"):
        made["Ulimits"] = ulimits
    return made


def _parsed(request: Request, name: str) -> object:
    text = request.query.get(name) or ""
    try:
        return wire.parsed(text) if text else None
    except ValueError as error:
        raise Invalid(f"error reading {name}: {error}") from error


def _object(request: Request, name: str) -> dict[str, Any]:
    found = _parsed(request, name)
    if found is not None and not isinstance(found, dict):
        raise Invalid(f"error reading {name}: it is no JSON object")
    return found or {}


def _list(request: Request, name: str) -> list[Any]:
    found = _parsed(request, name)
    if found is not None and not isinstance(found, list):
        raise Invalid(f"error reading {name}: it is no JSON list")
    return found or []


# --- the stream ----------------------------------------------------------------------------------


def _work(engine: Engine, request: Request, backlog: Backlog) -> None:
    """The whole life of a build, in a thread of its own, which alone removes what it has made."""
    has_begun = False
    try:
        with ExitStack() as opened:
            made = _Build(engine, request, backlog.cancelling, opened)
            has_begun = True
            backlog.begin()
            try:
                _run(made, backlog)
            finally:
                backlog.end()  # nobody shall wait until all is removed
    except Exception as error:
        if has_begun:
            logger.exception("a build ended badly, or what it has made cannot be removed")
        else:
            backlog.refuse(error)


def _run(made: _Build, lines: Lines) -> None:
    from ipycontainers.engine.build.running import Cancelled, CommandFailed

    try:
        made.run(lines)
    except Cancelled:
        logger.info("a build was cancelled")
    except CommandFailed as error:
        detail = {"code": error.exit_code, "message": error.message}
        _last(lines, wire.line({"errorDetail": detail, "error": error.message}))
    except ContainerError as error:
        _last(lines, wire.failed_line(error.message))
    except OSError as error:
        _last(lines, wire.failed_line(f"the image cannot be built: {error.strerror or error}"))
    except Exception as error:
        if made.cancelling.is_set:  # its context, for one, is closed with the request
            logger.info("a build was cancelled: %r", error)
            return
        logger.exception("a build failed")
        _last(lines, wire.failed_line(f"{type(error).__name__}: {error}"))


def _last(lines: Lines, line: bytes) -> None:
    with contextlib.suppress(ContainerError):  # nobody reads any more
        lines.put(line)
