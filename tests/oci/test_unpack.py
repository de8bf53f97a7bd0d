"""Layers in folders. The threats are umoci's list: nothing outside the folder is ever touched."""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
import stat
import subprocess
import tarfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from layers import Entry, Made, file, folder, hard_link, image_archive, link, special, tar
from support import require

from ipycontainers.errors import ContainerError, EngineError, IntegrityError, Invalid, UnsafeLayer
from ipycontainers.oci import Layout, archive, room, unpack
from ipycontainers.oci.record import Owner, Unpacked


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The folder for layers; beside it a file that no layer may change."""
    (tmp_path / "file").write_text("of the host")
    target = tmp_path / "root"
    target.mkdir()
    return target


def add(root: Path, *entries: Entry, overlay: bool = False) -> Unpacked:
    return unpack.layer(io.BytesIO(tar(*entries)), root, overlay=overlay)


def tree(root: Path) -> dict[str, str]:
    """Every path below with what it is."""
    found = {}
    for at, folders, files in os.walk(root):
        for name in [*folders, *files]:
            path = Path(at, name)
            mode = path.lstat().st_mode
            what = "folder"
            if stat.S_ISLNK(mode):
                what = f"-> {path.readlink()}"
            elif stat.S_ISCHR(mode):
                what = f"device {path.lstat().st_rdev}"
            elif stat.S_ISFIFO(mode):
                what = "fifo"
            elif stat.S_ISREG(mode):
                what = path.read_text()
            found[str(path.relative_to(root))] = what
    return found


def opaque(path: Path) -> bool:
    return "user.overlay.opaque" in os.listxattr(path)


def assert_host_unchanged(root: Path) -> None:
    escaped = "A PATH OF THE HOST WAS CHANGED: THIS IS AN ESCAPE"
    assert sorted(path.name for path in root.parent.iterdir()) == ["file", "root"], escaped
    assert (root.parent / "file").read_text() == "of the host", escaped


# --- what a user cannot keep, and holes --------------------------------------------------------


def test_attributes_are_set_or_recorded(root: Path) -> None:
    headers = {
        "SCHILY.xattr.user.mine": "1",
        "SCHILY.xattr.security.capability": "\1\0\udcff",
        "SCHILY.xattr.user.overlay.opaque": "y",
    }
    record = add(root, file("su", b"x", mode=0o4755, uid=1000, pax_headers=headers))
    assert os.listxattr(root / "su") == ["user.mine"]
    expected = Owner(1000, 0, 0o4755, {"security.capability": b"\1\0\xff"})
    assert record.owners == {"su": expected}
    assert Unpacked.of(json.loads(json.dumps(record.to_json()))) == record


@pytest.mark.parametrize(
    "words",
    ["--format=gnu", "--sparse-version=0.0", "--sparse-version=0.1", "--sparse-version=1.0"],
)
def test_sparse_files_stay_sparse(root: Path, words: str) -> None:
    source = root.parent / "file"
    with source.open("wb") as made:
        for number in range(40):  # more than fit into one header
            made.seek(number << 20)
            made.write(b"%d" % number)
        made.truncate(64 << 20)
    options = [words] if words.startswith("--format") else ["--format=posix", words]
    content = subprocess.run(
        ["tar", "-c", "-S", *options, "-C", root.parent, "file"], capture_output=True, check=True
    ).stdout
    assert len(content) < 1 << 20
    unpack.layer(io.BytesIO(content), root, overlay=False)
    assert subprocess.run(["cmp", source, root / "file"], check=False).returncode == 0
    assert (root / "file").stat().st_blocks * 512 < 2 << 20


@pytest.mark.parametrize(
    "places",
    [b"1\n9\n", b"2\n5\n1\n3\n1\n", b"1\n0\n9999\n", b"1\n-1\n1\n", b"99999999\n", b"x" * 512],
)
def test_a_map_of_holes_that_is_none(root: Path, places: bytes) -> None:
    headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "10"}
    content = places.ljust(512, b"\0") + b"data"
    with pytest.raises(Invalid):
        add(root, file("file", content, pax_headers=headers))


# --- bombs ---------------------------------------------------------------------------------------


class Disk:
    """What statvfs says of a disk that has so many bytes free."""

    f_frsize, f_blocks, f_files, f_favail = 1, 10 << 30, 0, 0

    def __init__(self, free: int) -> None:
        self.f_bavail = free


def test_what_would_fill_the_disk_is_refused_before(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "statvfs", lambda _: Disk((205 << 20) + 100_000))
    add(root, file("small", bytes(50_000)))
    entry, _ = file("large")
    entry.size = 10 << 30
    with pytest.raises(EngineError, match="no space left on device"):
        unpack.layer(io.BytesIO(entry.tobuf() + bytes(1024)), root, overlay=False)
    assert not (root / "large").exists() or not (root / "large").stat().st_size
    monkeypatch.setattr(os, "statvfs", lambda _: Disk(204 << 20))
    with pytest.raises(EngineError, match="no space left on device"):
        add(root, file("small"))


def test_a_file_system_that_does_not_count_its_blocks_is_not_full() -> None:
    room.Room("/proc").take(1 << 40)


def test_ten_gigabytes_of_nothing_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten megabytes of gzip; the limit is lowered, since reading four gigabytes takes a while."""
    monkeypatch.setattr(room, "UNSUSPECTED", 32 << 20)
    entry, _ = file("bomb")
    entry.size = 10 << 30
    zeros = gzip.compress(bytes(16 << 20))
    layer = gzip.compress(entry.tobuf()) + zeros * (entry.size >> 24)
    made = Made([layer])
    made.config["rootfs"] = {"type": "layers", "diff_ids": ["sha256:" + 64 * "0"]}
    layout = Layout.open(tmp_path / "oci")
    with pytest.raises(Invalid, match="unpacks to more than"):
        archive.load(io.BytesIO(image_archive(made, ["bomb:1"])), layout)
    assert layout.images() == []
    assert list((layout.path / "blobs/sha256").iterdir()) == []


def test_too_many_entries_are_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpack, "MOST_ENTRIES", 100)
    with pytest.raises(Invalid, match="more than 100 entries"):
        add(root, *(file("same") for _ in range(101)))
    monkeypatch.setattr(unpack, "LARGEST_RECORD", 10_000)
    headers = {"SCHILY.xattr.trusted.x": "y" * 1000}
    with pytest.raises(Invalid, match="too much of owners"):
        add(root, *(file(f"f{number}", pax_headers=headers) for number in range(20)))


# --- sanitise scoping -----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["../file", "/../file", "a/../../file", "..", "./../file"])
@pytest.mark.parametrize("overlay", [False, True])
def test_sanitise_scoping(root: Path, name: str, overlay: bool) -> None:
    with pytest.raises(UnsafeLayer):
        add(root, folder("a"), file(name, b"of the layer"), overlay=overlay)
    assert_host_unchanged(root)


def test_sanitise_scoping_of_absolute_names(root: Path) -> None:
    add(root, file("/file", b"of the layer"), file(f"{root.parent}/file", b"deeper"))
    assert (root / "file").read_text() == "of the layer"
    assert_host_unchanged(root)


@pytest.mark.parametrize(
    "entry",
    [link("..", "x"), link(".", "/"), file("/", b""), hard_link(".", "x"), file("a/..", b"x")],
)
def test_the_root_itself_cannot_be_replaced(root: Path, entry: Entry) -> None:
    with pytest.raises(ContainerError):
        add(root, file("x"), folder("a"), entry)
    assert root.is_dir()
    assert not root.is_symlink()


# --- symlink scoping ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "target", ["/", "/../", "/../../../../../..", "/./.././../", "..", "../.."]
)
@pytest.mark.parametrize("overlay", [False, True])
def test_symlink_scoping(root: Path, target: str, overlay: bool) -> None:
    add(root, link("link", target), file("link/file", b"of the layer"), overlay=overlay)
    assert (root / "file").read_text() == "of the layer"
    assert_host_unchanged(root)


def test_symlink_scoping_to_the_hosts_own_path(root: Path) -> None:
    add(root, link("link", str(root.parent)), file("link/file", b"of the layer"))
    assert_host_unchanged(root)


def test_symlink_scoping_of_the_last_part(root: Path) -> None:
    add(root, link("link", str(root.parent / "file")), file("link", b"of the layer"))
    assert (root / "link").read_text() == "of the layer"
    assert not (root / "link").is_symlink()
    assert_host_unchanged(root)


def test_symlink_scoping_of_folders(root: Path) -> None:
    add(root, link("link", str(root.parent)), folder("link", mode=0o700), file("link/file", b"x"))
    assert tree(root) == {"link": "folder", "link/file": "x"}
    assert_host_unchanged(root)


def test_symlink_scoping_of_whiteouts(root: Path) -> None:
    add(root, link("link", str(root.parent)))
    add(root, file("link/.wh.file"), file("link/.wh..wh..opq"))
    assert_host_unchanged(root)


def test_symlink_loops(root: Path) -> None:
    with pytest.raises(UnsafeLayer):
        add(root, link("a", "b"), link("b", "a"), file("a/x"))
    with pytest.raises(UnsafeLayer):
        add(root, link("c", "c/c/c"), file("c/x"))


# --- parents --------------------------------------------------------------------------------


def test_parent_dir(root: Path) -> None:
    add(root, file("a/b/c/file", b"x"))
    assert (root / "a/b/c/file").read_text() == "x"
    assert stat.S_IMODE((root / "a/b").stat().st_mode) == 0o755


def test_non_dir_parent(root: Path) -> None:
    with pytest.raises(Invalid, match="below what is no folder"):
        add(root, file("a", b"x"), file("a/b", b"y"))


def test_dangling_parent(root: Path) -> None:
    add(root, link("a", "/no/such"), file("a/b", b"x"))
    assert (root / "no/such/b").read_text() == "x"


def test_parents_too_deep(root: Path) -> None:
    with pytest.raises(UnsafeLayer):
        add(root, file("d/" * 300 + "f"))
    with pytest.raises(UnsafeLayer):
        add(root, file("/".join(["d"] * 5000)))


def test_the_time_of_a_parent_stays(root: Path) -> None:
    add(root, folder("a", mtime=1000), file("a/x", mtime=2000))
    add(root, file("a/y", mtime=3000), file("a/.wh.x"))
    assert (root / "a").stat().st_mtime == 1000
    assert (root / "a/y").stat().st_mtime == 3000


# --- whiteouts ------------------------------------------------------------------------------

HIDDEN = ["rootpath", ".hiddenroot", "some/path/file", "another/path/.hiddenfile"]


def beside(path: str, mark: str) -> str:
    above, _, name = path.rpartition("/")
    return f"{above}/{mark}{name}" if above else mark + name


@pytest.mark.parametrize("path", HIDDEN)
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_whiteout(root: Path, path: str, kind: str) -> None:
    below = [file(path, b"x")] if kind == "file" else [file(f"{path}/{x}") for x in ("a", ".b/c")]
    add(root, *below, file("stays", b""))
    add(root, file(beside(path, ".wh.")))
    assert not os.path.lexists(root / path)
    assert (root / "stays").exists()


@pytest.mark.parametrize("path", HIDDEN)
def test_whiteout_for_overlay(root: Path, path: str) -> None:
    add(root, file(beside(path, ".wh.")), overlay=True)
    assert tree(root)[path] == "device 0"


@pytest.mark.parametrize("order", [1, -1])
def test_whiteout_spares_its_own_layer(root: Path, order: int) -> None:
    add(root, file("a/old"), file("b"))
    entries = [file(".wh.a"), folder("a"), file("a/new"), file(".wh.b"), file("b", b"new")]
    add(root, *entries[::order])
    assert tree(root) == {"a": "folder", "a/new": "", "b": "new"}


@pytest.mark.parametrize("order", [1, -1])
def test_whiteout_and_folder_of_one_layer_for_overlay(root: Path, order: int) -> None:
    add(root, *[file(".wh.a"), file("a/new")][::order], overlay=True)
    assert tree(root) == {"a": "folder", "a/new": ""}
    assert opaque(root / "a")


@pytest.mark.parametrize("order", [1, -1])
def test_opaque_whiteout(root: Path, order: int) -> None:
    add(root, file("a/old"), file("a/sub/old"), file("a/both", b"1"))
    entries = [file("a/.wh..wh..opq"), file("a/sub/new"), file("a/both", b"2")]
    add(root, *entries[::order])
    assert tree(root) == {"a": "folder", "a/sub": "folder", "a/sub/new": "", "a/both": "2"}


def test_opaque_whiteout_for_overlay(root: Path) -> None:
    add(root, file("a/.wh..wh..opq"), file("a/new"), overlay=True)
    assert tree(root) == {"a": "folder", "a/new": ""}
    assert opaque(root / "a")


@pytest.mark.parametrize("name", [".wh.", ".wh..", ".wh...", "a/.wh..."])
@pytest.mark.parametrize("overlay", [False, True])
def test_whiteout_of_what_is_no_file(root: Path, name: str, overlay: bool) -> None:
    with pytest.raises(UnsafeLayer):
        add(root, folder("a"), file(name), overlay=overlay)
    assert_host_unchanged(root)


def test_whiteout_of_what_is_not_there(root: Path) -> None:
    add(root, file(".wh.a"), file("b/.wh.c"), file(".wh..wh.plnk"))
    assert tree(root) == {"b": "folder"}


# --- hard links -----------------------------------------------------------------------------


def test_hardlink(root: Path) -> None:
    add(root, file("a", b"x", mode=0o640, uid=7), hard_link("b", "/a", mode=0o777, uid=8))
    assert (root / "a").stat().st_ino == (root / "b").stat().st_ino
    assert stat.S_IMODE((root / "b").stat().st_mode) == 0o640


def test_hardlink_to_symlink(root: Path) -> None:
    add(root, file("file", b"x"), link("s", "../../../file"), hard_link("h", "s"))
    assert (root / "h").readlink() == Path("../../../file")
    assert (root / "h").lstat().st_ino == (root / "s").lstat().st_ino


@pytest.mark.parametrize("target", ["../file", "/../file", "a/../../file"])
def test_hardlink_out(root: Path, target: str) -> None:
    with pytest.raises(UnsafeLayer):
        add(root, hard_link("b", target))
    assert_host_unchanged(root)


def test_hardlink_out_through_a_symlink(root: Path) -> None:
    with pytest.raises(Invalid, match="links to no file"):
        add(root, link("up", ".."), hard_link("b", "up/file"))
    with pytest.raises(Invalid, match="links to what is not there"):
        add(root, link("host", str(root.parent)), hard_link("b", "host/file"))
    assert (root.parent / "file").stat().st_nlink == 1


@pytest.mark.parametrize("target", ["nothing", "a", ".", ""])
def test_hardlink_to_no_file(root: Path, target: str) -> None:
    with pytest.raises(ContainerError):
        add(root, folder("a"), hard_link("b", target))


def test_a_file_is_never_written_through_another_name(root: Path) -> None:
    add(root, file("a", b"old"), hard_link("b", "a"))
    add(root, file("a", b"new"))
    assert tree(root) == {"a": "new", "b": "old"}


def test_hardlink_to_itself(root: Path) -> None:
    add(root, file("a", b"x"), hard_link("a", "./a"))
    assert tree(root) == {"a": "x"}


# --- kinds, modes, owners -------------------------------------------------------------------


def test_owners_are_recorded_and_not_applied(root: Path) -> None:
    record = add(root, file("a", uid=33, gid=44, mode=0o640), link("l", "a", uid=1))
    assert (root / "a").stat().st_uid == os.geteuid()
    assert record.owners == {"a": Owner(33, 44, 0o640), "l": Owner(1, 0, 0o644)}
    assert Unpacked.of(record.to_json()) == record


def test_setuid_is_recorded_and_never_set(root: Path) -> None:
    record = add(
        root, file("su", mode=0o4755), folder("mail", mode=0o2775), folder("t", mode=0o1777)
    )
    modes = {name: stat.S_IMODE((root / name).stat().st_mode) for name in ("su", "mail", "t")}
    assert modes == {"su": 0o755, "mail": 0o775, "t": 0o1777}
    assert record.owners == {"su": Owner(0, 0, 0o4755), "mail": Owner(0, 0, 0o2775)}


def test_what_its_owner_may_not_read_can_be_copied(root: Path) -> None:
    record = add(root, folder("d", mode=0), file("d/shadow", b"x", mode=0))
    assert stat.S_IMODE((root / "d").stat().st_mode) == 0o700
    assert stat.S_IMODE((root / "d/shadow").stat().st_mode) == 0o400
    assert record.owners == {"d": Owner(0, 0, 0), "d/shadow": Owner(0, 0, 0)}


def test_owners_go_with_their_files(root: Path) -> None:
    record = add(root, file("d/a", uid=1), file("b", uid=1), file("c", uid=1))
    second = tar(file(".wh.d"), file("b"), file("c/x", uid=2))
    (root / "c").unlink()
    unpack.layer(io.BytesIO(second), root, overlay=False, record=record)
    assert "d/a" not in record.owners
    assert "b" not in record.owners
    assert record.owners["c/x"] == Owner(2, 0, 0o644)


def test_devices_are_left_out(root: Path) -> None:
    record = add(root, special("dev/sda", tarfile.BLKTYPE), special("fifo", tarfile.FIFOTYPE))
    assert record.skipped == ["dev/sda"]
    assert tree(root) == {"dev": "folder", "fifo": "fifo"}


@pytest.mark.parametrize("overlay", [False, True])
def test_a_device_is_no_whiteout(root: Path, overlay: bool) -> None:
    record = add(root, special("x", tarfile.CHRTYPE, devmajor=0, devminor=0), overlay=overlay)
    assert tree(root) == {}
    assert record.skipped == ["x"]


def test_attributes_of_a_layer_do_not_steer_overlayfs(root: Path) -> None:
    attribute = {"SCHILY.xattr.user.overlay.redirect": "/etc", "SCHILY.xattr.user.a": "b"}
    add(root, folder("a", pax_headers=attribute), overlay=True)
    assert os.listxattr(root / "a") == []


def test_one_kind_replaces_another(root: Path) -> None:
    add(root, file("a/b"), file("c"), link("d", "c"))
    add(root, file("a", b"file"), folder("c"), folder("d"))
    assert tree(root) == {"a": "file", "c": "folder", "d": "folder"}


def test_of_two_entries_of_one_name_the_last_counts(root: Path) -> None:
    """dockerd refuses these, other tools make them."""
    record = add(root, file("f", b"1", uid=7), file("f", b"2"), folder("d", uid=7), folder("d"))
    assert tree(root) == {"f": "2", "d": "folder"}
    assert record.owners == {}


def test_names_that_are_no_utf8(root: Path) -> None:
    add(root, file("caf\udce9", b"x"))
    assert [os.fsencode(path.name) for path in root.iterdir()] == [b"caf\xe9"]


@pytest.mark.parametrize("name", ["a" * 300, "a/" + "b" * 5000])
def test_names_too_long(root: Path, name: str) -> None:
    with pytest.raises(ContainerError):
        add(root, file(name))


# --- broken and bloated ---------------------------------------------------------------------


def test_an_empty_layer(root: Path) -> None:
    add(root)
    unpack.layer(io.BytesIO(b""), root, overlay=False)
    assert tree(root) == {}


def test_a_compressed_layer(root: Path) -> None:
    unpack.layer(io.BytesIO(gzip.compress(tar(file("a", b"x")))), root, overlay=False)
    assert tree(root) == {"a": "x"}


@pytest.mark.parametrize("cut", [10, 600, 1000])
@pytest.mark.parametrize("compress", [False, True])
def test_a_layer_that_ends_early(root: Path, cut: int, compress: bool) -> None:
    whole = tar(file("a", os.urandom(4000)))
    whole = gzip.compress(whole) if compress else whole
    with pytest.raises(Invalid):
        unpack.layer(io.BytesIO(whole[:cut]), root, overlay=False)


def test_what_is_no_tar(root: Path) -> None:
    with pytest.raises(Invalid):
        unpack.layer(io.BytesIO(b"\xff" * 2000), root, overlay=False)


def test_a_header_of_gigabytes_is_not_read(root: Path) -> None:
    for kind in (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME):
        entry = tarfile.TarInfo("x")
        entry.type, entry.size = kind, 5 << 30
        with pytest.raises(Invalid, match="header"):
            unpack.layer(io.BytesIO(entry.tobuf()), root, overlay=False)


def test_root_merges_all_layers(tmp_path: Path) -> None:
    layout = Layout.open(tmp_path / "oci")
    made = Made([tar(file("a"), file("b", uid=5)), tar(file(".wh.a"), file("c"))], compress=True)
    for blob in (made.config_blob, *made.blobs):
        layout.put(blob)
    image = layout.image(layout.put(made.manifest_blob))
    record = unpack.root(layout, image, tmp_path / "root")
    assert sorted(tree(tmp_path / "root")) == ["b", "c"]
    assert list(record.owners) == ["b"]


def test_root_of_damaged_content_fails(tmp_path: Path) -> None:
    layout = Layout.open(tmp_path / "oci")
    made = Made([tar(file("a", b"xxxx"))])
    stored = [layout.put(blob) for blob in (made.config_blob, *made.blobs)]
    image = layout.image(layout.put(made.manifest_blob))
    path = layout.path / "blobs/sha256" / stored[1].digest.hex
    path.chmod(0o600)
    path.write_bytes(path.read_bytes().replace(b"xxxx", b"yyyy"))
    with pytest.raises(IntegrityError):
        unpack.root(layout, image, tmp_path / "root")


# --- the kernel's word ----------------------------------------------------------------------


def test_overlayfs_shows_what_merging_gives(tmp_path: Path) -> None:
    """The same layers, merged here and mounted by the kernel, are the same tree."""
    layers = [
        [file("a/old", b"1"), file("a/sub/x", b"1"), file("b", b"1"), file("c/d/e"), folder("f")],
        [file("a/.wh..wh..opq"), file("a/new", b"2"), file(".wh.b"), file("c/.wh.d"), file("f/g")],
        [file("c/d/z", b"3"), link("b", "a"), file(".wh.f"), file("f/h", b"3"), file("i/.wh.j")],
    ]
    for number, entries in enumerate(layers):
        (tmp_path / str(number)).mkdir()
        add(tmp_path / str(number), *entries, overlay=True)
        (tmp_path / "root").mkdir(exist_ok=True)
        add(tmp_path / "root", *entries)
    (tmp_path / "mounted").mkdir()
    lower = ":".join(str(tmp_path / str(number)) for number in reversed(range(len(layers))))
    script = (
        'mount -t overlay -o "userxattr,lowerdir=$1" none "$2" || exit 77\n'
        "cd $2; find . -mindepth 1 -printf '%P %y %l %m %s\\n' | sort; cd $3; echo ==\n"
        "find . -mindepth 1 -printf '%P %y %l %m %s\\n' | sort"
    )
    require(shutil.which("unshare"), "overlay", "no unshare here")
    command = ["unshare", "-Urm", "sh", "-c", script, "sh", lower]
    paths = [tmp_path / "mounted", tmp_path / "root"]
    asked = subprocess.run([*command, *paths], capture_output=True, text=True, check=False)
    require(not asked.returncode, "overlay", f"no overlay of a user's own here: {asked.stderr}")
    mounted, _, merged = asked.stdout.partition("==\n")
    sizeless = [line.rsplit(" ", 1)[0] if " d " in line else line for line in mounted.splitlines()]
    expected = [line.rsplit(" ", 1)[0] if " d " in line else line for line in merged.splitlines()]
    assert sizeless == expected
    assert len(expected) == 9


# --- containment ----------------------------------------------------------------------------

PARTS = st.sampled_from(["a", "b", "..", ".", "", ".wh.a", ".wh.b", ".wh..wh..opq", ".wh..", "c"])
PATHS = st.lists(PARTS, min_size=1, max_size=4).map("/".join)
HOSTS = st.sampled_from(["HOST", "HOST/file", "../.."])
TARGETS = PATHS | PATHS.map(lambda path: f"/{path}") | HOSTS
KINDS = st.sampled_from(["file", "folder", "link", "hard", "fifo"])
ENTRIES = st.lists(st.tuples(KINDS, PATHS | TARGETS, TARGETS), max_size=8)
STAYS = [HealthCheck.function_scoped_fixture]  # tmp_path, which each example leaves empty


def _told(path: Path) -> tuple[int, ...]:
    found = path.stat()
    return found.st_mode, found.st_nlink, found.st_uid, found.st_mtime_ns


def entry(kind: str, name: str, target: str, host: Path) -> Entry:
    name, target = (text.replace("HOST", str(host)) for text in (name, target))
    made = {
        "file": lambda: file(name, b"of the layer"),
        "folder": lambda: folder(name, mode=0o777),
        "link": lambda: link(name, target),
        "hard": lambda: hard_link(name, target),
        "fifo": lambda: special(name, tarfile.FIFOTYPE),
    }
    return made[kind]()


@given(layers=st.lists(ENTRIES, min_size=1, max_size=2), overlay=st.booleans())
@settings(max_examples=200, deadline=None, suppress_health_check=STAYS)
def test_containment(
    tmp_path: Path, layers: list[list[tuple[str, str, str]]], overlay: bool
) -> None:
    """Whatever a layer says: it is unpacked or refused, and the host stays as it was."""
    host = tmp_path / "host"
    root = host / "root"
    root.mkdir(parents=True)
    try:
        (host / "file").write_text("of the host")
        before = [host.stat().st_mode, _told(host / "file")]
        with suppress(ContainerError):
            for entries in layers:
                add(root, *[entry(*parts, host) for parts in entries], overlay=overlay)
        assert root.is_dir()
        assert not root.is_symlink()
        assert_host_unchanged(root)
        after = [host.stat().st_mode, _told(host / "file")]
        assert after == before
    finally:
        shutil.rmtree(host)
