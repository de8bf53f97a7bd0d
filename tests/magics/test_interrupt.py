"""■, Ctrl-C and --timeout end every process of a cell, soon, and never as a success."""

from __future__ import annotations

import socket
import time

import pytest
from support import patience, wait_for

LIMIT = 3.0  # seconds from the interrupt to the reply


def interrupted(kernel, code: str, shown: str = "begin"):
    """Interrupt a cell once it shows a text; its result and the seconds that took."""
    cell = kernel.submit(code)
    cell.wait_for(shown)
    start = time.monotonic()
    kernel.interrupt()
    result = cell.result(timeout=30)
    return result, time.monotonic() - start


def has_ended(engine, mark: str) -> bool:
    """No container of the test's label runs; dockerd lists one until its network is down, which
    is later than its end."""

    def running() -> bool:
        return bool(engine.list_containers(labels={"test": mark}, all=False))

    return wait_for(lambda: not running(), seconds=5)


STUBBORN = {
    "a child": "echo begin; sleep 100",
    "a grandchild": "sh -c 'sh -c \"echo begin; sleep 100; echo no\"; echo no'",
    "a background job": "sleep 100 & echo begin; wait",
    "one that ignores SIGINT": "trap '' INT TERM; echo begin; while :; do sleep 100; done",
    "silence": "echo begin; exec >/dev/null 2>&1; sleep 100",
    "noise": "echo begin; yes",
}


@pytest.mark.parametrize("name", STUBBORN)
def test_an_interrupt_ends_all_processes(shared_kernel, images, engine, name):
    mark = name.replace(" ", "-")
    code = f"%%container -l test={mark} {images.busybox}\n{STUBBORN[name]}"
    result, seconds = interrupted(shared_kernel, code)
    assert seconds < LIMIT * patience()
    assert result.status == "error"
    assert result.error.ename == "KeyboardInterrupt"
    assert result.stdout.startswith("begin\n")
    assert len(result.error.traceback) <= 2
    assert has_ended(engine, mark)


def test_python_may_tidy_up(shared_kernel, images):
    body = (
        "import time\nprint('begin')\ntry:\n    time.sleep(100)\n"
        "except KeyboardInterrupt:\n    print('tidy')\n"
    )
    result, seconds = interrupted(shared_kernel, f"%%container {images.python}\n{body}")
    assert result.stdout == "begin\ntidy\n"
    assert result.error.ename == "KeyboardInterrupt"
    assert seconds < LIMIT * patience()


def test_the_next_queued_cell_does_not_run(shared_kernel, images):  # R08
    first = shared_kernel.submit(f"%%container {images.busybox}\necho begin; sleep 100")
    second = shared_kernel.submit("print('second')")
    first.wait_for("begin")
    shared_kernel.interrupt()
    assert first.result(LIMIT + 1).error.ename == "KeyboardInterrupt"
    assert second.result(LIMIT + 1).status == "aborted"
    assert second.now.stdout == ""
    assert shared_kernel.run("print('third')").stdout == "third\n"


def test_a_timeout_says_so(shared_kernel, images, engine):
    start = time.monotonic()
    body = "trap '' INT; echo begin; while :; do sleep 1; done"
    result = shared_kernel.run(f"%%container --timeout 1.5 -l test=slow {images.busybox}\n{body}")
    assert time.monotonic() - start < (1.5 + LIMIT + 1) * patience()
    assert result.error.ename == "CellTimedOut"
    assert "--timeout 1.5 s" in result.error.evalue
    assert result.stdout == "begin\n"
    assert has_ended(engine, "slow")
    assert shared_kernel.run("print(_exit_code)").stdout == "124\n"


def test_a_timeout_is_no_success_with_no_raise_error(shared_kernel, images):
    code = f"%%container --no-raise-error --timeout 1 {images.busybox}\nsleep 100"
    assert shared_kernel.run(code).error.ename == "CellTimedOut"


def test_a_timeout_that_is_not_reached_changes_nothing(shared_kernel, images):
    assert shared_kernel.run(f"%%container --timeout 30 {images.busybox}\necho a").stdout == "a\n"


def test_an_interrupt_while_the_container_is_made_leaves_nothing(shared_kernel, images, engine):
    for delay in (0.0, 0.003, 0.01, 0.03, 0.1, 0.15):
        cell = shared_kernel.submit(f"%%container -l test=early {images.busybox}\nsleep 100")
        shared_kernel.pump(
            lambda now=cell.now: now.messages, 5
        )  # a kernel ignores it between two cells
        shared_kernel.pump(lambda: False, delay)
        start = time.monotonic()
        shared_kernel.interrupt()
        result = cell.result(timeout=30)
        assert time.monotonic() - start < LIMIT * patience()
        assert result.status == "error"
        assert result.error.ename == "KeyboardInterrupt"
    assert wait_for(lambda: not engine.list_containers(labels={"test": "early"}), seconds=5)
    assert not engine.list_containers(labels={"test": "early"})


def test_an_interrupt_of_a_line_magic(shared_kernel, images):
    code = f"%container {images.busybox} sh -c 'echo begin; sleep 100'"
    result, seconds = interrupted(shared_kernel, code)
    assert result.error.ename == "KeyboardInterrupt"
    assert seconds < LIMIT * patience()


def test_an_interrupt_does_not_touch_a_background_cell(shared_kernel, images):
    shared_kernel.run(
        f"%%container --bg --proc job --out pipe {images.busybox}\nsleep 3; echo done"
    )
    interrupted(shared_kernel, f"%%container {images.busybox}\necho begin; sleep 100")
    shown = shared_kernel.run("print(repr(pipe.read()), job.wait(10)); pipe.close()")
    assert shown.stdout == "'done\\n' 0\n"


def test_time_limits_of_nbval_interrupt_too(shared_kernel, images):  # nbval#41
    _, seconds = interrupted(shared_kernel, f"%%container {images.busybox}\necho begin; sleep 9")
    assert seconds < LIMIT * patience()
    assert shared_kernel.run("print('next')").stdout == "next\n"


def _interrupted_twice(kernel, code, delay):
    """Whether a reply came. It, and not what is shown, since IPython may be showing the first
    interrupt when the second comes."""
    cell = kernel.submit(code)
    cell.wait_for("begin")
    kernel.interrupt()
    kernel.pump(lambda: False, delay)
    kernel.interrupt()
    came = kernel.pump(lambda: cell.now.reply, 30)
    if came:
        reply = cell.now.reply
        assert (reply["status"], reply["ename"]) == ("error", "KeyboardInterrupt"), reply
    return came


@pytest.mark.parametrize("delay", [0.3, 0.7, 1.0, 1.04, 1.06, 1.1])
def test_a_second_interrupt_at_any_moment_leaves_nothing(shared_kernel, images, engine, delay):
    code = f"%%container -l test=twice {images.busybox}\necho begin; sleep 100"
    # ipykernel loses the reply that it is about to send ("KeyboardInterrupt caught in kernel"), and
    # goes on; that it loses one after another is not its doing.
    assert any(_interrupted_twice(shared_kernel, code, delay) for _ in range(3))
    shared_kernel.run("1")
    assert wait_for(lambda: not engine.list_containers(labels={"test": "twice"}), seconds=3)
    assert not engine.list_containers(labels={"test": "twice"})
    assert shared_kernel.run("print('alive')").stdout == "alive\n"


@pytest.mark.parametrize("words", ["", "sh"])
def test_an_interrupted_pull_is_one_line(shared_kernel, engine, words):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        cell = shared_kernel.submit(f"%%container 127.0.0.1:{port}/x {words}\necho")
        shared_kernel.pump(lambda: False, 1)
        start = time.monotonic()
        shared_kernel.interrupt()
        result = cell.result(timeout=30)
    assert time.monotonic() - start < LIMIT * patience()
    assert result.error.ename == "KeyboardInterrupt", result.error
    assert len(result.error.traceback) == 1
    assert shared_kernel.run("print(_exit_code)").stdout == "130\n"


def test_a_background_cell_times_out_though_nobody_reads_it(shared_kernel, images):
    shared_kernel.run(f"%%container --bg --out unread --timeout 1 --proc job {images.busybox}\nyes")
    shown = shared_kernel.run("print(job.wait(5)); print(unread.read(2)); unread.close()")
    assert shown.stdout == "124\ny\n\n"


def test_an_unread_background_cell_can_be_killed(shared_kernel, images):
    shared_kernel.run(f"%%container --bg --out unread --proc job {images.busybox}\nyes")
    shown = shared_kernel.run("import time; time.sleep(1); job.kill(); print(job.wait(5))")
    assert shown.stdout == "137\n"
    shared_kernel.run("unread.close()")
