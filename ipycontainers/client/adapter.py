"""docker-py's way to its engine, over the byte streams of ``dial``.

docker-py keeps one pool of connections for each URL, so that of the 25 sockets it holds
open hardly one is used twice. Here all requests share one pool. Through ssh, where a
connection costs a process, that matters most.

Imports docker-py, so it is imported only when an engine has answered.

Knows: docker-py's and urllib3's classes. Does not know: addresses.
"""

from __future__ import annotations

import socket
from typing import cast

from docker.transport import UnixHTTPAdapter
from docker.transport.unixconn import UnixHTTPConnection, UnixHTTPConnectionPool

from .dial import Dialler

ANY = "http+docker://localhost"


class Adapter(UnixHTTPAdapter):
    """For local sockets and ssh; TCP and TLS are what ``requests`` does by itself."""

    def __init__(self, dialler: Dialler) -> None:
        super().__init__("http+unix:///unused")
        self._dialler = dialler

    def get_connection(
        self,
        url: bytes | str,  # noqa: ARG002  # requests' signature
        proxies: object = None,  # noqa: ARG002
    ) -> UnixHTTPConnectionPool:
        with self.pools.lock:
            pool: UnixHTTPConnectionPool | None = self.pools.get(ANY)
            if pool is None:
                pool = self.pools[ANY] = _Pool(self._dialler)
        return pool

    def get_connection_with_tls_context(
        self,
        request: object,  # noqa: ARG002
        verify: object,  # noqa: ARG002
        proxies: object = None,  # noqa: ARG002
        cert: object = None,  # noqa: ARG002
    ) -> UnixHTTPConnectionPool:
        """What requests ≥ 2.32 calls instead; docker-py < 7.1 does not know of it."""
        return self.get_connection(ANY)


class _Pool(UnixHTTPConnectionPool):
    def __init__(self, dialler: Dialler) -> None:
        super().__init__(ANY, "unused")
        self._dialler = dialler

    def _new_conn(self) -> UnixHTTPConnection:  # type: ignore[override]  # as docker-py's own
        return _Connection(self._dialler)


class _Connection(UnixHTTPConnection):
    def __init__(self, dialler: Dialler) -> None:
        super().__init__(ANY, "unused")
        self._dialler = dialler

    def connect(self) -> None:
        self.sock = cast("socket.socket", self._dialler.dial(self.timeout))
