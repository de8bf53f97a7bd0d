"""The stream of a further program in a running container, from its start to its exit code.

Knows: frames, dockerd's words. Does not know: how a program is started.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

from ipycontainers.engine import wire
from ipycontainers.engine.engine import Engine
from ipycontainers.engine.line import Line
from ipycontainers.engine.record import Exec
from ipycontainers.engine.server import Answer, Hijack, Reply, Request
from ipycontainers.engine.supervise.failure import NOT_EXECUTABLE, StartError
from ipycontainers.errors import Conflict, Invalid

from .streams import PIECE, Relay, Shape, framed, only, raw, unframed

NOT_EXECUTED = "OCI runtime exec failed: exec failed: unable to start container process: "


async def exec_start(engine: Engine, request: Request, exec_id: str) -> Answer:
    made = engine.execs.find(exec_id)
    body = request.json()
    detach, tty = bool(body.get("Detach")), bool(body.get("Tty"))
    try:
        asked = engine.execs.request(made, detach=detach)
    except (Invalid, StartError) as error:
        refused = {"error": str(error), "code": getattr(error, "code", NOT_EXECUTABLE)}
        return _not_executed(engine, made, refused, detach=detach)
    try:
        line = await Line.ask(made.container, asked)
    except OSError as error:
        raise Conflict(f"Container {made.container.id} is not running") from error
    if not detach:
        return Hijack(_Execution(engine, made, line, tty=tty).serve)
    await _begun(engine, made, line)
    if "error" in line.answer:
        line.close()
        return _not_executed(engine, made, line.answer, detach=True)
    engine.execs.keep(asyncio.ensure_future(_let_run(engine, made, line)))
    return Reply(200, b"")


async def _let_run(engine: Engine, made: Exec, line: Line) -> None:
    """Its output is nobody's, and its end an event."""
    with line, contextlib.suppress(ConnectionError):
        while await line.reader.read(PIECE):
            pass
    await asyncio.to_thread(engine.execs.refresh, made)


async def _begun(engine: Engine, made: Exec, line: Line) -> None:
    """Its answer has come, and is an error where the supervisor left instead."""
    try:
        await line.answered()
    except OSError:
        line.answer = {"error": f"Container {made.container.id} is not running"}
    if "error" not in line.answer:
        engine.execs.started(made, int(line.answer["pid"]))


class _Execution:
    """The stream of one exec, and what is to be known at its end."""

    def __init__(self, engine: Engine, made: Exec, line: Line, *, tty: bool) -> None:
        own = bool(made.asked.get("Tty"))
        shape: Shape = raw if own == tty else framed if own else unframed
        self._engine, self._made, self._line = engine, made, line
        self._relay = Relay(
            line,
            stdin=bool(made.asked.get("AttachStdin")),
            ends_input=True,
            detach=made.detach_keys if own else b"",
            detached=lambda: engine.execs.detached(made),
            shape=shape if own else _attached(made, shape),
        )

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The program begins while the client reads the head, as with dockerd."""
        await _begun(self._engine, self._made, self._line)
        if "error" in self._line.answer:
            self._line.close()
            await _tell_not_executed(self._engine, self._made, self._line.answer, writer)
            return
        await self._relay.serve(reader, writer)
        self._engine.execs.refresh(self._made)


def _attached(made: Exec, shape: Shape) -> Shape:
    """``shape``, unless only one of the streams was asked for."""
    asked = {
        number
        for number, key in ((wire.STDOUT, "AttachStdout"), (wire.STDERR, "AttachStderr"))
        if made.asked.get(key)
    }
    return shape if len(asked) == 2 or shape is not raw else only(asked)


def _not_executed(engine: Engine, made: Exec, answer: Mapping[str, Any], *, detach: bool) -> Answer:
    """As dockerd: a text in the stream where there is one, and an exit code in any case."""
    if detach:
        return Reply(400, {"message": _failed(engine, made, answer)})

    async def tell(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _tell_not_executed(engine, made, answer, writer)

    return Hijack(tell)


async def _tell_not_executed(
    engine: Engine, made: Exec, answer: Mapping[str, Any], writer: asyncio.StreamWriter
) -> None:
    data = f"{_failed(engine, made, answer)}\r\n".encode()
    writer.write(data if made.asked.get("Tty") else wire.frame(wire.STDOUT, data))
    await writer.drain()


def _failed(engine: Engine, made: Exec, answer: Mapping[str, Any]) -> str:
    """Notes how it ended, with one code whatever the reason, as dockerd; the message."""
    engine.execs.failed(made, NOT_EXECUTABLE)
    return f"{NOT_EXECUTED if answer.get('code') else ''}{answer['error']}"
