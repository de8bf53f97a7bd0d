"""Machines that refuse something: what is used instead, and what is said where nothing is left."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import embedded
import images as recipes
import pytest
from podman import become
from support import REPOSITORY, require

IMAGE = "ipycontainers-test/busybox"
# docker-py leaves the sockets of exec_run to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

# The filter that Docker gives its containers forbids new namespaces to what runs in them.
WITHOUT_NAMESPACES = """
import os, sys
from ipycontainers.engine import seccomp, syscalls
syscalls.no_new_privileges()
syscalls.load_filter(seccomp.default())
os.execvp(sys.argv[1], sys.argv[1:])
"""


def is_copied(own: embedded.Engine, container_id: str) -> bool:
    """Whether the container has a root of its own, as the engine's mount namespace has it."""
    assert own.process
    inside = Path(f"/proc/{own.process.pid}/root{own.data}/containers/{container_id}")
    assert inside.is_dir()
    return (inside / "root").is_dir()


@pytest.mark.parametrize("kind", ["tmpfs", "overlay", "none"])
def test_layers_are_used_where_they_can_be_and_copied_elsewhere(places: Path, kind: str) -> None:
    require(os.getuid() == 0, "user", "needs root, to mount")
    for name in ("lower", "upper", "work"):
        (places / name).mkdir()
        embedded.give(places / name)
    overlay = f"lowerdir={places}/lower,upperdir={places}/upper,workdir={places}/work"
    mounted = {
        "tmpfs": ("-t", "tmpfs", "-o", "mode=700,uid=1000,gid=1000", "tmpfs"),
        "overlay": ("-t", "overlay", "-o", overlay, "overlay"),
        "none": ("--bind", f"{places}/upper"),
    }
    with embedded.running("bubblewrap", mounted=mounted[kind]) as own:
        docker = own.client
        recipes.ensure(docker, "busybox")
        container = docker.containers.run(
            IMAGE, ["sh", "-c", "echo 1 >/new; rm /etc/passwd; sleep 60"], detach=True
        )
        assert container.exec_run("cat /etc/hostname").output.strip() == container.short_id.encode()
        assert is_copied(own, container.id) == (kind == "overlay")
        changes = {change["Path"]: change["Kind"] for change in container.diff()}
        assert (changes["/new"], changes["/etc/passwd"]) == (1, 2)
        other = docker.containers.run(IMAGE, ["cat", "/etc/passwd"], remove=True)
        assert b"root" in other


def without_namespaces(home: Path, *words: str, path: str) -> subprocess.CompletedProcess[str]:
    environ = {"HOME": str(home), "PATH": path, "PYTHONPATH": str(REPOSITORY)}
    return subprocess.run(
        [
            *(become(embedded.USER) if os.getuid() == 0 else []),
            *(sys.executable, "-c", WITHOUT_NAMESPACES, sys.executable, *words),
        ],
        capture_output=True,
        text=True,
        env={**environ, "DOCKER_HOST": ""},
        cwd="/",
        timeout=60,
        check=False,
    )


@pytest.fixture
def home(places: Path) -> Path:
    made = places / "home"
    made.mkdir()
    embedded.give(made)
    return made


@pytest.fixture
def without_proot(places: Path) -> str:
    """A PATH with the programs that are needed, but for launchers."""
    folder = places / "bin"
    folder.mkdir()
    for name in ("sh", "setpriv", "env"):
        (folder / name).symlink_to(str(shutil.which(name)))
    return str(folder)


@pytest.mark.parametrize("words", [("engine", "start"), ("doctor", "--engine", "ipycontainers")])
def test_where_nothing_is_left_the_command_that_helps_is_named(
    home: Path, without_proot: str, words: tuple[str, ...]
) -> None:
    ran = without_namespaces(home, "-m", "ipycontainers.cli", *words, path=without_proot)
    assert ran.returncode == 1
    said = ran.stdout + ran.stderr
    assert "no container can be started here" in said
    assert said.count("apt install proot") == 1
    assert "Traceback" not in said


ONE_CELL = """
from ipycontainers.client import connect, embedded
from ipycontainers.engine import places
from ipycontainers.oci import Layout, from_host
try:
    embedded.start()
    from_host.build(Layout.open(places.data() / "oci"), ["sh", "echo"], name="host")
    with connect("ipycontainers") as engine:
        print(engine.launcher)
        client = engine.docker
        print(client.containers.run("host", ["sh", "-c", "echo hi"], remove=True))
finally:
    embedded.stop()
"""


def test_without_namespaces_proot_is_used(home: Path) -> None:
    require(shutil.which("proot"), "proot", "PRoot is not installed: apt-get install proot")
    ran = without_namespaces(home, "-c", ONE_CELL, path=os.environ["PATH"])
    assert ran.stdout.split("\n")[:2] == ["ptrace", "b'hi\\n'"], ran.stderr
