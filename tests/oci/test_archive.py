"""Archives of images: what docker save wrote, what it writes, and what is none."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import tempfile
import tracemalloc
from pathlib import Path
from typing import Any

import images as recipes
import pytest
from layers import Made, file, hard_link, image_archive, link, oci_archive, sha256, tar
from support import require

from ipycontainers.errors import ContainerError, IntegrityError, Invalid
from ipycontainers.oci import Layout, Platform, archive, unpack

LAYER = tar(file("a", b"hello"))


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout.open(tmp_path / "oci")


def load(layout: Layout, content: bytes) -> list[str]:
    return archive.load(io.BytesIO(content), layout)


def refused(layout: Layout, content: bytes, error: type[Exception] = Invalid) -> None:
    """It raises that, and neither image nor content nor temporary file is left."""
    with pytest.raises(error):
        load(layout, content)
    assert layout.images() == []
    assert list((layout.path / "blobs/sha256").iterdir()) == []
    assert list((layout.path / "tmp").iterdir()) == []


@pytest.mark.parametrize("compress", [False, True])
def test_docker_save_before_25(layout: Layout, compress: bool) -> None:
    made = Made([LAYER, tar(file("b"))], compress=compress)
    assert load(layout, image_archive(made, ["test:1", "docker.io/me/a:b"])) == ["test:1", "me/a:b"]
    image = layout.resolve("test:1")
    assert str(image.id) == made.id
    assert [str(layer.diff_id) for layer in image.layers] == [sha256(x) for x in made.layers]
    assert image.config.cmd == ("sh",)


def test_docker_save_since_25(layout: Layout) -> None:
    """Both in one: manifest.json with paths of blobs, and an OCI layout."""
    made = Made([LAYER])
    paths = [f"blobs/sha256/{sha256(blob)[7:]}" for blob in (made.config_blob, LAYER)]
    manifest = [{"Config": paths[0], "RepoTags": ["test:1"], "Layers": paths[1:]}]
    extra = file("manifest.json", json.dumps(manifest).encode())
    assert load(layout, oci_archive(made, {}, extra)) == ["test:1"]
    assert str(layout.resolve("test:1").id) == made.id


@pytest.mark.parametrize("compress", [False, True])
def test_oci_layouts(layout: Layout, compress: bool) -> None:
    made = Made([LAYER], compress=compress)
    names = {"org.opencontainers.image.ref.name": "quay.io/a/b:1"}
    assert load(layout, oci_archive(made, names)) == ["quay.io/a/b:1"]
    assert layout.resolve("quay.io/a/b:1").manifest.digest.hex == sha256(made.manifest_blob)[7:]


@pytest.mark.parametrize(
    ("annotations", "loaded"),
    [
        ({}, None),
        ({"org.opencontainers.image.ref.name": "latest"}, None),
        ({"io.containerd.image.name": "docker.io/library/a:1"}, "a:1"),
    ],
)
def test_names_of_oci_layouts(
    layout: Layout, annotations: dict[str, str], loaded: str | None
) -> None:
    made = Made([LAYER])
    assert load(layout, oci_archive(made, annotations)) == [loaded or made.id]
    assert str(layout.resolve(made.id).id) == made.id


def test_an_index_means_the_image_for_this_machine(layout: Layout) -> None:
    here, other = Made([LAYER]), Made([tar(file("other"))])
    platforms = [{"os": "linux", "architecture": "pdp11"}]
    platforms.append({"os": "linux", "architecture": Platform.here().architecture})
    entries = [
        {**made.descriptor(made.manifest_blob, "manifest.v1+json"), "platform": platform}
        for made, platform in zip((other, here), platforms, strict=True)
    ]
    index = json.dumps({"manifests": entries}).encode()
    outer = {"manifests": [here.descriptor(index, "index.v1+json")]}
    blobs = [index] + [b for m in (here, other) for b in (m.manifest_blob, m.config_blob, *m.blobs)]
    content = tar(
        file("index.json", json.dumps(outer).encode()),
        *(file(f"blobs/sha256/{sha256(blob)[7:]}", blob) for blob in blobs),
    )
    assert load(layout, content) == [here.id]


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_compressed_archives(layout: Layout, compress: Any) -> None:
    assert load(layout, compress(image_archive(Made([LAYER]), ["test:1"]))) == ["test:1"]


def test_an_image_without_a_name_is_told_by_its_id(layout: Layout) -> None:
    made = Made([LAYER])
    assert load(layout, image_archive(made)) == [made.id]
    assert layout.images()[0][0] == ()


def test_loading_again_changes_nothing(layout: Layout) -> None:
    content = image_archive(Made([LAYER]), ["test:1"])
    load(layout, content)
    before = layout.images()
    load(layout, content)
    assert layout.images() == before


def test_links_within_the_archive_are_followed(layout: Layout) -> None:
    """docker save wrote a layer that two images have once, and linked to it."""
    made = Made([LAYER, LAYER])
    paths = ["one/layer.tar", "two/layer.tar", "three/layer.tar"]
    manifest = [{"Config": "c.json", "RepoTags": ["test:1"], "Layers": paths[1:]}]
    content = tar(
        file(paths[0], LAYER),
        link(paths[1], "../one/layer.tar"),
        hard_link(paths[2], "one/layer.tar"),
        file("c.json", made.config_blob),
        file("manifest.json", json.dumps(manifest).encode()),
    )
    assert load(layout, content) == ["test:1"]


# --- what is refused ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a tar at all" * 100,
        tar(),
        tar(file("a")),
        tar(file("manifest.json", b"{")),
        tar(file("manifest.json", b"[]")),
        tar(file("manifest.json", b"[1]")),
        tar(file("manifest.json", b'[{"Config": "/etc/passwd", "Layers": []}]')),
        tar(link("c", "/etc/passwd"), file("manifest.json", b'[{"Config": "c", "Layers": []}]')),
        tar(link("c", "c"), file("manifest.json", b'[{"Config": "c", "Layers": []}]')),
        tar(file("index.json", b'{"manifests": []}')),
        gzip.compress(b""),
        gzip.compress(tar(file("a")))[:30],
    ],
)
def test_what_is_no_archive(layout: Layout, content: bytes) -> None:
    refused(layout, content)


def test_an_archive_that_ends_early(layout: Layout) -> None:
    refused(layout, image_archive(Made([LAYER]), ["test:1"])[:9000])


def test_a_layer_that_is_not_the_configs(layout: Layout) -> None:
    wrong = {"rootfs": {"type": "layers", "diff_ids": [sha256(b"other")]}}
    refused(layout, image_archive(Made([LAYER], config=wrong)), IntegrityError)
    refused(layout, image_archive(Made([LAYER], config=wrong, compress=True)), IntegrityError)


def test_a_blob_that_is_not_what_its_name_says(layout: Layout) -> None:
    content = oci_archive(Made([LAYER]))
    refused(layout, content.replace(b"hello", b"hellO"), IntegrityError)


def test_a_name_that_is_none(layout: Layout) -> None:
    refused(layout, image_archive(Made([LAYER]), ["test:1", "Not A Name"]))


def test_no_image_is_added_when_one_of_two_is_broken(layout: Layout) -> None:
    made = Made([LAYER])
    manifest = [
        {"Config": "c.json", "RepoTags": ["good:1"], "Layers": ["l"]},
        {"Config": "c.json", "RepoTags": ["bad:1"], "Layers": ["missing"]},
    ]
    content = tar(
        *(file("l", LAYER), file("c.json", made.config_blob)),
        file("manifest.json", json.dumps(manifest).encode()),
    )
    refused(layout, content)


def test_a_document_that_is_too_large(layout: Layout) -> None:
    refused(layout, tar(file("manifest.json", b" " * (5 << 20))))


def test_no_name_in_an_archive_is_a_path_here(layout: Layout, tmp_path: Path) -> None:
    with pytest.raises(ContainerError):
        load(layout, tar(file("../../escaped", b"x"), file("/escaped", b"x")))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["oci"]


def test_a_layer_is_never_wholly_in_memory(layout: Layout) -> None:
    zeros = tar(file("zeros", bytes(64 << 20)))
    packed = gzip.compress(image_archive(Made([zeros]), ["test:1"]), 1)
    del zeros
    tracemalloc.start()
    load(layout, packed)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16 << 20


# --- what is a file system -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "entry",
    [lambda name: file(name, name.encode()), lambda name: link(name, "busybox")],
    ids=["files", "links"],
)
def test_a_file_system_is_refused_after_its_first_files(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, entry: Any
) -> None:
    stored, put = [], Layout.put

    def counted(self: Layout, *arguments: Any, **more: Any) -> Any:
        stored.append(put(self, *arguments, **more))
        return stored[-1]

    monkeypatch.setattr(Layout, "put", counted)
    content = tar(*(entry(f"./usr/bin/{number}") for number in range(6000)))
    with tempfile.TemporaryFile(buffering=0) as opened:
        opened.write(content)
        opened.seek(0)
        with pytest.raises(Invalid, match="docker import"):
            archive.load(os.fdopen(os.dup(opened.fileno()), "rb"), layout)
        assert opened.tell() < len(content) / 2
    assert len(stored) <= archive.MOST_STRANGE
    assert list((layout.path / "blobs/sha256").iterdir()) == []


def test_a_small_file_system_is_told_of_docker_import_too(layout: Layout) -> None:
    with pytest.raises(Invalid, match=r"manifest\.json.*docker import"):
        load(layout, tar(file("etc/motd", b"hi"), link("bin/sh", "busybox")))


@pytest.mark.parametrize(
    "names",
    [
        "{hex}/layer.tar {hex}/json {hex}/VERSION",
        "blobs/sha256/{hex}",
        "sha256:{hex} {hex}.tar.gz",
        "{number}/layer.tar {hex}.tar {hex}.json",
    ],
    ids=["docker", "oci", "crane", "podman"],
)
def test_an_archive_may_have_many_files_before_its_list(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, names: str
) -> None:
    """As of a docker save of several images, whose list comes last."""
    monkeypatch.setattr(archive, "MOST_STRANGE", 3)
    contents = [b"%d" % number for number in range(4)]
    others = [
        file(name.format(hex=sha256(content)[7:], number=content.decode()), content)
        for content in contents
        for name in names.split()
    ]
    made = Made([LAYER])
    own = [(f"blobs/sha256/{sha256(blob)[7:]}", blob) for blob in (made.config_blob, LAYER)]
    listed = [{"Config": own[0][0], "RepoTags": ["a:1"], "Layers": [own[1][0]]}]
    last = file("manifest.json", json.dumps(listed).encode())
    assert load(layout, tar(*others, *(file(*one) for one in own), last)) == ["a:1"]


def test_an_archive_whose_list_comes_first_may_call_its_files_as_it_likes(layout: Layout) -> None:
    layers = [tar(file(f"{number}")) for number in range(archive.MOST_STRANGE + 2)]
    made = Made(layers)
    paths = [f"layers/{number}" for number in range(len(layers))]
    listed = json.dumps([{"Config": "config", "RepoTags": ["a:1"], "Layers": paths}]).encode()
    content = tar(
        *(file("manifest.json", listed), file("config", made.config_blob)),
        *(file(path, blob) for path, blob in zip(paths, layers, strict=True)),
    )
    assert load(layout, content) == ["a:1"]


# --- other programs' archives ---------------------------------------------------------------


def test_the_archives_that_tests_run(layout: Layout, tmp_path: Path) -> None:
    with (tmp_path / "image.tar").open("w+b") as stream:
        try:
            recipes._write_archive(stream, "a/busybox:latest", recipes.RECIPES["busybox"])
        except recipes.CannotMake as error:
            require(False, "docker", str(error))
        stream.seek(0)
        assert archive.load(stream, layout) == ["a/busybox:latest"]
    unpack.root(layout, layout.resolve("a/busybox"), tmp_path / "root")
    assert (tmp_path / "root/bin/sh").readlink() == Path("busybox")


def test_what_a_real_docker_saves(engine: Any, images: Any, layout: Layout, tmp_path: Path) -> None:
    name = images.busybox
    saved = engine.docker.images.get(name).save(named=True)

    class Stream:
        rest = b""

        def read(self, size: int) -> bytes:
            piece = self.rest or next(saved, b"")
            self.rest = piece[size:]
            return piece[:size]

    assert archive.load(Stream(), layout) == [f"{name}:latest"]
    image = layout.resolve(name)
    assert str(image.id) == engine.inspect_image(name)["Id"]
    unpack.root(layout, image, tmp_path / "root")
    assert (tmp_path / "root/bin/busybox").stat().st_size > 0
