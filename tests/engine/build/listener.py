"""An engine that only listens: what does the docker command send to build an image?

    with listening() as (address, sent): …     sent[-1].path, sent[-1].body

Knows: POST /build, as the command writes it. Does not know: how an image is built.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler

from support import serving


@dataclass(frozen=True)
class Sent:
    """One request: its path with the query, and the context."""

    path: str
    body: bytes


class Listener(BaseHTTPRequestHandler):
    """Takes the context that the docker command sends, and builds nothing."""

    contexts: list[Sent]
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer(b"")

    def do_GET(self) -> None:
        self._answer(b"OK")

    def do_POST(self) -> None:
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        type(self).contexts.append(Sent(self.path, body))
        self._answer(b"")

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Api-Version", "1.41")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def listening() -> Iterator[tuple[str, list[Sent]]]:
    """Its address, and what it was sent."""
    contexts: list[Sent] = []
    with serving(type("Own", (Listener,), {"contexts": contexts})) as address:
        yield f"tcp://{address}", contexts
