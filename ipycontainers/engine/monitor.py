"""Runs a container's health check for as long as it runs.

Knows: execs, supervisors. Does not know: the rules; ``health`` does.
"""

from __future__ import annotations

import asyncio
import contextlib
import time

from ipycontainers.errors import ContainerError

from .engine import Engine
from .health import FAILED, LONGEST, Check, Health, Result, period, shortened
from .line import Line
from .record import Exec, Record
from .supervise.failure import StartError

NOT_EXECUTED = "OCI runtime exec failed: exec failed: unable to start container process: "


async def monitor(engine: Engine, record: Record) -> None:
    """Returns when it does not run any more, and is to be cancelled then."""
    check = Check.of(record.config)
    if check is None:
        return
    if record.health is None or record.health.since != record.started:
        record.health = Health(record.started)
        await asyncio.to_thread(record.health.save, record.directory)
    while record.is_running:
        await asyncio.sleep(check.interval)
        if record.is_paused:  # it could not answer
            continue
        result = await _run(engine, record, check)
        if not record.is_paused:
            await asyncio.to_thread(_note, engine, record, check, result)


def _note(engine: Engine, record: Record, check: Check, result: Result) -> None:
    before = record.health
    if before is None or not record.is_running:
        return
    record.health = before.after(result, check)
    with contextlib.suppress(OSError):  # it is being removed, or the disk is full
        record.health.save(record.directory)
    if record.health.status != before.status:
        engine.running.publish(record, f"health_status: {record.health.status}")


async def _run(engine: Engine, record: Record, check: Check) -> Result:
    start = time.time()
    made: Exec | None = None
    try:
        asked = {"Cmd": list(check.command), "AttachStdout": True, "AttachStderr": True}
        made = engine.execs.new(record, asked)
        code, output = await asyncio.wait_for(_outcome(engine, made), check.timeout)
    except asyncio.TimeoutError:
        assert made
        request = {"do": "kill", "exec": made.id, "signal": 9}
        await asyncio.to_thread(engine.running.tell, record, request)
        code, output = FAILED, f"Health check exceeded timeout ({period(check.timeout)})"
    except (ContainerError, StartError, OSError, ValueError) as error:
        code, output = FAILED, f"{NOT_EXECUTED}{error}"
    finally:
        if made:
            engine.execs.drop(made)
    return Result(start, time.time(), code, output)


async def _outcome(engine: Engine, made: Exec) -> tuple[int, str]:
    """Exit code and output."""
    asked = engine.execs.request(made, detach=False)
    with await Line.open(made.container, asked) as line:
        if "error" in line.answer:
            return FAILED, f"{NOT_EXECUTED}{line.answer['error']}: unknown"
        engine.execs.started(made, int(line.answer["pid"]))
        output = bytearray()
        with contextlib.suppress(asyncio.IncompleteReadError):
            while head := await line.reader.readexactly(8):
                data = await line.reader.readexactly(int.from_bytes(head[4:], "big"))
                output += data[: LONGEST + 1 - len(output)]
    await asyncio.to_thread(engine.execs.refresh, made)
    return made.exit_code or 0, shortened(output)
