"""Folders as tars: what goes in comes out, the same bytes each time, and nothing from elsewhere."""

from __future__ import annotations

import io
import os
import shutil
import stat
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from layers import file, folder, hard_link, link, tar, tar_listing

from ipycontainers.errors import Invalid, UnsafeLayer
from ipycontainers.oci import unpack
from ipycontainers.oci.delta import Difference
from ipycontainers.oci.pack import END, Packing
from ipycontainers.oci.record import Owner, Unpacked
from ipycontainers.oci.view import View


def packed(*parts: Path, owners: Any = None, sparse: bool = False) -> bytes:
    """The newest folder first, which is walked by its descriptor."""
    handle = os.open(parts[0], os.O_RDONLY | os.O_DIRECTORY)
    try:
        view = View((handle, *map(str, parts[1:])))
        packing = Packing((owners or {}).get, sparse=sparse)
        return b"".join(packing.tree(view)) + END
    finally:
        os.close(handle)


def difference(here: Path, *before: Path, copied: bool, own: tuple[str, ...] = ()) -> bytes:
    handle = os.open(here, os.O_RDONLY | os.O_DIRECTORY)
    try:
        made = Difference(Packing(), copied=copied, own=frozenset(own))
        return b"".join(made.pieces(handle, View(tuple(map(str, before)))))
    finally:
        os.close(handle)


def look(root: Path) -> dict[bytes, tuple[Any, ...]]:
    """Every path with kind, mode, time, content, and which others are the same file."""
    found: dict[bytes, tuple[Any, ...]] = {}
    inodes: dict[int, bytes] = {}
    for at, folders, files in os.walk(os.fsencode(root)):
        for name in sorted([*folders, *files]):
            path = os.path.join(at, name)  # noqa: PTH118
            here = os.lstat(path)
            content: Any = b""
            if stat.S_ISREG(here.st_mode):
                content = Path(os.fsdecode(path)).read_bytes()
            elif stat.S_ISLNK(here.st_mode):
                content = os.fsencode(Path(os.fsdecode(path)).readlink())
            shown = path[len(os.fsencode(root)) :]
            first = inodes.setdefault(here.st_ino, shown)
            time = 0 if stat.S_ISLNK(here.st_mode) else int(here.st_mtime)
            found[shown] = (here.st_mode, time, content, first)
    return found


@pytest.fixture
def folders() -> Iterator[Path]:
    """Not tmp_path: overlay needs short names, and xattrs a file system that has them."""
    with tempfile.TemporaryDirectory() as made:
        yield Path(made)
        subprocess.run(["chmod", "-R", "u+rwX", made], check=True)


NAMES = st.sampled_from(
    [b"a", b"b", b"new\nline", b"caf\xe9", "Raíz".encode(), b"x" * 150, b".wh", b" ", b"-1"]
)
TREES = st.recursive(
    st.one_of(
        st.tuples(st.just("file"), st.binary(max_size=600), st.integers(0o400, 0o777)),
        st.tuples(st.just("link"), st.sampled_from([b"a", b"/etc/passwd", b"../x", b"caf\xe9"])),
        st.tuples(st.just("fifo")),
        st.tuples(st.just("same")),
    ),
    lambda inner: st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


def build(at: bytes, tree: Any, first: list[bytes]) -> None:
    """``first`` is the first file, which "same" is a second name of."""
    if isinstance(tree, dict):
        Path(os.fsdecode(at)).mkdir(0o755)
        for name, inner in tree.items():
            build(at + b"/" + name, inner, first)
    elif tree[0] == "file":
        Path(os.fsdecode(at)).write_bytes(tree[1])
        os.chmod(at, tree[2])  # noqa: PTH101
        first.append(at)
    elif tree[0] == "link":
        Path(os.fsdecode(at)).symlink_to(os.fsdecode(tree[1]))
    elif tree[0] == "fifo":
        os.mkfifo(at, 0o600)
    elif first:
        os.link(first[0], at)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(tree=st.dictionaries(NAMES, TREES, max_size=4))
def test_what_is_packed_is_unpacked_to_the_same(tree: Any) -> None:
    with tempfile.TemporaryDirectory() as place:
        source, target = Path(place, "source"), Path(place, "target")
        build(os.fsencode(source), tree, [])
        target.mkdir()
        content = packed(source)
        unpack.layer(io.BytesIO(content), target, overlay=False)
        assert look(target) == look(source)
        assert packed(target) == content


def test_what_its_owner_may_not_read_is_packed(folders: Path) -> None:
    (folders / "shut").mkdir()
    (folders / "shut/file").write_text("inside")
    (folders / "shut/file").chmod(0)
    (folders / "shut").chmod(0)
    words = [sys.executable, "-c", PACKS, str(folders)]
    user = ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups"]
    if os.geteuid() == 0:
        subprocess.run(["chown", "-R", "1000:1000", folders], check=True)
        words = [*user, *words]
    done = subprocess.run(words, capture_output=True, check=True, env=environment())
    listing = tar_listing(done.stdout)
    assert listing["shut"][1] == 0
    assert (listing["shut/file"][1], listing["shut/file"][4]) == (0, b"inside")
    assert stat.S_IMODE((folders / "shut").stat().st_mode) == 0


PACKS = """
import os, sys
from ipycontainers.oci.pack import END, Packing
from ipycontainers.oci.view import View
handle = os.open(sys.argv[1], os.O_RDONLY)
for piece in Packing().tree(View((handle,))):
    sys.stdout.buffer.write(piece)
sys.stdout.buffer.write(END)
"""


def environment() -> dict[str, str]:
    from support import REPOSITORY

    return {"PYTHONPATH": str(REPOSITORY), "PATH": os.environ["PATH"]}


def test_sockets_are_left_out_and_fifos_are_not(folders: Path) -> None:
    import socket

    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folders / "socket"))
        os.mkfifo(folders / "fifo")
        assert list(tar_listing(packed(folders))) == ["fifo"]


def test_holes_stay_holes(folders: Path) -> None:
    source, target = folders / "source", folders / "target"
    for at in (source, target):
        at.mkdir()
    with (source / "caf\udce9").open("wb") as file:
        file.write(b"begin")
        file.seek(50 << 20)
        file.write(b"end")
        file.truncate(100 << 20)
    content = packed(source, sparse=True)
    assert len(content) < 100_000
    unpack.layer(io.BytesIO(content), target, overlay=False)
    made = target / "caf\udce9"
    assert made.stat().st_size == 100 << 20
    assert made.stat().st_blocks * 512 < 1 << 20
    assert subprocess.run(["cmp", source / "caf\udce9", made], check=False).returncode == 0
    made.unlink()
    subprocess.run(["tar", "-x", "-C", target], input=content, check=True)
    assert subprocess.run(["cmp", source / "caf\udce9", made], check=False).returncode == 0
    assert len(packed(source)) > 100 << 20


def test_owners_are_given_back(folders: Path) -> None:
    (folders / "su").write_text("x")
    (folders / "su").chmod(0o755)
    (folders / "changed").write_text("x")
    (folders / "changed").chmod(0o600)
    owners = {
        "su": Owner(1000, 7, 0o4755, {"security.capability": b"\1\0\xff"}),
        "changed": Owner(5, 6, 0o4711),
    }
    content = packed(folders, owners=owners)
    listing = tar_listing(content)
    assert listing["su"][1:3] == (0o4755, (1000, 7))
    # Its mode is the container's own by now.
    assert listing["changed"][1:3] == (0o600, (5, 6))
    record = unpack.layer(io.BytesIO(content), folders, overlay=False)
    assert record.owners["su"] == owners["su"]
    assert Unpacked.of(record.to_json()) == record


def test_layers_are_seen_as_one(folders: Path) -> None:
    old, new = folders / "old", folders / "new"
    for at in (old, new):
        at.mkdir()
    entries = [folder("d"), file("d/gone"), file("d/kept", b"1"), folder("o"), file("o/hidden")]
    unpack.layer(io.BytesIO(tar(*entries, file("both", b"old"))), old, overlay=True)
    hides = [file("d/.wh.gone"), file("o/.wh..wh..opq"), file("o/new"), file("both", b"new")]
    unpack.layer(io.BytesIO(tar(*hides)), new, overlay=True)
    listing = tar_listing(packed(new, old))
    assert sorted(listing) == ["both", "d", "d/kept", "o", "o/new"]
    assert listing["both"][4] == b"new"


# --- differences -----------------------------------------------------------------------------


def test_upper_and_copy_give_one_layer(folders: Path) -> None:
    """What overlayfs keeps of a change, and the same change of a copy."""
    image = [
        folder("d"),
        file("d/a", b"1"),
        file("d/b", b"2"),
        folder("o"),
        file("o/x"),
        link("l", "d"),
    ]
    change = [file("d/.wh.a"), file("o/.wh..wh..opq"), file("o/y", b"y"), file("new", b"n")]
    change += [hard_link("again", "new"), file("l", b"a file now")]
    before, upper, root = (folders / name for name in ("before", "upper", "root"))
    for at in (before, upper, root):
        at.mkdir()
    for at in (before, root):
        unpack.layer(io.BytesIO(tar(*image)), at, overlay=False)
    unpack.layer(io.BytesIO(tar(*change)), upper, overlay=True)
    unpack.layer(io.BytesIO(tar(*change)), root, overlay=False)
    shutil.copymode(before / "d", upper / "d")
    of_upper = difference(upper, before, copied=False)
    assert tar_listing(of_upper) == tar_listing(difference(root, before, copied=True))
    assert sorted(tar_listing(of_upper)) == sorted(
        ["again", "d", "d/.wh.a", "l", "new", "o", "o/.wh.x", "o/y"]
    )
    applied = folders / "applied"
    applied.mkdir()
    for content in (tar(*image), of_upper):
        unpack.layer(io.BytesIO(content), applied, overlay=False)
    kept = [key for key in look(root) if key not in (b"/d", b"/o")]  # folders' times are others
    assert {key: look(applied)[key] for key in kept} == {key: look(root)[key] for key in kept}


def test_what_was_copied_up_unchanged_is_no_change(folders: Path) -> None:
    before, upper = folders / "before", folders / "upper"
    for at in (before, upper):
        (at / "d").mkdir(parents=True)
        (at / "d/same").write_text("same")
        (at / "d/other").write_text(at.name[:5].ljust(5))
        for name in ("same", "other"):
            os.utime(at / "d" / name, (1, 1))
    assert sorted(tar_listing(difference(upper, before, copied=False))) == ["d", "d/other"]
    assert difference(before, before, copied=True) == END


def test_mount_points_are_no_change(folders: Path) -> None:
    before, upper = folders / "before", folders / "upper"
    before.mkdir()
    (upper / "run/x").mkdir(parents=True)
    (upper / "run/x/resolv.conf").touch()
    (upper / "data/sub").mkdir(parents=True)
    (upper / "data/own").write_text("1")
    own = ("run/x/resolv.conf", "data/sub")
    listed = tar_listing(difference(upper, before, copied=False, own=own))
    assert sorted(listed) == ["data", "data/own"]


def test_tar_itself_reads_what_is_packed(folders: Path) -> None:
    source = folders / "source"
    source.mkdir()
    (source / "new\nline caf\udce9").write_text("1")
    (source / ("y" * 200)).write_text("2")
    content = packed(source)
    target = folders / "target"
    target.mkdir()
    subprocess.run(["tar", "-x", "-C", target], input=content, check=True, capture_output=True)
    assert {key: value[2] for key, value in look(target).items()} == {
        key: value[2] for key, value in look(source).items()
    }
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        assert [entry.uid for entry in archive] == [0, 0]


def test_no_layer_is_made_that_nobody_unpacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upper, below = tmp_path / "upper", tmp_path / "below"
    below.mkdir()
    upper.joinpath(*256 * ["d"]).mkdir(parents=True)
    monkeypatch.setattr(unpack, "MOST_ENTRIES", 256)
    (tmp_path / "root").mkdir()
    unpack.layer(
        io.BytesIO(difference(upper, below, copied=False)), tmp_path / "root", overlay=True
    )
    (upper / "f").touch()
    with pytest.raises(Invalid, match="a layer of more than 256 entries"):
        difference(upper, below, copied=False)
    upper.joinpath(*257 * ["d"]).mkdir()
    with pytest.raises(UnsafeLayer, match="folders deeper than 256"):
        difference(upper, below, copied=False)
