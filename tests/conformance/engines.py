"""The engines that docker-py's tests run on: a dockerd of our own, and ours with each launcher.

docker-py's tests prune images, volumes and containers: no engine is used that anybody else uses.
All run in one network namespace (``python -m conformance`` is started in it), with a registry
that has the few images that the tests pull.

Knows: dockerd's and our engine's command lines. Does not know: docker-py's tests.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import embedded
import images
from registry import Registry
from support import wait_for

DOCKERD = "dockerd"
APART = ("unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
LAUNCHERS = ("bubblewrap", "ptrace")
NAMES = (DOCKERD, *LAUNCHERS)
# name: its own file, so that no image is another's
WANTED = {
    "alpine:3.10": "etc/alpine-release",
    "alpine:latest": "etc/alpine-latest",
    "busybox:latest": "etc/busybox",
    "hello-world:latest": "hello",
}
CONFIG = {"Cmd": ["/bin/sh"], "Env": [f"PATH={images.PATH}"]}
MORE = {  # what the tests look for in Alpine
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\npostgres:x:70:70::/var/lib:/bin/sh\n",
    "etc/group": "root:x:0:\npostgres:x:70:\n",
}


@contextlib.contextmanager
def mirror() -> Iterator[str]:
    """The address of a registry with the images of WANTED, which stands for Docker Hub."""
    with tempfile.TemporaryDirectory() as folder:
        made = Registry(Path(folder))
        try:
            for name, file in WANTED.items():
                plain, _, tag = name.partition(":")
                made.push(f"library/{plain}", [_layer(file)], tag, config=CONFIG)
            yield f"http://127.0.0.1:{made.port}"
        finally:
            made.close()


@contextlib.contextmanager
def running(name: str, hub: str) -> Iterator[str]:
    """The address of a new engine of that name, with the images of WANTED; ``hub`` is mirror's."""
    with dockerd("--registry-mirror", hub) if name == DOCKERD else _own(name, hub) as address:
        _load(address)
        yield address


@contextlib.contextmanager
def _own(launcher: str, hub: str) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        (settings := Path(folder, "docker", "daemon.json")).parent.mkdir()
        settings.write_text(json.dumps({"registry-mirrors": [hub]}))
        before = ["env", f"XDG_CONFIG_HOME={folder}"]
        with embedded.running(launcher, before=before) as engine:
            yield f"unix://{engine.socket}"


@contextlib.contextmanager
def dockerd(*options: str, before: Sequence[str] = ()) -> Iterator[str]:
    """The address of a new one, of which nobody else knows. ``before`` stands in front of the
    command: APART gives it a network of its own, so that it leaves docker0 to others."""
    # /var/tmp is on a disk where /tmp may be memory, and overlay2 wants one.
    folder = Path(tempfile.mkdtemp(prefix="ipyc-", dir="/var/tmp"))
    address = f"unix://{folder}/docker.sock"
    command = [*before, "dockerd", "--host", address, "--pidfile", folder / "pid", *options]
    places = ["--data-root", folder / "data", "--exec-root", folder / "exec"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*command, *places], stdout=log, stderr=log)
    try:
        answers = wait_for(lambda: _answers(address), seconds=60, every=0.2)
        assert answers, (folder / "log").read_text(errors="replace")[-3000:]
        yield address
    finally:
        process.terminate()
        process.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


def _client(address: str) -> Any:
    import docker

    return docker.DockerClient(base_url=address, version="1.41", timeout=60)


def _answers(address: str) -> bool:
    with contextlib.suppress(Exception), contextlib.closing(_client(address)) as client:
        return bool(client.ping())
    return False


def _load(address: str) -> None:
    with contextlib.closing(_client(address)) as client:
        for name, file in WANTED.items():
            list(client.api.load_image(io.BytesIO(archive(name, file))))  # until it is loaded


def archive(name: str, file: str) -> bytes:
    """What ``docker save`` would give: busybox with some of Alpine's files and one of its own."""
    layer = _layer(file)
    digest = hashlib.sha256(layer).hexdigest()
    config = {
        "architecture": images.architecture(),
        "os": "linux",
        "created": "2025-01-01T00:00:00Z",
        "config": CONFIG,
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        "history": [{"created": "2025-01-01T00:00:00Z", "created_by": "tests/conformance"}],
    }
    manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        images.add(tar, "config.json", json.dumps(config).encode())
        images.add(tar, "manifest.json", json.dumps(manifest).encode())
        images.add(tar, "layer.tar", layer)
    return made.getvalue()


def _layer(file: str) -> bytes:
    made = io.BytesIO()
    with (
        tarfile.open(images.busybox_layer()) as given,
        tarfile.open(fileobj=made, mode="w") as tar,
    ):
        for entry in given:
            if entry.name not in MORE:
                tar.addfile(entry, given.extractfile(entry) if entry.isreg() else None)
        for folder in ("var", "var/lib", "var/opt"):
            images.add(tar, folder, type=tarfile.DIRTYPE, mode=0o755)
        for path, text in {**MORE, file: "here\n"}.items():
            images.add(tar, path, text.encode())
    return made.getvalue()
