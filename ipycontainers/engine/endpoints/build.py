"""POST /build: an image of a Dockerfile and a context, with the classic builder's stream of lines.

What the request, the context and the Dockerfile's text have wrong is the answer's status; what
fails in a step is the last line of a stream that began with 200, as on dockerd. A client that
hangs up ends the build; the steps that are done stay in the cache.

Knows: dockerd's query, statuses and lines. Does not know: how a step is done.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
import secrets
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ipycontainers.engine import images, wire
from ipycontainers.engine.engine import Engine
from ipycontainers.engine.server import Answer, Chunks, Request
from ipycontainers.errors import ContainerError, EngineError, Invalid, NotFound
from ipycontainers.oci import Image, Platform, Reference

from . import registries

if TYPE_CHECKING:
    from ipycontainers.engine.build.context import Context
    from ipycontainers.engine.build.dockerfile import Dockerfile, Stage
    from ipycontainers.engine.build.plan import Plan
    from ipycontainers.engine.build.running import Cancelling, Heard

logger = logging.getLogger(__name__)

FULL = 1 << 20  # bytes of lines that a client has not read, at which the build waits
MOST_QUIET = 10_000  # lines that a quiet build keeps, for when it fails
HUB = ("https://index.docker.io/v1/", "index.docker.io", "docker.io")
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
    with ExitStack() as opened:
        made = await registries.aside(lambda: _Build(engine, request, opened))
        kept = opened.pop_all()
    return Chunks(_lines(made, kept))


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

    def __init__(self, engine: Engine, request: Request, opened: ExitStack) -> None:
        """``opened`` is what is to be closed when it has ended."""
        from ipycontainers.engine.build.running import Cancelling

        self.engine, self._request = engine, request
        self.cancelling = Cancelling()
        self._folder = engine.data / "tmp" / f"build-{secrets.token_hex(8)}"
        self._folder.mkdir(mode=0o700)
        opened.callback(_remove, self._folder)
        self.plan = self._plan(opened)

    def run(self, heard: Heard) -> None:
        """Raises what the build raises."""
        from ipycontainers.engine.build.builder import Builder

        quiet = self._request.flag("q")
        kept: deque[Mapping[str, Any]] = deque(maxlen=MOST_QUIET)
        say: Heard = kept.append if quiet else heard
        try:
            if warnings := self.plan.dockerfile.warnings:
                lines = "\n".join(warnings)
                say({"stream": f"\x1b[91m{lines}\n\x1b[0m"})
            plan = self._with_pull(say)
            image = Builder(self.engine, plan, say, self.cancelling, self._folder).build()
        except BaseException:
            for told in kept:
                heard(told)
            raise
        if quiet:
            heard({"stream": f"{image.id}\n"})

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
            return context.remote(remote, self._folder / "context")
        assert self._request.file
        return context.uploaded(self._request.file, self._folder / "context", name)

    # --- images that are not here ----------------------------------------------------------

    def _with_pull(self, heard: Heard) -> Plan:
        newest = self._request.flag("pull")

        def image(name: str, platform: str, here: bool) -> Image:
            if here and not newest:
                with contextlib.suppress(NotFound):
                    return self.engine.image_of(name)
            return self._pulled(name, platform or self._request.query.get("platform", ""), heard)

        return replace(self.plan, pull=image)

    def _pulled(self, name: str, platform: str, heard: Heard) -> Image:
        from ipycontainers.engine.registry import platforms
        from ipycontainers.engine.registry.pull import Asker, Order
        from ipycontainers.engine.registry.settings import Settings

        reference = Reference.parse(name)
        known = _credentials(self._request.headers.get("X-Registry-Config", ""), reference.domain)
        order = Order(
            registries.store(self.engine),
            reference,
            platforms.parse(platform, Platform.here()),
            Asker(known, Settings.load()),
        )
        with self.cancelling.calling(order.cancel):
            order.find()
            order.run(lambda step: heard(json.loads(registries.line(step))), lambda *_: None)
        told = {"name": reference.familiar_name}
        self.engine.events.publish("image", "pull", str(reference), told)
        return self.engine.image_of(str(reference))


def _remove(folder: Any) -> None:
    from ipycontainers.engine import clearing

    clearing.remove(folder)


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
        return json.loads(text) if text else None
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


def _credentials(header: str, domain: str) -> Any:
    """Of X-Registry-Config, which has those of many registries. What cannot be read is a
    stranger's, as with dockerd."""
    from ipycontainers.engine.registry.credentials import Credentials

    with contextlib.suppress(ValueError, Invalid):
        plain = header.strip().rstrip("=").translate(str.maketrans("-_", "+/"))
        known = json.loads(base64.b64decode(plain + "=" * (-len(plain) % 4)) or b"{}")
        keys = HUB if domain == "docker.io" else (domain, f"https://{domain}", f"http://{domain}")
        for key in keys:
            if isinstance(known, dict) and isinstance(known.get(key), dict):
                return Credentials.of(known[key])
    return Credentials()


# --- the stream ----------------------------------------------------------------------------------


class _Waiting:
    """Lines from the build's thread to the loop's; a client that does not read holds it up."""

    def __init__(self, cancelling: Cancelling) -> None:
        self._cancelling = cancelling
        self._loop = asyncio.get_running_loop()
        self._room = threading.Condition()
        self._lines: list[bytes] = []
        self._size = 0
        self._ready = asyncio.Event()
        self.is_over = False

    def put(self, line: bytes) -> None:
        with self._room:
            self._room.wait_for(lambda: self._size < FULL or self._cancelling.is_set)
            self._cancelling.check()
            self._lines.append(line)
            self._size += len(line)
        self._tell()

    def end(self) -> None:
        self.is_over = True
        self._tell()

    def cancel(self) -> None:
        self._cancelling.set()
        with self._room:
            self._room.notify_all()

    def _tell(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is over
            self._loop.call_soon_threadsafe(self._ready.set)

    async def take(self) -> bytes:
        """All that is there; b"" at the end."""
        while True:
            await self._ready.wait()
            self._ready.clear()
            with self._room:
                is_over, taken = self.is_over, b"".join(self._lines)
                self._lines.clear()
                self._size = 0
                self._room.notify_all()
            if taken:
                self._ready.set()
                return taken
            if is_over:
                return b""


async def _lines(made: _Build, opened: ExitStack) -> AsyncIterator[bytes]:
    waiting = _Waiting(made.cancelling)

    def work() -> None:
        try:
            _run(made, waiting.put)
        finally:
            waiting.end()  # nobody shall wait until all is removed
            opened.close()

    thread = threading.Thread(target=work, name="build", daemon=True)
    thread.start()
    try:
        while taken := await waiting.take():
            yield taken
    finally:
        waiting.cancel()


def _run(made: _Build, put: Callable[[bytes], None]) -> None:
    from ipycontainers.engine.build.running import Cancelled, CommandFailed

    try:
        made.run(lambda told: put(wire.line(told)))
    except Cancelled:
        logger.info("a build was cancelled")
    except CommandFailed as error:
        detail = {"code": error.exit_code, "message": error.message}
        _last(put, wire.line({"errorDetail": detail, "error": error.message}))
    except ContainerError as error:
        _last(put, wire.failed_line(error.message))
    except OSError as error:
        _last(put, wire.failed_line(f"the image cannot be built: {error.strerror or error}"))
    except Exception as error:
        logger.exception("a build failed")
        _last(put, wire.failed_line(f"{type(error).__name__}: {error}"))


def _last(put: Callable[[bytes], None], line: bytes) -> None:
    with contextlib.suppress(ContainerError):  # nobody reads any more
        put(line)
