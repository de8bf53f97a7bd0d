"""Sessions without the magics: an interpreter in a container, and what a cell of it shows.

shell = sessions.open("dash")          dash, bash or ash
cell = shell("echo hi")                Cell(out, err, ended)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from ipycontainers.client import Connection
from ipycontainers.sessions import Ended
from ipycontainers.sessions.shell import ShellInterpreter
from ipycontainers.streams import Output

PROGRAMS = {"dash": ("debian", "sh"), "bash": ("debian", "bash"), "ash": ("busybox", "sh")}


class Collected:
    """A sink that keeps the bytes."""

    def __init__(self) -> None:
        self.data = bytearray()

    def feed(self, _stream: str, data: bytes, /) -> None:
        self.data += data

    def close(self) -> None:
        """Nothing to close."""


@dataclass(frozen=True)
class Cell:
    out: str
    err: str
    ended: Ended
    raw: bytes

    @property
    def code(self) -> int:
        return self.ended.exit_code


class Shell:
    """Call it with a cell's text. ``interpreter`` is what is under test."""

    def __init__(self, engine: Connection, image: str, program: tuple[str, ...], **more: Any):
        self.engine = engine
        config = {
            "Image": image,
            "Entrypoint": [],
            "Cmd": list(ShellInterpreter.command_for(program)),
            **dict.fromkeys(("OpenStdin", "AttachStdin", "AttachStdout", "AttachStderr"), True),
            "Labels": {"org.ipycontainers.cell": "test"},
            **more,
        }
        config.setdefault("HostConfig", {"LogConfig": {"Type": "none"}})
        self.id = engine.create(config).id
        self.interpreter = ShellInterpreter(
            engine, self.id, engine.attach(self.id, stdin=True), program
        )
        self.out, self.err = Collected(), Collected()

    def open(self) -> Shell:
        self.engine.start(self.id)
        self.interpreter.open()
        return self

    def __call__(self, code: str, **more: Any) -> Cell:
        self.out, self.err = Collected(), Collected()
        output = Output(self.out, self.err)
        notebook: Any = None
        ended = self.interpreter.run(code, output, notebook, **more)
        raw = bytes(self.out.data)
        return Cell(raw.decode("utf-8", "replace"), self.err.data.decode(), ended, raw)

    def count(self, pattern: str) -> int:
        """How many lines of command lines that the session sees hold the pattern."""
        ask = "for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline; echo; done 2>/dev/null"
        lines = [line for line in self(ask).out.splitlines() if not line.startswith("tr ")]
        return sum(bool(re.search(pattern, line)) for line in lines)


class Sessions:
    def __init__(self, engine: Connection, images: Any) -> None:
        self._engine, self._images = engine, images
        self._made: list[Shell] = []

    def make(self, kind: str, program: tuple[str, ...] = (), **more: Any) -> Shell:
        image, name = PROGRAMS[kind]
        engine = more.pop("engine", self._engine)
        shell = Shell(engine, getattr(self._images, image), program or (name,), **more)
        self._made.append(shell)
        return shell

    def open(self, kind: str, **more: Any) -> Shell:
        return self.make(kind, **more).open()

    def close(self) -> None:
        for shell in self._made:
            shell.interpreter.close()
            self._engine.remove(shell.id)


@pytest.fixture
def sessions(engine: Connection, images: Any) -> Iterator[Sessions]:
    opened = Sessions(engine, images)
    yield opened
    opened.close()


@pytest.fixture(params=list(PROGRAMS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def shell(sessions: Sessions, kind: str) -> Shell:
    return sessions.open(kind)
