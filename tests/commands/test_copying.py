"""What a hostile container sends for docker cp stays in its folder."""

from __future__ import annotations

import contextlib
import io
import tarfile
from pathlib import Path

import pytest

from ipycontainers.commands import copying
from ipycontainers.errors import CommandFailed

KINDS = {
    "link": tarfile.SYMTYPE,
    "hard": tarfile.LNKTYPE,
    "dir": tarfile.DIRTYPE,
    "device": tarfile.CHRTYPE,
}


def _tar(*entries: tuple[str, str, bytes | str]) -> list[bytes]:
    """(kind, name, content or target)"""
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as tar:
        for kind, name, content in entries:
            entry = tarfile.TarInfo(name)
            if kind == "file":
                assert isinstance(content, bytes)
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
                continue
            entry.type = KINDS[kind]
            entry.linkname = str(content)
            entry.mode = 0o755
            tar.addfile(entry)
    return [held.getvalue()]


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("secret")
    folder = tmp_path / "target"
    folder.mkdir()
    return folder


@pytest.mark.parametrize(
    "entries",
    [
        [("file", "../outside/evil", b"x")],
        [("dir", "d", ""), ("link", "d/l", "../../outside"), ("file", "d/l/evil", b"x")],
        [("link", "l", "../outside"), ("file", "l/evil", b"x")],
        [("link", "l", "/"), ("hard", "h", "l/../outside/secret")],
        [("file", "/../outside/evil", b"x")],
    ],
    ids=["climbs", "deep-link", "link", "hard-link", "absolute"],
)
def test_a_tar_writes_nowhere_else(target: Path, entries: list[tuple[str, str, bytes]]) -> None:
    with contextlib.suppress(CommandFailed):
        copying.receive(iter(_tar(*entries)), target, None, "/d", "")
    outside = target.parent / "outside"
    assert [one.name for one in outside.iterdir()] == ["secret"]
    assert (outside / "secret").read_text() == "secret"
    assert sorted(one.name for one in target.parent.iterdir()) == ["outside", "target"]


def test_a_link_that_is_here_is_replaced_and_not_followed(target: Path) -> None:
    (target / "file").symlink_to("../outside/secret")
    copying.receive(iter(_tar(("file", "file", b"new"))), target, None, "/file", "")
    assert (target / "file").read_bytes() == b"new"
    assert not (target / "file").is_symlink()
    assert (target.parent / "outside" / "secret").read_text() == "secret"


def test_a_file_takes_no_folders_place(target: Path) -> None:
    (target / "d").mkdir()
    (target / "d" / "mine").write_text("mine")
    with pytest.raises(CommandFailed, match="cannot overwrite directory"):
        copying.receive(iter(_tar(("file", "d", b"x"))), target, None, "/d", "")
    assert (target / "d" / "mine").read_text() == "mine"
    assert [one.name for one in target.iterdir()] == ["d"]


def test_devices_are_left_out_and_told(target: Path) -> None:
    tar = _tar(("dir", "d", ""), ("device", "d/null", ""), ("file", "d/f", b"x"))
    assert copying.receive(iter(tar), target, None, "/d", "") == ["d/null"]
    assert [one.name for one in (target / "d").iterdir()] == ["f"]
    with pytest.raises(CommandFailed, match="/d/null is a device"):
        copying.receive(iter(_tar(("device", "null", ""))), target, None, "/d/null", "")


def test_what_is_no_tar_is_said(target: Path) -> None:
    with pytest.raises(CommandFailed):
        copying.receive(iter([b"no tar at all" * 100]), target, None, "/d", "")
    assert list(target.iterdir()) == []


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ("web:/etc", ("web", "/etc")),
        ("web:etc", ("web", "etc")),
        ("./a:b", ("", "./a:b")),
        ("/a:b", ("", "/a:b")),
        ("plain", ("", "plain")),
        ("-", ("", "-")),
    ],
)
def test_a_container_or_a_path(word: str, parts: tuple[str, str]) -> None:
    assert copying.split(word) == parts
