"""``ipycontainers engine`` and ``ipycontainers image``, as an ordinary user types them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from podman import become
from support import REPOSITORY, require

USER = 1000


class Terminal:
    """A user with a home of their own."""

    def __init__(self, home: Path, user: int = USER) -> None:
        self.home = home
        self._user = user

    def run(
        self, *words: str, program: str = "", cwd: str = "/", **environ: str
    ) -> subprocess.CompletedProcess[str]:
        """``ipycontainers WORDS``, or a program of Python with these arguments."""
        what = ["-c", program] if program else ["-m", "ipycontainers.cli"]
        switches = become(self._user) if os.getuid() == 0 else []
        base = {"HOME": str(self.home), "PATH": os.environ["PATH"]}
        return subprocess.run(
            [*switches, sys.executable, *what, *words],
            capture_output=True,
            text=True,
            env={**base, "PYTHONPATH": str(REPOSITORY), **environ},
            cwd=cwd,
            timeout=120,
            check=False,
        )

    def said(self, *words: str, program: str = "") -> str:
        ran = self.run(*words, program=program)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout


def _home(user: int) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="ipyc-"))
    if os.getuid() == 0:
        os.chown(folder, user, user)
    return folder


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    require(sys.platform == "linux", "user", "containers are made of Linux's own parts")
    made = Terminal(_home(USER))
    yield made
    made.run(program=REMOVE_ALL)
    made.run("engine", "stop")
    shutil.rmtree(made.home, ignore_errors=True)


WITH = """
import sys
from ipycontainers.client import connect
"""
REMOVE_ALL = f"""{WITH}
with connect("ipycontainers", start=False) as engine:
    for container in engine.docker.containers.list(all=True, ignore_removed=True):
        container.remove(force=True)
"""
RUN = f"""{WITH}
with connect("ipycontainers") as engine:
    print(engine.docker.containers.run("host", sys.argv[1:], remove=True).decode(), end="")
"""
LEAVE = f"""{WITH}
with connect("ipycontainers") as engine:
    print(engine.docker.containers.run("host", ["sleep", "100"], name="left", detach=True).id)
"""


def rows(text: str) -> dict[str, str]:
    return dict(re.findall(r"^  (\S+) +(.*)$", text, re.MULTILINE))


def test_it_is_started_looked_at_and_stopped(terminal: Terminal) -> None:
    asleep = terminal.run("engine", "status")
    assert (asleep.returncode, asleep.stdout[:15]) == (1, "it does not run")
    assert terminal.said("engine", "stop") == "it does not run\n"
    assert terminal.run("engine", "logs").returncode == 1
    begun = terminal.said("engine", "start")
    address = re.search(r"export DOCKER_HOST=unix://(\S+)", begun)
    assert address
    assert Path(address[1]).is_socket()
    assert terminal.said("engine", "start") == begun
    shown = rows(terminal.said("engine", "status"))
    assert shown["socket"] == address[1]
    assert f"(pid {shown['pid']})" in begun
    assert shown["launcher"] in ("bubblewrap", "ptrace")
    assert shown["containers"] == "0, of which 0 run"
    assert f"listening at {address[1]}" in terminal.said("engine", "logs")
    assert terminal.said("engine", "stop") == "stopped\n"
    assert not Path(address[1]).exists()
    assert terminal.run("engine", "status").returncode == 1
    assert terminal.said("engine", "logs").rstrip().endswith("left")


def test_containers_go_on_when_it_is_stopped(terminal: Terminal) -> None:
    terminal.said("image", "from-host", "sh", "sleep", "echo")
    assert len(terminal.said(program=LEAVE).strip()) == 64
    assert rows(terminal.said("engine", "status"))["containers"] == "1, of which 1 run"
    assert terminal.said("engine", "stop") == "stopped\n"
    terminal.said("engine", "start")
    assert rows(terminal.said("engine", "status"))["containers"] == "1, of which 1 run"


def test_a_program_that_is_not_here_is_named(terminal: Terminal) -> None:
    ran = terminal.run("image", "from-host", "sh", "nosuchprogram")
    assert ran.returncode == 1
    first, hint = ran.stderr.splitlines()
    assert "nosuchprogram" in first
    assert hint.startswith("  hint: ")
    assert terminal.run("image", "from-host").returncode == 2
    with_engine = terminal.run(program=RUN)
    assert "host" in with_engine.stderr.splitlines()[-1]  # no such image


def test_a_script_and_a_static_program_run(terminal: Terminal) -> None:
    static = shutil.which("busybox")
    assert static, "Debian's busybox-static is needed"
    script = terminal.home / "greet"
    script.write_text("#!/bin/sh\necho hello $1\n")
    script.chmod(0o755)
    said = terminal.said("image", "from-host", str(script), static, "--cmd", "greet 'a  b'")
    assert re.fullmatch(r"host: [\d.]+ MB, sha256:[0-9a-f]{64}\n", said)
    assert terminal.said("greet", "you", program=RUN) == "hello you\n"
    assert terminal.said("busybox", "echo", "on", program=RUN) == "on\n"
    assert terminal.said(program=RUN) == "hello a b\n"


def test_the_same_programs_are_the_same_image_for_everybody(terminal: Terminal) -> None:
    words = ("image", "from-host", "bash", "ls")
    first = terminal.said(*words)
    other = Terminal(_home(os.getuid()), os.getuid())
    try:
        environ = {"TZ": "Asia/Tokyo", "LANG": "C", "PYTHONHASHSEED": "7"}
        second = other.run(*words, cwd="/tmp", **environ)
        assert second.stdout == first
        renamed = other.said(*words, "--name", "mine/other:1")
        assert renamed == first.replace("host:", "mine/other:1:")
    finally:
        shutil.rmtree(other.home)


def test_it_is_made_from_python_too(terminal: Terminal) -> None:
    program = (
        "from ipycontainers.engine import places\n"
        "from ipycontainers.oci import Layout, from_host\n"
        "layout = Layout.open(places.data() / 'oci')\n"
        "print(from_host.build(layout, ['bash', 'ls'], name='host').id)"
    )
    assert terminal.said(program=program).strip() in terminal.said(
        "image", "from-host", "bash", "ls"
    )
