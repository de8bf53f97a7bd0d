"""The process beside one container: starts it, moves its output, records its end.

It survives the engine. It is a child subreaper, so that nothing of the container survives it.

Knows: the requests of ``control``. Does not know: launchers' flags, Docker's JSON.
"""

from __future__ import annotations

import json
import os
import signal
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from ipycontainers.engine import launch, syscalls
from ipycontainers.engine.container import Bundle, ExecSpec
from ipycontainers.engine.launch.failure import NOT_EXECUTABLE, StartError

from . import proc, process
from .client import Client
from .control import PATIENCE, SOCKET, listen
from .loop import READ, Loop
from .output import LOG
from .session import Session

_REAPED_WITHIN = 5.0
_LINGER = 60.0  # seconds that a client may leave its output unread after the end


class Supervisor:
    """Made and run in a process of its own, which it takes over."""

    def __init__(self, directory: Path) -> None:
        _detach()
        run = json.loads((directory / "run.json").read_bytes())
        self.directory = directory
        self.bundle = Bundle.of(run["bundle"])
        self.launcher = launch.of(run["launcher"])
        spec = self.bundle.spec
        log = directory / LOG if spec.log else None
        self._loop = Loop()
        self._session = Session(
            self._loop, tty=spec.tty, stdin=spec.stdin, once=spec.stdin_once, log=log
        )
        self._started: process.Started | None = None
        self._began = 0.0
        self._exit: dict[str, Any] | None = None
        self._killed = False
        self._overdue = float("inf")  # when a launcher that does not end by itself is killed
        self._polled: dict[int, Callable[[int | None], None]] = {}
        self._execs: dict[str, Exec] = {}
        self._clients: list[Client] = []
        self._waiting: list[Client] = []
        self._touched = time.monotonic()
        self._server = listen(directory)
        self._server.setblocking(False)
        self._loop.watch(self._server.fileno(), READ, lambda _: self._accept())
        self._watch_children()

    def run(self) -> None:
        """Until the container has ended and its clients have read, or nobody ever came."""
        try:
            while not self._is_done():
                self._loop.turn(self._patience())
                self._poll()
                self._reap()
                self._clients = [client for client in self._clients if not client.closed]
        except BaseException:
            (self.directory / "supervisor.log").write_text(traceback.format_exc())
            raise
        finally:
            (self.directory / SOCKET).unlink(missing_ok=True)
            self._sweep()

    # --- requests --------------------------------------------------------------------------------

    def _accept(self) -> None:
        with suppress(BlockingIOError):
            connection, _ = self._server.accept()
            self._clients.append(Client(self._loop, connection, self._answer))

    def _answer(self, client: Client, line: bytes) -> None:
        self._touched = time.monotonic()
        try:
            request = json.loads(line)
            verb = getattr(self, f"_do_{request['do']}")
            verb(client, request)
        except StartError as err:
            client.reply({"error": str(err), "code": err.code})
            client.finish()
        except Exception as err:  # noqa: BLE001 - the asker must hear it, the container lives on
            client.reply({"error": f"{type(err).__name__}: {err}"})

    def _do_start(self, client: Client, _: dict[str, Any]) -> None:
        if self._started or self._exit:
            client.reply({"error": "already started", "code": 0})
            return
        self.bundle = _bundle(self.directory)  # settled anew before each start
        command = self.launcher.argv(self.bundle)
        try:
            self._started = _begin(command, self._session)
        except StartError as err:
            self._record_exit(err.code, str(err))
            raise
        self._began = time.time()
        if command.program == "child":
            self._watch_end(self._started, self._end_program)
        client.reply({"pid": self._started.program})

    def _do_attach(self, client: Client, request: dict[str, Any]) -> None:
        client.reply({"tty": self._session.tty})
        self._session.join(
            client,
            stdin=bool(request.get("stdin")),
            logs=bool(request.get("logs")),
            stream=bool(request.get("stream", True)),
        )

    def _do_wait(self, client: Client, _: dict[str, Any]) -> None:
        if self._exit:
            client.reply({"exit": self._exit["code"]})
        else:
            client.awaits = True
            self._waiting.append(client)

    def _do_kill(self, client: Client, request: dict[str, Any]) -> None:
        if not self._is_running():
            client.reply({"error": "not running"})
            return
        assert self._started
        self._killed = self._killed or int(request["signal"]) == signal.SIGKILL
        os.kill(self._started.program, int(request["signal"]))
        if self._killed:
            self._overdue = time.monotonic() + _REAPED_WITHIN
        client.reply({})

    def _do_resize(self, client: Client, request: dict[str, Any]) -> None:
        name = request.get("exec")
        session = self._execs[name].session if name else self._session
        session.resize(int(request["height"]), int(request["width"]))
        client.reply({})

    def _do_state(self, client: Client, _: dict[str, Any]) -> None:
        execs = {
            name: {"pid": it.started.program, "exit": it.exit} for name, it in self._execs.items()
        }
        status = "exited" if self._exit else "running" if self._started else "created"
        client.reply(
            {
                "status": status,
                "pid": self._started.program if self._started and not self._exit else 0,
                "started": self._began,
                "execs": execs,
                "exit": self._exit and self._exit["code"],
            }
        )

    def _do_exec(self, client: Client, request: dict[str, Any]) -> None:
        if not self._is_running() or not self._started:
            client.reply({"error": "not running"})
            return
        spec = ExecSpec.of(request["spec"])
        if spec.cwd and not spec.cwd.startswith("/"):
            self._record_exec(request["id"], NOT_EXECUTABLE)
            raise StartError("Cwd must be an absolute path", NOT_EXECUTABLE)
        session = Session(self._loop, tty=spec.tty, stdin=spec.stdin, once=True, log=None)
        command = self.launcher.exec_argv(self.bundle, spec, self._started.program)
        try:
            started = _begin(command, session, followed=False)
        except StartError as err:
            self._record_exec(request["id"], err.code)
            raise
        name = request["id"]
        self._execs[name] = Exec(session, started)
        if command.program == "child":
            self._watch_end(started, lambda code: self._end_exec(name, code or 0))
        client.reply({"pid": started.program})
        if request.get("detach"):
            session.began(started.early)
            return
        session.join(client, stdin=bool(request.get("stdin")), logs=False, stream=True)
        session.began(started.early)

    # --- ends ------------------------------------------------------------------------------------

    def _is_running(self) -> bool:
        return self._started is not None and self._exit is None

    def _patience(self) -> float:
        if self._polled:
            return 0.1
        if self._overdue < float("inf"):
            return 0.5
        return 5.0 if self._is_running() else 0.5

    def _is_done(self) -> bool:
        waited = time.monotonic() - self._touched
        if self._exit:
            return all(client.is_idle for client in self._clients) or waited > _LINGER
        return not self._started and not self._clients and waited > PATIENCE

    def _watch_children(self) -> None:
        read, write = os.pipe()
        os.set_blocking(read, False)
        os.set_blocking(write, False)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._loop.watch(read, READ, lambda _: _drain(read))

    def _watch_end(self, started: process.Started, then: Callable[[int | None], None]) -> None:
        """Where the launcher waits for every process of the container: see its first one end."""
        handle = started.handle
        if handle < 0:
            self._polled[started.program] = then
            return

        def ended(_: int) -> None:
            self._loop.forget(handle)
            status = _status_of(handle)
            then(None if status is None else _code(status))

        self._loop.watch(handle, READ, ended)

    def _end_program(self, _: int | None) -> None:
        assert self._started
        for pid in proc.descendants(os.getpid()):
            if pid != self._started.monitor:  # it ends by itself, with the code that it knows
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self._overdue = time.monotonic() + _REAPED_WITHIN

    def _poll(self) -> None:
        if time.monotonic() > self._overdue and self._started and not self._exit:
            self._overdue = float("inf")
            os.kill(self._started.monitor, signal.SIGKILL)
        gone = [pid for pid in self._polled if not Path(f"/proc/{pid}").exists()]
        for pid in gone:
            self._polled.pop(pid)(None)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._note_end(pid, _code(status))

    def _note_end(self, pid: int, code: int) -> None:
        for name, it in self._execs.items():
            if it.started.monitor == pid:
                os.close(it.started.status)
                self._loop.forget(it.started.handle)
                self._end_exec(name, self._own_code(it.started, code))
                return
        if self._started and self._started.monitor == pid and self._exit is None:
            os.close(self._started.status)
            self._loop.forget(self._started.handle)
            self._sweep()
            self._record_exit(self._own_code(self._started, code), "")

    def _own_code(self, started: process.Started, code: int) -> int:
        """PRoot answers a signal with the code of whatever ended last; better ask the kernel."""
        if started.handle < 0:
            return code
        status = _status_of(started.handle)
        os.close(started.handle)
        if status is not None:
            return _code(status)
        return 128 + signal.SIGKILL if self._killed else code

    def _end_exec(self, name: str, code: int) -> None:
        it = self._execs[name]
        if it.exit is None:
            it.exit = code
            self._record_exec(name, code)
            it.session.ended()

    def _sweep(self) -> None:
        """Kill and reap every descendant: orphans of the container come to this process."""
        while True:
            for pid in proc.descendants(os.getpid()):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            try:
                pid, status = os.waitpid(-1, 0)
            except ChildProcessError:
                return
            self._note_end(pid, _code(status))

    def _record_exit(self, code: int, error: str) -> None:
        self._session.ended()
        self._exit = {
            "code": code,
            "error": error,
            "started": self._began,
            "finished": time.time(),
        }
        _write(self.directory / "exit.json", self._exit)
        self._touched = time.monotonic()
        for client in self._waiting:
            client.awaits = False
            client.reply({"exit": code})
        self._waiting.clear()

    def _record_exec(self, name: str, code: int) -> None:
        folder = self.directory / "execs"
        folder.mkdir(exist_ok=True)
        _write(folder / f"{name}.json", {"exit": code})


class Exec:
    """A further program of the container."""

    def __init__(self, session: Session, started: process.Started) -> None:
        self.session = session
        self.started = started
        self.exit: int | None = None


def _begin(command: launch.Command, session: Session, *, followed: bool = True) -> process.Started:
    streams, said = session.open()
    try:
        started = process.start(command, streams, said)
    finally:
        for descriptor in {streams.stdin, streams.stdout, streams.stderr}:
            os.close(descriptor)
    if followed:
        session.began(started.early)
    return started


def _bundle(directory: Path) -> Bundle:
    return Bundle.of(json.loads((directory / "run.json").read_bytes())["bundle"])


def _detach() -> None:
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(null, number)
    os.close(null)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    syscalls.become_subreaper()


def _drain(read: int) -> None:
    with suppress(BlockingIOError):
        while os.read(read, 4096):
            pass


def _status_of(handle: int) -> int | None:
    """Its parent, the launcher, reaps it within a moment; before that the kernel does not say."""
    deadline = time.monotonic() + _REAPED_WITHIN
    with suppress(OSError):
        while time.monotonic() < deadline:
            if (status := syscalls.exit_status(handle)) is not None:
                return status
            time.sleep(0.0005)
    return None


def _code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _write(path: Path, values: dict[str, Any]) -> None:
    """Whole or not at all, also after a crash of the machine."""
    temporary = path.with_suffix(".new")
    with temporary.open("w", encoding="utf-8") as file:
        json.dump(values, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
