"""The small process from which every supervisor is forked.

It exists because a fork costs what its parent has: the engine's server is large and has
threads, this one is a Python that has imported ``supervisor`` and little else. So it is
started anew, without ``site`` and what belongs to environments, and not forked. What this
module needs in the engine only is imported there only.

Knows: fork. Does not know: what a supervisor does.
"""

from __future__ import annotations

import _socket
import fcntl
import gc
import json
import marshal
import os
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ipycontainers.engine import syscalls
from ipycontainers.engine.command import Command
from ipycontainers.errors import LaunchError

from .control import ORDERS, SOCKET
from .failure import of_exception

if TYPE_CHECKING:
    from pathlib import Path

_REQUESTS = 3
_KEEPER = b"\0"  # which no path begins with
_PROGRAM = """
import sys
sys.path.append(sys.argv[1])
from ipycontainers.engine.supervise import nursery
nursery.serve()
"""


class Nursery:
    """Owns the process; ``close`` or the end of this process ends it, and no supervisor."""

    def __init__(self, data: Path) -> None:
        """Start it. ``data`` is only to be seen in the list of processes, for their owner."""
        from threading import Lock

        self._lock = Lock()
        self._data = data
        self._start()

    def _start(self) -> None:
        import socket
        from pathlib import Path
        from secrets import token_hex
        from tempfile import gettempdir

        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        package = Path(__file__).resolve().parents[3]
        scratch = Path(gettempdir(), f"ipycontainers-{os.getpid()}-{token_hex(8)}")
        told = map(str, (package, scratch, self._data))
        words = [sys.executable, "-I", "-S", "-c", _PROGRAM, *told]
        above = fcntl.fcntl(theirs, fcntl.F_DUPFD_CLOEXEC, _REQUESTS + 1)
        given = [(os.POSIX_SPAWN_DUP2, above, _REQUESTS)]
        self.pid = os.posix_spawn(words[0], words, os.environ, file_actions=given)
        os.close(above)
        theirs.close()
        self._socket = ours

    def spawn(self, directory: Path) -> int:
        """Fork a supervisor for the container in ``directory``; it listens when this returns.

        Its pid. ``LaunchError`` when it could not be forked or could not begin. Thread-safe.
        """
        give_orders(directory)
        (directory / SOCKET).unlink(missing_ok=True)  # of one that was killed
        answer = self._order(os.fsencode(directory))
        if "error" in answer:
            raise LaunchError(f"no supervisor for container {directory.name}: {answer['error']}")
        return int(answer["pid"])

    def spawn_keeper(self, directory: Path) -> int:
        """Fork the keeper of networks that has its socket in ``directory``; as ``spawn``."""
        answer = self._order(_KEEPER + os.fsencode(directory))
        if "error" in answer:
            raise LaunchError(f"no networks for containers: {answer['error']}")
        return int(answer["pid"])

    def spawn_way(self, directory: Path, keeper: int) -> int:
        """Fork what leads out of the networks of a ``keeper`` that has lost its own."""
        words = b"\0".join((b"", os.fsencode(directory), b"%d" % keeper))
        answer = self._order(words)
        if "error" in answer:
            raise LaunchError(f"nothing leads out of networks: {answer['error']}")
        return int(answer["pid"])

    def _order(self, words: bytes) -> dict[str, Any]:
        with self._lock:
            answer = self._ask(words)
            if answer is None:  # killed, by whoever
                self.close()
                self._start()
                answer = self._ask(words)
        return answer or {"error": "the process that forks it has ended"}

    def _ask(self, words: bytes) -> dict[str, Any] | None:
        try:
            self._socket.send(words)
            answer = self._socket.recv(65536)
        except OSError:
            return None
        return json.loads(answer) if answer else None

    def close(self) -> None:
        """End the nursery's process."""
        self._socket.close()
        with suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


def give_orders(directory: Path) -> None:
    """What run.json says, in the form that costs the supervisor least; for this Python only."""
    run = json.loads((directory / "run.json").read_bytes())
    told: Any = (tuple(Command.of(run["command"])), run["session"])
    (directory / ORDERS).write_bytes(marshal.dumps(told))


def serve() -> None:
    """The nursery's own process: fork for each directory that is named. Does not return."""
    # Once, here, and shared by all that are forked.
    from .rehearsal import rehearse
    from .supervisor import Supervisor

    requests = _socket.socket(fileno=_REQUESTS)
    os.set_inheritable(_REQUESTS, False)
    syscalls.close_all_but(_REQUESTS)  # else open in every container
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.setsid()
    _let_go_of_terminal()
    os.umask(0o022)
    syscalls.no_new_privileges()
    with suppress(Exception):  # without it all works, and needs more memory
        rehearse(sys.argv[2])
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # supervisors are reaped by the kernel
    gc.collect()
    gc.freeze()  # the collector shall not write to pages that are shared with the children
    while directory := _receive(requests):
        try:
            pid = os.fork()
        except OSError as err:
            requests.send(json.dumps({"error": f"fork: {err.strerror}"}).encode())
            continue
        if pid == 0 and directory.startswith(_KEEPER):
            _keep(os.fsdecode(directory.removeprefix(_KEEPER)), requests)  # does not return
        if pid == 0:
            os._exit(_supervise(Supervisor, os.fsdecode(directory), requests))
    os._exit(0)


def _let_go_of_terminal() -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(null, number)
    os.close(null)


def _receive(requests: _socket.socket) -> bytes:
    try:
        return requests.recv(65536)
    except OSError:
        return b""


def _keep(directory: str, answers: _socket.socket) -> None:
    """Does not return. What it needs is imported here: few engines ever need it."""
    try:
        from ipycontainers.engine.network import keeper

        place, leads, pid = directory.partition("\0")
        if leads:
            answers.send(json.dumps({"pid": os.getpid()}).encode())
            keeper.lead_out(place, int(pid))
        keeper.begin(place, answers)
    except Exception as err:  # noqa: BLE001 - whatever it is, the engine must hear it
        answers.send(json.dumps({"error": of_exception(err)}).encode())
    finally:
        os._exit(1)


def _supervise(kind: type, directory: str, answers: _socket.socket) -> int:
    try:
        os.setsid()
        syscalls.become_subreaper()
        os.chdir(directory)
        supervisor = kind()
    except Exception as err:  # noqa: BLE001 - whatever it is, the engine must hear it
        answers.send(json.dumps({"error": of_exception(err)}).encode())
        return 1
    answers.send(json.dumps({"pid": os.getpid()}).encode())
    answers.close()
    supervisor.run()
    return 0
