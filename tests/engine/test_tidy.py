"""Layers, roots, volumes: whole or not there, and gone when nobody needs them."""

from __future__ import annotations

import io
import os
import shutil
import socket
import tarfile
from collections.abc import Iterator
from typing import Any

import embedded
import images as recipes
import pytest
from docker import errors as docker_errors
from embedded import Engine
from support import require

IMAGE = "ipycontainers-test/busybox"
# docker-py leaves the sockets of exec_run to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(params=["bubblewrap", "ptrace"])
def own(request: pytest.FixtureRequest) -> Iterator[Engine]:
    if request.param == "ptrace":
        require(shutil.which("proot"), "proot", "PRoot is not installed: apt-get install proot")
    with embedded.running(request.param) as engine:
        recipes.ensure(engine.client, "busybox")
        yield engine


def unpacked(own: Engine) -> list[str]:
    """Layers and roots on the disk, but for the engine's own layer."""
    folders = [own.data / kind for kind in ("layers", "roots")]
    found = [path.name for folder in folders if folder.is_dir() for path in folder.iterdir()]
    return sorted(name for name in found if name != "init")


def test_what_was_unpacked_goes_with_its_image(own: Engine) -> None:
    docker = own.client
    container = docker.containers.run(IMAGE, ["sleep", "60"], detach=True)
    assert unpacked(own)
    docker.images.get(IMAGE).tag("other")
    docker.images.remove(IMAGE)
    assert unpacked(own)
    container.kill()
    container.wait()
    docker.images.remove("other", force=True)
    container.start()  # its own files are still there
    assert container.exec_run("echo on").output == b"on\n"
    container.remove(force=True)
    own.terminate()
    own.start()
    assert unpacked(own) == []


def test_what_a_killed_engine_left_half_is_swept_away(own: Engine) -> None:
    own.client.containers.run(IMAGE, ["true"], remove=True)
    whole = unpacked(own)
    own.kill9()
    halves = [own.data / name for name in ("layers/.abc-x1", "oci/tmp/tmpx", "tmp/body")]
    for path in halves:
        path.mkdir() if path.parent.name == "layers" else path.write_text("half")
        embedded.give(path)
    own.start()
    assert not [path for path in halves if path.exists()]
    assert unpacked(own) == whole
    assert own.client.containers.run(IMAGE, ["echo", "on"], remove=True) == b"on\n"


def test_a_load_that_is_cut_leaves_no_image(own: Engine) -> None:
    before = own.client.images.list()
    files = {path: path.stat().st_size for path in (own.data / "oci").rglob("*") if path.is_file()}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        entry = tarfile.TarInfo("blob")
        entry.size = 4 << 20
        tar.addfile(entry, io.BytesIO(os.urandom(entry.size)))
    body = buffer.getvalue()
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(own.socket))
        head = f"POST /images/load HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        sock.sendall(head.encode() + body[: len(body) // 2])
        own.kill9()
    own.start()
    after = {path: path.stat().st_size for path in (own.data / "oci").rglob("*") if path.is_file()}
    assert after == files
    assert own.client.images.list() == before
    assert list((own.data / "tmp").iterdir()) == []


def listing(own: Engine, **volumes: Any) -> set[bytes]:
    """What a container sees in /etc, but for the files that are made for each."""
    found = own.client.containers.run(IMAGE, ["ls", "/etc"], remove=True, **volumes)
    return set(found.split()) - {b"hostname", b"hosts", b"resolv.conf"}


def test_a_new_volume_has_what_the_image_has_there(own: Engine) -> None:
    image = listing(own)
    assert b"passwd" in image
    named = {"volumes": {"named": {"bind": "/etc"}}}
    assert listing(own, **named) == image
    change = ["sh", "-c", "rm /etc/passwd; echo 1 >/etc/mine"]
    own.client.containers.run(IMAGE, change, remove=True, **named)
    assert listing(own, **named) == image - {b"passwd"} | {b"mine"}
    assert listing(own, volumes=["/etc"]) == image
    assert listing(own, volumes={"empty": {"bind": "/etc", "mode": "nocopy"}}) == set()


def test_a_full_disk_is_told_and_leaves_nothing_half() -> None:
    require(os.getuid() == 0, "user", "needs root, to mount")
    mounted = ("-t", "tmpfs", "-o", "size=12m,mode=700,uid=1000,gid=1000", "tmpfs")
    with embedded.running("bubblewrap", mounted=mounted) as own:
        docker = own.client
        recipes.ensure(docker, "busybox")
        container = docker.containers.run(IMAGE, ["sleep", "60"], detach=True)
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            entry = tarfile.TarInfo("large")
            entry.size = 16 << 20
            tar.addfile(entry, io.BytesIO(bytes(entry.size)))
        with pytest.raises(docker_errors.APIError, match="No space left on device"):
            container.put_archive("/tmp", buffer.getvalue())
        with pytest.raises(docker_errors.APIError, match="No space left on device"):
            docker.images.load(buffer.getvalue())
        assert container.exec_run("ls /tmp").output == b""
        assert docker.containers.run(IMAGE, ["echo", "on"], remove=True) == b"on\n"
