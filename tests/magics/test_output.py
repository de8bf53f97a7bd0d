"""What a cell shows: live, in order, whole, and bounded."""

from __future__ import annotations

import contextlib
import re
import socket
from pathlib import Path

import pytest
from proxy import Proxy
from support import wait_for


def test_progress_bars_stay_one_line(cell):  # R05
    body = "for p in 10 50 100; do printf '\\r%s%%' $p; sleep 0.3; done"
    result = cell("busybox", body)
    assert result.stdout == "\r10%\r50%\r100%"
    assert len(result.chunks) >= 2


@pytest.mark.parametrize(
    ("body", "out", "err"),
    [
        ("printf 'caf\\303'; sleep 1; printf '\\251\\n'", "café\n", ""),
        ("printf 'a\\376b\\n'", "a\ufffdb\n", ""),
        ("printf 'caf\\303'", "caf\ufffd", ""),
        ("printf '\\303'; sleep .5; printf 'E\\n' >&2; sleep .5; printf '\\251\\n'", "é\n", "E\n"),
    ],
)
def test_text_is_decoded_across_pieces(cell, body, out, err):  # R06
    result = cell("busybox", body)
    assert (result.stdout, result.stderr, result.status) == (out, err, "ok")


def test_both_streams_in_order(cell):  # R21 b
    result = cell("busybox", "echo a; sleep .3; echo b >&2; sleep .3; echo c")
    assert (result.stdout, result.stderr) == ("a\nc\n", "b\n")
    assert [text for _, _, text in result.chunks] == ["a\n", "b\n", "c\n"]


def test_a_terminal_gives_lines_of_a_notebook(cell):  # R21 c
    result = cell("busybox", "test -t 1 && echo tty", options="-t")
    assert result.stdout == "tty\n"


def test_output_is_live(cell):
    result = cell("busybox", "echo a; sleep 1; echo b")
    (first, _, a), (second, _, b) = result.chunks
    assert (a, b) == ("a\n", "b\n")
    assert second - first > 0.7


@pytest.mark.slow
def test_a_flood_costs_little_memory_and_nothing_is_lost(shared_kernel, images):
    shared_kernel.run("import resource; peak = lambda: resource.getrusage(0).ru_maxrss // 1024")
    shared_kernel.run(f"%%container {images.busybox}\ntrue")
    before = int(shared_kernel.run("print(peak())").stdout)
    body = "head -c 1000000000 /dev/zero | tr '\\0' 'x' | fold -w 99; echo the end"
    result = shared_kernel.run(f"%%container {images.busybox}\n{body}", timeout=170)
    assert result.status == "ok", result.error
    after = int(shared_kernel.run("print(peak())").stdout)
    assert after - before < 64, f"{after - before} MB"
    assert len(result.stdout) + len(result.stderr) <= 1_000_000
    assert result.stdout.endswith("xxthe end\n")
    (path,) = set(re.findall(r"/\S+\.log", result.stderr))
    try:
        assert Path(path).stat().st_size == 10**9
        assert Path(path).stat().st_mode & 0o077 == 0
        assert "were dropped" in result.stderr
    finally:
        Path(path).unlink()


def test_output_above_the_limit_shows_both_ends(shared_kernel, images):
    result = shared_kernel.run(f"%%container {images.busybox}\nseq 300000")
    assert result.stdout.startswith("1\n2\n3\n")
    assert result.stdout.endswith("299999\n300000\n")
    assert len(result.stdout) <= 1_000_000
    (path,) = set(re.findall(r"/\S+\.log", result.stderr))
    text = Path(path).read_text()
    Path(path).unlink()
    assert text == "".join(f"{n}\n" for n in range(1, 300001))


def test_ten_megabytes_into_a_variable(cell, shared_kernel):
    result = cell("busybox", "head -c 10000000 /dev/zero | tr '\\0' y", options="--out text")
    assert result.stdout == ""
    assert shared_kernel.run("print(text == 'y' * 10**7)").stdout == "True\n"


def test_a_background_cell_is_read_while_it_runs(cell, shared_kernel):
    result = cell(
        "busybox", "echo one; sleep 1; echo two; exit 3", options="--bg --out pipe --proc job"
    )
    assert result.status == "ok"
    assert result.duration < 5
    shown = shared_kernel.run("print(repr(pipe.readline()), job.poll())")
    assert shown.stdout == "'one\\n' None\n"
    shown = shared_kernel.run(
        "print(repr(pipe.read()), job.wait(10), job.returncode); pipe.close()"
    )
    assert shown.stdout == "'two\\n' 3 3\n"


def test_a_background_cell_can_be_killed(cell, shared_kernel):
    cell("busybox", "sleep 300", options="--bg --proc job")
    assert shared_kernel.run("job.kill(); print(job.wait(10))").stdout == "137\n"


def test_a_background_failure_without_a_handle_is_said(cell, shared_kernel):
    begun = cell("busybox", "exit 5", options="--bg")
    assert shared_kernel.pump(lambda: "exit code 5" in begun.stderr, 30), begun.stderr


@pytest.mark.parametrize("body", ["echo begin; sleep 4; echo end", "echo begin; sleep 1; exit 3"])
def test_a_connection_that_breaks_fails_the_cell_and_says_what_is_missing(
    kernels, images, engine, body
):
    if not engine.candidate.address.startswith("unix://"):
        pytest.skip("the proxy stands before a socket")
    target = engine.candidate.address.removeprefix("unix://")
    with contextlib.closing(Proxy(socket.AF_UNIX, target)) as proxy:
        kernel = kernels(env={"DOCKER_HOST": proxy.address})
        cell = kernel.submit(f"%%container -l test=cut --no-raise-error {images.busybox}\n{body}")
        cell.wait_for("begin")
        proxy.cut()
        result = cell.result(timeout=30)
        assert result.error.ename == "EngineError"
        assert "output may be missing" in result.error.evalue
        again = kernel.run(f"%%container -l test=cut {images.busybox}\necho next")
        assert again.stdout == "next\n"
        # Before the proxy goes, and with it the only way that the kernel has.
        assert wait_for(lambda: not engine.list_containers(labels={"test": "cut"}), seconds=8)


def test_a_program_that_closes_its_streams_and_runs_on_is_no_broken_connection(cell):
    result = cell("busybox", "echo begin; exec >/dev/null 2>&1; sleep 3; exit 0")
    assert (result.status, result.stdout) == ("ok", "begin\n"), result.error
