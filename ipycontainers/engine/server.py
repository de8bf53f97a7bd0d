"""HTTP/1.1 on a unix socket: requests in, one of three kinds of answers out.

    Reply      a status and a body that is known
    Chunks     a body that comes over time; the client may hang up at any moment
    Hijack     after the head the connection is a stream of bytes, in both directions

tornado reads and writes HTTP. A hijacked connection is taken out of its hands, since its
streams close when the other side ends its input, and ``docker run -i`` does just that
and waits for the output.

Knows: HTTP, sockets. Does not know: what is asked; ``api`` answers it.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import logging
import os
import socket
import stat
import struct
import tempfile
import termios
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from urllib.parse import parse_qsl, unquote

from tornado.http1connection import HTTP1Connection
from tornado.httpserver import HTTPServer
from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerConnectionDelegate,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.iostream import IOStream, StreamClosedError
from tornado.netutil import bind_unix_socket

from ipycontainers.errors import EngineForbidden, Invalid

from . import wire
from .places import LONGEST_SOCKET

MAX_BODY = 8 << 20  # of JSON; dockerd stops reading create's at about the same
MAX_ARCHIVE = 1 << 42
PATIENCE = 2.0  # seconds with a client that does not read the head of its answer
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Request:
    method: str
    path: str  # without the version, decoded
    version: str  # "1.41", or "" for a path without one
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    file: IO[bytes] | None  # the body, of a request that brings an archive
    pairs: Sequence[tuple[str, str]] = ()  # the query, with words that are there several times

    def flag(self, name: str, default: str = "") -> bool:
        return wire.flag(self.query.get(name, default))

    def json(self) -> wire.Json:
        """Raises ValueError for what is no object; ``null`` is an empty one, as for Go."""
        parsed = wire.parsed(self.body) if self.body.strip() else None
        if parsed is None:
            return {}
        if not isinstance(parsed, dict):
            raise ValueError("the body is no JSON object")  # noqa: TRY004
        return parsed


@dataclass(frozen=True)
class Reply:
    status: int = 200
    body: object = None  # bytes as they are, anything else as JSON; None: nothing
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Chunks:
    """``closed`` is called when all is sent or the client is gone."""

    content: AsyncIterator[bytes]
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Hijack:
    """``serve`` is called when the head is sent; the connection is closed when it returns."""

    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


Answer = Reply | Chunks | Hijack
Answerer = Callable[[Request], Awaitable[Answer]]


class Server(HTTPServerConnectionDelegate):
    """Listens from ``listen`` to ``close``. ``busy`` are the open requests; ``on_end`` is called
    with the end of each."""

    def __init__(
        self,
        answer: Answerer,
        headers: Mapping[str, str],
        archives: Callable[[str, str], bool],
        folder: Path,
    ) -> None:
        """``answer`` raises nothing. ``archives(method, path)``: the body is one, which is
        kept in a file in ``folder`` meanwhile."""
        self.answer = answer
        self.headers = headers
        self.archives = archives
        self.busy: set[object] = set()
        self.used = time.monotonic()
        self.on_end: Callable[[], object] = lambda: None
        self.folder = folder
        self._http: HTTPServer | None = None
        self._path: Path | None = None

    def listen(self, path: Path) -> None:
        """Raises EngineForbidden where somebody else could put a socket in our place."""
        if len(os.fsencode(path)) > LONGEST_SOCKET:
            raise Invalid(
                f"{path} is longer than the {LONGEST_SOCKET} bytes that a socket's path may have",
                "name a shorter one with --socket",
            )
        prepare_folder(path.parent)
        self._http = HTTPServer(self, max_body_size=MAX_ARCHIVE)
        before = os.umask(0o177)  # clients refuse a socket that was open to others for a moment
        try:
            self._http.add_socket(bind_unix_socket(str(path), mode=0o600))
        finally:
            os.umask(before)
        self._path = path

    def close(self) -> None:
        """No connection is taken any more; those that are open are cut by the process's end."""
        if self._http:
            self._http.stop()
        if self._path:
            self._path.unlink(missing_ok=True)

    def start_request(
        self,
        server_conn: object,  # noqa: ARG002
        request_conn: HTTPConnection,
    ) -> HTTPMessageDelegate:
        """Called by tornado with each request."""
        assert isinstance(request_conn, HTTP1Connection)
        return _Exchange(self, request_conn)


def prepare_folder(folder: Path) -> None:
    """Makes it, 0700, or checks that nobody else may write there."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise EngineForbidden(
            f"{folder} is not a folder of this user", "name another place with --socket"
        )
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise EngineForbidden(
            f"others may enter {folder}, so no socket is made there",
            f"name a folder of your own with --socket, or chmod 700 {folder}",
        )


class _Exchange(HTTPMessageDelegate):
    """One request and its answer. tornado calls it, on the loop's thread."""

    def __init__(self, server: Server, connection: HTTP1Connection) -> None:
        self._server = server
        self._connection = connection
        self._body = bytearray()
        self._too_long = False
        self._refusal = ""
        self._file: IO[bytes] | None = None
        self._task: asyncio.Task[None] | None = None

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> None:
        assert isinstance(start_line, RequestStartLine)
        self._server.busy.add(self)  # not before: tornado makes one for what may never come
        path, _, query = start_line.path.partition("?")
        self._method, self._headers = start_line.method, headers
        self._version, self._path = _split_version(path)
        self._pairs = parse_qsl(query, keep_blank_values=True)
        if self._server.archives(self._method, self._path):
            self._file = tempfile.TemporaryFile(dir=self._server.folder)  # noqa: SIM115  # _end

    def data_received(self, chunk: bytes) -> None:
        if self._file:
            self._keep(chunk)
        elif len(self._body) + len(chunk) <= MAX_BODY:
            self._body += chunk
        else:
            self._too_long = True

    def _keep(self, chunk: bytes) -> None:
        assert self._file
        if not self._refusal:
            try:
                self._file.write(chunk)
            except OSError as error:  # a full disk: what is there of the body is of no use
                self._refusal = f"the body cannot be kept: {error.strerror}"
                with contextlib.suppress(OSError):  # it cannot write its rest either
                    self._file.close()

    def finish(self) -> None:
        # tornado itself tells of a client that leaves only while its request is read.
        self._connection.set_close_callback(self.on_connection_close)
        self._task = asyncio.get_running_loop().create_task(self._answer())

    def on_connection_close(self) -> None:
        if self._task:
            self._task.cancel()
        else:
            self._end()

    def _end(self) -> None:
        self._server.busy.discard(self)
        self._server.used = time.monotonic()
        self._server.on_end()
        if self._file:
            self._file.close()

    async def _answer(self) -> None:
        try:
            with contextlib.suppress(StreamClosedError, ConnectionError):
                await self._send(await self._asked())
        except Exception:
            # Its head is sent: that it is not whole can be told only by not ending it.
            logger.exception("%s %s broke off", self._method, self._path)
            self._connection.close()
        finally:
            self._end()

    async def _asked(self) -> Answer:
        if self._too_long:
            return Reply(413, {"message": f"the body is longer than {MAX_BODY:,} bytes"})
        if self._file and not self._refusal:
            try:
                self._file.seek(0)  # which writes the rest
            except OSError as error:
                self._refusal = f"the body cannot be kept: {error.strerror}"
        if self._refusal:
            return Reply(500, {"message": self._refusal})
        request = Request(
            self._method,
            self._path,
            self._version,
            dict(self._pairs),
            self._headers,
            bytes(self._body),
            self._file,
            self._pairs,
        )
        return await self._server.answer(request)

    async def _send(self, answer: Answer) -> None:
        if isinstance(answer, Hijack):
            await self._hijack(answer)
        elif isinstance(answer, Chunks):
            await self._send_chunks(answer)
        else:
            self._send_reply(answer)

    def _head(self, status: int, headers: Mapping[str, str], body: bytes | None = None) -> None:
        from http.client import responses

        head = ResponseStartLine("HTTP/1.1", status, responses.get(status, "Unknown"))
        both = HTTPHeaders({**self._server.headers, **headers})
        self._connection.write_headers(head, both, body)

    def _send_reply(self, reply: Reply) -> None:
        body, headers = reply.body, dict(reply.headers)
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body, separators=(",", ":")).encode() + b"\n"
            headers.setdefault("Content-Type", "application/json")
        if reply.status not in (204, 304):
            headers.setdefault("Content-Length", str(len(body or b"")))
        silent = self._method == "HEAD" or not body
        self._head(reply.status, headers, None if silent else body)
        self._connection.finish()

    async def _send_chunks(self, answer: Chunks) -> None:
        """The head goes out at once: who waits for an event must know that it is heard."""
        kind = {"Content-Type": answer.content_type} if answer.content_type else {}
        try:
            self._head(200, {**answer.headers, **kind})
            async for chunk in answer.content:
                await self._connection.write(chunk)
        finally:
            closing = getattr(answer.content, "aclose", None)
            if closing:
                await closing()
        self._connection.finish()

    async def _hijack(self, answer: Hijack) -> None:
        upgrade = self._headers.get("Upgrade", "").lower() == "tcp"
        stream = self._connection.detach()
        reader, writer, early = await _taken_over(stream)
        try:
            if early:
                reader.feed_data(early)
            writer.write(wire.upgraded(upgrade))
            await writer.drain()
            await _head_was_read(writer)
            await answer.serve(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


async def _head_was_read(writer: asyncio.StreamWriter) -> None:
    """Waits until nothing that was sent is unread at the other end, see ``wire.upgraded``.

    A fixed pause of 5 ms is enough on an idle machine and not on a busy one.
    """
    handle = writer.get_extra_info("socket").fileno()
    latest, pause = time.monotonic() + PATIENCE, 0.0001
    while time.monotonic() < latest:
        unread = fcntl.ioctl(handle, termios.TIOCOUTQ, struct.pack("i", 0))
        if struct.unpack("i", unread) == (0,):
            return
        await asyncio.sleep(pause)
        pause = min(pause * 2, 0.005)


async def _taken_over(
    stream: IOStream,
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, bytes]:
    """The connection itself, and what of the stream has come already."""
    sock: socket.socket = stream.socket.dup()
    sock.setblocking(False)
    reading: Any = stream.read_bytes(65536, partial=True)
    early = reading.result() if reading.done() and not reading.exception() else b""
    stream.close()
    with contextlib.suppress(StreamClosedError):
        early = early or await reading
    reader, writer = await asyncio.open_unix_connection(sock=sock)
    return reader, writer, early


def _split_version(path: str) -> tuple[str, str]:
    """
    >>> _split_version("/v1.41/containers/json")
    ('1.41', '/containers/json')
    """
    first, _, rest = path.removeprefix("/").partition("/")
    number = first.removeprefix("v")
    if first.startswith("v") and number.replace(".", "", 1).isdigit():
        return number, unquote(f"/{rest}")
    return "", unquote(path)
