"""Images of this machine's programs: whole, reproducible, and they run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import require

from ipycontainers.errors import Invalid, NotFound
from ipycontainers.oci import Image, Layout, from_host, unpack
from ipycontainers.oci.programs import Programs, interpreter

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="programs of Linux")


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout.open(tmp_path / "oci")


def run(layout: Layout, image: Image, folder: Path, *command: str) -> str:
    """What a program of the image writes, with the image as its only root."""
    if not folder.exists():
        unpack.root(layout, image, folder)
    environ = dict(variable.split("=", 1) for variable in image.config.env)
    chroot = shutil.which("chroot", path="/usr/sbin:/usr/bin:/sbin:/bin") or "chroot"
    enter = [chroot] if os.geteuid() == 0 else ["unshare", "-Ur", chroot]
    asked = subprocess.run([*enter, "/", "true"], capture_output=True, check=False)
    require(asked.returncode == 0, "user", "neither root nor namespaces here")
    words = [*enter, str(folder), *command]
    done = subprocess.run(words, capture_output=True, text=True, env=environ, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_shell_and_its_tools_run(layout: Layout, tmp_path: Path) -> None:
    image = from_host.build(layout, ["bash", "coreutils" if shutil.which("dpkg") else "ls", "cat"])
    assert image.config.cmd == ("bash",)
    root = tmp_path / "root"
    assert "etc" in run(layout, image, root, "ls", "/").split()
    assert run(layout, image, root, "cat", "/etc/passwd").startswith(
        "root:x:0:0:root:/root:/bin/sh"
    )
    assert run(layout, image, root, "/bin/sh", "-c", "echo $((6 * 7))") == "42\n"


@pytest.mark.slow
def test_python_brings_its_standard_library(layout: Layout, tmp_path: Path) -> None:
    image = from_host.build(layout, ["python3"])
    assert image.config.cmd == ("python3",)
    script = "import asyncio, ctypes, decimal, hashlib, json, threading, zlib; print(6 * 7)"
    assert run(layout, image, tmp_path / "root", "python3", "-c", script) == "42\n"


def test_the_same_input_gives_the_same_digest(layout: Layout, tmp_path: Path) -> None:
    first = from_host.build(layout, ["bash", "ls"])
    os.umask(os.umask(0o077))
    second = from_host.build(Layout.open(tmp_path / "other"), ["bash", "ls"], name="another")
    assert first.manifest.digest == second.manifest.digest
    assert layout.names(first) == ("host:latest",)


def test_nothing_of_this_machines_users_goes_in(layout: Layout, tmp_path: Path) -> None:
    unpack.root(layout, from_host.build(layout, ["sh"]), tmp_path / "root")
    etc = {path.name for path in (tmp_path / "root/etc").iterdir()}
    assert etc == {"group", "nsswitch.conf", "passwd"}


def test_a_script_brings_its_interpreter(layout: Layout, tmp_path: Path) -> None:
    script = tmp_path / "greet"
    script.write_text("#!/usr/bin/env bash\necho hi from $0\n")
    script.chmod(0o755)
    image = from_host.build(layout, [str(script)], cmd=["greet"])
    assert run(layout, image, tmp_path / "root", "greet").startswith("hi from")


def test_libraries_are_those_that_the_loader_finds() -> None:
    collected = Programs()
    collected.add("bash")
    names = {path.rpartition("/")[2] for path in {*collected.files, *collected.links}}
    loader = interpreter(os.path.realpath(collected.names["bash"]))
    assert loader.rpartition("/")[2] in names
    assert any(name.startswith("libc.") for name in names)


def test_a_file_that_is_no_program_has_no_interpreter(tmp_path: Path) -> None:
    for content in (b"", b"\x7fELF", b"\x7fELF" + bytes(60), b"#!/bin/sh\n"):
        (tmp_path / "x").write_bytes(content)
        assert interpreter(str(tmp_path / "x")) == ""


@pytest.mark.parametrize("name", ["no-such-program", "../x", "-h", ""])
def test_an_unknown_program_is_named(layout: Layout, name: str) -> None:
    with pytest.raises(NotFound, match="no program"):
        from_host.build(layout, [name])


def test_no_programs_and_no_name(layout: Layout) -> None:
    with pytest.raises(Invalid):
        from_host.build(layout, [])
    with pytest.raises(Invalid):
        from_host.build(layout, ["sh"], name="Not A Name")
