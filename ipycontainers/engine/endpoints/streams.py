"""What lasts: attach, logs, wait; and the engine's own wait for every container's end.

Each speaks to the container's supervisor over a connection of its own and hands bytes on,
in both directions, as they come: the engine keeps nothing of them.

Knows: frames, half-closes, the supervisor's requests. Does not know: who runs a process.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from ipycontainers.engine import logs as kept
from ipycontainers.engine import wire
from ipycontainers.engine.detach import Split, parse
from ipycontainers.engine.engine import Engine
from ipycontainers.engine.events import Queue
from ipycontainers.engine.line import Line
from ipycontainers.engine.record import Record
from ipycontainers.engine.server import Answer, Chunks, Hijack, Request
from ipycontainers.errors import (
    ContainerError,
    EngineError,
    Invalid,
    NotFound,
    Unsupported,
)

if TYPE_CHECKING:
    from typing_extensions import Self

Shape = Callable[[asyncio.StreamReader], AsyncIterator[bytes]]
PIECE = 1 << 16
SETTLING = 15.0  # seconds, at most, in which the engine learns of an end after the output
CONDITIONS = ("", "not-running", "next-exit", "removed")


async def watch(engine: Engine, record: Record) -> None:
    """Returns when the container has ended and the engine knows it."""
    code = None
    try:
        with await Line.open(record, {"do": "wait"}) as line:
            code = line.answer.get("exit")
    except (OSError, ValueError):
        pass  # it has ended: exit.json tells, or that nobody was left to write it
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(engine.for_ends, engine.running.ended, record, code)


# --- attach --------------------------------------------------------------------------------------


async def attach(engine: Engine, request: Request, name: str) -> Answer:
    record = engine.find(name)
    wants = {key: request.flag(key) for key in ("stdin", "stdout", "stderr", "logs", "stream")}
    if not (wants["stream"] or wants["logs"]):
        raise Invalid("Either the stream or logs parameter must be true")
    stdin = wants["stdin"] and wants["stream"] and bool(record.config.get("OpenStdin"))
    if record.is_going:
        raise NotFound(f"No such container: {name}")
    keys = _keys(request)
    streams = {wire.STDOUT: wants["stdout"], wire.STDERR: wants["stderr"]}
    selected = {number for number, wanted in streams.items() if wanted}
    there_is_one = await asyncio.to_thread(engine.running.supervise, record)
    asked = {"do": "attach", "stdin": stdin, "logs": wants["logs"], "stream": wants["stream"]}
    try:
        line = await Line.open(record, asked) if there_is_one else None
    except OSError:
        line = None
    if line is None:
        shown = selected if wants["logs"] and record.keeps_log else set[int]()
        return Hijack(functools.partial(_tell_remains, engine, record, shown))
    if "error" in line.answer:
        line.close()
        raise EngineError(str(line.answer["error"]))
    engine.running.publish(record, "attach")
    relay = Relay(
        line,
        stdin=stdin,
        ends_input=bool(record.config.get("StdinOnce")) or record.tty,
        detach=keys if record.tty else b"",
        detached=lambda: engine.running.publish(record, "detach"),
        shape=raw if record.tty or len(selected) == 2 else only(selected),
        gone=lambda: _removed(engine, record),
        settled=(lambda: _settled(engine, record)) if wants["stream"] else None,
    )
    return Hijack(relay.serve)


def _keys(request: Request) -> bytes:
    text = request.query.get("detachKeys", "")
    try:
        return parse(text)
    except ValueError as error:
        raise Invalid(f"Invalid detach keys ({text}) provided") from error


async def _tell_remains(
    engine: Engine,
    record: Record,
    shown: set[int],
    _: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    """Of a container that ended just before: its log, and the end."""
    selection = kept.Selection(frozenset(shown), tty=record.tty)
    with contextlib.closing(kept.Log(record.directory, selection)) as log:
        for piece in log.new(is_over=True) if shown else ():
            writer.write(piece)
            await writer.drain()
    await _settled(engine, record)


async def _settled(engine: Engine, record: Record) -> None:
    """Who has read the last output and asks then is told that the container has ended."""
    with Queue(engine.events) as queue, contextlib.suppress(asyncio.TimeoutError):
        # A short program may have ended before its start is known.
        await asyncio.to_thread(_wait_for_start, record)
        while record.is_running:
            await asyncio.wait_for(queue.next(), SETTLING)


def _wait_for_start(record: Record) -> None:
    with record.lock:  # held until a start has succeeded or failed
        pass


async def _removed(engine: Engine, record: Record) -> bool:
    with Queue(engine.events) as queue:
        while not record.is_going:
            await queue.next()
    return True


class Relay:
    """Bytes between a client and a supervisor, until the output ends or the client leaves."""

    def __init__(
        self,
        line: Line,
        *,
        stdin: bool,
        ends_input: bool,
        detach: bytes,
        detached: Callable[[], object],
        shape: Shape,
        gone: Callable[[], Awaitable[bool]] | None = None,
        settled: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """``detach`` are the keys that end the attachment, if any do, and ``detached`` is called
        then.

        ``ends_input``: the end of the client's input is the program's; else it is the end of the
        attachment, and the program waits on. ``gone`` returns when the container was removed,
        perhaps without ever having run; ``settled`` when its end is known, before which no
        client shall see the end of the output."""
        self._line = line
        self._stdin = stdin
        self._ends_input = ends_input
        self._detach = detach
        self._detached = detached
        self._shape = shape
        self._gone = gone
        self._settled = settled

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Each direction says when it ends whether that is the end of all."""
        with self._line:
            directions: list[Awaitable[bool]] = [self._send_output(writer)]
            if self._stdin:
                directions.append(self._send_input(reader))
            if self._gone:
                directions.append(self._gone())
            tasks = {asyncio.ensure_future(direction) for direction in directions}
            try:
                waiting = set(tasks)
                while waiting:
                    done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                    if any(task.result() for task in done):
                        return
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _send_output(self, writer: asyncio.StreamWriter) -> bool:
        with contextlib.suppress(ConnectionError):
            async for piece in self._shape(self._line.reader):
                writer.write(piece)
                await writer.drain()
        if self._settled:
            await self._settled()
        return True

    async def _send_input(self, reader: asyncio.StreamReader) -> bool:
        """Whether the client has detached, or left."""
        to, split = self._line.writer, Split(self._detach)
        with contextlib.suppress(ConnectionError):
            async for piece in raw(reader):
                shown, is_over = split.feed(piece) if self._detach else (piece, False)
                to.write(shown)
                await to.drain()
                if is_over:
                    self._detached()
                    return True
            if reader.at_eof() and self._ends_input:
                to.write_eof()
                return False
        return True


async def raw(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while piece := await reader.read(PIECE):
        yield piece


def only(selected: set[int]) -> Shape:
    """Of frames those of these streams."""

    async def shape(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                head = await reader.readexactly(8)
                size = int.from_bytes(head[4:], "big")
                data = await reader.readexactly(size)
                if head[0] in selected:
                    yield head + data

    return shape


async def framed(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """A terminal's output for a client that expects frames."""
    async for piece in raw(reader):
        yield wire.frame(wire.STDOUT, piece)


async def unframed(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Frames for a client that expects a terminal's output."""
    async for piece in only({wire.STDOUT, wire.STDERR})(reader):
        yield piece[8:]


# --- logs and wait -------------------------------------------------------------------------------


async def logs(engine: Engine, request: Request, name: str) -> Answer:
    record = engine.find(name)
    wanted = {
        number
        for number, key in ((wire.STDOUT, "stdout"), (wire.STDERR, "stderr"))
        if request.flag(key)
    }
    if not wanted:
        raise Invalid("Bad parameters: you must choose at least one stream")
    if not record.keeps_log:
        raise Unsupported("configured logging driver does not support reading")
    selection = kept.Selection.of(request.query, wanted, tty=record.tty)
    follows = request.flag("follow") and (record.is_up or record.status == "created")
    if follows:
        with contextlib.suppress(ContainerError):  # it has just ended, or does so meanwhile
            await asyncio.to_thread(engine.running.supervise, record, again=False)
    elif not selection.until:  # a program that writes faster than it is read has an end too
        selection = replace(selection, until=time.time_ns())
    return Chunks(_logs(record, kept.Log(record.directory, selection), follows), content_type="")


async def _logs(record: Record, log: kept.Log, follows: bool) -> AsyncIterator[bytes]:
    """The supervisor's stream says when there is more to read in the file.

    It is read whether the client takes what it is sent or not: nobody shall wait for a client
    that only looks at a log.
    """
    line: Line | None = None
    if follows:
        with contextlib.suppress(OSError):
            asked = {"do": "attach", "stdin": False, "logs": False, "stream": True}
            line = await Line.open(record, asked)
    with contextlib.closing(log), Bell(line) as bell:
        while await bell.rings():
            for piece in log.new():
                yield piece
        for piece in log.new(is_over=True):
            yield piece


class Bell:
    """Tells that a program has written, and not what. A ``with`` block."""

    def __init__(self, line: Line | None) -> None:
        """Without a ``line`` nothing will be written any more."""
        self._line = line
        self._rung = asyncio.Event()
        self._rung.set()  # for what was written before

    def __enter__(self) -> Self:
        self._task = asyncio.ensure_future(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self._task.cancel()
        if self._line:
            self._line.close()

    async def rings(self) -> bool:
        """Whether there may be more: returns when there is, and False at the end."""
        await self._rung.wait()
        self._rung.clear()
        return not self._task.done()

    async def _listen(self) -> None:
        try:
            with contextlib.suppress(ConnectionError):
                while self._line and await self._line.reader.read(PIECE):
                    self._rung.set()
        finally:
            self._rung.set()


async def wait(engine: Engine, request: Request, name: str) -> Answer:
    record = engine.find(name)
    condition = request.query.get("condition", "")
    if condition not in CONDITIONS:
        raise Invalid(f'invalid condition: "{condition}"')
    return Chunks(_wait(engine, record, condition))


async def _wait(engine: Engine, record: Record, condition: str) -> AsyncIterator[bytes]:
    with Queue(engine.events) as queue:
        over = "destroy" if condition == "removed" else "die"
        known = condition in ("", "not-running") and not record.is_up
        code = record.exit_code
        if not known:
            async for event in queue.until():
                if event["Actor"]["ID"] != record.id:
                    continue
                if event["Action"] == "die":
                    code = int(event["Actor"]["Attributes"]["exitCode"])
                if event["Action"] in (over, "destroy"):
                    break
    if condition == "removed":  # also one that could not begin, whose error the start has told
        yield wire.line({"Error": None, "StatusCode": record.exit_code})
        return
    error = {"Message": record.error} if record.error else None
    yield wire.line({"Error": error, "StatusCode": code})
