"""The process beside one container: starts it, moves its output, records its end.

It survives the engine. It is a child subreaper, so that nothing of the container survives it.

Knows: the requests of ``control``. Does not know: launchers' flags, Docker's JSON.
"""

from __future__ import annotations

import marshal
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ipycontainers.engine import syscalls
from ipycontainers.engine.command import Command

from . import proc, process
from .client import Client
from .control import END, ORDERS, PATIENCE, parse
from .execs import Exec, Execs, promise, record
from .failure import StartError, of_exception, of_machine
from .folder import read, reserve, write
from .freezer import Freezer
from .loop import READ, Loop
from .publishing import Publishing
from .service import Service
from .session import Session

_LINGER = 60.0  # seconds that a client may leave its output unread after the end


class Supervisor:
    """Made and run in a process of its own, which it takes over."""

    def __init__(self) -> None:
        """In the container's directory, which is and stays the working directory."""
        _, streams = marshal.loads(read(ORDERS))
        self._loop = Loop()
        self._session = Session(self._loop, **streams)
        self._started: process.Started | None = None
        self._cgroup = ""
        self._began = 0.0
        self._is_traced = False
        self._exit: dict[str, Any] | None = None
        self._killed = False
        self._overdue = float("inf")  # when a launcher that does not end by itself is killed
        self._polled: dict[int, Callable[[int | None], None]] = {}
        self._execs = Execs()
        self._publishing = Publishing()
        self._freezer = Freezer(self._processes)
        self._waiting: list[Client] = []
        self._touched = time.monotonic()
        self._service = Service(self._loop, self._answer)
        self._watch_children()

    def run(self) -> None:
        """Until the container has ended and its clients have read, or nobody ever came."""
        try:
            while not self._is_done():
                self.turn(self._patience())
        except BaseException:
            self._log_failure()
            raise
        finally:
            self._service.hide()
            self._sweep()

    def turn(self, patience: float) -> None:
        """Do what is to be done, and wait for it so many seconds at most."""
        self._loop.turn(patience)
        self._poll()
        self._reap()
        self._service.tidy()

    def close(self) -> None:
        """Take no requests and see no ends any more; of a supervisor that has no processes."""
        os.close(signal.set_wakeup_fd(-1))
        for client in self._service.clients:
            client.close()
        self._service.hide()
        self._loop.close()

    def _log_failure(self) -> None:
        import traceback  # it needs much, and is never needed

        with open("supervisor.log", "w", encoding="utf-8") as file:
            traceback.print_exc(file=file)

    # --- requests --------------------------------------------------------------------------------

    def _answer(self, client: Client, line: bytes) -> None:
        self._touched = time.monotonic()
        try:
            request = parse(line.decode())
            verb = getattr(self, f"_do_{request['do']}")
            verb(client, request)
        except StartError as err:
            client.reply({**err.told, "error": str(err), "code": err.code})
            client.finish()
        except Exception as err:  # noqa: BLE001 - the asker must hear it, the container lives on
            client.reply({"error": of_exception(err)})

    def _do_start(self, client: Client, request: dict[str, Any]) -> None:
        if self._started or self._exit:
            client.reply({"error": "already started", "code": 0})
            return
        words, _ = marshal.loads(read(ORDERS))  # settled anew before each start
        self._cgroup = str(request.get("cgroup") or "")
        command = Command(*words)._replace(cgroup=self._cgroup, joins=request.get("joins") or ())
        with suppress(FileNotFoundError):
            os.unlink(END)  # of an earlier run
        reserve(END)
        try:
            self._publishing.begin(request.get("publish"))
            self._started = _begin(command, self._session)
        except Exception as err:
            failure = of_machine(err)
            self._sweep()  # a launcher that failed half-way may have left a child with our pipes
            self._record_exit(failure.code, str(failure))
            raise failure from err
        self._began = time.time()
        self._is_traced = command.is_tracer
        if command.program == "child":
            self._watch_end(self._started, self._end_program)
        client.reply({"pid": self._started.program, "ports": self._publishing.ports})

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
        if name := request.get("exec"):
            os.kill(self._execs.find(name).started.program, int(request["signal"]))
            client.reply({})
            return
        self._killed = self._killed or int(request["signal"]) == signal.SIGKILL
        os.kill(self._started.program, int(request["signal"]))
        if self._killed:
            self._overdue = time.monotonic() + proc.REAPED_WITHIN
        client.reply({})

    def _do_resize(self, client: Client, request: dict[str, Any]) -> None:
        name = request.get("exec")
        session = self._execs.find(name).session if name else self._session
        session.resize(int(request["height"]), int(request["width"]))
        client.reply({})

    def _do_state(self, client: Client, _: dict[str, Any]) -> None:
        execs = {name: {"pid": it.started.program, "exit": it.exit} for name, it in self._execs}
        status = "exited" if self._exit else "running" if self._started else "created"
        client.reply(
            {
                "status": status,
                "pid": self._started.program if self._started and not self._exit else 0,
                "started": self._began,
                "ports": self._publishing.ports,
                "paused": self._freezer.is_frozen,
                "execs": execs,
                "exit": self._exit and self._exit["code"],
            }
        )

    def _do_exec(self, client: Client, request: dict[str, Any]) -> None:
        if not self._is_running() or not self._started:
            client.reply({"error": "not running"})
            return
        promise(request["id"])
        session = Session(self._loop, **request["session"], once=True, log=None)
        command = Command.of(request["command"])._replace(cgroup=self._cgroup)
        try:
            started = _begin(command, session, followed=False)
        except Exception as err:
            failure = of_machine(err)
            session.ended()
            record(request["id"], failure.code)
            raise failure from err
        name = request["id"]
        self._execs.add(name, Exec(session, started))
        if command.program == "child":
            self._watch_end(started, lambda code: self._execs.end(name, code or 0))
        client.reply({"pid": started.program})
        session.join(client, stdin=bool(request.get("stdin")), logs=False, stream=True)
        session.began(started.early)

    def _do_pause(self, client: Client, _: dict[str, Any]) -> None:
        if not self._is_running():
            client.reply({"error": "not running"})
            return
        self._freezer.freeze(self._monitors() if self._is_traced else (), self._cgroup)
        client.reply({})

    def _do_unpause(self, client: Client, _: dict[str, Any]) -> None:
        self._freezer.thaw()
        client.reply({})

    def _do_processes(self, client: Client, _: dict[str, Any]) -> None:
        spent = os.times()
        reaped = spent.children_user + spent.children_system
        client.reply({"pids": self._processes(), "reaped": reaped})

    # --- ends ------------------------------------------------------------------------------------

    def _is_running(self) -> bool:
        return self._started is not None and self._exit is None

    def _monitors(self) -> list[int]:
        """Launchers that wait for what they started."""
        all_started = [it.started for _, it in self._execs]
        all_started += [self._started] if self._started else []
        return [it.monitor for it in all_started if it.monitor != it.program]

    def _processes(self) -> list[int]:
        """Of the container, without its launchers and its forwarder."""
        monitors, found = self._monitors(), proc.descendants(os.getpid())
        monitors.append(self._publishing.pid)
        if not self._is_traced:  # a guard between them may be another bwrap
            monitors += [pid for pid in found if proc.is_outside(pid)]
        return [pid for pid in found if pid not in monitors]

    def _patience(self) -> float:
        if self._polled:
            return 0.1
        if self._overdue < float("inf"):
            return 0.5
        return 5.0 if self._is_running() else 0.5

    def _is_done(self) -> bool:
        waited = time.monotonic() - self._touched
        if self._exit:
            return all(client.is_idle for client in self._service.clients) or waited > _LINGER
        return not self._started and not self._service.clients and waited > PATIENCE

    def _watch_children(self) -> None:
        read, write = os.pipe()
        os.set_blocking(read, False)
        os.set_blocking(write, False)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        syscalls.handle(signal.SIGCHLD, _nothing)
        self._loop.watch(read, READ, lambda _: _drain(read))

    def _watch_end(self, started: process.Started, then: Callable[[int | None], None]) -> None:
        """Where the launcher waits for every process of the container: see its first one end."""
        handle = started.handle
        if handle < 0:
            self._polled[started.program] = then
            return

        def ended(_: int) -> None:
            self._loop.forget(handle)
            status = proc.status_of(handle)
            then(None if status is None else proc.code(status))

        self._loop.watch(handle, READ, ended)

    def _end_program(self, _: int | None) -> None:
        assert self._started
        self._publishing.stop()
        for pid in proc.descendants(os.getpid()):
            if pid != self._started.monitor:  # it ends by itself, with the code that it knows
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self._overdue = time.monotonic() + proc.REAPED_WITHIN

    def _poll(self) -> None:
        if time.monotonic() > self._overdue and self._started and not self._exit:
            self._overdue = float("inf")
            os.kill(self._started.monitor, signal.SIGKILL)
        gone = [pid for pid in self._polled if not os.path.exists(f"/proc/{pid}")]
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
            self._note_end(pid, proc.code(status))

    def _note_end(self, pid: int, code: int) -> None:
        for name, it in self._execs:
            if it.started.monitor == pid:
                os.close(it.started.status)
                self._loop.forget(it.started.handle)
                self._execs.end(name, self._own_code(it.started, code))
                self._execs.forget(name)
                return
        if self._is_running():
            self._publishing.revive(pid)
        if self._started and self._started.monitor == pid and self._exit is None:
            os.close(self._started.status)
            self._loop.forget(self._started.handle)
            self._sweep()
            self._record_exit(self._own_code(self._started, code), "")

    def _own_code(self, started: process.Started, code: int) -> int:
        """PRoot answers a signal with the code of whatever ended last; better ask the kernel."""
        if started.handle < 0:
            return code
        status = proc.status_of(started.handle)
        os.close(started.handle)
        if status is not None:
            return proc.code(status)
        return 128 + signal.SIGKILL if self._killed else code

    def _sweep(self) -> None:
        """Kill and reap every descendant: orphans of the container come to this process."""
        self._publishing.stop()
        while proc.has_children():
            for pid in proc.descendants(os.getpid()):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            pid, status = os.waitpid(-1, 0)
            self._note_end(pid, proc.code(status))

    def _record_exit(self, code: int, error: str) -> None:
        self._session.ended()
        self._exit = {
            "code": code,
            "error": error,
            "started": self._began,
            "finished": time.time(),
        }
        with suppress(OSError):  # those who wait are told in any case
            write(END, self._exit)
        self._touched = time.monotonic()
        self._service.hide()
        for client in self._waiting:
            client.awaits = False
            client.reply({"exit": code})
        self._waiting.clear()


def _begin(command: Command, session: Session, *, followed: bool = True) -> process.Started:
    streams, said = session.open(command.enter)
    try:
        started = process.start(command, streams, said)
    finally:
        for descriptor in {streams.stdin, streams.stdout, streams.stderr}:
            os.close(descriptor)
    if followed:
        session.began(started.early)
    return started


def _nothing(*_: object) -> None:
    """What is done at once when a child has ended: the loop is told by its descriptor."""


def _drain(read: int) -> None:
    with suppress(BlockingIOError):
        while os.read(read, 4096):
            pass
