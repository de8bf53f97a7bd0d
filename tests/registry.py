"""A real registry on this machine, and a slow way to it.

    registry = Registry(folder)                 Debian's docker-registry; .address, a port
    registry.push("test/layers", layers)        an image of these layers, tar files
    noise(size)                                 a layer that no engine has
    slow = SlowPath(registry.port, rate)        another port: at most ``rate`` bytes a second

Docker trusts registries of 127.0.0.0/8 without TLS.

Knows: the registry's HTTP API. Does not know: engines, pytest.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import json
import os
import shutil
import socket
import subprocess
import tarfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from support import free_port

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar"
PROGRAM = "docker-registry"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def is_installed() -> bool:
    return shutil.which(PROGRAM) is not None


class Registry:
    """A registry that keeps its images in ``folder``; ``close`` ends it.

    ``users`` is text of a htpasswd file, in whose absence everybody is let in.
    """

    def __init__(self, folder: Path, users: str = "") -> None:
        self.port = free_port()
        config = folder / "config.yml"
        config.write_text(
            "version: 0.1\nlog: {level: error}\n"
            f"storage: {{filesystem: {{rootdirectory: {json.dumps(str(folder / 'data'))}}}}}\n"
            f"http: {{addr: '127.0.0.1:{self.port}'}}\n"
        )
        if users:
            (folder / "users").write_text(users)
            with config.open("a") as file:
                file.write(f"auth: {{htpasswd: {{realm: test, path: '{folder / 'users'}'}}}}\n")
        self._log = (folder / "registry.log").open("wb")
        self._server = subprocess.Popen(
            [PROGRAM, "serve", str(config)], stdout=self._log, stderr=self._log
        )
        try:
            self._wait()
        except BaseException:
            self.close()
            raise

    def _wait(self) -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end and self._server.poll() is None:
            try:
                self._ask("GET", f"http://127.0.0.1:{self.port}/v2/")
            except urllib.error.HTTPError:
                return  # it wants to know who asks
            except OSError:
                pass
            else:
                return
            time.sleep(0.05)
        raise AssertionError("the registry did not start")

    def push(
        self,
        name: str,
        layers: Sequence[bytes],
        tag: str = "latest",
        *,
        compress: bool = False,
        **more: object,
    ) -> None:
        """Store an image, oldest layer first; ``more`` goes into its configuration.

        ``compress`` is by gzip.
        """
        machine = os.uname().machine
        image = {
            **more,
            "architecture": ARCHITECTURES.get(machine, machine),
            "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": [_digest(layer) for layer in layers]},
        }
        config = json.dumps(image).encode()
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self._put(name, config, CONFIG),
            "layers": [self._put_layer(name, layer, compress) for layer in layers],
        }
        address = f"http://127.0.0.1:{self.port}/v2/{name}/manifests/{tag}"
        self._ask("PUT", address, json.dumps(manifest).encode(), MANIFEST)

    def _put_layer(self, name: str, layer: bytes, compress: bool) -> dict[str, object]:
        if compress:
            return self._put(name, gzip.compress(layer, mtime=0), f"{LAYER}.gzip")
        return self._put(name, layer, LAYER)

    def _put(self, name: str, blob: bytes, kind: str) -> dict[str, object]:
        uploads = f"http://127.0.0.1:{self.port}/v2/{name}/blobs/uploads/"
        place = self._ask("POST", uploads, b"")
        digest = _digest(blob)
        self._ask("PUT", f"{place}&digest={digest}", blob, "application/octet-stream")
        return {"mediaType": kind, "size": len(blob), "digest": digest}

    @staticmethod
    def _ask(method: str, address: str, body: bytes | None = None, kind: str = "") -> str:
        headers = {"Content-Type": kind} if kind else {}
        request = urllib.request.Request(address, body, headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return str(answer.headers.get("Location", ""))

    def close(self) -> None:
        self._server.terminate()
        self._server.wait(10)
        self._log.close()


def _digest(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"


def noise(size: int) -> bytes:
    """A layer of that many bytes which is never the same twice."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        member = tarfile.TarInfo(f"data-{size}")
        member.size = size
        tar.addfile(member, io.BytesIO(os.urandom(size)))
    return archive.getvalue()


class SlowPath:
    """Passes connections on to ``port``; what comes back comes at ``rate`` bytes a second."""

    def __init__(self, port: int, rate: float) -> None:
        self._target, self._rate = port, rate
        self._since = time.monotonic()
        self._pace = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._sockets: list[socket.socket] = [self._listener]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                near = self._listener.accept()[0]
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._target))
            self._sockets += [near, far]
            for source, sink, slow in ((near, far, False), (far, near, True)):
                thread = threading.Thread(target=self._pass, args=(source, sink, slow), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _pass(self, source: socket.socket, sink: socket.socket, slow: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(16384):
                if slow:
                    self._wait_for_turn(len(data))
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def _wait_for_turn(self, size: int) -> None:
        """All connections share one rate; a pause is not made up for."""
        with self._pace:
            now = time.monotonic()
            self._since = max(self._since, now) + size / self._rate
            pause = self._since - now
        time.sleep(pause)

    def close(self) -> None:
        for one in self._sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        for thread in self._threads:
            thread.join(30)
