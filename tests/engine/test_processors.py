"""Programs for another processor, which nobody here can run, and which nobody tries to."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import images as recipes
import pytest
from docker.errors import APIError
from layers import Made, file, image_archive, link, tar

from ipycontainers.engine.launch import processor
from ipycontainers.oci.inside import Inside

HERE = {"x86_64": 62, "aarch64": 183}[os.uname().machine]  # e_machine
OTHER = {62: 183, 183: 62}[HERE]
IMAGE = "ipyc-foreign:1"


def of(machine: int, program: bytes = b"\x7fELF\x02\x01\x01" + bytes(77)) -> bytes:
    return program[:18] + struct.pack("<H", machine) + program[20:]


@pytest.fixture
def image(clean: Any) -> Iterator[str]:
    """busybox, and /bin/foreign, which is busybox with another processor's header. So is its sh:
    bubblewrap gives to that one, as execvp does, what the kernel does not run."""
    program = of(OTHER, recipes._busybox_program())
    layer = tar(
        file("bin/foreign", program, mode=0o755),
        link("bin/linked", "/bin/foreign"),
        link("bin/sh", "foreign"),
        file("bin/script", b"#!/bin/foreign sh\n", mode=0o755),
    )
    made = Made([recipes.busybox_layer().read_bytes(), layer])
    clean.images.load(image_archive(made, [IMAGE]))
    return IMAGE


@pytest.mark.parametrize("program", ["/bin/foreign", "foreign", "linked", "script"])
def test_a_container_of_it_does_not_begin(clean: Any, image: str, program: str) -> None:
    """PRoot loads programs by itself: the kernel would never see the header, and it would run."""
    with pytest.raises(APIError, match=f'exec: "{program}": exec format error'):
        clean.containers.run(image, [program, "true"])
    (container,) = clean.containers.list(all=True)
    assert container.attrs["State"]["ExitCode"] == 126


def test_nor_does_it_beside_another(clean: Any, image: str) -> None:
    container = clean.containers.run(image, ["sleep", "60"], detach=True)
    for program, expected in (("foreign", 126), ("true", 0)):
        assert container.exec_run([program]).exit_code == expected


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("/bin/native", False),
        ("native", False),
        ("/bin/foreign", True),
        ("foreign", True),
        ("linked", True),
        ("./foreign", True),
        ("script", True),
        ("/bin/none", False),
        ("endless", False),
        ("folder", False),
        ("short", False),
    ],
)
def test_programs_are_told_by_their_first_bytes(
    tmp_path: Path, program: str, expected: bool
) -> None:
    (tmp_path / "bin/folder").mkdir(parents=True)
    for name, content in {
        "native": of(HERE),
        "foreign": of(OTHER),
        "script": b"#! /bin/linked -x\n",
        "endless": b"#!/bin/endless\n",
        "short": b"\x7fELF",
    }.items():
        (tmp_path / "bin" / name).write_bytes(content)
    (tmp_path / "bin/linked").symlink_to("/bin/foreign")
    with closing(Inside(tmp_path)) as inside:
        assert processor.is_foreign(inside, program, "/sbin:/bin", "/bin") is expected
