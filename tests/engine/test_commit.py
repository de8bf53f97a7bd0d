"""Containers as images and as archives, with both launchers."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from typing import Any

import pytest
from layers import tar_listing

BUSYBOX = "ipycontainers-test/busybox"
CHANGES = """
echo new >/new; echo changed >>/etc/group; rm /bin/yes; mkdir -p /d/e; echo f >/d/e/f
ln /new /new2; ln -s new /link; mkfifo /fifo; chmod 4755 /d/e/f; chmod 700 /root
rm -rf /var; mkdir /var; echo v >/var/v; touch /gone; rm /gone
"""

CHANGED = "bin bin/.wh.yes d d/e d/e/f etc etc/group fifo link new new2 root var var/v"


@pytest.fixture
def clean(docker: Any) -> Iterator[Any]:
    """docker-py; images that the test made are gone after it."""
    before = {image.id for image in docker.images.list(all=True)}
    yield docker
    for container in docker.containers.list(all=True):
        container.remove(force=True)
    for image in docker.images.list(all=True):
        if image.id not in before:
            docker.images.remove(image.id, force=True)


def ran(docker: Any, script: str, image: str = BUSYBOX, **more: Any) -> Any:
    """A container that has run the script to its end."""
    container = docker.containers.run(image, ["sh", "-c", script], detach=True, **more)
    assert container.wait()["StatusCode"] == 0, container.logs()
    return container


def last_layer(docker: Any, name: str) -> dict[str, tuple[Any, ...]]:
    content = b"".join(docker.images.get(name).save())
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        (image,) = json.loads(archive.extractfile("manifest.json").read())
        layer = archive.extractfile(image["Layers"][-1]).read()
    return tar_listing(layer)


def test_a_commit_has_what_the_container_changed(clean: Any) -> None:
    ran(clean, CHANGES).commit("ipyc-commit", "1")
    layer = last_layer(clean, "ipyc-commit:1")
    assert " ".join(sorted(layer)) == CHANGED
    assert layer["new"][4] == b"new\n"
    assert layer["new2"][0] == tarfile.LNKTYPE
    assert layer["d/e/f"][1] == 0o4755
    assert layer["root"][1] == 0o700
    out = clean.containers.run("ipyc-commit:1", "cat /new2 /d/e/f", remove=True)
    assert out == b"new\nf\n"
