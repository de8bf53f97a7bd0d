"""Layers, roots, volumes: whole or not there, and gone when nobody needs them."""

from __future__ import annotations

import io
import os
import socket
import tarfile
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


def unpacked(mine: Engine) -> list[str]:
    """Layers and roots on the disk, but for the engine's mine layer."""
    folders = [mine.data / kind for kind in ("layers", "roots")]
    found = [path.name for folder in folders if folder.is_dir() for path in folder.iterdir()]
    return sorted(name for name in found if name != "init")


def test_what_was_unpacked_goes_with_its_image(mine: Engine) -> None:
    docker = mine.client
    container = docker.containers.run(IMAGE, ["sleep", "60"], detach=True)
    assert unpacked(mine)
    docker.images.get(IMAGE).tag("other")
    docker.images.remove(IMAGE)
    assert unpacked(mine)
    container.kill()
    container.wait()
    docker.images.remove("other", force=True)
    container.start()  # its mine files are still there
    assert container.exec_run("echo on").output == b"on\n"
    container.remove(force=True)
    mine.terminate()
    mine.start()
    assert unpacked(mine) == []


def test_what_a_killed_engine_left_half_is_swept_away(mine: Engine) -> None:
    mine.client.containers.run(IMAGE, ["true"], remove=True)
    whole = unpacked(mine)
    mine.kill9()
    kind = "roots" if mine.launcher == "ptrace" else "layers"
    halves = [mine.data / name for name in (f"{kind}/.abc-x1", "oci/tmp/tmpx", "tmp/body")]
    for path in halves:
        path.mkdir() if path.parent.name == kind else path.write_text("half")
        embedded.give(path)
    mine.start()
    assert not [path for path in halves if path.exists()]
    assert unpacked(mine) == whole
    assert mine.client.containers.run(IMAGE, ["echo", "on"], remove=True) == b"on\n"


def test_a_load_that_is_cut_leaves_no_image(mine: Engine) -> None:
    before = mine.client.images.list()
    files = {path: path.stat().st_size for path in (mine.data / "oci").rglob("*") if path.is_file()}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        entry = tarfile.TarInfo("blob")
        entry.size = 4 << 20
        tar.addfile(entry, io.BytesIO(os.urandom(entry.size)))
    body = buffer.getvalue()
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(mine.socket))
        head = f"POST /images/load HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        sock.sendall(head.encode() + body[: len(body) // 2])
        mine.kill9()
    mine.start()
    after = {path: path.stat().st_size for path in (mine.data / "oci").rglob("*") if path.is_file()}
    assert after == files
    assert mine.client.images.list() == before
    assert list((mine.data / "tmp").iterdir()) == []


def listing(mine: Engine, **volumes: Any) -> set[bytes]:
    """What a container sees in /etc, but for the files that are made for each."""
    found = mine.client.containers.run(IMAGE, ["ls", "/etc"], remove=True, **volumes)
    return set(found.split()) - {b"hostname", b"hosts", b"resolv.conf"}


def test_a_new_volume_has_what_the_image_has_there(mine: Engine) -> None:
    image = listing(mine)
    assert b"passwd" in image
    named = {"volumes": {"named": {"bind": "/etc"}}}
    assert listing(mine, **named) == image
    change = ["sh", "-c", "rm /etc/passwd; echo 1 >/etc/mine"]
    mine.client.containers.run(IMAGE, change, remove=True, **named)
    assert listing(mine, **named) == image - {b"passwd"} | {b"mine"}
    assert listing(mine, volumes=["/etc"]) == image
    assert listing(mine, volumes={"empty": {"bind": "/etc", "mode": "nocopy"}}) == set()


def test_a_full_disk_is_told_and_leaves_nothing_half() -> None:
    require(os.getuid() == 0, "user", "needs root, to mount")
    mounted = ("-t", "tmpfs", "-o", "size=12m,mode=700,uid=1000,gid=1000", "tmpfs")
    with embedded.running("bubblewrap", mounted=mounted) as mine:
        docker = mine.client
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
