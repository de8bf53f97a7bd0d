"""Our own engine as the client finds, checks and starts it."""

from __future__ import annotations

import ast
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from podman import become
from support import REPOSITORY, require, wait_for

from ipycontainers import errors
from ipycontainers.client import Candidate, embedded, open_candidate
from ipycontainers.engine import places

# As an ordinary user for whom Docker's sockets do not answer.
PRELUDE = """
from ipycontainers import errors
from ipycontainers.client import connect, discover, embedded
discover.usual = lambda environ, platform="linux": (
    discover.Candidate("Docker", "unix:///nowhere/docker.sock", False),
)
"""


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of the user's own; the engine that was started there is gone afterwards."""
    require(sys.platform == "linux", "user", "containers are made of Linux's own parts")
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="ipyc-"))
    if os.getuid() == 0:
        os.chown(folder, 1000, 1000)
    yield folder
    run(folder, "embedded.stop()")
    shutil.rmtree(folder, ignore_errors=True)


def run(home: Path, program: str, **environ: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-c", PRELUDE + program]
    base = {"HOME": str(home), "PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY)}
    return subprocess.run(
        [*(become(1000) if os.getuid() == 0 else []), *words],
        capture_output=True,
        text=True,
        env=base | environ,
        cwd="/",
        timeout=60,
        check=False,
    )


def test_it_is_started_where_no_other_answers_and_says_so_once(home: Path) -> None:
    program = "c = connect(); print(c.engine_name, c.candidate.source, len(c.attempts)); c.close()"
    first, second = run(home, program), run(home, program)
    assert first.stdout == second.stdout == "ipycontainers ipycontainers 2\n"
    assert first.stderr.startswith(
        "no Docker or Podman answers here: started ipycontainers' own engine ("
    )
    assert second.stderr == ""


def test_it_outlives_who_started_it(home: Path) -> None:
    program = "print(embedded.start())"
    pid = run(home, program).stdout
    assert pid
    assert run(home, program).stdout == pid


def test_nothing_is_started_where_another_was_asked_for(home: Path) -> None:
    for variable in ("DOCKER_HOST", "IPYCONTAINERS_ENGINE"):
        ran = run(home, "connect()", **{variable: "unix:///nowhere/other.sock"})
        assert "NoEngine" in ran.stderr
    assert not (home / ".local").exists()


def test_it_can_be_asked_for_by_name(home: Path) -> None:
    ran = run(home, "print(connect('ipycontainers').engine_name)")
    assert ran.stdout == "ipycontainers\n"


def test_why_it_cannot_start_is_said(home: Path) -> None:
    ran = run(
        home,
        "try: connect()\nexcept errors.NoEngine as e: print(e.message, '|', e.hint)",
        IPYCONTAINERS_DATA="/proc/nowhere",
    )
    assert ran.stdout.startswith("the engine cannot start: ")
    assert "IPYCONTAINERS_DATA" in ran.stdout


def test_two_that_start_at_once_share_one(home: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor() as pool:
        ran = list(pool.map(lambda _: run(home, "print(embedded.start())"), range(3)))
    (pid,) = {one.stdout for one in ran}
    assert pid, [one.stderr for one in ran]


def test_images_are_made_for_it_once_and_for_no_other_engine(home: Path) -> None:
    program = "from ipycontainers.cli import main; main(['image', 'stand-in', 'busybox'])"
    assert run(home, program, DOCKER_HOST="unix:///nowhere/other.sock").stdout == ""
    assert not (home / ".local").exists()
    first, second = run(home, program), run(home, program)
    assert first.stdout.startswith("busybox: made of programs of this machine (")
    assert (second.stdout, second.stderr) == ("", "")
    ran = run(home, "print(connect(say=str).list_images())")
    assert ran.stdout == "['busybox:latest']\n"


# --- whose socket it is --------------------------------------------------------------------------


def listen(path: Path) -> socket.socket:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(str(path))
    path.chmod(0o600)
    sock.listen()
    return sock


@pytest.mark.parametrize("spoil", ["open folder", "open socket", "shared", "link", "file"])
def test_a_place_that_is_not_this_users_alone_is_not_spoken_to(tmp_path: Path, spoil: str) -> None:
    path = tmp_path / "run" / "engine.sock"
    with listen(path):
        embedded.check(path)
        if spoil == "open folder":
            path.parent.chmod(0o770)
        elif spoil == "open socket":
            path.chmod(0o666)
        elif spoil == "shared":
            tmp_path.chmod(0o777)
        elif spoil == "link":
            path.parent.rename(tmp_path / "elsewhere")
            path.parent.symlink_to(tmp_path / "elsewhere")
        else:
            path.unlink()
            path.touch()
        candidate = Candidate(embedded.SOURCE, f"unix://{path}", False)
        with pytest.raises(errors.EngineForbidden):
            open_candidate(candidate)


def test_another_users_engine_is_not_spoken_to(tmp_path: Path) -> None:
    require(os.getuid() == 0, "user", "needs root, to be two users")
    path = tmp_path / "run" / "engine.sock"
    sock = listen(path)
    server = os.fork()
    if server == 0:
        os.setuid(1000)
        sock.listen()  # the credentials that a client sees are those of who listened last
        sock.accept()
        os._exit(0)
    try:
        assert wait_for(lambda: _peer(path) == 1000)
        with pytest.raises(errors.EngineForbidden, match="1000"):
            embedded.pid_of(path)
    finally:
        os.kill(server, 9)
        os.waitpid(server, 0)
        sock.close()


def _peer(path: Path) -> int:
    import struct

    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(path))
        told = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        return int(struct.unpack("3i", told)[1])


def test_where_it_listens(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path)}
    data = tmp_path / ".local/share/ipycontainers"
    assert places.data(environ) == data
    assert places.socket(environ) == data / "run/engine.sock"
    environ["XDG_RUNTIME_DIR"] = str(tmp_path)
    assert places.socket(environ) == tmp_path / "ipycontainers/engine.sock"
    assert places.socket(environ, tmp_path / "other") == tmp_path / "other/run/engine.sock"
    environ["IPYCONTAINERS_DATA"] = str(tmp_path / "mine")
    assert places.socket(environ) == tmp_path / "mine/run/engine.sock"
    assert places.log(environ) == tmp_path / "mine/engine.log"


def test_a_long_path_gets_a_short_socket_of_the_users_own(home: Path) -> None:
    data = home / ("d" * 120) / "data"
    program = (
        "from ipycontainers.engine import places\n"
        "print(connect().engine_name, places.socket()); embedded.stop()"
    )
    ran = run(home, program, IPYCONTAINERS_DATA=str(data))
    name, _, path = ran.stdout.strip().partition(" ")
    assert name == "ipycontainers", ran.stderr
    socket_ = Path(path)
    assert socket_.parent.parent == Path("/tmp")
    found = socket_.parent.stat()
    assert stat.S_IMODE(found.st_mode) == 0o700
    shutil.rmtree(socket_.parent)
    other = places.socket({"IPYCONTAINERS_DATA": f"{data}2"})
    assert other.parent != socket_.parent


def test_a_short_socket_that_another_user_prepared_is_refused(home: Path) -> None:
    require(os.getuid() == 0, "user", "needs root, to be two users")
    data = home / ("e" * 120)
    program = "from ipycontainers.engine import places\nprint(places.socket().parent)"
    folder = Path(run(home, program, IPYCONTAINERS_DATA=str(data)).stdout.strip())
    folder.mkdir(mode=0o700)  # root's
    try:
        ran = run(home, "connect()", IPYCONTAINERS_DATA=str(data))
        assert f"{folder} is not" in ran.stderr
    finally:
        folder.rmdir()


@pytest.mark.parametrize("left", ["socket", "lock"])
def test_what_a_killed_engine_left_does_no_harm(home: Path, left: str) -> None:
    first = run(home, "print(embedded.start())").stdout
    os.kill(int(first), signal.SIGKILL)
    if left == "lock":
        (home / ".local/share/ipycontainers/run/engine.sock").unlink()
    assert wait_for(lambda: not Path(f"/proc/{first.strip()}/cmdline").exists())
    second = run(home, "print(embedded.start())")
    assert second.stdout not in ("", first), second.stderr


@pytest.mark.parametrize("how", ["read-only", "full"])
def test_a_place_that_takes_nothing_is_told_in_words(home: Path, how: str) -> None:
    require(os.getuid() == 0, "user", "needs root, to mount")
    options = "ro,mode=700,uid=1000" if how == "read-only" else "nr_inodes=3,mode=700,uid=1000"
    program = "try: connect()\nexcept errors.ContainerError as e: print(e.message, '|', e.hint)"
    words = [sys.executable, "-c", PRELUDE + program]
    script = 'mount -t tmpfs -o "$1" tmpfs "$2"; shift 2; exec "$@"'
    mounting = ["unshare", "-m", "sh", "-c", script, "sh", options, str(home)]
    ran = subprocess.run(
        [*mounting, *become(1000), *words],
        capture_output=True,
        text=True,
        env={"HOME": str(home), "PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY)},
        cwd="/",
        timeout=60,
        check=False,
    )
    message, _, hint = ran.stdout.partition(" | ")
    why = "Read-only file system" if how == "read-only" else "No space left on device"
    assert message.startswith("the engine"), ran.stderr
    assert why in message
    assert "IPYCONTAINERS_DATA" in hint


def test_the_doctor_says_that_it_would_be_started_and_starts_nothing(home: Path) -> None:
    program = (
        "from ipycontainers.client.doctor import examine\n"
        "r = examine(); print(r['ok'], r['chosen']['source'], r['engine']['launcher'])"
    )
    said = run(home, program)
    assert said.stdout.split()[:2] == ["True", "ipycontainers"], said.stderr
    assert run(home, "print(embedded.stop())").stdout == "False\n"


def test_the_doctor_says_the_same_of_an_engine_that_runs(home: Path) -> None:
    program = (
        "from ipycontainers.client.doctor import examine\n"
        "before = examine(); embedded.start(); after = examine()\n"
        "networks = [told['isolation'].pop('network') for told in (before, after)]\n"
        "import os, shutil; tun = os.access('/dev/net/tun', os.R_OK | os.W_OK)\n"
        "can = bool(tun and shutil.which('slirp4netns'))\n"
        "print(before['isolation'] == after['isolation'])\n"
        "print(before['engine']['launcher'] == after['engine']['launcher'])\n"
        "print(after['isolation'])\n"
        "print([*networks, can and after['engine']['launcher'].startswith('bubblewrap')])"
    )
    said = run(home, program)
    assert said.stdout.startswith("True\nTrue\n{'namespaces': "), said.stdout + said.stderr
    before, after, leads_out = ast.literal_eval(said.stdout.splitlines()[-1])
    assert before == "not tried yet: the engine does, when it runs"
    assert after.startswith("its own, which leads out" if leads_out else "this machine's: ")
