"""Do once in the nursery what every supervisor will do, before any is forked.

Python fills caches and rewrites its bytecode when it first runs something. What is written
after a fork is memory of each supervisor's own, what was written before is shared by all.

Knows: the beginning of a supervisor's life. Does not know: containers.
"""

from __future__ import annotations

import _socket
import marshal
import os
from contextlib import suppress
from typing import Any

from ipycontainers.engine.command import ARGUMENTS, Command

from .control import END, ORDERS, SOCKET
from .supervisor import Supervisor

_TIMES = 10  # after eight a function is specialised
_PATIENCE = 5.0
_WITHIN = 100  # turns of 20 ms, of which one or two are needed
# It reports on STATUS as bwrap would, and becomes another program.
_PROGRAM = """echo "{\\"child-pid\\": $$}" >&3; echo '{"exit-code": 0}' >&3; echo; exec cat"""


def rehearse(folder: str) -> None:
    """In ``folder``, which is made and removed. Raises what happens where that cannot be."""
    os.mkdir(folder, 0o700)
    try:
        os.chdir(folder)
        _play()
    finally:
        os.chdir("/")
        for name in os.listdir(folder):
            os.unlink(f"{folder}/{name}")
        os.rmdir(folder)


def _play() -> None:
    words = ("/bin/sh", "-c", _PROGRAM)
    command = Command(words, dict(os.environ), "reported", descriptors={ARGUMENTS: b"-"})
    session = {"tty": False, "stdin": False, "once": False, "log": [0, 1]}
    with open(ORDERS, "wb") as file:
        told: Any = (tuple[object](command._replace(capabilities={}, filter={})), session)
        file.write(marshal.dumps(told))
    supervisor = Supervisor()
    for _ in range(_TIMES):
        _ask(supervisor, b'{"do": "state"}\n')
    _ask(supervisor, b'{"do": "start"}\n')
    for _ in range(_WITHIN):
        if os.path.exists(END):
            break
        supervisor.turn(0.02)
    supervisor.close()


def _ask(supervisor: Supervisor, request: bytes) -> None:
    client = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    client.settimeout(_PATIENCE)
    client.connect(SOCKET)
    client.send(request)
    for _ in range(2):  # the connection, the request
        supervisor.turn(0)
    client.recv(4096)
    client.close()
    with suppress(OSError):
        supervisor.turn(0)
