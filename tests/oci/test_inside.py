"""Paths inside a root, also while somebody swaps what they lead through."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from ipycontainers.errors import UnsafeLayer
from ipycontainers.oci.inside import Inside


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "root/etc").mkdir(parents=True)
    (tmp_path / "root/etc/passwd").write_text("inside")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("OUTSIDE")
    return tmp_path / "root"


def read(inside: Inside, path: str) -> str:
    with inside.parent(path) as (folder, name, _):
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=folder)
        try:
            return os.read(handle, 100).decode()
        finally:
            os.close(handle)


@pytest.mark.parametrize(
    "path",
    ["etc/passwd", "/etc/passwd", "../etc/passwd", "etc/../../../etc/./passwd", "up/etc/passwd"],
)
def test_every_way_ends_inside(root: Path, path: str) -> None:
    (root / "up").symlink_to("../..")
    with closing(Inside(root)) as inside:
        assert read(inside, path) == "inside"


def test_the_real_path_is_told(root: Path) -> None:
    (root / "link").symlink_to("/etc")
    with closing(Inside(root)) as inside:
        for path, real in (("link/x", "etc/x"), ("link/../y", "y"), ("/", ""), ("link", "link")):
            with inside.parent(path) as (_, _, found):
                assert found == real


def test_no_descriptor_is_left_open(root: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    with closing(Inside(root)) as inside:
        for path in ("etc/passwd", "no/such/file", "etc/passwd/x"):
            with suppress(OSError):
                read(inside, path)
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def test_loops_end(root: Path) -> None:
    (root / "loop").symlink_to("loop/loop")
    with closing(Inside(root)) as inside, pytest.raises(UnsafeLayer):
        read(inside, "loop/x")


def test_a_folder_swapped_for_a_link_leads_nowhere_else(root: Path) -> None:
    """A folder is exchanged for a link out of the root, over and over, while paths are read."""
    (root / "real").mkdir()
    (root / "real/passwd").write_text("inside")
    (root / "out").symlink_to(root.parent / "etc")
    stop, seen = threading.Event(), set()

    def swap() -> None:
        while not stop.is_set():
            for target in ("real", "out"):
                (root / target).rename(root / "d")
                (root / "d").rename(root / target)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        with closing(Inside(root)) as inside:
            for _ in range(3000):
                with suppress(OSError):
                    seen.add(read(inside, "d/passwd"))
    finally:
        stop.set()
        thread.join()
    assert seen <= {"inside"}
