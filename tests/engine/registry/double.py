"""A registry that does what no real one should: an HTTP server in a thread, for hostile cases.

    double = Double()
    made = double.add("test/x", Made([tar(…)]))         an image, under the tag latest
    double.on(f"/blobs/{digest}", behaviour)            who is asked for that path calls this
    double.asked("/blobs/")                             the requests for such paths, in order
    double.close()

A behaviour gets the request's handler and answers as it likes; ``send`` is a whole answer.
It listens on every address of 127.0.0.0/8, so 127.0.0.2 is another host to a client.

Knows: HTTP, a registry's paths. Does not know: engines, pytest.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import re
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from layers import Made, sha256

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
GZIP = "application/vnd.docker.image.rootfs.diff.tar.gzip"


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    headers: Mapping[str, str]


Behaviour = Callable[["Handler"], object]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    double: Double

    def answer(self) -> None:
        with contextlib.suppress(OSError):
            self.double.answer(self)

    def do_CONNECT(self) -> None:
        """As a proxy: what goes to ``tunnels[host:port]``."""
        headers = {name.title(): value for name, value in self.headers.items()}
        self.double.requests.append(Asked("CONNECT", self.path, headers))
        port = self.double.tunnels.get(self.path)
        if port is None:
            self.send(502)
            return
        with socket.create_connection(("127.0.0.1", port)) as far:
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=_pass, args=(far, self.connection), daemon=True)
            back.start()
            _pass(self.connection, far)
            back.join(30)
        self.cut()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = answer  # noqa: N815  # http.server's names

    def send(
        self,
        status: int,
        body: bytes = b"",
        kind: str = "application/octet-stream",
        **headers: str,
    ) -> None:
        """A whole answer; ``Location_`` and the like name headers."""
        self.send_response(status)
        sent = {"Content-Type": kind, "Content-Length": str(len(body))}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        for name, value in sent.items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_error_json(self, status: int, code: str, message: str, **headers: str) -> None:
        document = {"errors": [{"code": code, "message": message}]}
        self.send(status, json.dumps(document).encode(), "application/json", **headers)

    def cut(self) -> None:
        self.close_connection = True

    def log_message(self, *_: object) -> None: ...


def _pass(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


class Double:
    """``tls`` is a certificate with its key."""

    def __init__(self, tls: tuple[Path, Path] | None = None) -> None:
        handler = type("OwnHandler", (Handler,), {"double": self})
        self._server = http.server.ThreadingHTTPServer(("0.0.0.0", 0), handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]  # who hangs up
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_port
        self.address = f"127.0.0.1:{self.port}"
        self.requests: list[Asked] = []
        self.tunnels: dict[str, int] = {}
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, tuple[str, bytes]] = {}
        self._behaviours: list[tuple[str, Behaviour]] = []
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def add(self, name: str, made: Made, tag: str = "latest") -> Made:
        for blob in (made.config_blob, *made.blobs):
            self.blobs[sha256(blob)] = blob
        self.add_manifest(name, made.manifest_blob, DOCKER_MANIFEST, tag)
        return made

    def add_manifest(self, name: str, content: bytes, kind: str, tag: str = "") -> str:
        """Its digest; also found by that."""
        for reference in filter(None, (tag, sha256(content))):
            self.manifests[f"{name}:{reference}"] = kind, content
        return sha256(content)

    def on(self, path: str, behaviour: Behaviour) -> None:
        """For requests whose path has ``path`` in it; the latest given goes first."""
        self._behaviours.insert(0, (path, behaviour))

    def asked(self, path: str, method: str = "GET") -> list[Asked]:
        return [one for one in self.requests if path in one.path and one.method == method]

    def answer(self, handler: Handler) -> None:
        headers = {name.title(): value for name, value in handler.headers.items()}
        self.requests.append(Asked(handler.command, handler.path, headers))
        for path, behaviour in self._behaviours:
            if path in handler.path:
                behaviour(handler)
                return
        self.serve(handler)

    def serve(self, handler: Handler) -> None:
        """As a good registry does."""
        path = urlsplit(handler.path).path  # which a proxy is given with the host
        if path == "/v2/":
            handler.send(200, b"{}", "application/json")
        elif found := re.fullmatch(r"/v2/(.+)/manifests/([^/]+)", path):
            if known := self.manifests.get(f"{found[1]}:{found[2]}"):
                handler.send(200, known[1], known[0], Docker_Content_Digest=sha256(known[1]))
            else:
                handler.send_error_json(404, "MANIFEST_UNKNOWN", "manifest unknown")
        elif found := re.fullmatch(r"/v2/(.+)/blobs/([^/]+)", path):
            self.send_blob(handler, self.blobs.get(found[2]))
        else:
            handler.send_error_json(404, "NAME_UNKNOWN", "repository name not known to registry")

    def send_blob(self, handler: Handler, blob: bytes | None) -> None:
        if blob is None:
            handler.send_error_json(404, "BLOB_UNKNOWN", "blob unknown to registry")
            return
        wanted = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
        if not wanted:
            handler.send(200, blob)
            return
        start = int(wanted[1])
        told = f"bytes {start}-{len(blob) - 1}/{len(blob)}"
        handler.send(206, blob[start:], Content_Range=told)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


def cut_after(blob: bytes, count: int, times: int = 10**9) -> Behaviour:
    """Sends that many bytes from where it was asked to and then hangs up, ``times`` times."""
    left = [times]

    def behave(handler: Handler) -> None:
        if left[0] <= 0:
            handler.double.send_blob(handler, blob)
            return
        left[0] -= 1
        found = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
        start = int(found[1]) if found else 0
        handler.send_response(206 if found else 200)
        handler.send_header("Content-Length", str(len(blob) - start))
        if found:
            handler.send_header("Content-Range", f"bytes {start}-{len(blob) - 1}/{len(blob)}")
        handler.end_headers()
        handler.wfile.write(blob[start : start + count])
        handler.cut()

    return behave


def lines(client: Any, name: str, **more: str) -> tuple[int, list[dict[str, Any]]]:
    """What an engine answers to a pull: status and objects. ``client`` is a docker.APIClient."""
    repository, _, tag = name.rpartition(":") if ":" in name.rpartition("/")[2] else (name, "", "")
    query = {"fromImage": repository, "tag": tag or "latest", **more}
    answer = client._post(client._url("/images/create"), params=query)
    return answer.status_code, [json.loads(line) for line in answer.text.splitlines() if line]


class Pulling:
    """A pull whose lines are read as they come; ``close`` hangs up."""

    def __init__(self, client: Any, name: str) -> None:
        repository, _, tag = name.rpartition(":")
        query = {"fromImage": repository, "tag": tag}
        url = client._url("/images/create")
        self._answer = client._post(url, params=query, stream=True)
        self.lines = (json.loads(line) for line in self._answer.iter_lines() if line)

    def close(self) -> None:
        self._answer.close()
