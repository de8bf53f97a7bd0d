"""Images of this machine's programs under well-known names: they do their work and say so."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ipycontainers.errors import Unsupported
from ipycontainers.oci import Layout, from_host, stand_in, unpack
from ipycontainers.oci.stand_in import LABEL

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="programs of Linux")


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout.open(tmp_path / "oci")


@pytest.fixture
def without_busybox(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine that has what every Linux has."""
    for name in ("sh", "cat", "ls", "wc", "uname"):
        (tmp_path / name).symlink_to("/bin/sh")
    monkeypatch.setattr(stand_in, "STANDARD_PATH", str(tmp_path))


def names(root: Path) -> set[str]:
    folders = [root / folder for folder in ("bin", "usr/bin", "usr/local/bin")]
    return {path.name for folder in folders if folder.is_dir() for path in folder.iterdir()}


@pytest.mark.parametrize("name", ["busybox", "busybox:1.37", "docker.io/library/busybox"])
def test_busybox_is_a_shell_and_tools(layout: Layout, tmp_path: Path, name: str) -> None:
    image = stand_in.ensure(layout, name)
    assert image
    assert image.config.cmd == ("sh",)
    unpack.root(layout, image, tmp_path / "root")
    assert names(tmp_path / "root") >= {"sh", "cat", "ls", "wc", "uname", "id", "sleep"}
    assert layout.resolve(name).id == image.id


def test_without_busybox_it_is_made_of_what_there_is(
    layout: Layout, tmp_path: Path, without_busybox: None
) -> None:
    image = stand_in.ensure(layout, "busybox")
    assert image
    assert image.config.cmd == ("sh",)
    assert image.config.history[0]["created_by"] == (
        "ipycontainers image from-host cat ls sh uname wc"
    )
    unpack.root(layout, image, tmp_path / "root")
    assert {"sh", "cat", "ls"} <= names(tmp_path / "root")


@pytest.mark.slow
def test_python_is_python_with_a_shell(layout: Layout, tmp_path: Path) -> None:
    image = stand_in.ensure(layout, "python:3-slim")
    assert image
    assert image.config.cmd == ("python3",)
    unpack.root(layout, image, tmp_path / "root")
    assert {"python3", "sh", "cat"} <= names(tmp_path / "root")


def test_it_says_that_it_is_not_the_image_of_that_name(layout: Layout) -> None:
    image = stand_in.ensure(layout, "busybox")
    assert image
    assert "not the image busybox of Docker Hub" in image.config.labels[LABEL]


def test_an_image_that_is_there_is_left_alone(layout: Layout) -> None:
    there = from_host.build(layout, ["cat"], name="busybox")
    assert stand_in.ensure(layout, "busybox") is None
    assert layout.resolve("busybox").id == there.id


@pytest.mark.parametrize("name", ["debian", "quay.io/team/busybox", "python/tools"])
def test_what_this_machine_cannot_stand_in_for_is_refused(layout: Layout, name: str) -> None:
    with pytest.raises(Unsupported, match=f"stand in for {name}"):
        stand_in.ensure(layout, name)
    assert layout.images() == []
