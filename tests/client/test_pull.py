from __future__ import annotations

import base64
import gzip
import hashlib
import http.server
import io
import json
import os
import re
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support import wait_for

from ipycontainers import errors
from ipycontainers.client import Connection, PullProgress
from ipycontainers.client.pull import failure, follow, full_name

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


class Registry:
    """A registry with one image, ``test/image:latest``, at ``address``, a port of this machine.

    Any other name is answered as Docker Hub answers strangers: 401. While ``slow`` is set
    the layer takes 5 s; ``broken_off`` is set when the engine hangs up in its middle. (dockerd
    20.10 notices an interrupt only when the next bytes come, from the docker command too.)
    """

    def __init__(self) -> None:
        self.slow, self.broken_off = threading.Event(), threading.Event()
        tar = io.BytesIO()
        with tarfile.open(fileobj=tar, mode="w") as archive:
            entry = tarfile.TarInfo("data")
            entry.size = 4 << 20
            # Never the same twice: an engine fetches a layer that it remembers another way.
            archive.addfile(entry, io.BytesIO(os.urandom(entry.size)))
        layer = gzip.compress(tar.getvalue(), compresslevel=0)
        digest = hashlib.sha256(tar.getvalue()).hexdigest()
        rootfs = {"type": "layers", "diff_ids": [f"sha256:{digest}"]}
        config = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": rootfs}).encode()
        self.blobs = {self._digest(blob): blob for blob in (layer, config)}
        self.layer = self._digest(layer)
        described = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self._describe(config, "application/vnd.docker.container.image.v1+json"),
            "layers": [self._describe(layer, "application/vnd.docker.image.rootfs.diff.tar.gzip")],
        }
        self.manifest = json.dumps(described).encode()
        registry = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                registry.answer(self, body=False)

            def do_GET(self) -> None:
                registry.answer(self, body=True)

            def log_message(self, *_: object) -> None: ...

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = f"127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    @staticmethod
    def _digest(data: bytes) -> str:
        return f"sha256:{hashlib.sha256(data).hexdigest()}"

    def _describe(self, blob: bytes, kind: str) -> dict[str, object]:
        return {"mediaType": kind, "size": len(blob), "digest": self._digest(blob)}

    def answer(self, request: http.server.BaseHTTPRequestHandler, *, body: bool) -> None:
        path, digest = request.path, request.path.rpartition("/")[2]
        if path == "/v2/":
            return self.send(request, 200, b"{}", "application/json", body)
        if path.startswith("/v2/test/image/manifests/"):
            return self.send(request, 200, self.manifest, MANIFEST, body)
        if path.startswith("/v2/test/image/blobs/") and digest in self.blobs:
            return self.send(request, 200, self.blobs[digest], "application/octet-stream", body)
        denied = b'{"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]}'
        return self.send(request, 401, denied, "application/json", body)

    def send(
        self,
        request: http.server.BaseHTTPRequestHandler,
        status: int,
        data: bytes,
        kind: str,
        body: bool,
    ) -> None:
        request.send_response(status)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(data)))
        if kind == MANIFEST:
            request.send_header("Docker-Content-Digest", self._digest(data))
        request.end_headers()
        if not body:
            return
        step = 16384 if self.slow.is_set() else len(data)
        try:
            for start in range(0, len(data), step):
                request.wfile.write(data[start : start + step])
                if step < len(data):
                    time.sleep(0.02)
        except OSError:
            self.broken_off.set()

    def close(self) -> None:
        self.slow.clear()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5)


@pytest.fixture
def registry(engine: Connection) -> Iterator[Registry]:
    registry = Registry()
    yield registry
    registry.close()
    for name in engine.list_images():
        if name.startswith(registry.address):
            engine.docker.images.remove(name)


def test_a_pull_reports_each_layer_and_the_image_is_there(
    engine: Connection, registry: Registry
) -> None:
    seen: list[PullProgress] = []
    name = f"{registry.address}/test/image"
    engine.pull(name, progress=seen.append)
    assert engine.inspect_image(name)["RootFS"]["Type"] == "layers"
    layer = registry.layer.removeprefix("sha256:")[:12]
    of_layer = [progress for progress in seen if progress.layer == layer]
    assert of_layer[-1].status == "Pull complete"
    downloading = [progress for progress in of_layer if progress.status == "Downloading"]
    assert all(0 < progress.current <= progress.total for progress in downloading)


def test_an_interrupt_stops_the_engine_pulling(engine: Connection, registry: Registry) -> None:
    registry.slow.set()

    def interrupt(progress: PullProgress) -> None:
        if progress.status == "Downloading":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        engine.pull(f"{registry.address}/test/image", progress=interrupt)
    assert wait_for(registry.broken_off.is_set, seconds=10)
    assert f"{registry.address}/test/image:latest" not in engine.list_images()


def test_a_name_that_the_registry_does_not_know_gets_both_readings(
    engine: Connection, registry: Registry
) -> None:
    with pytest.raises((errors.NotFound, errors.Unauthorized)) as caught:
        engine.pull(f"{registry.address}/library/alpin")
    assert f"{registry.address}/library/alpin:latest" in caught.value.message
    assert "docker login" in caught.value.hint


def test_a_platform_that_the_image_does_not_have(engine: Connection, registry: Registry) -> None:
    name = f"{registry.address}/test/image"
    with pytest.raises(errors.ContainerError) as caught:
        engine.pull(name, platform="windows/riscv64")
    assert name in caught.value.message


def test_a_registry_that_nobody_runs(engine: Connection) -> None:
    with pytest.raises(errors.EngineError, match="does not reach the registry"):
        engine.pull("127.0.0.1:1/test/image")


def test_what_docker_hub_makes_the_engine_say_of_a_typo() -> None:
    said = (
        "pull access denied for alpin, repository does not exist or may require 'docker login': "
        "denied: requested access to the resource is denied"
    )
    error = failure(said, "alpin", 404)
    assert type(error) is errors.NotFound
    assert error.message == (
        "docker.io/library/alpin:latest: no such image, or it is private and needs a login"
    )
    assert error.hint == "check the spelling; if it is private: docker login"


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("manifest for alpine:nosuch not found: manifest unknown", errors.NotFound),
        ("no matching manifest for linux/s390x in the manifest list entries", errors.NotFound),
        ("unauthorized: incorrect username or password", errors.Unauthorized),
        ("toomanyrequests: You have reached your pull rate limit", errors.EngineError),
        ("write /var/lib/docker/tmp/x: no space left on device", errors.EngineError),
    ],
)
def test_other_failures_keep_their_category(said: str, kind: type[Exception]) -> None:
    error = failure(said, "alpine")
    assert type(error) is kind
    assert "docker.io/library/alpine:latest" in error.message


def test_an_error_within_the_stream_is_raised() -> None:
    lines: list[dict[str, Any]] = [
        {"status": "Pulling fs layer", "progressDetail": {}, "id": "a"},
        {"errorDetail": {"message": "manifest unknown"}, "error": "manifest unknown"},
    ]
    seen: list[PullProgress] = []
    with pytest.raises(errors.NotFound):
        follow(lines, "alpine", seen.append)
    assert seen == [PullProgress("a", "Pulling fs layer", 0, 0)]


@pytest.mark.parametrize(
    ("typed", "full"),
    [
        ("alpine", "docker.io/library/alpine:latest"),
        ("alpine:3", "docker.io/library/alpine:3"),
        ("me/tool", "docker.io/me/tool:latest"),
        ("docker.io/alpine", "docker.io/library/alpine:latest"),
        ("localhost/x", "localhost/x:latest"),
        ("quay.io:443/a/b:c", "quay.io:443/a/b:c"),
        ("alpine@sha256:ab", "docker.io/library/alpine@sha256:ab"),
    ],
)
def test_full_names(typed: str, full: str) -> None:
    assert full_name(typed) == full


def test_credentials_of_docker_login_are_sent(
    socket_engine: Callable[..., str],
    http_answer: Callable[..., bytes],
    tmp_path: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from ipycontainers.client import connect

    kept = tmp_path / "config.json"
    kept.write_text('{"auths": {"other.example": {"auth": "eW91OngK"}}}')
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    requests: list[bytes] = []

    def answer(request: bytes) -> bytes:
        requests.append(request)
        return http_answer('{"ApiVersion": "1.41", "status": "done"}\n')

    with connect(socket_engine(answer)) as connection:
        # A login in the meantime counts.
        kept.write_text('{"auths": {"registry.example": {"auth": "bWU6c2VjcmV0"}}}')
        connection.pull("registry.example/x:1")
        assert b"fromImage=registry.example%2Fx&tag=1" in requests[-1]
        assert b"secret" not in requests[-1]
        assert _header(requests[-1], "X-Registry-Auth")["username"] == "me"
        with connection.build([], {}) as build:
            list(build.lines())
        assert _header(requests[-1], "X-Registry-Config")["registry.example"]["username"] == "me"
        # Where a helper is missing docker goes on as a stranger.
        kept.write_text('{"credsStore": "of-another-machine"}')
        connection.pull("registry.example/x:1")
        assert _header(requests[-1], "X-Registry-Auth") == {}
        with connection.build([], {}) as build:
            list(build.lines())
        assert _header(requests[-1], "X-Registry-Config") == {}


def _header(request: bytes, name: str) -> Any:
    found = re.search(rf"(?im)^{name}: (\S+)", request.decode())
    assert found, name
    return json.loads(base64.urlsafe_b64decode(found[1]))
