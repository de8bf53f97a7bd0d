"""Requests that last: attach, exec, events, wait, pull, build.

Each has a connection of its own, so that closing it is what ends it, on both sides,
and no time-out once the engine has answered: a program may be silent for hours.

What arrives in one packet with the answer's head sits in the reader's buffer, so
everything is read through that buffer (docker-py reads beneath it and loses the
output of fast programs: docker-py#3332).

Knows: HTTP/1.1 as ``http.client`` speaks it, the upgrade to a raw stream.
Does not know: what the bytes mean; stdout and stderr are told apart in ``streams``.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import IO, TYPE_CHECKING, cast
from urllib.parse import urlencode

from ipycontainers.errors import ContainerError

from .dial import AnySocket, Dialler
from .translate import Json, of_status

if TYPE_CHECKING:
    from typing_extensions import Self

MAX_LINE = 1 << 20  # a line of progress or of events is some hundred bytes
# In pieces, each sent when it is asked for; an iterator is sent with chunks of HTTP.
Body = bytes | IO[bytes] | Iterable[bytes]
UPGRADE = {"Connection": "Upgrade", "Upgrade": "tcp"}


class Stream:
    """One request whose answer is read while it comes. Closing it ends the request."""

    def __init__(
        self,
        dialler: Dialler,
        method: str,
        path: str,
        *,
        parameters: Mapping[str, str | Sequence[str]] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Json | Body | None = None,
        doing: str,
        timeout: float | None,
        keep_timeout: bool = False,
        failure: Callable[[int, str, str], ContainerError] = of_status,
    ) -> None:
        """Returns when the head of the answer has come, within ``timeout``, None being for
        ever; the rest may take as long as it likes, unless ``keep_timeout``. A body of pieces
        is sent before.

        ``doing`` begins the message of an error.
        Raises what ``failure`` makes of an answer of 400 and above, OSError, and
        http.client.HTTPException.
        """
        self._dialler = dialler
        self._is_closed = False
        self._sock: AnySocket = dialler.dial(timeout)
        # Not getresponse(): that closes the socket when the answer has no length.
        self._response = http.client.HTTPResponse(cast("socket.socket", self._sock), method=method)
        try:
            query = f"?{urlencode(parameters, doseq=True)}" if parameters else ""
            self._send(method, path + query, headers or {}, body)
            self._response.begin()
            if self._response.status >= 400:
                raise failure(self._response.status, self._explanation(), doing)
            if not keep_timeout:
                self._sock.settimeout(None)
        except BaseException:
            self.close()
            raise

    def _send(
        self, method: str, url: str, headers: Mapping[str, str], body: Json | Body | None
    ) -> None:
        request = http.client.HTTPConnection(self._dialler.host)
        request.sock = self._sock
        if isinstance(body, dict):
            headers = {"Content-Type": "application/json", **headers}
            body = json.dumps(body).encode()
        try:
            request.request(method, url, body, dict(headers))
        except (BrokenPipeError, ConnectionResetError):
            # An engine that refuses a body answers before it has read all of it.
            if body is None:
                raise

    def _explanation(self) -> str:
        body = self._response.read(65536).decode("utf-8", "replace")
        try:
            return str(json.loads(body)["message"])
        except (ValueError, KeyError, TypeError):
            return body.strip()

    def header(self, name: str) -> str:
        return str(self._response.headers.get(name, ""))

    def lines(self) -> Iterator[Json]:
        """The JSON objects of the answer, each when it comes, until the stream ends. Raises
        OSError where the connection broke before that."""
        while True:
            with _broken_is_oserror():
                line = self._response.readline(MAX_LINE)
            if not line.endswith(b"\n") and len(line) < MAX_LINE:
                self._check_end()
            if not line:
                return
            if line.strip():
                yield json.loads(line)

    def _check_end(self) -> None:
        """readline() takes a connection that broke between two chunks for the end of them. Behind
        the last one, nothing is left of a chunk; else it is none, 0 bytes or more."""
        if self._response.chunked and self._response.chunk_left is not None and not self._is_closed:
            raise OSError("it ended in the middle of the answer")

    def json(self) -> Json:
        """The whole answer, of at most 1 MB, as one JSON object. Waits for its end."""
        answer: Json = json.loads(self.whole(MAX_LINE))
        return answer

    def whole(self, limit: int) -> bytes:
        """The whole answer, or its first ``limit`` bytes. Waits for its end."""
        with _broken_is_oserror():
            return self._response.read(limit)

    def pieces(self) -> Iterator[bytes]:
        """The bytes of the answer, as they come, at most 64 KiB at once."""
        while True:
            with _broken_is_oserror():
                piece = self._response.read1(65536)
            if not piece:
                return
            yield piece

    def close(self) -> None:
        """Ends the request; a read in another thread ends too. May be called twice."""
        self._is_closed = True
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._response.close()
        self._sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Attachment(Stream):
    """The streams of a container: its output to read, its stdin to write.

    Without a TTY the bytes are frames, ``[1|2, 0, 0, 0, length]`` and data; with one
    they are the terminal's. One thread may read while another writes.
    """

    def read(self, size: int = 65536) -> bytes:
        """At least one byte, at most ``size``; waits for it. b"" is the end.

        Raises OSError where the connection broke before the end. A proxy of plain TCP can
        cut it without a trace, and then b"" comes while the container still runs: an
        engine ends the stream with the container, even of a program that has closed it.
        """
        with _broken_is_oserror():
            data = self._response.fp.read1(size)
        if not data and not self._is_closed:
            self._dialler.check_end(self._sock)
        return data

    def write(self, data: bytes) -> None:
        """Waits until all is sent. Raises BrokenPipeError when the container has ended."""
        self._sock.sendall(data)

    def close_write(self) -> None:
        """The program sees the end of its input; its output goes on.

        Needs ``"StdinOnce": true`` in the container's configuration: without it
        dockerd takes the end of the input for the end of the attachment.
        """
        with contextlib.suppress(OSError):  # the engine was faster and has closed
            self._sock.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def _broken_is_oserror() -> Iterator[None]:
    """http.client stumbles over itself when another thread closes what it reads."""
    try:
        yield
    except (AttributeError, ValueError, http.client.HTTPException) as error:
        raise OSError("the connection was closed") from error
