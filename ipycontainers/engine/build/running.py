"""RUN: a container of the image so far, whose output goes to who builds as it comes.

    with Steps(engine, heard, cancelled).run(body, workspace.root()) as record: …

The container is the build's: one that is there after the engine was killed ends with the next
one's start, as nobody would make an image of it. It runs as long as it takes.

Knows: supervisors' streams, containers. Does not know: images, layers.
"""

from __future__ import annotations

import codecs
import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from ipycontainers.engine import supervise, wire
from ipycontainers.engine.engine import Engine
from ipycontainers.engine.record import Record
from ipycontainers.errors import ContainerError, EngineError

Heard = Callable[[Mapping[str, Any]], object]
"""Called with each object of the stream; may wait."""
LOOK = 1.0  # seconds between two looks at whether it was cancelled
SHORT = 12  # digits of an id


class Cancelled(ContainerError):
    """Who wanted the image has gone."""


class CommandFailed(EngineError):
    """Its ``exit_code`` is the program's."""


class Cancelling:
    """Whether somebody still waits; what is to be done when nobody does."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: list[Callable[[], object]] = []
        self.is_set = False

    def set(self) -> None:
        with self._lock:
            self.is_set, calls = True, list(self._calls)
        for call in calls:
            call()

    def check(self) -> None:
        """Raises Cancelled."""
        if self.is_set:
            raise Cancelled("the build was cancelled")

    @contextmanager
    def calling(self, call: Callable[[], object]) -> Iterator[None]:
        """``call`` is called from any thread when it is cancelled meanwhile."""
        with self._lock:
            self._calls.append(call)
        try:
            self.check()
            yield
        finally:
            with self._lock:
                self._calls.remove(call)


@contextmanager
def container(
    engine: Engine,
    body: Mapping[str, Any],
    takes: Path | None,
    *,
    removes: tuple[bool, bool],
    say: Callable[[str], object],
) -> Iterator[Record]:
    """One that is made; it goes afterwards where ``removes`` says so of a success, of a failure.
    ``say`` is told what of it will not be as it was asked for, as dockerd tells it."""
    record, warnings = engine.create(body, "", of_build=True, takes=takes)
    removed = True
    try:
        for warning in warnings:
            say(f" ---> [Warning] {warning}\n")
        yield record
        removed = removes[0]
    except CommandFailed:
        removed = removes[1]
        raise
    finally:
        if removed:
            engine.remove(record, force=True, volumes=True)
        else:
            record.change(of_build=False)
            record.is_kept = False


def run(engine: Engine, record: Record, heard: Heard, cancelling: Cancelling) -> None:
    """To its end. CommandFailed for another exit code than 0, Cancelled, EngineError where it
    cannot be started."""
    engine.running.supervise(record)
    with closing(supervise.connect(record.directory)) as stream:
        stream.settimeout(None)
        with cancelling.calling(lambda: _hang_up(stream)):
            asked = {"do": "attach", "stdin": False, "logs": False, "stream": True}
            stream.sendall(json.dumps(asked).encode() + b"\n")
            with stream.makefile("rb") as file:
                file.readline()
                engine.running.start(record)
                _tell(file, heard)
    while not engine.running.until_ended(record, LOOK):
        cancelling.check()
    cancelling.check()
    if record.exit_code:
        words = " ".join(record.config.get("Cmd") or ())
        raise CommandFailed(
            f"The command '{words}' returned a non-zero code: {record.exit_code}",
            exit_code=record.exit_code,
        )


def _hang_up(stream: socket.socket) -> None:
    with suppress(OSError):
        stream.shutdown(socket.SHUT_RDWR)


def _tell(file: Any, heard: Heard) -> None:
    decoders = {kind: codecs.getincrementaldecoder("utf-8")("replace") for kind in (1, 2)}
    while len(head := file.read(8)) == 8:
        kind, size = head[0], int.from_bytes(head[4:], "big")
        _say(kind, decoders[kind].decode(file.read(size)), heard)
    for kind, decoder in decoders.items():  # a character that was begun, and cut off
        _say(kind, decoder.decode(b"", final=True), heard)


def _say(kind: int, text: str, heard: Heard) -> None:
    if text:
        heard({"stream": f"\x1b[91m{text}\x1b[0m" if kind == wire.STDERR else text})
