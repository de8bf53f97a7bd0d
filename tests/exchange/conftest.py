"""Containers that run one cell with values in and out, as the magic will.

bare     another Python with the standard library only; full: with what this one has
once     once(image, kind, text, {"name": value}, ["wanted"], …) → Ran
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from another import Inside

from ipycontainers import exchange, interpreter, streams
from ipycontainers.client import Connection
from ipycontainers.interpreter import FILE_FOLDER

PROGRAMS = {"shell": ("sh",), "python": ("python3",)}


@dataclass(frozen=True)
class Ran:
    exit_code: int
    out: str
    err: str
    values: dict[str, Any]
    unset: tuple[str, ...]
    refused: Mapping[str, str]


@pytest.fixture
def once(engine: Connection, images: Any) -> Callable[..., Ran]:
    return functools.partial(_once, engine, images)


def _once(
    engine: Connection,
    images: Any,
    image: str,
    kind: str,
    text: str,
    values: Mapping[str, Any] | None = None,
    wanted: Sequence[str] = (),
    *,
    program: Sequence[str] = (),
    limit: int = exchange.LIMIT,
    **config: Any,
) -> Ran:
    wrap = {"shell": exchange.wrap_shell, "python": exchange.wrap_python}[kind]
    packed = {name: exchange.pack(value, name) for name, value in (values or {}).items()}
    wrapped = wrap(text, packed, wanted)
    chosen = interpreter.Interpreter.of(program or PROGRAMS[kind]).invocation(wrapped.code)
    assert chosen.stdin is None
    body = {"Image": getattr(images, image), "Entrypoint": chosen.entrypoint[:1], **config}
    body["Cmd"] = [*chosen.entrypoint[1:], *chosen.command]
    body.setdefault("HostConfig", {"NetworkMode": "none"})
    created = engine.create(body)
    try:
        _put(engine, created.id, wrapped, body)
        out, err, code = _run(engine, created.id)
        fetch = functools.partial(engine.get_archive, created.id)
        found = exchange.collect(fetch, wanted, limit=limit)
        back = {name: exchange.unpack(one, name) for name, one in found.values.items()}
        return Ran(code, out, err, back, found.unset, found.refused)
    finally:
        engine.remove(created.id)


def _put(
    engine: Connection, container_id: str, wrapped: exchange.Wrapped, body: Mapping[str, Any]
) -> None:
    if body["HostConfig"].get("ReadonlyRootfs"):
        engine.put_archive(container_id, FILE_FOLDER, wrapped.archive)
    else:
        engine.put_archive(container_id, "/", wrapped.archive.below(FILE_FOLDER))


def _run(engine: Connection, container_id: str) -> tuple[str, str, int]:
    captured = streams.Capture(), streams.Capture()
    output = streams.Output(*captured)
    with engine.attach(container_id) as attachment, engine.watch_exit(container_id) as watch:
        engine.start(container_id)
        for batch in streams.batches(attachment.read):
            for frame in batch:
                output.feed(frame)
        ended = watch.result(60)
        assert ended
    output.close()
    return captured[0].text(), captured[1].text(), ended.code


@pytest.fixture(scope="module")
def bare() -> Iterator[Inside]:
    """With the standard library only."""
    inside = Inside("-I", "-S")
    yield inside
    inside.close()


@pytest.fixture(scope="module")
def full() -> Iterator[Inside]:
    """With what this Python has."""
    inside = Inside("-I")
    yield inside
    inside.close()
