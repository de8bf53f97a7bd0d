"""Kernels are booted, or it is said why not, and nothing is left of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from support import REPOSITORY, patience, wait_for

from ipycontainers.stack import kernels, least_memory, machine, measure_here, measure_machine
from ipycontainers.stack.kernels import TCG, UML, Kernel

BUSYBOX = Path("/bin/busybox").read_bytes()


def _traces(scratch: Path) -> set[str]:
    """What one that runs has: its files, and its processes."""
    found = {str(path) for path in scratch.iterdir()}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (folder / "cmdline").read_bytes()
            if str(scratch).encode() in words:
                found.add(f"{folder}: {words!r:.200}")
    return found


@pytest.fixture(autouse=True)
def _nothing_is_left(scratch: Path) -> Iterator[None]:
    yield
    assert wait_for(lambda: not _traces(scratch), seconds=5), _traces(scratch)


def test_user_mode_linux_is_a_machine_of_its_own(uml: Path) -> None:
    found = measure_machine(UML, seconds=60 * patience())
    assert not found.missing
    assert found.machine == "user-mode Linux"
    assert not found.is_emulated
    assert found.boot != measure_here().boot
    assert (found.sees_files, found.sees_processes) == (False, False)
    assert (found.root, found.first) == ("rootfs", "init")
    assert 0 < found.memory <= found.limit == machine.MEMORY[UML]
    assert found.uptime < found.seconds + 60
    assert 0 < found.work < 30
    assert 1 << 20 < found.used < machine.MEMORY[UML] + (64 << 20)


def test_qemu_boots_a_kernel_of_debian(vmlinuz: Path) -> None:
    found = measure_machine(f"{TCG}:{vmlinuz}", seconds=150 * patience())
    assert not found.missing
    assert (found.machine, found.is_emulated) == ("QEMU, TCG", True)
    assert found.kernel in vmlinuz.read_bytes()[:65536].decode("latin-1")
    assert found.boot != measure_here().boot
    assert (found.sees_files, found.sees_processes) == (False, False)
    assert 0 < found.memory <= found.limit == machine.MEMORY[TCG]
    assert found.used > 16 << 20


def test_the_least_memory_is_found(uml: Path) -> None:
    least = least_memory(UML)
    assert 16 << 20 < least <= 96 << 20
    kernel = Kernel(UML, uml, str(uml))
    assert "physical memory" in machine.boot(kernel, BUSYBOX, memory=8 << 20).missing
    assert least_memory("none") == 0


def test_a_machine_without_any_kernel_says_what_to_install(bare: Path) -> None:
    found = measure_machine()
    assert found.missing
    assert "apt install user-mode-linux" in found.missing


def test_a_missing_busybox_is_said(uml: Path, bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ipycontainers import busybox

    monkeypatch.setattr(busybox, "STANDARD_PATH", str(bare))
    assert "apt install busybox-static" in measure_machine(str(uml)).missing


@pytest.fixture
def pretended(tmp_path: Path) -> Iterator[Kernel]:
    """A program in a kernel's place; a test writes it."""
    program = tmp_path / "linux.uml"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return Kernel(UML, program, str(program))


def _boot(kernel: Kernel, script: str, seconds: float = 30) -> str:
    kernel.path.write_text(f"#!/bin/sh\n{script}\n")
    return machine.boot(kernel, BUSYBOX, seconds=seconds).missing


def test_one_that_hangs_is_given_up(pretended: Kernel) -> None:
    said = _boot(pretended, "echo Booting; trap '' TERM INT; sleep 1000 & sleep 1000", 1)
    assert said == "it did not boot in 1 s: Booting"


def test_one_that_is_stopped_ends_at_once(pretended: Kernel) -> None:
    pretended.path.write_text("#!/bin/sh\necho Booting\nsleep 1000\n")
    stop = threading.Event()
    threading.Timer(1, stop.set).start()
    began = time.monotonic()
    found = machine.boot(pretended, BUSYBOX, seconds=600, stop=stop)
    assert found.missing == "it was stopped: Booting"
    assert time.monotonic() - began < 3 * patience()


def test_one_that_panics_is_told_by_its_last_words(pretended: Kernel) -> None:
    said = _boot(pretended, "echo no init found; echo good bye")
    assert said == "it ended: no init found good bye"
    said = _boot(pretended, "echo Kernel panic - no init found; seq 10000")
    assert said == "it ended: Kernel panic - no init found"
    said = _boot(pretended, "printf 'Kernel panic\\033[31m'; head -c 9000 /dev/zero")
    assert said.startswith(r"it ended: Kernel panic\x1b[31m\x00")
    assert len(said) < 1000


def test_a_line_without_end_is_not_kept(pretended: Kernel) -> None:
    said = _boot(pretended, "head -c 4000000 /dev/zero | tr '\\0' x; sleep 1000")
    assert said.startswith("it said more than 1 MiB before it was ready: xxx")
    assert len(said) < 300


def test_what_it_says_is_made_visible(pretended: Kernel) -> None:
    said = _boot(pretended, r"printf '\033]0;title\007<b>\377'")
    assert said == "it ended: \\x1b]0;title\\x07<b>\N{REPLACEMENT CHARACTER}"


def test_answers_are_only_between_the_marks(pretended: Kernel) -> None:
    assert _boot(pretended, "echo ipycontainers-end; echo kernel=x; echo ipycontainers-begin")
    assert _boot(pretended, "echo kernel=x; echo ipycontainers-begin; echo ipycontainers-end")


def test_what_cannot_be_executed_is_said(tmp_path: Path) -> None:
    text = tmp_path / "kernel"
    text.write_text("no program")
    text.chmod(0o755)
    assert "it ended" in machine.boot(Kernel(UML, text, str(text)), BUSYBOX).missing
    missing = Kernel(UML, tmp_path / "none", str(tmp_path / "none"))
    assert "not found" in machine.boot(missing, BUSYBOX).missing


def test_a_second_one_is_tried_and_said(
    uml: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user-mode Linux that is cut off comes before a whole one of QEMU's."""
    broken = tmp_path / "linux.uml"
    broken.write_bytes(b"x")
    broken.chmod(0o755)
    first, second = Kernel(UML, broken, str(broken)), Kernel(UML, uml, str(uml))
    found = kernels.Found((first, second))
    monkeypatch.setattr(kernels, "find", lambda _: found)
    measured = measure_machine(seconds=60 * patience())
    assert not measured.missing
    assert measured.note.startswith("user-mode Linux: it ended")


WAITING = """
from pathlib import Path
from ipycontainers.stack import machine
from ipycontainers.stack.kernels import Kernel
try:
    machine.boot(Kernel("uml", Path({program!r}), {program!r}), b"", seconds=600)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_nothing_is_left_of_one_whose_owner_is_ended(
    pretended: Kernel, scratch: Path, tmp_path: Path, number: signal.Signals
) -> None:
    started = tmp_path / "started"
    script = f"trap '' TERM INT HUP\nsleep 1000 &\n: >{started}\nsleep 1000\n"
    pretended.path.write_text(f"#!/bin/sh\n{script}")
    with subprocess.Popen(
        [sys.executable, "-c", WAITING.format(program=pretended.program)],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as owner:
        assert wait_for(started.exists)
        assert len(_traces(scratch)) > 3
        # ■ and Ctrl-C reach the whole group.
        os.killpg(owner.pid, number)
        assert owner.wait(10 * patience()) == {signal.SIGINT: 0}.get(number, -number)
    assert wait_for(lambda: not _traces(scratch), seconds=5), _traces(scratch)


def test_user_mode_linux_leaves_nothing_when_its_owner_is_killed(uml: Path, scratch: Path) -> None:
    script = "from ipycontainers.stack import measure_machine; measure_machine('uml')"
    owner = subprocess.Popen(
        [sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": str(REPOSITORY)}
    )
    try:
        running = lambda: any("initrd=" in trace for trace in _traces(scratch))  # noqa: E731
        assert wait_for(running, every=0.01)
    finally:
        owner.kill()
        owner.wait()
    assert wait_for(lambda: not _traces(scratch), seconds=5), _traces(scratch)


def test_several_at_a_time_do_not_meet(uml: Path) -> None:
    found = []
    boot = lambda: found.append(measure_machine(UML, seconds=120 * patience()))  # noqa: E731
    threads = [threading.Thread(target=boot) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.missing for one in found] == ["", ""]
    assert len({one.boot for one in found}) == 2
