"""Archives of images in all their forms, read while they pass."""

from __future__ import annotations

import io
import itertools
import json
import tarfile
import tracemalloc
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layers import Entry, Made, file, folder, image_archive, link, oci_archive, sha256, tar
from support import examples

from ipycontainers.errors import ContainerError, Invalid, UnsafeLayer
from ipycontainers.oci import room, saved
from ipycontainers.oci.changes import Bound
from ipycontainers.oci.contents import Contents

FIRST = tar(folder("etc"), file("etc/a", b"1" * 700), file("etc/b", b"22"))
SECOND = tar(file("etc/a", b"333"), file("etc/.wh.b"))
HISTORY = [
    {"created_by": "COPY . /etc", "created": "2025-01-01T00:00:00Z"},
    {"created_by": "ENV A=b", "empty_layer": True, "comment": "nothing"},
    {"created_by": "RUN change"},
    {"created_by": 'CMD ["sh"]', "empty_layer": True},
]
MADE = Made([FIRST, SECOND], config={"history": HISTORY})
PACKED = Made([FIRST, SECOND], compress=True, config={"history": HISTORY})


def read(archive: bytes, **options: Any) -> Contents:
    return saved.read(io.BytesIO(archive), "test:1", **options)


def entries_of(archive: bytes) -> list[Entry]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        return [
            (entry, opened.extractfile(entry).read() if entry.isreg() else b"")  # type: ignore[union-attr]
            for entry in opened
        ]


def told(contents: Contents) -> list[tuple[str, bool, int, dict[str, str]]]:
    return [
        (one.created_by, one.empty, one.size, {it.path: it.change for it in one.files})
        for one in contents.layers
    ]


EXPECTED = [
    ("COPY . /etc", False, 702, dict.fromkeys(["/etc", "/etc/a", "/etc/b"], "added")),
    ("ENV A=b", True, 0, {}),
    ("RUN change", False, 3, {"/etc/a": "changed", "/etc/b": "removed"}),
    ('CMD ["sh"]', True, 0, {}),
]


@pytest.mark.parametrize(
    "archive",
    [
        image_archive(MADE, ["test:1"]),
        oci_archive(MADE),
        oci_archive(PACKED),
        image_archive(PACKED),
    ],
    ids=["docker", "oci", "oci, compressed", "docker, compressed"],
)
def test_an_image_is_the_same_in_each_form(archive: bytes) -> None:
    contents = read(archive)
    assert told(contents) == EXPECTED
    assert contents.id in (MADE.id, PACKED.id)
    assert [one.diff_id for one in contents.layers] == [sha256(FIRST), "", sha256(SECOND), ""]
    assert (contents.size, contents.wasted_bytes) == (705, 702)
    assert [(waste.layer, waste.by) for waste in contents.wasted] == [(0, 2), (0, 2)]
    assert contents.config.cmd == ("sh",)
    assert contents.layers[1].comment == "nothing"


def test_digests_name_what_is_stored() -> None:
    assert [one.digest for one in read(oci_archive(PACKED)).layers] == [
        sha256(PACKED.blobs[0]),
        "",
        sha256(PACKED.blobs[1]),
        "",
    ]
    assert read(image_archive(MADE)).layers[0].digest == sha256(FIRST)
    assert read(image_archive(PACKED)).layers[0].digest == ""  # nothing says it


def test_the_files_of_an_archive_may_stand_in_any_order() -> None:
    files = entries_of(image_archive(MADE))
    for order in itertools.permutations(files):
        assert told(read(tar(*order))) == EXPECTED


def test_a_layer_that_is_there_twice_is_two_steps() -> None:  # charliecloud#1568
    made = Made([FIRST, FIRST])
    for archive in (image_archive(made), oci_archive(made)):
        contents = read(archive)
        assert [len(one.files) for one in contents.layers] == [3, 3]
        assert contents.wasted_bytes == 702


def test_a_compressed_layer_may_be_smaller_than_a_block() -> None:
    made = Made([tar(file("a", b"1"))], compress=True)
    assert len(made.blobs[0]) < 512
    for archive in (image_archive(made), oci_archive(made)):
        assert [it.path for it in read(archive).layers[0].files] == ["/a"]


def test_links_in_an_archive_are_followed() -> None:  # udocker#361
    manifest = [{"Config": "c.json", "Layers": ["one/layer.tar", "two/layer.tar"]}]
    made = Made([FIRST, FIRST])
    archive = tar(
        file("one/layer.tar", FIRST),
        link("two/layer.tar", "../one/layer.tar"),
        file("one/VERSION", b"1.0"),
        file("one/json", b"{}"),
        file("repositories", b"{}"),
        file("c.json", made.config_blob),
        file("manifest.json", json.dumps(manifest).encode()),
    )
    assert [one.size for one in read(archive).layers] == [702, 702]


def test_without_a_history_the_layers_are_there() -> None:
    for history in ([], HISTORY[:2], [{"created_by": "squashed"}]):
        contents = read(image_archive(Made([FIRST, SECOND], config={"history": history})))
        assert [(one.created_by, one.size) for one in contents.layers] == [("", 702), ("", 3)]


def test_an_image_of_no_layers_is_one() -> None:
    contents = read(image_archive(Made([], config={"history": HISTORY[1:2]})))
    assert told(contents) == EXPECTED[1:2]
    assert (contents.efficiency, contents.wasted_bytes) == (1.0, 0)
    assert "0 layers" in contents.summary()


def test_an_index_gives_this_machines_image_and_no_attestation() -> None:
    entry = MADE.descriptor(MADE.manifest_blob, "manifest.v1+json")
    strange = {**entry, "digest": sha256(b"strange")}
    index = {
        "manifests": [
            {**strange, "annotations": {"vnd.docker.reference.type": "attestation-manifest"}},
            {**strange, "platform": {"os": "plan9", "architecture": "mips"}},
            entry,
        ]
    }
    files = [one for one in entries_of(oci_archive(MADE)) if one[0].name != "index.json"]
    archive = tar(file("index.json", json.dumps(index).encode()), *files)
    assert told(read(archive)) == EXPECTED


def test_layers_are_told_of_as_they_are_read() -> None:
    counts: list[int] = []
    read(image_archive(MADE), listed=counts.append)
    assert counts == [1, 2]


def test_digests_of_contents_are_taken_where_they_are_asked_for() -> None:
    plain, hashed = read(image_archive(MADE)), read(image_archive(MADE), hashed=True)
    assert {entry.digest for one in plain.layers for entry in one.files} == {b""}
    digests = {it.path: it.digest.hex() for it in hashed.layers[0].files}
    assert digests["/etc/b"] == sha256(b"22").removeprefix("sha256:")
    assert digests["/etc"] == ""


@pytest.mark.parametrize(
    ("archive", "why"),
    [
        (b"", "no manifest.json"),
        (b"no tar at all" * 100, "broken"),
        (tar(file("etc/passwd", b"x")), "no manifest.json"),
        (tar(file("manifest.json", b"[]")), "names no image"),
        (tar(file("manifest.json", b"[1]")), "names no image"),
        (tar(file("manifest.json", b'[{"Config": "a"}]')), "lacks its file"),
        (tar(file("manifest.json", b"[" * 100_000)), "no JSON"),
        (tar(file("index.json", b"{}")), "names no image"),
        (tar(file("index.json", b'{"manifests": [{"digest": "../x"}]}')), "no digest"),
        (tar(link("manifest.json", "manifest.json")), "no manifest.json"),
    ],
)
def test_what_is_no_image_is_refused(archive: bytes, why: str) -> None:
    with pytest.raises(Invalid, match=why):
        read(archive)


def test_a_config_of_other_layers_is_refused() -> None:
    made = Made([FIRST], config={"rootfs": {"diff_ids": []}})
    with pytest.raises(Invalid, match="whose config names 0"):
        read(image_archive(made))


def test_a_hostile_layer_is_refused_by_the_name_of_its_file() -> None:  # R41
    with pytest.raises(UnsafeLayer, match="evil"):
        read(image_archive(Made([tar(file("../../evil", b"x"))])))


def test_a_broken_layer_is_refused() -> None:
    with pytest.raises(Invalid, match="broken"):
        read(image_archive(Made([FIRST[:1100]])))


def test_one_bound_is_for_all_layers() -> None:
    with pytest.raises(Invalid, match="more than"):
        read(image_archive(Made([FIRST, FIRST])), bound=Bound(entries=5))


# --- large ones ---------------------------------------------------------------------------------


class Streamed:
    """An archive of one layer that is made while it is read; ``files`` have ``size`` zeros each."""

    def __init__(self, files: int, size: int) -> None:
        self._pieces = self._made(files, size)

    def read(self, size: int = -1, /) -> bytes:
        """More than was asked for, where that is less than five pieces."""
        return b"".join(itertools.islice(self._pieces, 5))

    def _made(self, files: int, size: int) -> Iterator[bytes]:
        content = bytes(size + -size % 512)
        layer = files * (512 + len(content)) + 1024
        yield header("layer.tar", layer)
        for number in range(files):
            yield header(f"usr/share/{number // 100:03}/{number:06}.txt", size) + content
        yield bytes(1024)
        config = Made([], config={"rootfs": {"diff_ids": [sha256(b"")]}}).config_blob
        manifest = json.dumps([{"Config": "c.json", "Layers": ["layer.tar"]}]).encode()
        yield tar(file("c.json", config), file("manifest.json", manifest))


@lru_cache
def nameless(size: int) -> bytes:
    entry = tarfile.TarInfo("")
    entry.size = size
    return entry.tobuf(tarfile.USTAR_FORMAT)


def header(name: str, size: int) -> bytes:
    """As tarfile makes it, in a tenth of the time."""
    known, letters = nameless(size), name.encode()
    checksum = int(known[148:154], 8) + sum(letters)
    return b"%b%b%06o%b" % (letters, known[len(letters) : 148], checksum, known[154:])


def test_a_hundred_thousand_files_are_a_tree() -> None:
    contents = saved.read(Streamed(100_000, 1), "many")
    tree = contents.tree()
    assert (len(contents.layers[0].files), contents.size) == (101_002, 100_000)
    assert (tree.count(), tree.count("/usr/share/999")) == (100_000, 100)
    assert [entry.path for entry in tree.search("099999")] == ["/usr/share/999/099999.txt"]


def test_memory_is_for_names_and_not_for_contents() -> None:
    """100,000 files of 1 GB may take 200 MB; here it is a hundredth of the one and a fifth of the
    other."""
    tracemalloc.start()
    try:
        contents = saved.read(Streamed(1000, 200_000), "large")
        tree = contents.tree()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (tree.count(), contents.size) == (1000, 200_000_000)
    assert peak < 8 << 20


def test_a_layer_that_is_named_again_and_again_counts_each_time() -> None:
    """A small archive could else be of a billion files."""
    made = Made([FIRST] * 50)
    manifest = [{"Config": "c.json", "Layers": ["l/layer.tar"] * 50}]
    archive = tar(
        file("l/layer.tar", FIRST),
        file("c.json", made.config_blob),
        file("manifest.json", json.dumps(manifest).encode()),
    )
    assert len(read(archive, bound=Bound(entries=150)).layers) == 50
    with pytest.raises(Invalid, match="more than"):
        read(archive, bound=Bound(entries=149))


def test_a_layer_that_unpacks_to_more_than_anybody_packs_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(room, "UNSUSPECTED", 1000)
    archive = image_archive(Made([tar(file("zeros", bytes(4 << 20)))], compress=True))
    with pytest.raises(Invalid, match="unpacks to more than"):
        read(archive)


def test_lists_are_no_longer_than_any_program_writes() -> None:
    with pytest.raises(Invalid, match="larger than"):
        read(tar(file("manifest.json", b"[" + b" " * (5 << 20) + b"]")))
    many = [{"empty_layer": True}] * 10_001
    assert read(image_archive(Made([], config={"history": many}))).layers == ()


WHOLE = {"docker": image_archive(PACKED), "oci": oci_archive(MADE)}


@given(
    form=st.sampled_from(sorted(WHOLE)),
    mutations=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=9)), max_size=5
    ),
    kept=st.floats(0.5, 1),
)
@settings(max_examples=examples(100), deadline=None)
def test_a_broken_archive_is_read_or_refused(
    form: str, mutations: list[tuple[float, bytes]], kept: float
) -> None:
    broken = WHOLE[form]
    for where, what in mutations:
        place = int(where * len(broken))
        broken = broken[:place] + what + broken[place + len(what) :]
    try:
        contents = read(broken[: int(kept * len(broken))])
    except ContainerError:
        return
    json.dumps(contents.data, ensure_ascii=False).encode()
