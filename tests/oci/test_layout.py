"""A folder of images: what is in it is whole, and named by its digest."""

from __future__ import annotations

import gzip
import io
import json
import threading
from pathlib import Path

import layers
import pytest
from layers import Made, file, tar

from ipycontainers.errors import IntegrityError, Invalid, NotFound
from ipycontainers.oci import Digest, Image, Layout, Reference
from ipycontainers.oci.blob import buffered, decompressed, reading


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout.open(tmp_path / "oci")


def put(layout: Layout, text: bytes = b"hello", *, compress: bool = False) -> Image:
    made = Made([tar(file("a", text))], compress=compress)
    for blob in (made.config_blob, *made.blobs):
        layout.put(blob)
    manifest = layout.put(made.manifest_blob, media_type="application/json")
    return layout.image(manifest)


def blobs(layout: Layout) -> set[str]:
    return {path.name for path in (layout.path / "blobs/sha256").iterdir()}


def leftovers(layout: Layout) -> list[Path]:
    return list((layout.path / "tmp").iterdir())


def test_what_was_put_is_read_back(layout: Layout) -> None:
    stored = layout.put(io.BytesIO(b"hello"))
    assert (stored.digest, stored.size) == (Digest.of(b"hello"), 5)
    with layout.open_blob(stored.digest, stored.size) as stream:
        assert stream.read() == b"hello"
    assert leftovers(layout) == []


def test_put_is_idempotent(layout: Layout) -> None:
    assert layout.put(b"x") == layout.put(b"x")
    assert len(blobs(layout)) == 1


def test_put_of_wrong_digest_leaves_no_blob(layout: Layout) -> None:
    with pytest.raises(IntegrityError):
        layout.put(b"hello", Digest.of(b"other"))
    assert blobs(layout) == set()
    assert leftovers(layout) == []


def test_a_stream_that_breaks_leaves_no_blob(layout: Layout) -> None:
    pieces = [b"some"]

    class Broken:
        def read(self, size: int = -1) -> bytes:
            if pieces:
                return pieces.pop()
            raise ConnectionError

    with pytest.raises(ConnectionError):
        layout.put(Broken())
    assert blobs(layout) == set()
    assert leftovers(layout) == []


@pytest.mark.parametrize("damage", [b"hellO", b"hello and more", b"hell", b""])
def test_damaged_content_is_noticed(layout: Layout, damage: bytes) -> None:
    stored = layout.put(b"hello")
    path = layout.path / "blobs/sha256" / stored.digest.hex
    path.chmod(0o600)
    path.write_bytes(damage)
    for size in (stored.size, None):
        with layout.open_blob(stored.digest, size) as stream, pytest.raises(IntegrityError):
            stream.read()


def test_a_blob_that_is_a_link_is_refused(layout: Layout, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"hello")
    (layout.path / "blobs/sha256" / Digest.of(b"hello").hex).symlink_to(tmp_path / "secret")
    with pytest.raises(Invalid):
        layout.open_blob(Digest.of(b"hello"))


def test_missing_content_is_not_found(layout: Layout) -> None:
    with pytest.raises(NotFound):
        layout.open_blob(Digest.of(b"?"))


def test_a_layer_is_verified_compressed_and_not(layout: Layout) -> None:
    image = put(layout, compress=True)
    with layout.open_layer(image.layers[0]) as stream:
        assert layers.sha256(stream.read()) == str(image.layers[0].diff_id)
    assert image.layers[0].diff_id != image.layers[0].descriptor.digest


def test_a_layer_that_is_not_the_configs_is_noticed(layout: Layout) -> None:
    made = Made([tar(file("a"))], config={"rootfs": {"diff_ids": [layers.sha256(b"other")]}})
    for blob in (made.config_blob, *made.blobs):
        layout.put(blob)
    image = layout.image(layout.put(made.manifest_blob))
    with layout.open_layer(image.layers[0]) as stream, pytest.raises(IntegrityError):
        stream.read()


def test_names(layout: Layout) -> None:
    image = put(layout)
    layout.tag("busybox", image.manifest)
    layout.tag("me/tool:1", image.manifest)
    assert layout.resolve("docker.io/library/busybox:latest") == image
    assert layout.images() == [(("busybox:latest", "me/tool:1"), image)]
    layout.untag("busybox")
    with pytest.raises(NotFound, match="No such image: busybox:latest"):
        layout.resolve("busybox")
    assert layout.names(image) == ("me/tool:1",)


def test_an_image_whose_name_went_to_another_stays(layout: Layout) -> None:
    first, second = put(layout, b"1"), put(layout, b"2")
    layout.tag("a", first.manifest)
    layout.tag("a", second.manifest)
    assert layout.resolve("a") == second
    assert sorted(names for names, _ in layout.images()) == [(), ("a:latest",)]
    layout.tag("b", first.manifest)
    assert sorted(names for names, _ in layout.images()) == [("a:latest",), ("b:latest",)]


def test_the_last_name_leaves_the_image(layout: Layout) -> None:
    image = put(layout)
    layout.tag("a", image.manifest)
    assert layout.untag("a") == image
    assert layout.images() == [((), image)]
    layout.remove(image)
    assert layout.images() == []


def test_what_a_build_has_made_is_known_until_the_image_goes(layout: Layout) -> None:
    image, other = put(layout), put(layout, b"from elsewhere")
    layout.add(other.manifest)
    for _ in range(2):
        layout.add(image.manifest, made=True)
        layout.add(image.manifest)
    layout.tag("made:1", image.manifest)
    layout.tag("other:1", other.manifest)
    layout.untag("made:1")
    assert layout.made() == [image]
    assert [names for names, _ in layout.images()] == [(), ("other:1",)]
    assert layout.origins(image) == ()
    layout.remove(image)
    assert layout.made() == []


def test_resolve_by_id_and_its_beginning(layout: Layout) -> None:
    image = put(layout)
    layout.add(image.manifest)
    for name in (str(image.id), image.id.hex, image.id.short, image.id.hex[:3], f"{image.id}"[:20]):
        assert layout.resolve(name) == image


def test_a_beginning_that_two_ids_have_is_not_found(layout: Layout) -> None:
    images = [put(layout, b"%d" % number) for number in range(17)]
    for image in images:
        layout.add(image.manifest)
    digits = [image.id.hex[0] for image in images]
    twice = next(digit for digit in digits if digits.count(digit) > 1)
    with pytest.raises(NotFound):
        layout.resolve(twice)


def test_resolve_by_the_manifests_digest(layout: Layout) -> None:
    image = put(layout)
    layout.tag("a:1", image.manifest)
    assert layout.resolve(f"a@{image.manifest.digest}") == image
    with pytest.raises(NotFound):
        layout.resolve(f"b@{image.manifest.digest}")


@pytest.mark.parametrize("name", ["sha256:", "sha256:xyz", "0" * 64, "abc"])
def test_what_no_image_is_called_is_not_found(layout: Layout, name: str) -> None:
    layout.add(put(layout).manifest)
    with pytest.raises(NotFound, match="No such image"):
        layout.resolve(name)


@pytest.mark.parametrize("name", ["", "A b", "../..", "Busy", "a@sha256:12"])
def test_what_no_image_can_be_called_is_invalid(layout: Layout, name: str) -> None:
    with pytest.raises(Invalid, match="invalid reference format"):
        layout.resolve(name)


def test_a_name_never_points_at_missing_content(layout: Layout) -> None:
    made = Made([tar(file("a"))])
    layout.put(made.config_blob)
    with pytest.raises(NotFound):
        layout.tag("a", layout.put(made.manifest_blob))
    assert layout.images() == []


def test_gc_keeps_what_images_need(layout: Layout) -> None:
    kept, gone = put(layout, b"1"), put(layout, b"2")
    layout.tag("kept", kept.manifest)
    layout.tag("gone", gone.manifest)
    layout.remove(gone)
    assert layout.gc() > 0
    assert blobs(layout) == {digest.hex for digest in kept.blobs}
    assert layout.gc() == 0


def test_gc_waits_for_who_holds_the_layout(layout: Layout) -> None:
    with layout.hold():
        layout.put(b"not yet of an image")
        assert Layout.open(layout.path).gc() == 0
    assert layout.gc() == len(b"not yet of an image")


def test_many_at_once(layout: Layout) -> None:
    image = put(layout)
    tags = [f"t:{number}" for number in range(16)]

    def tag(name: str) -> None:
        Layout.open(layout.path).tag(name, image.manifest)

    threads = [threading.Thread(target=tag, args=[name]) for name in tags]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(layout.names(image)) == set(tags)


def test_a_layout_of_another_version_is_refused(tmp_path: Path) -> None:
    Layout.open(tmp_path)
    (tmp_path / "oci-layout").write_text('{"imageLayoutVersion": "2.0.0"}')
    with pytest.raises(Invalid):
        Layout.open(tmp_path)


@pytest.mark.parametrize(
    "config",
    [
        *("[]", '{"config": []}', '{"config": {"Cmd": "sh"}}', '{"config": {"Env": [1]}}', "{"),
        *('{"rootfs": {"diff_ids": ["x"]}}', '{"rootfs": {"diff_ids": []}}', '{"history": {}}'),
        "[" * 99999,
    ],
)
def test_a_config_that_is_none(layout: Layout, config: str) -> None:
    blob = config.encode()
    manifest = {
        "config": Made([]).descriptor(blob, "config.v1+json"),
        "layers": [Made([]).descriptor(b"", "layer.v1.tar")],
    }
    layout.put(blob)
    with pytest.raises(Invalid):
        layout.image(layout.put(json.dumps(manifest).encode()))


def test_a_document_too_large_is_refused(layout: Layout) -> None:
    with pytest.raises(Invalid, match="too many"):
        layout.document(layout.put(b" " * (4 << 20) + b"{}"))


def test_what_an_image_says_about_its_containers(layout: Layout) -> None:
    config = {"Entrypoint": None, "Env": ["A=b"], "Labels": {"x": "y"}, "Volumes": {"/v": {}}}
    history = [{"created_by": "first"}, {"created_by": "env", "empty_layer": True}]
    made = Made([tar(file("a"))], config={"config": config, "history": history})
    for blob in (made.config_blob, *made.blobs):
        layout.put(blob)
    image = layout.image(layout.put(made.manifest_blob))
    parsed = image.config
    assert (parsed.entrypoint, parsed.env, parsed.volumes) == ((), ("A=b",), ("/v",))
    assert parsed.labels == {"x": "y"}
    assert [layer.created_by for layer in image.layers] == ["first"]
    assert parsed.container == config


# --- names that registries have for an image -----------------------------------------------------

AT = Reference.parse(f"docker.io/library/x@{Digest.of(b'an index')}")


def test_where_an_image_came_from_is_no_tag_and_finds_it(layout: Layout) -> None:
    image = put(layout)
    layout.note_origin(AT, image.manifest)
    assert layout.origins(image) == (str(AT),)
    assert layout.images() == [((), image)]
    assert layout.resolve(str(AT)) == image
    layout.tag("x", image.manifest)
    layout.note_origin(AT, image.manifest)
    assert (layout.names(image), layout.origins(image)) == (("x:latest",), (str(AT),))
    assert layout.resolve("x") == image


def test_with_the_last_tag_of_a_repository_goes_where_it_came_from(layout: Layout) -> None:
    image = put(layout)
    for name in ("x:1", "x:2", "y:1"):
        layout.tag(name, image.manifest)
    layout.note_origin(AT, image.manifest)
    layout.untag("x:1")
    assert layout.origins(image) == (str(AT),)
    layout.untag("x:2")
    assert layout.origins(image) == ()
    layout.untag("y:1")
    assert layout.images() == [((), image)]


def test_an_origin_can_be_taken_away(layout: Layout) -> None:
    image = put(layout)
    layout.note_origin(AT, image.manifest)
    layout.untag(str(AT))
    assert (layout.images(), layout.origins(image)) == ([((), image)], ())


# --- one image with two manifests ----------------------------------------------------------------


def twice(layout: Layout) -> tuple[Image, Image]:
    """Named a:1 with plain layers, and x:1 with compressed ones, as a push and a pull leave it."""
    plain, packed = put(layout), put(layout, compress=True)
    assert (plain.id, plain.manifest == packed.manifest) == (packed.id, False)
    layout.tag("a:1", plain.manifest)
    layout.note_origin(AT, packed.manifest)
    layout.tag("x:1", packed.manifest)
    return plain, packed


def test_manifests_with_one_config_are_one_image(layout: Layout) -> None:
    plain, packed = twice(layout)
    assert layout.images() == [(("a:1", "x:1"), plain)]
    assert layout.stored() == [plain, packed]
    for image in (plain, packed):
        assert layout.names(image) == ("a:1", "x:1")
        assert layout.origins(image) == (str(AT),)
    assert layout.tagged(plain) == layout.tagged(packed) != ""
    assert (layout.resolve("a:1"), layout.resolve("x:1")) == (plain, packed)
    assert layout.resolve(plain.id.hex[:20]) == plain


def test_content_of_both_stays_until_their_names_go(layout: Layout) -> None:
    plain, packed = twice(layout)
    both = {digest.hex for image in (plain, packed) for digest in image.blobs}
    assert (layout.gc(), blobs(layout)) == (0, both)
    layout.untag("a:1")
    assert layout.images() == [(("x:1",), packed)]
    assert layout.gc() > 0
    assert blobs(layout) == {digest.hex for digest in packed.blobs}
    assert layout.resolve(str(plain.id)) == packed
    layout.untag("x:1")
    assert (layout.images(), layout.origins(packed)) == ([((), packed)], ())


def test_a_name_that_goes_from_one_to_the_other_leaves_nothing(layout: Layout) -> None:
    plain, packed = put(layout), put(layout, compress=True)
    layout.tag("a:1", plain.manifest)
    layout.add(packed.manifest)
    layout.tag("a:1", packed.manifest)
    assert layout.images() == [(("a:1",), packed)]
    assert layout.stored() == [packed]


def test_with_an_image_go_all_its_manifests(layout: Layout) -> None:
    plain, _ = twice(layout)
    layout.remove(plain)
    assert layout.images() == []
    layout.gc()
    assert blobs(layout) == set()


def test_one_of_both_may_be_damaged(layout: Layout) -> None:
    plain, packed = twice(layout)
    (layout.path / "blobs/sha256" / packed.manifest.digest.hex).unlink()
    again = Layout.open(layout.path)
    assert again.images() == [(("a:1",), plain)]
    assert [names for names, _, _ in again.damaged()] == [("x:1",)]
    again.forget(packed.manifest)
    assert (again.images(), again.damaged()) == ([(("a:1",), plain)], [])


# --- compression ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("packed", "expected"),
    [
        (gzip.compress(b"a" * 3_000_000), b"a" * 3_000_000),
        (gzip.compress(b"one") + gzip.compress(b"") + gzip.compress(b"two"), b"onetwo"),
        (gzip.compress(b"padded") + b"\0" * 300_000, b"padded"),
        (gzip.compress(b""), b""),
    ],
    ids=["large", "members", "padded", "empty"],
)
def test_gzip_is_read_to_its_end(packed: bytes, expected: bytes) -> None:
    assert decompressed(buffered(io.BytesIO(packed))).read() == expected


@pytest.mark.parametrize(
    "broken",
    [
        gzip.compress(b"cut" * 100_000)[:-9],
        gzip.compress(b"cut" * 100_000)[:100],
        gzip.compress(b"sum")[:-8] + b"\0" * 8,
        gzip.compress(b"more") + b"no gzip",
    ],
    ids=["end", "middle", "checksum", "behind"],
)
def test_broken_gzip_is_told(broken: bytes) -> None:
    with pytest.raises(Invalid), reading("it"):
        decompressed(buffered(io.BytesIO(broken))).read()
