"""The small process from which every supervisor is forked.

It exists because a fork copies what its parent has: the engine's server is large and has
threads, this one is small and has none. It must be made before anything heavy is imported;
where it was killed, another one is a new Python, ``python -m … nursery DESCRIPTOR``.

Knows: fork. Does not know: what a supervisor does.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from ipycontainers.errors import LaunchError


class Nursery:
    """Owns the process; ``close`` or the end of this process ends it, and no supervisor."""

    def __init__(self) -> None:
        """Fork. Called first of all by the engine's ``main``, while it has one thread."""
        self._lock = threading.Lock()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.pid = os.fork()
        if self.pid == 0:
            ours.close()
            _serve(theirs)
        theirs.close()
        self._socket = ours

    def spawn(self, directory: Path) -> int:
        """Fork a supervisor for the container in ``directory``; it listens when this returns.

        Its pid. ``LaunchError`` when it could not be forked or could not begin. Thread-safe.
        """
        with self._lock:
            answer = self._ask(directory)
            if answer is None:  # killed, by whoever
                self._replace()
                answer = self._ask(directory) or {"error": "the process that forks it has ended"}
        if "error" in answer:
            raise LaunchError(f"no supervisor for container {directory.name}: {answer['error']}")
        return int(answer["pid"])

    def _ask(self, directory: Path) -> dict[str, Any] | None:
        try:
            self._socket.send(os.fsencode(directory))
            answer = self._socket.recv(65536)
        except OSError:
            return None
        return json.loads(answer) if answer else None

    def _replace(self) -> None:
        self.close()
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        number = theirs.fileno()
        package = str(Path(__file__).resolve().parents[3])
        found = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH", ""))))
        with theirs:
            self.pid = subprocess.Popen(
                [sys.executable, "-m", __name__, str(number)],
                pass_fds=[number],
                env={**os.environ, "PYTHONPATH": found},
                cwd="/",
            ).pid

    def close(self) -> None:
        """End the nursery's process."""
        self._socket.close()
        with suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


def _serve(requests: socket.socket) -> None:
    from ipycontainers.engine.supervise.supervisor import (
        Supervisor,
    )  # imported once, here, and shared by all that are forked

    _close_all_but(requests.fileno())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # supervisors are reaped by the kernel
    os.setsid()
    gc.freeze()  # the collector shall not write to pages that are shared with the children
    while directory := _receive(requests):
        try:
            pid = os.fork()
        except OSError as err:
            requests.send(json.dumps({"error": f"fork: {err.strerror}"}).encode())
            continue
        if pid == 0:
            os._exit(_supervise(Supervisor, Path(os.fsdecode(directory)), requests))
    os._exit(0)


def _close_all_but(kept: int) -> None:
    # What the engine was started with: left open, it would be open in every container.
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - names
        if int(name) > 2 and int(name) != kept:
            with suppress(OSError):
                os.close(int(name))


def _receive(requests: socket.socket) -> bytes:
    try:
        return requests.recv(65536)
    except OSError:
        return b""


def _supervise(kind: type, directory: Path, answers: socket.socket) -> int:
    try:
        supervisor = kind(directory)
    except Exception as err:  # noqa: BLE001 - whatever it is, the engine must hear it
        answers.send(json.dumps({"error": f"{type(err).__name__}: {err}"}).encode())
        return 1
    answers.send(json.dumps({"pid": os.getpid()}).encode())
    answers.close()
    supervisor.run()
    return 0


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
