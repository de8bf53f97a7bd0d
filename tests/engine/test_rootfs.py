"""Files of containers: roots seen before they are mounted, copies, removal, users."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ipycontainers.engine import clearing, rootfs, users
from ipycontainers.engine.tree import Tree
from ipycontainers.errors import Invalid

PASSWD = "root:x:0:0::/root:/bin/sh\nada:x:1815:10:Ada:/home/ada:/bin/sh\n"
GROUP = "root:x:0:\nwheel:x:10:\nlab:x:77:ada\n"


def _text(path: str) -> str:
    return {"/etc/passwd": PASSWD, "/etc/group": GROUP}[path]


@pytest.mark.parametrize(
    ("user", "numbers", "home"),
    [
        ("", "0:0", "/root"),
        ("ada", "1815:10", "/home/ada"),
        ("ada:lab", "1815:77", "/home/ada"),
        ("1815", "1815:10", "/home/ada"),
        ("5:6", "5:6", "/"),
        ("5", "5:0", "/"),
    ],
)
def test_a_user_is_looked_up(user: str, numbers: str, home: str) -> None:
    found = users.find(user, _text)
    assert (found.numbers, found.home) == (numbers, home)


@pytest.mark.parametrize("user", ["bob", "ada:nobody", "-1", "99999999999"])
def test_an_unknown_user_is_invalid(user: str) -> None:
    with pytest.raises(Invalid):
        users.find(user, _text)


def test_links_lead_where_they_lead_in_the_container(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    (old / "run").mkdir(parents=True)
    (old / "var").mkdir()
    (old / "var/run").symlink_to("/run")
    (new / "run").mkdir(parents=True)
    (new / "run/out").symlink_to("../../../../etc")
    tree = Tree((old, new))
    assert tree.real("/var/run/x/y") == "/run/x/y"
    assert tree.real("var/run/out/passwd") == "/etc/passwd"


def test_links_in_a_circle_are_invalid(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(Invalid, match="symbolic links"):
        Tree((tmp_path,)).real("/a/x")


def test_a_path_through_a_file_is_invalid(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(Invalid, match="not a directory"):
        Tree((tmp_path,)).real("/a/x")


def test_the_newest_layer_decides(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for layer, text in ((old, "old"), (new, "new")):
        (layer / "etc").mkdir(parents=True)
        (layer / "etc/passwd").write_text(text)
    (old / "etc/group").write_text("old")
    assert Tree((old, new)).text("/etc/passwd") == "new"
    assert Tree((old, new)).text("/etc/group") == "old"
    os.mknod(new / "etc/group", 0o020000, os.makedev(0, 0))
    assert Tree((old, new)).text("/etc/group") == ""


def test_a_copy_shares_nothing_with_its_source(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    (source / "d").mkdir(parents=True)
    (source / "d/file").write_text("text")
    os.link(source / "d/file", source / "second")
    (source / "link").symlink_to("/etc/passwd")
    (source / "d").chmod(0o555)
    rootfs.copy(source, target)
    assert (target / "second").stat().st_nlink == 2
    assert (target / "second").samefile(target / "d/file")
    assert (target / "d").stat().st_mode & 0o777 == 0o555
    assert (target / "link").readlink() == Path("/etc/passwd")
    (target / "second").write_text("other")
    assert (source / "second").read_text() == "text"
    clearing.remove(target)


def test_removal_opens_what_is_closed_and_follows_nothing(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o500)
    folder = tmp_path / "container"
    (folder / "work/work/deep").mkdir(parents=True)
    (folder / "work/out").symlink_to(outside)
    (folder / "work/work").chmod(0)
    clearing.remove(folder)
    clearing.remove(folder)
    assert not folder.exists()
    assert outside.stat().st_mode & 0o777 == 0o500


def test_folders_are_removed_however_deep_and_closed(tmp_path: Path) -> None:
    top, outside = tmp_path / "top", tmp_path / "outside"
    outside.mkdir()
    (outside / "f").touch()
    top.mkdir()
    at = os.open(top, os.O_RDONLY)
    for _ in range(2500):  # more than calls, descriptors and a path have room for
        os.close(os.open("f", os.O_CREAT, 0o600, dir_fd=at))
        os.symlink(outside, "l", dir_fd=at)
        os.mkdir("folder", dir_fd=at)
        below = os.open("folder", os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    os.fchmod(at, 0)
    os.close(at)
    (top / "folder").chmod(0o500)
    clearing.remove(top)
    assert not top.exists()
    assert (outside / "f").exists()
