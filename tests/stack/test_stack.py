"""Host, container and virtual machine answer the same questions."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import needs
import pytest
from support import patience, require

from ipycontainers.stack import container, here, machine
from ipycontainers.stack.probe import Measured


def test_what_is_no_answer_is_none() -> None:
    assert Measured.of("vm", "x=1\nkernel\n", seconds=1).missing == "it did not answer"
    odd = "kernel=<b>\nuptime=nan-\nprocesses=-4\nmemory=1e400x\nroot=a=b\n"
    found = Measured.of("vm", odd, seconds=1)
    assert (found.kernel, found.uptime, found.processes, found.root) == ("<b>", 0.0, 0, "a=b")


def test_the_host_is_as_proc_says() -> None:
    found = here.measure()
    assert found.kernel == Path("/proc/sys/kernel/osrelease").read_text().strip()
    assert found.boot == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    total = re.search(r"MemTotal: *(\d+)", Path("/proc/meminfo").read_text())
    assert total
    assert found.memory == int(total[1]) * 1024
    assert found.processes > 1
    assert 0 < found.seconds < 1 * patience()


def test_a_container_has_the_hosts_kernel_and_its_own_processes(engine: Any, images: Any) -> None:
    found = container.measure(engine, images.busybox)
    assert not found.missing
    assert found.boot == here.measure().boot
    if needs.has(engine, "pid"):
        assert (found.processes, found.first) == (1, "sh")
    else:
        assert found.processes > 1
    assert 0 < found.seconds < 10 * patience()


def test_an_image_without_a_shell_is_said(engine: Any, images: Any) -> None:
    assert "sh" in container.measure(engine, images.noshell).missing


def test_a_container_that_says_nothing_is_given_up(
    engine: Any, images: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(container, "SCRIPT", "sleep 1000")
    monkeypatch.setattr(container, "PATIENCE", 0.5)
    assert container.measure(engine, images.busybox).missing == "it did not answer"


def test_a_virtual_machine_has_a_kernel_of_its_own() -> None:
    require(shutil.which(machine.KERNEL), "uml", "apt-get install user-mode-linux")
    found = machine.measure(60 * patience())
    assert not found.missing
    assert found.boot != here.measure().boot
    assert found.root == "hostfs"
    assert 0 < found.memory <= machine.MEMORY
    assert found.uptime < found.seconds + 60
    assert found.used > 1 << 20


def test_a_missing_kernel_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "is not installed" in machine.measure().missing


def test_a_kernel_that_does_not_boot_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / machine.KERNEL
    program.write_text("#!/bin/sh\necho panic: no init found\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert "no init found" in machine.measure().missing
