"""What is said on ``control.sock``, and how to say it.

One JSON object per line is a request; each gets one JSON object on a line as its answer, and
``{"error": text}`` is always a refusal (with a ``code``, the connection closes after it).
``attach`` and ``exec`` then turn the connection into a stream, in both directions: from the
supervisor frames as Docker's (8 bytes head; raw with a terminal), to it raw standard input, of
which a half-close is the end. The connection closes when the program has ended and all its
output was sent.

    {"do": "start", "cgroup": "/sys/…", "publish": {…}}
                                                {"pid": 123, "ports": […]}
                                                or {"error": text, "code": 127}
    {"do": "attach", "stdin": true, "logs": false, "stream": true}   {"tty": false}, the stream
    {"do": "wait"}                              {"exit": 0}  when the container has ended
    {"do": "kill", "signal": 9}                 {}           (with "exec": ID, that exec)
    {"do": "pause"}, {"do": "unpause"}          {}
    {"do": "processes"}                         {"pids": [123], "reaped": seconds of those ended}
    {"do": "resize", "height": 40, "width": 80} {}           (with "exec": ID, of that exec)
    {"do": "exec", "id": ID, "command": {…}, "session": {…}, "stdin": true}
                                                {"pid": 124}  or {"error", "code"}; the stream
    {"do": "state"}                             {"status": "running", "pid": 123, "paused": false,
                                                 "execs": {…}, "ports": […]}

``publish`` and ``ports`` are ``network.forwarder``'s; without ``publish`` nothing is published.

In the container's directory the supervisor reads ``orders``, which the engine makes of
``run.json`` before each start of a supervisor (``"command"`` and ``"session"``, see
``launch.orders``; those of an exec are the same). It writes ``output.log``
(records, see ``output``), ``exit.json`` (``{"code", "error", "started", "finished"}``; there
before any ``wait`` is answered) and ``execs/ID.json`` (``{"exit"}``). It leaves when the
container has ended and every stream is read out, or after ``PATIENCE`` seconds of nobody being
connected and nothing started.

Knows: sockets and lines. Does not know: what the requests do.
"""

from __future__ import annotations

import _socket  # socket and what it imports would be half a megabyte of the nursery
import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import socket
    from pathlib import Path

SOCKET = "control.sock"
ORDERS = "orders"
END = "exit.json"
PATIENCE = 30.0


_DECODER = json.JSONDecoder()


def parse(text: str) -> Any:
    """JSON that begins at once. ``json.loads`` looks for white space first, with much code."""
    return _DECODER.raw_decode(text)[0]


def listen() -> _socket.socket:
    """A socket at ``control.sock`` in the working directory, where there is none."""
    server = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    server.bind(SOCKET)
    server.listen(64)
    return server


def connect(directory: Path) -> socket.socket:
    """A connection to the container's supervisor. ``OSError`` when there is none (any more)."""
    import socket

    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _by_short_path(directory, client.connect)
    except OSError:
        client.close()
        raise
    return client


def ask(
    directory: Path, request: Mapping[str, Any], timeout: float | None = None
) -> dict[str, Any]:
    """One request and its answer, for those that have no stream.

    ``OSError`` when there is no supervisor, or it left before it answered: then ``exit.json``
    says how the container ended.
    """
    with connect(directory) as client:
        client.settimeout(timeout)
        client.sendall(json.dumps(request).encode() + b"\n")
        with client.makefile("rb") as answers:
            line = answers.readline()
    if not line.endswith(b"\n"):
        raise ConnectionResetError(f"the supervisor of {directory.name} left without an answer")
    answer: dict[str, Any] = json.loads(line)
    return answer


def _by_short_path(directory: Path, use: Any) -> None:
    # A unix socket's path has at most 107 bytes; a container's directory may be longer.
    handle = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        use(f"/proc/self/fd/{handle}/{SOCKET}")
    finally:
        os.close(handle)
