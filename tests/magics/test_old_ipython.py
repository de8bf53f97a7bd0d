"""IPython 7.34, Colab's: a kernel of it in a virtual environment of its own."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import environments
import pytest
from kernels import Kernel
from support import REPOSITORY, patience, require, wait_for

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def old_python() -> Path:
    try:
        return environments.ensure("colab")
    except environments.CannotMake as error:
        require(False, "pypi", str(error))
        raise


@pytest.fixture(scope="module")
def shared_kernel(
    engine: Any, old_python: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Kernel]:
    folder = tmp_path_factory.mktemp("old")
    env = {"DOCKER_HOST": engine.candidate.address, "PYTHONPATH": str(REPOSITORY)}
    kernel = Kernel(folder, cwd=folder, env=env, python=[str(old_python)])
    yield kernel
    kernel.close()


def test_it_is_the_old_one(shared_kernel):
    shown = shared_kernel.run("import IPython; print(IPython.__version__)")
    assert shown.stdout == "7.34.0\n"


def test_a_cell_runs(cell):
    result = cell("busybox", 'echo "$A"; echo e >&2', options="-e 'A=b  c'")
    assert (result.status, result.stdout, result.stderr) == ("ok", "b  c\n", "e\n")


def test_variables_in_the_line_and_after_it(cell, shared_kernel):
    shared_kernel.run("n = 2; words = 'ü\\n'")
    options = "--stdin words --out text -e 'A={n * 21}' -e B=$n -e C={{n}}"
    result = cell("busybox", 'cat; echo "$A $B $C"', options=options)
    assert (result.status, result.stdout) == ("ok", ""), result.error
    assert shared_kernel.run("print(text, _exit_code)").stdout == "ü\n42 $n {{n}}\n 0\n"


def test_a_failing_cell_is_a_line_and_a_hint(cell):
    result = cell("busybox", "exit 3")
    assert result.status == "error"
    assert result.error.ename == "CellFailed"
    assert result.error.evalue.startswith("exit code 3 in ipycontainers-test/busybox")
    assert len(result.error.traceback) <= 4
    assert "docker run" in str(result.error)


def test_a_misspelt_option_is_a_line_and_a_hint(cell):
    result = cell("busybox", "true", options="--memroy 1g")
    assert result.error.ename == "Invalid"
    assert "--memory" in str(result.error)
    assert len(result.error.traceback) <= 4


def test_an_interrupt_ends_the_cell(shared_kernel, images):
    sent = shared_kernel.submit(f"%%container {images.busybox}\ntrap '' INT; echo begin; sleep 100")
    sent.wait_for("begin")
    start = time.monotonic()
    shared_kernel.interrupt()
    result = sent.result(timeout=30)
    assert time.monotonic() - start < 3 * patience()
    assert result.error.ename == "KeyboardInterrupt"
    assert len(result.error.traceback) <= 2


def test_help_shows_the_options(shared_kernel):
    asked = shared_kernel.run("%%container?")
    (page,) = asked.reply["payload"]
    for shown in (page["data"]["text/plain"], shared_kernel.inspect("%%container")):
        assert "--cap-drop" in shown
        assert "--here" in shown


def offered(kernel: Kernel, code: str) -> list[str]:
    """The whole cell with each offered match in place."""

    def matches() -> list[str]:
        reply = kernel.complete(code)
        return [code[: reply["cursor_start"]] + one for one in reply["matches"]]

    return wait_for(matches, seconds=3)


def test_tab_offers_options_and_images(shared_kernel, images):
    name = images.busybox
    assert offered(shared_kernel, "%%container --cap") == [
        "%%container --cap-add", "%%container --cap-drop",
    ]  # fmt: skip
    for code in ("%%container -e A=1 ipycontainers-test/bus", f"%%container {name}:la"):
        assert offered(shared_kernel, code) == [f"{code.rsplit(' ', 1)[0]} {name}:latest"]
    assert offered(shared_kernel, "%container --cap-dr") == ["%container --cap-drop"]


def test_python_is_completed_as_ever(shared_kernel):
    shared_kernel.run("a_long_name = 1")
    assert "a_long_name" in shared_kernel.complete("a_long_na")["matches"]
    assert "--cap-drop" not in shared_kernel.complete("%%container bb\n--cap")["matches"]


def test_a_reload_keeps_everything(cell, shared_kernel):
    assert shared_kernel.run("%reload_ext ipycontainers").status == "ok"
    assert cell("busybox", "echo hi").stdout == "hi\n"
    assert offered(shared_kernel, "%%container --cap-dr") == ["%%container --cap-drop"]
    assert shared_kernel.run("%unload_ext ipycontainers").status == "ok"
    assert not shared_kernel.complete("%%container --cap-dr")["matches"]
    assert shared_kernel.run("%load_ext ipycontainers").status == "ok"
    assert cell("busybox", "echo hi").stdout == "hi\n"


FEED = """
import ipywidgets, sys
sys.path.insert(0, sys.argv[1])
from ipycontainers.widgets.pull import PullView
view = PullView("alpine")
for layer in ("aaa", "bbb"):
    view.feed(layer, "Downloading", 1_000_000, 4_000_000)
    view.feed(layer, "Pull complete", 0, 0)
view.draw()
print(ipywidgets.__version__, len(view.children), view.children[0].value)
view.close()
"""


def test_the_old_widgets_show_a_pull(old_python):
    command = [old_python, "-W", "error", "-c", FEED, REPOSITORY]
    shown = subprocess.run(command, capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith("7.7.1 3 "), shown.stdout
    assert "2 of 2 layers, 8.0 of 8.0 MB" in shown.stdout


def test_docker_verbs_show_and_give_values(shared_kernel, images):
    name = images.busybox
    code = f"%docker images -q {name}\nids = %docker images -q {name}\n%docker images {name}"
    shown = shared_kernel.run(code)
    assert shown.status == "ok", shown.error
    assert shown.stdout == shared_kernel.run("print(ids)").stdout
    assert (len(shown.outputs), name in shown.data["text/html"]) == (1, True)
    assert "%docker history" in [
        f"%docker {one}" for one in shared_kernel.complete("%docker hist")["matches"]
    ]
