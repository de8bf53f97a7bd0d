from __future__ import annotations

import _thread
import os
import threading
import time
from typing import Any

import pytest
from support import patience, wait_for

from ipycontainers import errors

Shell = Any


def _interrupted(shell: Shell, text: str) -> float:
    """Runs the text and interrupts it, a moment after the first "begin" that it prints; the
    seconds from the interrupt to the end."""
    pressed = 0.0

    def press() -> None:
        nonlocal pressed
        assert wait_for(lambda: b"begin" in shell.out.data)
        time.sleep(0.2)
        pressed = time.monotonic()
        _thread.interrupt_main()

    thread = threading.Thread(target=press)
    shell.out.data.clear()
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        shell(text)
    ended = time.monotonic()
    thread.join()
    return ended - pressed


LIMIT = 3.0


@pytest.mark.parametrize(
    "text",
    [
        "echo begin; sleep 101; echo no",
        "echo begin; while :; do sleep 101; done",
        "echo begin; while :; do :; done",
        "echo begin; (trap '' INT; sleep 101; sleep 102); echo no",
        "echo begin; sleep 101 & sleep 102 & wait; echo no",
        "echo begin; sh -c 'trap \"\" INT TERM HUP; while :; do sleep 101; done'; echo no",
        "echo begin; sleep 101 | sleep 102 | cat; echo no",
        "echo begin; (sleep 101 & sleep 102 &) ; setsid sleep 103; echo no",
    ],
)
def test_an_interrupt_ends_all_processes_of_the_cell_and_keeps_the_state(
    shell: Shell, text: str
) -> None:
    for _ in range(3):  # a shell that is kept waiting by a busy machine is taken for a deaf one
        shell("X=1; sleep 1000 & job=$!")
        assert _interrupted(shell, text) < LIMIT * patience()
        is_loaded = os.getloadavg()[0] >= (os.cpu_count() or 1)
        if not (is_loaded and "ignored the interrupt" in shell.interpreter.lost):
            break
    # bash goes on after a program that ignored its SIGINT, as it does at a terminal.
    said = shell.out.data.replace(b"no\n", b"") if "trap" in text else shell.out.data
    assert (said, shell.interpreter.lost) == (b"begin\n", "")
    assert shell.count("sleep 10[123]") == 0
    cell = shell('echo "$X"; kill -0 "$job" && echo lives; kill "$job"')
    assert (cell.out, cell.err) == ("1\nlives\n", "")


def test_a_shell_that_ignores_the_interrupt_is_replaced_and_says_so(shell: Shell) -> None:
    shell("X=1")
    assert (
        _interrupted(shell, "trap '' INT; echo begin; while :; do sleep 101; done")
        < LIMIT * patience()
    )
    assert "ignored the interrupt" in shell.interpreter.lost
    cell = shell('echo "[$X]"')
    assert (cell.out, cell.err, cell.ended.lost) == ("[]\n", "", "")
    assert shell.count("sleep 101") == 0


def test_a_shell_that_ignores_interrupts_lives_when_the_cell_ends_without_its_processes(
    shell: Shell,
) -> None:
    shell("X=1; trap '' INT")
    assert _interrupted(shell, "echo begin; sleep 101") < LIMIT * patience()
    assert shell.interpreter.lost == ""
    assert shell('echo "$X"').out == "1\n"


def test_a_trap_of_the_cell_is_run(shell: Shell) -> None:
    shell("trap 'echo caught' INT")
    assert _interrupted(shell, "echo begin; sleep 101") < LIMIT * patience()
    assert shell.out.data == b"begin\ncaught\n"
    shell("trap - INT")
    assert shell("echo on").out == "on\n"


def test_a_program_has_a_second_to_tidy_up(shell: Shell) -> None:
    text = "sh -c 'trap \"sleep 0.3; echo tidy; exit\" INT; sleep 101 & echo begin; wait'"
    assert _interrupted(shell, text) < LIMIT * patience()
    assert shell.out.data == b"begin\ntidy\n"


def test_a_deadline_ends_a_cell_as_an_interrupt_does(shell: Shell) -> None:
    shell("X=1")
    with pytest.raises(errors.CellTimedOut):
        shell("sleep 101", deadline=time.monotonic() + 1)
    assert shell.count("sleep 101") == 0
    assert shell("echo $X").out == "1\n"


def test_interrupts_of_a_shell_that_floods(shell: Shell) -> None:
    assert _interrupted(shell, "yes begin") < LIMIT * patience()
    assert shell("echo on").out == "on\n"
