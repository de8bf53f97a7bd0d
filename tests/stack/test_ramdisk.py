"""A ramdisk is what cpio reads, and the same each time."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ipycontainers.stack import ramdisk


def test_cpio_reads_it(tmp_path: Path) -> None:
    packed = ramdisk.pack(b"program", b"#!/bin/busybox sh\n")
    words = ["busybox", "cpio", "-t", "-v"]
    listed = subprocess.run(words, input=packed, capture_output=True, check=True).stdout.decode()
    rows = [line.split() for line in listed.splitlines()]
    assert [(row[0], row[-1]) for row in rows] == [
        ("drwxr-xr-x", "bin"),
        ("drwxr-xr-x", "dev"),
        ("drwxr-xr-x", "proc"),
        ("crw-------", "dev/console"),
        ("-rwxr-xr-x", "bin/busybox"),
        ("-rwxr-xr-x", "init"),
    ]
    subprocess.run(
        ["busybox", "cpio", "-i", "-d", "init", "bin/busybox"],
        input=packed,
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )
    assert (tmp_path / "bin/busybox").read_bytes() == b"program"
    assert (tmp_path / "init").read_bytes() == b"#!/bin/busybox sh\n"


def test_it_is_the_same_each_time() -> None:
    assert ramdisk.pack(b"a" * 5, b"b") == ramdisk.pack(b"a" * 5, b"b")
    assert ramdisk.pack(b"a" * 5, b"b") != ramdisk.pack(b"a" * 5, b"c")


def test_what_is_too_large_is_refused() -> None:
    with pytest.raises(ValueError, match="17 MB"):
        ramdisk.pack(bytes(ramdisk.LARGEST + 1), b"")
