"""Python sessions for tests: the agent as a process here, or as a container's first process.

    with agents.local("/usr/bin/python3.9") as session:      no container
    with agents.contained(engine, images.python) as session:
        cell = session.run("print(1); 2")
        cell.out, cell.result, cell.ended.exit_code

``local(…, command=…)`` runs a program of the test's own in place of the agent: a hostile one.

Knows: what an interpreter of a session needs. Does not know: pytest's fixtures.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ipycontainers import streams
from ipycontainers.errors import Unsupported
from ipycontainers.sessions import Ended
from ipycontainers.sessions.python import PythonInterpreter

# A module that carries values, as simple as one can be: {"type": …} and the text of it.
VALUES = """\
def arrive(kind, meta, data):
    assert kind == "text", kind
    return {"int": int, "str": str}[meta["type"]](bytes(data).decode())

def leave(value):
    if type(value).__name__ not in ("int", "str"):
        raise TypeError("a %s cannot leave" % type(value).__name__)
    return "text", {"type": type(value).__name__}, str(value).encode()
"""


def pythons() -> list[str]:
    """Of the Pythons from 3.6 on that are installed here, on the path or by pyenv: the oldest,
    the newest, and PyPy."""
    names = [f"python3.{minor}" for minor in range(6, 20)] + ["pypy3"]
    found = {os.path.realpath(path): path for name in names if (path := shutil.which(name))}
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for path in sorted(versions.glob("3.*/bin/python3")):
        found.setdefault(os.path.realpath(path), str(path))
    working = [path for path in found.values() if _version(path) >= (3, 6)]
    ordered = sorted(working, key=_version)
    pypy = [path for path in ordered if "pypy" in path]
    others = [path for path in ordered if "pypy" not in path]
    return others[:1] + others[1:][-1:] + pypy


def _version(python: str) -> tuple[int, ...]:
    script = "import sys; print(*sys.version_info[:2])"
    asked = subprocess.run([python, "-c", script], capture_output=True, check=False)
    return tuple(int(part) for part in asked.stdout.split()) if asked.returncode == 0 else (0,)


class Sink:
    def __init__(self) -> None:
        self.data = b""

    def feed(self, _stream: str, data: bytes) -> None:
        self.data += data

    def close(self) -> None:
        """It keeps what it has."""


class Front:
    """A notebook that remembers; ``answers`` are typed when it is asked."""

    def __init__(self, answers: Sequence[str]) -> None:
        self._answers = list(answers)
        self.shown: list[tuple[Any, ...]] = []
        self.prompts: list[tuple[str, bool]] = []

    def display(
        self,
        data: Mapping[str, Any],
        metadata: Mapping[str, Any],
        *,
        display_id: str = "",
        update: bool = False,
    ) -> None:
        self.shown.append(("update" if update else "display", data, metadata, display_id))

    def result(self, data: Mapping[str, Any], metadata: Mapping[str, Any]) -> None:
        self.shown.append(("result", data, metadata, ""))

    def clear(self, wait: bool) -> None:
        self.shown.append(("clear", wait))

    def input(self, prompt: str, password: bool) -> str:
        self.prompts.append((prompt, password))
        if not self._answers:
            raise Unsupported("nobody can answer here")
        return self._answers.pop(0)


class Shown:
    """What a cell has shown; ``order`` is all of it, as it came."""

    def __init__(self, answers: Sequence[str] = ()) -> None:
        self._out, self._err = Sink(), Sink()
        self.output = streams.Output(self._out, self._err)
        self.front = Front(answers)
        self.ended = Ended(-1)

    @property
    def out(self) -> str:
        return self._out.data.decode()

    @property
    def err(self) -> str:
        return self._err.data.decode()

    @property
    def outputs(self) -> list[tuple[Any, ...]]:
        return self.front.shown

    @property
    def result(self) -> Any:
        """The text of the last expression's value, or None."""
        found = [shown[1]["text/plain"] for shown in self.outputs if shown[0] == "result"]
        return found[-1] if found else None

    def stream_order(self) -> None:
        """Record streams between the outputs of the front."""
        for sink, name in ((self._out, "stdout"), (self._err, "stderr")):
            sink.feed = self._recorder(name)  # type: ignore[method-assign]

    def _recorder(self, name: str) -> Any:
        def record(_stream: str, data: bytes) -> None:
            last = self.front.shown[-1] if self.front.shown else ("",)
            if last[0] == name:
                self.front.shown[-1] = (name, last[1] + data.decode())
            else:
                self.front.shown.append((name, data.decode()))

        return record


class Session:
    """A ``PythonInterpreter`` and shorter words for it."""

    def __init__(self, interpreter: PythonInterpreter, warnings: Sequence[str] = ()) -> None:
        self.interpreter = interpreter
        self.warnings = warnings  # the engine's, of its container

    def run(self, code: str, *, answers: Sequence[str] = (), **more: Any) -> Shown:
        shown = Shown(answers)
        return self.into(shown, code, **more)

    def into(self, shown: Shown, code: str, **more: Any) -> Shown:
        shown.ended = self.interpreter.run(code, shown.output, shown.front, **more)
        return shown


class Local:
    """A process in the place of a container: its attachment and its engine."""

    def __init__(self, command: Sequence[str], folder: Path | None) -> None:
        # A socket: closing the number of a pipe in which another thread still writes would let
        # that thread go on in whatever is opened next, the input of the next test's process.
        self._stdin, theirs = socket.socketpair()
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=theirs, stdout=pipe, stderr=pipe, cwd=folder)
        theirs.close()
        assert self.process.stdout
        assert self.process.stderr
        self._numbers = {self.process.stdout.fileno(): 1, self.process.stderr.fileno(): 2}
        self._closed, self._close = os.pipe()

    def read(self, size: int = 65536) -> bytes:
        while self._numbers:
            ready, _, _ = select.select([*self._numbers, self._closed], [], [])
            if self._closed in ready:
                return b""
            for descriptor in ready:
                data = os.read(descriptor, size)
                if data:
                    return struct.pack(">BxxxL", self._numbers[descriptor], len(data)) + data
                del self._numbers[descriptor]
        return b""

    def write(self, data: bytes) -> None:
        self._stdin.sendall(data)

    def close(self) -> None:
        os.write(self._close, b".")
        with contextlib.suppress(OSError):  # closed before
            self._stdin.shutdown(socket.SHUT_RDWR)

    def inspect(self, _container: str) -> dict[str, Any]:
        try:
            code = self.process.wait(5)
        except subprocess.TimeoutExpired:
            return {"State": {"Running": True}}
        return {"State": {"Running": False, "ExitCode": code if code >= 0 else 128 - code}}

    def kill(self, _container: str) -> None:
        self.process.kill()

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self._stdin.close()
        for file in (self.process.stdout, self.process.stderr):
            file.close()  # type: ignore[union-attr]
        os.close(self._closed)
        os.close(self._close)


@contextlib.contextmanager
def local(
    python: str,
    *,
    command: Sequence[str] = (),
    folder: Path | None = None,
    opened: bool = True,
    **options: Any,
) -> Iterator[Session]:
    """A session of a process here; the agent's, unless ``command`` is given."""
    place = Local(command or PythonInterpreter.command_for([python]), folder)
    options.setdefault("values_module", VALUES)
    interpreter = PythonInterpreter(place, "local", place, [python], **options)  # type: ignore[arg-type]
    try:
        if opened:
            interpreter.open()
        yield Session(interpreter)
    finally:
        interpreter.close()
        place.end()


@contextlib.contextmanager
def contained(
    engine: Any,
    image: str,
    *,
    host: Mapping[str, Any] | None = None,
    program: Sequence[str] = ("python3",),
    **options: Any,
) -> Iterator[Session]:
    """A session in a container of that image, which is removed at the end."""
    command = PythonInterpreter.command_for(program)
    config = {
        "Image": image,
        "Entrypoint": list(command[:1]),
        "Cmd": list(command[1:]),
        "OpenStdin": True,
        "StdinOnce": False,
        "AttachStdin": True,
        "AttachStdout": True,
        "AttachStderr": True,
        "Env": [f"{name}={value}" for name, value in PythonInterpreter.environment.items()],
        "HostConfig": {"LogConfig": {"Type": "none"}, **(host or {})},
    }
    created = engine.create(config)
    interpreter = None
    try:
        attachment = engine.attach(created.id, stdin=True)
        options.setdefault("values_module", VALUES)
        interpreter = PythonInterpreter(engine, created.id, attachment, program, **options)
        engine.start(created.id)
        interpreter.open()
        yield Session(interpreter, created.warnings)
    finally:
        if interpreter:
            interpreter.close()
        engine.remove(created.id)


@contextlib.contextmanager
def interrupting(after: float) -> Iterator[list[float]]:
    """Raises KeyboardInterrupt in the main thread after that many seconds.

    Gives a list whose only element is the moment of it.
    """
    moments: list[float] = []

    def interrupt(*_: object) -> None:
        moments.append(time.monotonic())
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, after)
    try:
        yield moments
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
