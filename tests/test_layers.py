"""What engines say of their images: contents against docker history, save and diff.

Knows: an engine, images made entry by entry. Does not know: how contents are shown.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from layers import Entry, Made, file, folder, hard_link, image_archive, link, tar

from ipycontainers import layers
from ipycontainers.client import Candidate, open_candidate
from ipycontainers.errors import NotFound
from ipycontainers.layers import Progress
from ipycontainers.oci.contents import compare
from ipycontainers.oci.tree import state

HOSTILE = "<img src=x onerror=alert(1)>"
FIRST = [
    folder("etc"),
    file("etc/motd", b"one\ntwo\n"),
    file("etc/shadow", b"x", mode=0o640, gid=42),
    file("etc/gone", b"12345"),
    folder("old"),
    file("old/a", b"1" * 100),
    file("old/b", b"2" * 200),
    folder("cache"),
    file("cache/c", b"3" * 300),
    file("bin/git", b"g" * 50, mode=0o4755),
    hard_link("core/git", "bin/git", mode=0o4755),
    link("lib", "usr/lib"),
    file("log", b"0"),
]
SECOND = [
    folder("etc"),
    file("etc/motd", b"one\nthree\n"),
    file("etc/.wh.gone"),
    file(".wh.old"),
    folder("cache"),
    file("cache/.wh..wh..opq"),
    file("cache/d", b"4" * 40),
    file("caf\udce9", b"1"),
    file("a\nb", b"2"),
    file("d/" + "e" * 150, b"3"),
    file("Ra\u00edz.pem", b"4"),
    file(HOSTILE, b"5"),
]
REWRITTEN = [[file("log", b"x" * 1000 * number)] for number in range(1, 5)]
ALL = [FIRST, SECOND, *REWRITTEN]
HISTORY = [
    {"created": "2025-01-01T00:00:00Z", "created_by": "ADD first /"},
    {"created": "2025-01-01T00:00:00Z", "created_by": "ENV A=b", "empty_layer": True},
    {"created": "2025-01-01T00:00:00Z", "created_by": f"RUN second {HOSTILE}"},
    *({"created": "2025-01-01T00:00:00Z", "created_by": f"RUN log {n}"} for n in range(1, 5)),
    {"created": "2025-01-01T00:00:00Z", "created_by": 'CMD ["sh"]', "empty_layer": True},
]
Load = Callable[..., str]


@pytest.fixture
def load(engine: Any) -> Iterator[Load]:
    """load(*layers, history=…) has the engine load an image; its name. It is gone at the end."""
    names: list[str] = []

    def loaded(*made: Sequence[Entry], **config: Any) -> str:
        name = f"ipycontainers-test/layers-{os.getpid()}-{len(names)}:1"
        image = Made(
            [tar(*layer) for layer in made], config={"created": "2025-01-01T00:00:00Z", **config}
        )
        said = list(engine.docker.api.load_image(image_archive(image, [name])))
        assert not any("error" in line for line in said), said
        names.append(name)
        return name

    yield loaded
    for name in names:
        engine.docker.api.remove_image(name, force=True)


def test_steps_and_sizes_are_those_of_docker_history(engine: Any, load: Load) -> None:
    name = load(*ALL, history=HISTORY)
    contents = layers.read(engine, name)
    told = [(step["CreatedBy"], step["Size"]) for step in engine.docker.api.history(name)]
    assert [(one.created_by, one.size) for one in contents.layers] == told[::-1]
    assert [one.empty for one in contents.layers] == [bool(it.get("empty_layer")) for it in HISTORY]
    inspected = engine.inspect_image(name)
    made = [one.diff_id for one in contents.layers if not one.empty]
    assert made == inspected["RootFS"]["Layers"]
    assert (contents.id, contents.size) == (inspected["Id"], inspected["Size"])


def test_what_is_told_at_once_is_what_is_read_later(engine: Any, load: Load) -> None:
    name = load(*ALL, history=HISTORY)
    told, contents = layers.outline(engine, name), layers.read(engine, name)
    bare = [replace(one, digest="", files=(), created="") for one in contents.layers]
    assert list(told.layers) == bare
    assert told.size == contents.size
    assert list(told.diff_ids) == [one.diff_id for one in bare if not one.empty]


@pytest.mark.parametrize("last", ["USER daemon", "WORKDIR /"])
def test_a_layer_of_no_bytes_is_told_apart_where_that_is_known(
    engine: Any, load: Load, last: str
) -> None:
    steps = [("COPY a /", False), ("ENV A=b", True), ("RUN rm a", False), (last, True)]
    history = [{"created_by": text, "empty_layer": is_empty} for text, is_empty in steps]
    name = load([file("a", b"1")], [file(".wh.a")], history=history)
    told = layers.outline(engine, name).layers
    assert [one.created_by for one in told] == [text for text, _ in steps]
    if last.startswith("USER"):
        assert [one.empty for one in told] == [is_empty for _, is_empty in steps]
        assert all(one.diff_id for one in told if not one.empty)
    else:  # a WORKDIR makes a layer, or does not
        assert [(one.empty, one.diff_id) for one in told] == [(False, "")] * 4


def test_files_are_those_that_a_container_has(engine: Any, load: Load) -> None:
    """R18, R41, R42, R45: what docker export gives, byte for byte of each name."""
    name = load(*ALL, history=HISTORY)
    files = state(layers.read(engine, name).files)
    container = engine.docker.api.create_container(name, "sh")["Id"]
    try:
        exported = io.BytesIO(b"".join(engine.docker.api.export(container)))
        with tarfile.open(fileobj=exported, errors="surrogateescape") as archive:
            there = {f"/{it.name.removeprefix('./').strip('/')}": it for it in archive}
    finally:
        engine.docker.api.remove_container(container)
    added = {"/.dockerenv", "/dev", "/proc", "/sys", "/", "/run", "/run/.containerenv"}
    made = {"/etc/hostname", "/etc/hosts", "/etc/resolv.conf", "/etc/mtab"}
    own = {path for path in there if path in made or path.startswith(("/dev/", "/proc/", "/sys/"))}
    assert files.keys() - there.keys() == set()
    assert there.keys() - files.keys() - added - own == set()
    owners = {
        path: (it.uid, it.gid, it.mode & 0o7777) for path, it in there.items() if path in files
    }
    assert owners["/etc/shadow"] == (0, 42, 0o640)
    for path, entry in files.items():
        # Folders that no layer names are made as each engine likes: dockerd 20.10 has 0600.
        if entry.kind != "symlink" and path not in {"/bin", "/core", "/d"}:
            assert (path, (entry.uid, entry.gid, entry.mode)) == (path, owners[path])


def test_wasted_is_what_was_rewritten_and_removed(engine: Any, load: Load) -> None:
    contents = layers.read(engine, load(*ALL, history=HISTORY))
    wasted = sorted((it.path, it.size, it.layer, it.reason, it.by) for it in contents.wasted)
    assert wasted == [
        ("/cache/c", 300, 0, "removed", 2),
        ("/etc/gone", 5, 0, "removed", 2),
        ("/etc/motd", 8, 0, "rewritten", 2),
        ("/log", 1, 0, "rewritten", 3),
        ("/log", 1000, 3, "rewritten", 4),
        ("/log", 2000, 4, "rewritten", 5),
        ("/log", 3000, 5, "rewritten", 6),
        ("/old/a", 100, 0, "removed", 2),
        ("/old/b", 200, 0, "removed", 2),
    ]
    shown = sum(entry.size for entry in state(contents.files).values())
    assert contents.size - contents.wasted_bytes == shown


def test_a_layer_of_a_commit_changes_what_docker_diff_says(engine: Any, images: Any) -> None:
    script = (
        "rm -r /usr/bin; rm /bin/vi; echo new > /etc/group; mkdir -p /srv/a; echo 1 > /srv/a/b; "
        "ln -s b /srv/a/c; chmod 600 /etc/passwd"
    )
    docker = engine.docker.api
    container = docker.create_container(images.busybox, ["sh", "-c", script])["Id"]
    name = f"ipycontainers-test/layers-commit-{os.getpid()}"
    try:
        docker.start(container)
        assert docker.wait(container)["StatusCode"] == 0
        kinds = ("changed", "added", "removed")
        told = {it["Path"]: kinds[it["Kind"]] for it in docker.diff(container)}
        docker.commit(container, name)
        try:
            contents = layers.read(engine, name)
        finally:
            docker.remove_image(name)
    finally:
        docker.remove_container(container)
    files = {entry.path: entry.change for entry in contents.layers[-1].files}
    inside = {
        path for path in files if path.rpartition("/")[0] in files and files[path] == "removed"
    }
    assert {"/usr/bin/env"} <= inside  # diff names a removed folder only
    assert {
        path: change for path, change in files.items() if path not in inside - told.keys()
    } == told


def test_data_is_what_json_holds_on_each_engine(engine: Any, load: Load) -> None:
    data = layers.read(engine, load(*ALL, history=HISTORY)).data
    assert list(data) == ["image", "config", "layers", "wasted_bytes", "efficiency"]
    json.dumps(data, ensure_ascii=False).encode()
    paths = {it["path"] for it in data["layers"][2]["files"]}
    assert {f"/{HOSTILE}", "/caf\\xe9", "/a\nb", "/Ra\u00edz.pem"} <= paths
    assert data["config"]["Cmd"] == ["sh"]


@pytest.mark.podman
def test_podman_sends_the_same_image_in_another_archive(
    engine: Any, load: Load, podman: str
) -> None:
    name = load(*ALL, history=HISTORY)
    expected = layers.read(engine, name)
    with open_candidate(Candidate("test", podman, True)) as other:
        with engine.save_image(name) as archive:
            other.docker.api.load_image(b"".join(iter(archive.read, b"")))
        contents = layers.read(other, name)
        shown = layers.look(other, contents, 2, "/etc/motd")
        told = layers.outline(other, name)
        other.docker.api.remove_image(name, force=True)
    assert [replace(one, digest="") for one in contents.layers] == [
        replace(one, digest="") for one in expected.layers
    ]
    assert (contents.wasted, contents.efficiency) == (expected.wasted, expected.efficiency)
    assert shown.lines == ["@@ -1,2 +1,2 @@", " one", "-two", "+three"]
    of_each = [(one.created_by, one.diff_id, one.empty) for one in told.layers]
    assert of_each == [(one.created_by, one.diff_id, one.empty) for one in contents.layers]


def test_progress_ends_with_all_layers(engine: Any, load: Load) -> None:
    told: list[Progress] = []
    layers.read(engine, load(*ALL, history=HISTORY), progress=told.append)
    assert (told[-1].layers, told[-1].of) == (6, 6)
    assert told[-1].read >= told[-1].size > 0
    assert [one.read for one in told] == sorted(one.read for one in told)


def test_a_reader_that_is_interrupted_ends_the_request(engine: Any, load: Load) -> None:
    def interrupt(_: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        layers.read(engine, load(*ALL, history=HISTORY), progress=interrupt)


def test_an_image_that_is_not_there_is_named(engine: Any) -> None:
    with pytest.raises(NotFound, match="no-such-image"):
        layers.read(engine, "ipycontainers-test/no-such-image")


def test_an_image_of_settings_only_has_steps_and_no_files(engine: Any) -> None:
    """dockerd makes no archive of one: its answer is "empty export - not implemented"."""
    name = f"ipycontainers-test/layers-none-{os.getpid()}:1"
    recipe = io.BytesIO(b'FROM scratch\nENV A=b\nCMD ["/a"]\n')
    engine.docker.images.build(fileobj=recipe, tag=name, rm=True)
    try:
        contents = layers.read(engine, name, hashed=True)
        known = engine.inspect_image(name)
    finally:
        engine.docker.images.remove(name)
    assert [(one.empty, one.files) for one in contents.layers] == [(True, ())] * 2
    assert (contents.id, contents.config.cmd) == (known["Id"], ("/a",))
    assert contents.summary().startswith(f"{name}: 0B in 0 layers, 0 changes, 2 steps")
    json.dumps(contents.data)
    assert compare(contents, contents).files == ()


def test_a_file_is_shown_with_what_a_layer_changed_of_it(engine: Any, load: Load) -> None:
    contents = layers.read(engine, load(*ALL, history=HISTORY))
    look = layers.look(engine, contents, 2, "/etc/motd")
    assert look.here
    assert look.below
    assert (look.here.text, look.here.layer, look.below.text) == ("one\nthree\n", 2, "one\ntwo\n")
    assert look.lines == ["@@ -1,2 +1,2 @@", " one", "-two", "+three"]
    later = layers.look(engine, contents, 7, "/etc/motd")
    assert later == look  # nothing has touched it since
    gone = layers.look(engine, contents, 2, "/etc/gone")
    assert gone.here is None
    assert (gone.lines, gone.below and gone.below.text) == (
        ["@@ -1 +0,0 @@", "-12345", "\\ No newline at end of file"],
        "12345",
    )


def test_a_linked_file_is_shown_by_each_of_its_names(engine: Any, load: Load) -> None:
    name = load([file("A", b"x\n"), hard_link("Z", "A")], [file(".wh.A")])
    contents = layers.read(engine, name)
    for number in (0, 1):
        look = layers.look(engine, contents, number, "/Z")
        assert look.here
        assert (look.here.text, look.here.size) == ("x\n", 2)


def test_a_long_file_is_cut_and_a_binary_is_named(engine: Any, load: Load) -> None:
    contents = layers.read(engine, load([file("long", b"y\n" * 1000), file("elf", b"\x7fELF\0")]))
    long = layers.look(engine, contents, 0, "/long", limit=100).here
    assert long
    assert (long.text, long.is_cut, long.size) == ("y\n" * 50, True, 2000)
    elf = layers.look(engine, contents, 0, "/elf")
    assert elf.here
    assert (elf.here.text, elf.here.binary, elf.lines) == (None, "ELF program or library", None)
    for path in ("/none", "/"):
        with pytest.raises(NotFound, match="has no file"):
            layers.look(engine, contents, 0, path)


def test_what_was_kept_is_shown_without_asking_again(engine: Any, load: Load) -> None:
    """The archive of a large image takes its engine many seconds."""
    long = b"y\n" * 50_000
    name = load(
        [file("a/long", long), file("b/long", long), file("short", b"s\n"), file("a/x", b"1")]
    )
    contents = layers.read(engine, name)
    nobody: Any = None
    assert layers.look(nobody, contents, 0, "/short").lines == ["@@ -0,0 +1 @@", "+s"]
    with pytest.raises(AttributeError):  # nobody can be asked
        layers.look(nobody, contents, 0, "/a/long")
    first = layers.look(engine, contents, 0, "/a/long")
    assert first.here
    assert first.here.text == long.decode()
    assert layers.look(nobody, contents, 0, "/a/long") == first
    with pytest.raises(AttributeError):
        layers.look(nobody, contents, 0, "/b/long")


def test_two_images_of_one_base_are_compared(engine: Any, load: Load) -> None:
    one, other = load(FIRST, [file("a", b"1")]), load(FIRST, [file("a", b"2"), file("b", b"3")])
    found = compare(*(layers.read(engine, name, hashed=True) for name in (one, other)))
    assert found.shared == 1
    assert [(it.path, it.change) for it in found.files] == [("/a", "changed"), ("/b", "added")]
