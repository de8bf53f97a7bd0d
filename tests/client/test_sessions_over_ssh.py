"""Sessions, values and builds on an engine that only ssh reaches."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support import patience


@pytest.fixture
def remote(ssh_engine: Callable[..., str], kernels: Callable[..., Any]) -> Iterator[Any]:
    """A kernel whose engine is behind ssh."""
    kernel = kernels(env={"DOCKER_HOST": ssh_engine()})
    kernel.run("import numpy; a = numpy.arange(500_000.0); n = 5; l = [1, (2, None)]")
    yield kernel
    for name in ("far", "farpy"):
        kernel.run(f"%container stop {name}")


def test_a_shell_and_its_values(remote: Any, images: Any) -> None:
    first = remote.run(f"%%container -s far -i n -o m {images.busybox}\ncd /tmp; m=$((n + 1))")
    assert first.error is None
    assert remote.run("%%container -s far\npwd; echo $m").stdout == "/tmp\n6\n"
    cell = remote.submit("%%container -s far\necho begin; sleep 100")
    cell.wait_for("begin")
    start = time.monotonic()
    remote.interrupt()
    assert cell.result(timeout=30).error.ename == "KeyboardInterrupt"
    assert time.monotonic() - start < 4 * patience()
    assert remote.run("%%container -s far\necho $m").stdout == "6\n"
    assert remote.run("print(m)").stdout == "6\n"


def test_python_and_its_values(remote: Any, images: Any) -> None:
    line = f"%%container -s farpy -i l,a -o back,total {images.python}"
    assert remote.run(f"{line}\nback = [l]; total = sum(a)").error is None
    assert remote.run("print(back == [l], total == a.sum())").stdout == "True True\n"
    assert remote.run("%%container -s farpy\nlen(a)").data == {"text/plain": "500000"}


def test_a_cell_of_its_own_and_its_values(remote: Any, images: Any) -> None:
    python = f"%%container -i l,a -o back,total {images.python}\nback = [l]; total = sum(a)"
    assert remote.run(python).error is None
    assert remote.run("print(back == [l], total == a.sum())").stdout == "True True\n"
    shell = f"%%container -i n -o m {images.busybox}\nm=$((n + 1))"
    assert remote.run(shell).error is None
    assert remote.run("print(repr(m))").stdout == "'6'\n"


def test_an_image_is_built_there(remote: Any, images: Any, engine: Any, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a").write_bytes(b"hi\n" + bytes(3_000_000))
    name = "ipycontainers-test/built-over-ssh"
    try:
        text = f"FROM {images.busybox}\nCOPY a /\nCMD head -n 1 /a"
        built = remote.run(f"%%dockerfile -t {name} --context {tmp_path}/folder\n{text}")
        assert built.error is None
        assert remote.run(f"%container {name}").stdout == "hi\n"
    finally:
        engine.docker.images.remove(name, force=True)
