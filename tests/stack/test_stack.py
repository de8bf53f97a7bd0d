"""Host and container answer the same questions."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import needs
import pytest
from support import patience

from ipycontainers.stack import Measured, container, measure_container, measure_here, probe


def test_what_is_no_answer_is_none() -> None:
    assert Measured.of("vm", "x=1\nkernel\n", seconds=1).missing == "it did not answer"
    odd = "kernel=<b>\x1b[31m\nuptime=nan-\nprocesses=-4\nmemory=1e400x\nroot=a=b\nsees_files=x"
    found = Measured.of("vm", odd, seconds=1)
    assert (found.kernel, found.uptime, found.processes) == (r"<b>\x1b[31m", 0.0, 0)
    assert (found.root, found.sees_files, found.sees_processes) == ("a=b", None, None)
    assert Measured.of("vm", "kernel=6\nwork=2.5 x\n", seconds=1).work == 0
    assert Measured.of("vm", "kernel=6\nwork=2.5 4.0\n", seconds=1).work == 1.5


def test_what_a_console_says_outside_the_marks_is_no_answer() -> None:
    said = f"kernel=no\n{probe.BEGIN}\nkernel=6.1\n{probe.END}\nkernel=no\n"
    assert Measured.of("vm", said, seconds=1).kernel == "6.1"


def test_the_host_is_as_proc_says() -> None:
    found = measure_here()
    assert found.kernel == Path("/proc/sys/kernel/osrelease").read_text().strip()
    assert found.boot == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    total = re.search(r"MemTotal: *(\d+)", Path("/proc/meminfo").read_text())
    assert total
    assert found.memory == int(total[1]) * 1024
    assert found.processes > 1
    assert (found.sees_files, found.sees_processes) == (True, True)
    assert 0 < found.work < 5 * patience()
    assert 0 < found.seconds < 1 * patience()


def test_a_mark_leaves_nothing() -> None:
    with probe.marked() as mark:
        assert Path(mark.file).exists()
        assert mark.process in _called()
    assert not Path(mark.file).exists()
    assert mark.process not in _called()


def _called() -> set[str]:
    return {_name(folder) for folder in Path("/proc").glob("[0-9]*")}


def _name(folder: Path) -> str:
    try:
        return (folder / "comm").read_text(errors="replace").strip()
    except OSError:  # it has ended
        return ""


def test_a_container_has_the_hosts_kernel_and_its_own_processes(engine: Any, images: Any) -> None:
    found = measure_container(engine, images.busybox)
    assert not found.missing
    assert found.boot == measure_here().boot
    if needs.has(engine, "pid"):
        assert (found.processes, found.first) == (1, "sh")
    else:
        assert found.processes > 1
    assert found.sees_processes is not needs.has(engine, "pid")
    assert found.sees_files is False
    assert 0 < found.seconds < 10 * patience()


def test_an_image_without_a_shell_is_said(engine: Any, images: Any) -> None:
    assert "sh" in measure_container(engine, images.noshell).missing


def test_a_container_that_says_nothing_is_given_up(
    engine: Any, images: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "SCRIPT", "sleep 1000")
    monkeypatch.setattr(container, "PATIENCE", 0.5)
    assert measure_container(engine, images.busybox).missing == "it did not answer"
