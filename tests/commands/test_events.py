"""docker events of an engine that dies meanwhile."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from types import SimpleNamespace

from commands.conftest import said

from ipycontainers.client import Candidate, Daemon
from ipycontainers.client.dial import Dialler

EVENT = b'{"Type":"container","Action":"start","Actor":{"ID":"abc"},"timeNano":1}\n'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"


def test_an_engine_that_dies_fails_the_verb_as_it_fails_dockers(tmp_path: Path) -> None:
    """One event comes, and then no more: not even the end."""
    path = tmp_path / "engine.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen(1)

        def answer() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(HEAD + b"%x\r\n%b\r\n" % (len(EVENT), EVENT))

        engine = threading.Thread(target=answer)
        engine.start()
        daemon = Daemon(Dialler(Candidate("test", f"unix://{path}", True)), "1.41", timeout=30)
        shown = said(SimpleNamespace(daemon=daemon), ["events"])
        engine.join()
    assert " container start abc\n" in shown.out
    assert (shown.code, shown.err) == (1, "unexpected EOF\n")
