"""HTTP requests to registries and to where they send us: pools, proxies, TLS, time limits.

    transport = Transport(Settings.load())
    answer = transport.ask("GET", place, "https://…", {})
    answer.status, answer.headers, answer.read(65536)
    answer.close()

urllib3, on which docker-py stands, does the rest; it follows nothing, repeats nothing and
adds no header unasked. What fails is told in dockerd's words, which clients look for.

Knows: urllib3, proxies. Does not know: registries, credentials.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import ipycontainers
from ipycontainers.errors import EngineError

from .settings import Place, Settings

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

PIECE = 128 << 10
CONNECTING = 10.0  # seconds, as Go's clients give a TLS handshake
PATIENCE = 60.0  # seconds without a byte
DOCUMENT = 60.0  # seconds for all of a document
AGENT = f"ipycontainers/{ipycontainers.__version__}"


class Unreachable(EngineError):
    """There was no answer."""


class Broken(EngineError):
    """An answer broke off, or is none."""


class Answer:
    """The head of an answer, and its body as it comes; to be closed."""

    def __init__(self, response: BaseHTTPResponse, what: str) -> None:
        self._response = response
        self._what = what
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers

    def read(self, size: int = PIECE) -> bytes:
        """Up to ``size`` bytes, b"" at the end. Broken where the connection is."""
        import urllib3

        try:
            return self._response.read(size, decode_content=False)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Broken(f"{self._what}: {_why(error, '')}") from error

    def document(self, largest: int) -> bytes:
        """All of a body that should be small. Broken for one that is not, or that never ends."""
        pieces, size, latest = [], 0, time.monotonic() + DOCUMENT
        while piece := self.read(min(PIECE, largest + 1 - size)):
            pieces.append(piece)
            size += len(piece)
            if size > largest:
                raise Broken(f"{self._what}: the answer is longer than {largest:,} bytes")
            if time.monotonic() > latest:
                raise Broken(f"{self._what}: the answer takes longer than {DOCUMENT:.0f} s")
        return b"".join(pieces)

    def abandon(self) -> None:
        """From another thread: let a ``read`` that waits end now, where urllib3 can do that."""
        shutdown = getattr(self._response, "shutdown", None)
        if shutdown:
            with contextlib.suppress(Exception):  # it may be at its end already
                shutdown()

    def close(self) -> None:
        """A body that was read to its end leaves the connection to the next request."""
        if self._response.closed:
            self._response.release_conn()
        else:
            self._response.close()


class Transport:
    """Connections that are used again. Safe to use from several threads."""

    def __init__(self, settings: Settings, patience: float = PATIENCE) -> None:
        self.settings = settings
        self._patience = patience
        self._pools: dict[str, Any] = {}

    def ask(
        self,
        method: str,
        place: Place,
        url: str,
        headers: Mapping[str, str],
        body: bytes | Iterable[bytes] | None = None,
    ) -> Answer:
        """The answer to one request, whatever its status. Raises Unreachable, Broken."""
        import urllib3

        what = f'{method.capitalize()} "{shown(url)}"'
        sent = {"User-Agent": AGENT, "Accept-Encoding": "identity", **headers}
        time_limit = urllib3.Timeout(connect=min(CONNECTING, self._patience), read=self._patience)
        options = {"redirect": False, "retries": False, "preload_content": False}
        try:
            response = self._pool(place).request(
                method, url, headers=sent, body=body, timeout=time_limit, **options
            )
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            kind = Broken if isinstance(error, urllib3.exceptions.ProtocolError) else Unreachable
            raise kind(f"{what}: {_why(error, place.host)}") from error
        return Answer(response, what)

    def close(self) -> None:
        for pool in self._pools.values():
            with contextlib.suppress(OSError):
                pool.clear()

    def _pool(self, place: Place) -> Any:
        import urllib3

        if place.address not in self._pools:
            context = self.settings.context(place) if place.scheme == "https" else None
            proxy = self.settings.proxy(place.scheme, place.host)
            options: dict[str, Any] = {"maxsize": 8, "ssl_context": context}
            if proxy:
                parts = urlsplit(proxy)
                if parts.username:
                    pair = f"{parts.username}:{parts.password or ''}"
                    options["proxy_headers"] = urllib3.make_headers(proxy_basic_auth=pair)
                self._pools[place.address] = urllib3.ProxyManager(proxy, **options)
            else:
                self._pools[place.address] = urllib3.PoolManager(**options)
        return self._pools[place.address]


def shown(url: str) -> str:
    """Without what may be secret: a signature in the query, a password before the host."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"[:500]


def _why(error: BaseException, host: str) -> str:
    import urllib3

    if isinstance(error, urllib3.exceptions.ProxyError):
        return f"proxyconnect tcp: {error.original_error or error}"[:300]
    if isinstance(error, urllib3.exceptions.NameResolutionError):
        return f"dial tcp: lookup {host}: no such host"
    if isinstance(error, urllib3.exceptions.NewConnectionError):
        reason = str(error.__cause__ or error).rpartition("] ")[2].lower()
        return f"dial tcp {host}: connect: {reason}"
    if isinstance(error, urllib3.exceptions.TimeoutError):
        return f"dial tcp {host}: i/o timeout" if host else "i/o timeout: nothing came any more"
    if isinstance(error, urllib3.exceptions.SSLError):
        return f"tls: x509: {error}"[:300]
    reason = str(error)[:200]
    return f"{'read' if not host else 'unexpected EOF'}: {reason}"
