"""The kernel fixture itself: what it reports is what the kernel did."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Kernels = Callable[..., Any]


def test_run_reports_streams_data_and_errors(kernels: Kernels) -> None:
    kernel = kernels(load=False)
    shown = kernel.run("import sys; print('out'); print('err', file=sys.stderr); 1 + 1")
    assert (shown.status, shown.stdout, shown.stderr) == ("ok", "out\n", "err\n")
    assert shown.data["text/plain"] == "2"
    failed = kernel.run("1 / 0")
    assert (failed.status, failed.error.ename) == ("error", "ZeroDivisionError")


def test_interrupt_fails_the_cell_and_aborts_the_next(kernels: Kernels) -> None:
    kernel = kernels(load=False)
    first = kernel.submit("import time\nprint('begin', flush=True)\ntime.sleep(60)")
    second = kernel.submit("print('second')")
    first.wait_for("begin")
    kernel.interrupt()
    assert first.result(30).error.ename == "KeyboardInterrupt"
    assert second.result(30).status == "aborted"
    assert second.now.stdout == ""


def test_restart_and_kill9(kernels: Kernels) -> None:
    kernel = kernels(load=False)
    before = kernel.pid
    kernel.run("x = 1")
    kernel.restart()
    assert kernel.pid != before
    assert kernel.run("x").error.ename == "NameError"
    kernel.kill9()
    assert not kernel.is_alive()


def test_environment_is_a_users(kernels: Kernels, tmp_path: Any) -> None:
    kernel = kernels(env={"GREETING": "hi"}, load=False)
    shown = kernel.run(
        "import os; print([n for n in os.environ if n.startswith(('PYTEST', 'DOCKER_HOST'))],"
        "os.environ['GREETING'], os.getcwd())"
    )
    assert shown.stdout == f"[] hi {tmp_path}\n"
