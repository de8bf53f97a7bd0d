"""%%container on Debian's Podman: root's, and an ordinary user's with a kernel of that user."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import images as recipes
import pytest
from kernels import Kernel
from podman import USER, become, handing_over
from sleeping import is_asleep, lasting
from support import REPOSITORY, patience, require, wait_for

from ipycontainers.client import Connection, connect

pytestmark = pytest.mark.podman
USERS = {"podman": 0, "podman_rootless": USER}


@pytest.fixture(scope="module", params=USERS)
def service(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def engine(service: str, request: pytest.FixtureRequest) -> Iterator[Connection]:
    """Podman, so that what holds after every test is looked for there."""
    with connect(request.getfixturevalue(service)) as connection:
        yield connection


@pytest.fixture(scope="module")
def images(engine: Connection) -> SimpleNamespace:
    return SimpleNamespace(busybox=recipes.ensure(engine.docker, "busybox"))


@pytest.fixture(scope="module")
def kernels(engine: Connection, service: str) -> Iterator[Callable[..., Kernel]]:
    """kernels() → a kernel of the user who runs this Podman, in a folder of that user's."""
    with ExitStack() as opened:

        def start(user: int = USERS[service]) -> Kernel:
            folder = Path(tempfile.mkdtemp())
            opened.callback(shutil.rmtree, folder, ignore_errors=True)
            os.chown(folder, user, user)
            env = {"DOCKER_HOST": engine.candidate.address, "HOME": str(folder)}
            kernel = Kernel(folder, cwd=folder, env=env, python=python_of(user))
            opened.callback(kernel.close)
            return kernel

        yield start


def python_of(user: int) -> list[str]:
    if user == os.getuid():
        return []
    words = [*become(user), sys.executable]
    tried = subprocess.run([*words, "-c", "import ipycontainers, ipykernel"], check=False, cwd="/")
    reason = f"not everybody can read {sys.executable} and {REPOSITORY}"
    require(tried.returncode == 0, "user", reason)
    return handing_over(user, words)


@pytest.fixture(scope="module")
def shared_kernel(kernels: Callable[[], Kernel]) -> Kernel:
    return kernels()


@pytest.fixture
def folder(shared_kernel: Kernel) -> Path:
    return Path(shared_kernel.run("import os; print(os.getcwd())").stdout.strip())


# An ordinary user who has one uid cannot unpack Debian, whose files have several owners.
roots = pytest.mark.parametrize("service", ["podman"], indirect=True)


@pytest.fixture(scope="module")
def python(engine: Connection) -> str:
    try:
        return recipes.ensure(engine.docker, "python")
    except recipes.CannotMake as error:
        require(False, "debootstrap", str(error))
        raise


def is_there(engine: Connection, mark: str) -> bool:
    return bool(engine.list_containers(labels={"test": mark}))


def test_output_is_live_and_both_streams_are_apart(cell):
    body = "echo a; sleep 1; echo b >&2; sleep 1; printf 'c\\303'; printf '\\251'"
    result = cell("busybox", body)
    assert (result.status, result.stdout, result.stderr) == ("ok", "a\ncé", "b\n")
    times = {text: when for when, _, text in result.chunks}
    assert times["b\n"] - times["a\n"] > 0.7


@pytest.mark.parametrize(
    ("body", "words", "code", "said"),
    [
        ("exit 7", "", 7, "docker run"),
        ("true", "/etc/passwd", 126, "/etc/passwd"),
        ("true", "frob", 127, "no program 'frob'"),
        ("kill -KILL $$; sh -c 'kill -KILL $$'", "", 137, "SIGKILL"),
    ],
)
def test_exit_codes(cell, body, words, code, said):
    result = cell("busybox", body, words=words)
    assert result.error.evalue.startswith(f"exit code {code}"), result.error
    assert said in str(result.error)
    assert result.stdout == ""
    assert "OCI" not in str(result.error)


def test_what_podman_cannot_prepare_is_125(cell):
    result = cell("busybox", "true", options="-u nosuch --no-raise-error")
    assert result.error.evalue.startswith("exit code 125"), result.error
    assert "nosuch" in result.error.evalue


@pytest.mark.parametrize("line", ["--pull never no-such-image:1", "localhost/no-such-image:1"])
def test_a_missing_image_is_one_line(shared_kernel, line):
    result = shared_kernel.run(f"%%container {line}\ntrue")
    assert result.status == "error"
    assert "no-such-image:1" in result.error.evalue
    assert "\n" not in result.error.evalue
    assert len(result.error.traceback) <= 3


def test_an_interrupt_ends_a_stubborn_program(shared_kernel, images, engine):
    body = "trap '' INT TERM; sh -c 'sleep 100' & echo begin; while :; do sleep 100; done"
    sent = shared_kernel.submit(f"%%container -l test=stubborn {images.busybox}\n{body}")
    sent.wait_for("begin")
    start = time.monotonic()
    shared_kernel.interrupt()
    result = sent.result(timeout=30)
    assert time.monotonic() - start < 3 * patience()
    assert result.error.ename == "KeyboardInterrupt"
    assert wait_for(lambda: not is_there(engine, "stubborn"), seconds=3)
    assert not is_there(engine, "stubborn")


def test_a_timeout_says_so(cell, engine):
    body = "trap '' INT; echo begin; while :; do sleep 1; done"
    result = cell("busybox", body, options="--timeout 2 -l test=slow")
    assert result.error.ename == "CellTimedOut"
    assert result.stdout == "begin\n"
    assert wait_for(lambda: not is_there(engine, "slow"), seconds=3)
    assert not is_there(engine, "slow")


def test_files_made_here_are_the_users_own(cell, shared_kernel, folder, service):
    result = cell("busybox", "echo out > made.txt; pwd", options="--here")
    assert result.stdout == f"{folder}\n", result.error
    made = (folder / "made.txt").stat()
    assert (made.st_uid, made.st_gid) == (USERS[service], USERS[service])


@pytest.mark.parametrize("service", ["podman"], indirect=True)
def test_files_made_by_roots_podman_are_the_users_own(kernels, engine, images):
    """As with a podman.socket that a group may use."""
    socket = Path(engine.candidate.address.removeprefix("unix://"))
    socket.chmod(0o666)
    kernel = kernels(USER)
    result = kernel.run(f"%%container --here {images.busybox}\nid -u > made.txt; pwd")
    assert result.status == "ok", result.error
    made = Path(result.stdout.strip(), "made.txt")
    assert made.read_text() == f"{USER}\n"
    assert (made.stat().st_uid, made.stat().st_gid) == (USER, USER)


@pytest.mark.parametrize("size", [10, 200_000])
def test_options_with_short_and_long_bodies(cell, folder, size):
    (folder / "data").mkdir(exist_ok=True)
    (folder / "data" / "in").write_text("read\n")
    body = f"echo $A ${{B-unset}}; cat /d/in; touch /x || echo no\n{'#' * size}\necho end\n"
    options = "-e 'A=b c' -e B -v ./data:/d:ro -m 256m --read-only"
    result = cell("busybox", body, options=options)
    assert result.stdout == "b c unset\nread\nno\nend\n", result.error


def test_a_variable_of_podmans_own_stays_there(cell):
    body = "echo ${CONTAINERS_CONF-unset}"
    assert cell("busybox", body, options="-e CONTAINERS_CONF").stdout == "unset\n"


def test_diff_names_what_the_cell_changed(cell):
    for padding in ("", "#" * 200_000 + "\n"):
        result = cell("busybox", f"{padding}echo x > /tmp/new; rm /bin/wc", options="--diff")
        lines = result.stdout.splitlines()
        assert lines == ["C /bin", "D /bin/wc", "C /tmp", "A /tmp/new"], result.error


def test_out_and_stdin(cell, shared_kernel):
    shared_kernel.run("words = 'ü\\n'")
    assert cell("busybox", "cat; echo e >&2", options="--stdin words --out o --err e").stdout == ""
    assert shared_kernel.run("print([o, e])").stdout == "['ü\\n', 'e\\n']\n"


def test_a_shell_session_and_its_values(shared_kernel, images):
    shared_kernel.run("n = 5")
    first = (
        f"%%container -s sh -i n -o m {images.busybox}\ncd /tmp; f() {{ echo $1; }}; m=$((n + 1))"
    )
    assert shared_kernel.run(first).error is None
    shown = shared_kernel.run("%%container -s sh\n(sleep 1; echo late) & pwd; f $m")
    assert shown.stdout == "/tmp\n6\n"
    assert shared_kernel.run("%%container -s sh\nsleep 2; echo two").stdout == "two\n"
    cell = shared_kernel.submit("%%container -s sh\necho begin; sleep 100")
    cell.wait_for("begin")
    start = time.monotonic()
    shared_kernel.interrupt()
    assert cell.result(timeout=30).error.ename == "KeyboardInterrupt"
    assert time.monotonic() - start < 4 * patience()
    assert shared_kernel.run("%%container -s sh\necho $m").stdout == "6\n"
    assert shared_kernel.run("print(m)").stdout == "6\n"
    shared_kernel.run("%container stop sh")


@roots
def test_a_python_session_and_its_values(shared_kernel, python):
    shared_kernel.run("l = [1, (2, None)]; x = b'\\xff' * 3_000_000")
    line = f"%%container -s py -i l,x -o back,size {python}"
    assert shared_kernel.run(f"{line}\nback = [l]; size = len(x)").error is None
    assert shared_kernel.run("print(back == [l], size)").stdout == "True 3000000\n"
    assert shared_kernel.run("%%container -s py\nl").data == {"text/plain": "[1, (2, None)]"}
    shared_kernel.run("%container stop py")


def test_values_of_a_shell_of_its_own(shared_kernel, images):
    shared_kernel.run("n = 5; l = [1, [2, None]]")
    line = f"%%container -i n,l -o m,back {images.busybox}"
    body = "m=$((n + 1)); cp $l /.ipycontainers/values/back.json"
    assert shared_kernel.run(f"{line}\n{body}").error is None
    assert shared_kernel.run("print(m, back == l)").stdout == "6 True\n"


@roots
def test_values_of_a_python_of_its_own(shared_kernel, python):
    shared_kernel.run("l = [1, (2, None)]; x = b'\\xff' * 3_000_000")
    line = f"%%container -i l,x -o back,size {python}"
    assert shared_kernel.run(f"{line}\nback = [l]; size = len(x)").error is None
    assert shared_kernel.run("print(back == [l], size)").stdout == "True 3000000\n"


def test_twenty_short_lives_lose_nothing(cell):
    for _ in range(20):
        result = cell("busybox", "echo hi; exit 7")
        assert result.stdout == "hi\n"
        assert result.error.evalue.startswith("exit code 7 ")


def test_tab_offers_images_without_localhost(shared_kernel, images):
    code = "%%container -e A=1 ipycontainers-test/bus"

    def offered() -> list[str]:
        reply = shared_kernel.complete(code)
        return [code[: reply["cursor_start"]] + one for one in reply["matches"]]

    assert wait_for(offered, seconds=3)
    assert offered() == [f"%%container -e A=1 {images.busybox}:latest"]


def test_a_kernel_that_is_killed_leaves_nothing(kernels, images, engine):
    kernel = kernels()
    sent = kernel.submit(f"%%container -l test=killed {images.busybox}\necho begin; sleep 300")
    sent.wait_for("begin")
    kernel.kill9()
    assert wait_for(lambda: not is_there(engine, "killed"), seconds=10)
    assert not is_there(engine, "killed")


BUILT = "ipycontainers-test/built-on-podman"


def test_a_cell_builds_an_image_or_fails_by_its_line(shared_kernel, images, engine):
    head = f"%%dockerfile -t {BUILT}\nFROM {images.busybox}\nLABEL a=b\nRUN echo told; "
    try:
        for _ in range(2):
            result = shared_kernel.run(f"{head}echo hi >/a\nCMD cat /a", 120)
            assert result.status == "ok", result.error
            assert shared_kernel.run(f"%container {BUILT}").stdout == "hi\n"
        appended = f"%%dockerfile -t {BUILT} --append\nRUN echo more >>/a\nCMD cat /a"
        result = shared_kernel.run(appended, 120)
        assert result.status == "ok", result.error
        assert shared_kernel.run(f"%container {BUILT}").stdout == "hi\nmore\n"
        result = shared_kernel.run(f"{head}exit 7", 120)
        assert result.error
        message = "exit code 7 in step 3 of 3, line 4 of the cell: RUN echo told; exit 7"
        assert result.error.evalue == message
        assert result.stderr == "told\n"
        result = shared_kernel.run(f"%%dockerfile\nFROM {images.busybox}\nFROB", 120)
        assert result.error
        assert result.error.evalue.startswith("line 3 of the cell: ")
    finally:
        engine.docker.images.remove(BUILT, force=True)


def test_an_interrupted_build_ends_with_its_step(shared_kernel, images):
    first, second = f"4.{lasting()}", lasting()
    steps = f"RUN sleep {first}\nRUN sleep {second}"
    cell = shared_kernel.submit(f"%%dockerfile --no-cache\nFROM {images.busybox}\n{steps}")
    assert wait_for(lambda: is_asleep(first), seconds=60)
    shared_kernel.interrupt()
    result = cell.result()
    assert result.error
    assert result.error.ename == "KeyboardInterrupt"
    assert "on Podman the step that ran goes on to its end" in str(result.error)
    assert wait_for(lambda: not is_asleep(first), seconds=30)
    time.sleep(2)  # in which the next one would begin
    assert not is_asleep(second)
