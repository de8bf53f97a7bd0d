"""Images on our own engine: saved, loaded, imported, listed, removed, with both launchers."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from layers import Made, file, folder, image_archive, sha256, tar, tar_listing
from support import require

BUSYBOX = "ipycontainers-test/busybox"


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


def saved(docker: Any, *names: str) -> bytes:
    answer = docker.api._get(docker.api._url("/images/get"), params={"names": names}, stream=True)
    answer.raise_for_status()
    return b"".join(answer.iter_content(1 << 20))


# --- save ----------------------------------------------------------------------------------------


def test_what_is_saved_is_loaded_again(clean: Any) -> None:
    made = Made([tar(file("a", b"1")), tar(file("b", b"2"))], compress=True)
    clean.images.load(image_archive(made, ["ipyc-save:1", "ipyc-save:2", "ipyc-other:1"]))
    content = saved(clean, "ipyc-save")
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        files = {name: archive.extractfile(name).read() for name in archive.getnames()}
    (image,) = json.loads(files["manifest.json"])
    assert image["RepoTags"] == ["ipyc-save:1", "ipyc-save:2"]
    # Byte for byte: compressed layers stay as they came, and the config has its digest.
    assert [files[name] for name in image["Layers"]] == made.blobs
    assert files[image["Config"]] == made.config_blob
    clean.images.remove(made.id, force=True)
    again = clean.images.load(content)[0]
    assert again.id == made.id
    assert sorted(again.tags) == ["ipyc-save:1", "ipyc-save:2"]


def test_several_images_share_blobs_in_an_archive(clean: Any) -> None:
    base = tar(file("base", bytes(100_000)))
    for number in range(2):
        made = Made([base, tar(file(f"own{number}"))])
        clean.images.load(image_archive(made, [f"ipyc-share{number}:1"]))
    content = saved(clean, "ipyc-share0:1", "ipyc-share1:1")
    assert len(content) < 2 * len(base)
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        names = archive.getnames()
    assert len(names) == len(set(names))


def test_docker_and_skopeo_read_what_is_saved(clean: Any, engine: Any, tmp_path: Path) -> None:
    layers = [tar(folder("d"), file("d/a", b"1"), file("d/b")), tar(file("d/.wh.b"))]
    made = Made(layers, compress=True)
    clean.images.load(image_archive(made, ["ipyc-save:3"]))
    content = saved(clean, "ipyc-save:3")
    try:
        (image,) = engine.docker.images.load(content)
        assert (image.id, image.tags) == (made.id, ["ipyc-save:3"])
        container = engine.docker.containers.create("ipyc-save:3")
        listing = tar_listing(b"".join(container.export()))
        container.remove()
        assert listing["d/a"][4] == b"1"
        assert "d/b" not in listing
    finally:
        engine.docker.images.remove(made.id, force=True)
    program = shutil.which("skopeo")
    require(program, "skopeo", "skopeo is not installed: apt-get install skopeo")
    (tmp_path / "saved.tar").write_bytes(content)
    for kind in ("docker-archive", "oci-archive"):
        words = [program, "inspect", "--config", f"{kind}:{tmp_path}/saved.tar"]
        told = subprocess.run(words, capture_output=True, check=True)
        assert json.loads(told.stdout)["rootfs"]["diff_ids"] == [sha256(one) for one in layers]
