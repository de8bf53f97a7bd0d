"""Images from and to registries: pull, push, login, what a registry has, search.

The status of an answer is decided when the registry has been asked for the manifest; what fails
later is a line of the stream, as on dockerd. A client that hangs up cancels its pull.

Knows: dockerd's lines and statuses. Does not know: HTTP with registries.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, TypeVar

from ipycontainers.engine import wire
from ipycontainers.engine.engine import Engine
from ipycontainers.engine.registry.transfers import Heard, Step
from ipycontainers.engine.server import Answer, Chunks, Reply, Request
from ipycontainers.errors import ContainerError, Invalid
from ipycontainers.oci import Image, Platform, Reference

from . import transfers
from .images import truth

if TYPE_CHECKING:
    from ipycontainers.engine.registry.asking import Asker
    from ipycontainers.engine.registry.pull import Store

logger = logging.getLogger(__name__)
BACKLOG = 1000  # lines that a client may leave unread before it misses counts of bytes

T = TypeVar("T")
Result = TypeVar("Result")


# --- pull ----------------------------------------------------------------------------------------


async def create(engine: Engine, request: Request) -> Answer:
    """``fromImage`` is a pull, ``fromSrc`` an import."""
    from ipycontainers.engine.registry import platforms
    from ipycontainers.engine.registry.pull import Order

    if request.query.get("fromSrc"):
        return await transfers.import_(engine, request)
    reference, all_tags = _wanted(request)
    platform = platforms.parse(request.query.get("platform", ""), Platform.here())
    if platform.os != "linux":
        raise Invalid("operating system is not supported")
    order = Order(store(engine), reference, platform, _asker(request), all_tags=all_tags)
    await aside(order.find)

    def named(name: Reference, _: Image) -> None:
        engine.events.publish("image", "pull", str(name), {"name": name.familiar_name})

    return Chunks(_lines(lambda heard: order.run(heard, named), order.cancel))


def _wanted(request: Request) -> tuple[Reference, bool]:
    """The image's name, and whether all tags of it are meant. Raises Invalid."""
    name, tag = request.query.get("fromImage", ""), request.query.get("tag", "")
    mark = "" if not tag else "@" if ":" in tag else ":"
    if tag:
        name = name.partition("@")[0]
    reference = Reference.parse(f"{name}{mark}{tag}")
    is_bare = not tag and not reference.digest and ":" not in name.rpartition("/")[2]
    return reference, is_bare


def store(engine: Engine) -> Store:
    from ipycontainers.engine.registry.pull import Store

    return Store(
        engine.layout,
        engine.data,
        engine.launcher.needs_copy,
        engine.transfers,
        engine.unpacking.going_on,
    )


def _asker(request: Request, *, strict: bool = False) -> Asker:
    """On whose behalf. As dockerd, a pull takes a header that is none for a stranger's."""
    from ipycontainers.engine.registry.asking import Asker
    from ipycontainers.engine.registry.credentials import Credentials
    from ipycontainers.engine.registry.settings import Settings

    try:
        known = Credentials.of_header(request.headers.get("X-Registry-Auth", ""))
    except Invalid:
        if strict:
            raise
        known = Credentials()
    return Asker(known, Settings.load())


# --- push ----------------------------------------------------------------------------------------


async def push(engine: Engine, request: Request, name: str) -> Answer:
    """As dockerd it decides nothing before its head: what fails is a line."""
    from ipycontainers.engine.registry.push import Order, Pushed

    if not request.headers.get("X-Registry-Auth") and not request.body.strip():
        raise Invalid("Bad parameters and missing X-Registry-Auth: EOF")
    tag = request.query.get("tag", "")
    reference = Reference.parse(f"{name}:{tag}" if tag else name)
    is_bare = not tag and ":" not in name.rpartition("/")[2]
    order = Order(store(engine), reference, _asker(request), all_tags=is_bare)

    def work(heard: Heard) -> None:
        def done(pushed: Reference, told: Pushed) -> None:
            aux = {"Tag": told.tag, "Digest": str(told.digest), "Size": told.size}
            heard(Step.note("", aux=aux))
            attributes = {"name": pushed.familiar_name}
            engine.events.publish("image", "push", str(pushed), attributes)

        order.run(heard, done)

    return Chunks(_lines(work, order.cancel))


# --- what a registry says ------------------------------------------------------------------------


async def login(engine: Engine, request: Request) -> Answer:
    from ipycontainers.engine.registry.asking import Asker
    from ipycontainers.engine.registry.credentials import Credentials
    from ipycontainers.engine.registry.push import login as let_in
    from ipycontainers.engine.registry.settings import Settings

    body = request.json()
    address = str(body.get("serveraddress") or "")
    domain = address.partition("://")[2] or address
    domain = domain.partition("/")[0].replace("index.docker.io", "docker.io")
    asker = Asker(Credentials.of(body), Settings.load())
    await aside(lambda: let_in(asker, domain))
    return Reply(200, {"IdentityToken": "", "Status": "Login Succeeded"})


async def distribution(engine: Engine, request: Request, name: str) -> Answer:
    from ipycontainers.engine.registry.asking import described

    reference, asker = Reference.parse(name), _asker(request)
    manifest, platforms = await aside(lambda: described(asker, reference))
    told = {
        "mediaType": manifest.media_type,
        "digest": str(manifest.digest),
        "size": len(manifest.content),
    }
    shown = [
        {
            "architecture": platform.architecture,
            "os": platform.os,
            **({"variant": platform.variant} if platform.variant else {}),
        }
        for platform in platforms
    ]
    return Reply(200, {"Descriptor": told, "Platforms": shown})


async def search(engine: Engine, request: Request) -> Answer:
    """Among the names that are here: nobody is asked."""
    term = request.query.get("term", "")
    limit = request.query.get("limit") or "25"
    if not limit.isdigit() or not 0 < int(limit) <= 100:
        raise Invalid(f"Limit {limit} is outside the range of [1, 100]")
    try:
        wanted = wire.filters(request.query.get("filters", ""))
    except ValueError as error:
        raise Invalid(f"invalid filter: {error}") from error
    for name in wanted:
        if name not in ("is-automated", "is-official", "stars"):
            raise Invalid(f"Invalid filter '{name}'")
    images = await asyncio.to_thread(engine.layout.images)
    found = {
        Reference.parse(name).familiar_name: image for names, image in images for name in names
    }
    told = [_found(name, image) for name, image in sorted(found.items()) if term in name]
    return Reply(200, [one for one in told if _passes(one, wanted)][: int(limit)])


def _found(name: str, image: Image) -> wire.Json:
    return {
        "star_count": 0,
        "is_official": Reference.parse(name).full.startswith("docker.io/library/"),
        "name": name,
        "is_automated": False,
        "description": image.config.labels.get("org.opencontainers.image.description", ""),
    }


def _passes(told: wire.Json, wanted: dict[str, list[str]]) -> bool:
    for name, key in (("is-official", "is_official"), ("is-automated", "is_automated")):
        if truth(wanted, name) not in (None, told[key]):
            return False
    stars = wanted.get("stars", ())
    return all(text.isdigit() and int(text) <= told["star_count"] for text in stars)


# --- work in threads -----------------------------------------------------------------------------


async def aside(work: Callable[[], Result]) -> Result:
    """Its result, from a thread of its own: a registry that does not answer must hold up nobody
    who waits for one of the loop's few."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Result] = loop.create_future()

    def settle(set_it: Callable[[T], None], value: T) -> None:
        def do() -> None:
            if not future.done():
                set_it(value)

        with contextlib.suppress(RuntimeError):  # the loop is over
            loop.call_soon_threadsafe(do)

    def run() -> None:
        try:
            result = work()
        except Exception as error:  # noqa: BLE001  # raised where it is waited for
            settle(future.set_exception, error)
        else:
            settle(future.set_result, result)

    threading.Thread(target=run, name="registry", daemon=True).start()
    return await future


async def _lines(work: Callable[[Heard], None], cancel: Callable[[], None]) -> AsyncIterator[bytes]:
    """What ``work`` tells, as lines; its failure is the last one."""
    loop, queue = asyncio.get_running_loop(), asyncio.Queue[Step | None]()

    def put(step: Step | None) -> None:
        if step is None or step.current is None or queue.qsize() < BACKLOG:
            queue.put_nowait(step)

    def heard(step: Step | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is over
            loop.call_soon_threadsafe(put, step)

    task = asyncio.ensure_future(aside(lambda: work(heard)))
    task.add_done_callback(lambda _: put(None))
    try:
        while (step := await queue.get()) is not None:
            yield line(step)
        if error := task.exception():
            yield wire.failed_line(_message(error))
    finally:
        cancel()
        task.cancel()


def line(step: Step) -> bytes:
    if step.aux is not None:
        return wire.line({"progressDetail": {}, "aux": step.aux})
    if step.is_note:
        return wire.line({"status": step.status, **({"id": step.id} if step.id else {})})
    return wire.progress_line(step.status, step.id, step.current, step.total)


def _message(error: BaseException) -> str:
    if isinstance(error, ContainerError):
        return error.message
    logger.error("a transfer failed", exc_info=error)
    return f"{type(error).__name__}: {error}"
