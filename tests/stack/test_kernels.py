"""Which kernels a machine has: real files, and machines that lack something."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ipycontainers.errors import Invalid
from ipycontainers.stack import kernels
from ipycontainers.stack.kernels import KVM, TCG, UML, find


def test_user_mode_linux_is_known_by_its_file(uml: Path) -> None:
    assert kernels.is_uml(uml)
    for other in ("/bin/sh", "/bin/busybox", "/etc/passwd", "/nowhere", "/"):
        assert not kernels.is_uml(Path(other))
    (found,) = find(UML).kernels
    assert (found.kind, found.title) == (UML, "user-mode Linux")


@pytest.mark.parametrize(
    "change",
    [
        lambda head: head[:30],
        lambda head: head[:0x28] + b"\xff" * 8 + head[0x30:],
        lambda head: head[:0x3C] + b"\xff\xff" + head[0x3E:],
        lambda head: head[:0x3E] + b"\xff\xff" + head[0x40:],
        lambda head: head,  # its sections are cut off
    ],
)
def test_a_damaged_file_is_none(
    uml: Path, tmp_path: Path, change: Callable[[bytes], bytes]
) -> None:
    damaged = tmp_path / "linux"
    damaged.write_bytes(change(uml.read_bytes()[:4096]))
    assert not kernels.is_uml(damaged)


def test_another_program_called_linux_is_not_run(bare: Path) -> None:
    ran = bare / "ran"
    (bare / "linux").write_text(f"#!/bin/sh\n: >{ran}\n")
    (bare / "linux").chmod(0o755)
    found = find(root=bare)
    assert found.kernels == ()
    assert not ran.exists()


def test_where_nothing_is_there_it_is_said_what_to_install(bare: Path) -> None:
    found = find(root=bare)
    assert found.kernels == ()
    told = "; ".join(found.lacking)
    assert "no KVM: there is no /dev/kvm" in told
    assert "apt install user-mode-linux" in told
    assert "apt install qemu-system-" in told


def test_a_kernel_of_debian_is_found(vmlinuz: Path, bare: Path) -> None:
    (bare / "boot").mkdir()
    (bare / "boot/vmlinuz-9.9").write_bytes(b"no kernel" * 100)
    (bare / "boot/vmlinuz-6.1.9-amd64").symlink_to(vmlinuz)
    old, new = bare / "usr/lib/modules/6.9", bare / "usr/lib/modules/6.10"
    for place in (old, new):
        place.mkdir(parents=True)
        (place / "vmlinuz").write_bytes(vmlinuz.read_bytes()[:4096])
    (bare / f"qemu-system-{kernels.architecture()}").symlink_to("/bin/true")
    assert [kernel.path for kernel in find(TCG, root=bare).kernels] == [new / "vmlinuz"]
    cloud = bare / "boot/vmlinuz-5.4-cloud"
    cloud.write_bytes(vmlinuz.read_bytes()[:4096])
    assert [kernel.path for kernel in find(TCG, root=bare).kernels] == [cloud]


@contextmanager
def _somebody() -> Iterator[None]:
    """For this block the process is an ordinary user's."""
    if os.geteuid():
        yield
        return
    os.setresuid(1000, 1000, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


def test_a_kernel_that_may_not_be_read_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        root.chmod(0o755)
        (root / "boot").mkdir()
        kernel = root / "boot/vmlinuz-6.8.0-31-generic"
        kernel.touch(mode=0)
        (root / f"qemu-system-{kernels.architecture()}").symlink_to("/bin/true")
        monkeypatch.setenv("PATH", folder)
        with _somebody():
            found = find(TCG, root=root)
    assert found.kernels == ()
    assert f"{kernel} may not be read by this user" in found.lacking[0]


def test_a_kvm_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    assert kernels.kvm_lacks(tmp_path) == "there is no /dev/kvm"
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/kvm").write_text("a file")
    assert kernels.kvm_lacks(tmp_path) == "/dev/kvm is not KVM's"
    (tmp_path / "dev/kvm").unlink()
    (tmp_path / "dev/kvm").mkdir()
    assert kernels.kvm_lacks(tmp_path).startswith("/dev/kvm: Is a directory")


def test_what_is_asked_for_is_found_or_said(uml: Path, vmlinuz: Path) -> None:
    (found,) = find(f"{uml.parent}/linux.uml").kernels
    assert (found.kind, found.program) == (UML, str(uml))
    assert [kernel.kind for kernel in find(f"tcg:{vmlinuz}").kernels] == [TCG]
    assert [kernel.kind for kernel in find(str(vmlinuz)).kernels][-1] == TCG
    assert find("none").lacking == ("none is asked for",)
    assert find("uml:/bin/sh").lacking == ("/bin/sh is no user-mode Linux",)
    assert "is no kernel of this processor" in find("tcg:/bin/sh").lacking[0]


@pytest.mark.parametrize("asked", ["xen", "tcg:kernel", "vmlinuz", "uml:", "kvmx"])
def test_what_cannot_be_asked_for_is_refused(asked: str) -> None:
    if asked == "uml:":
        assert find(asked) == find(UML)
        return
    with pytest.raises(Invalid, match="is no machine"):
        find(asked)


def test_the_variable_counts_where_nothing_else_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, uml: Path
) -> None:
    monkeypatch.setenv(kernels.VARIABLE, "none")
    assert find().kernels == ()
    assert [kernel.path for kernel in find(UML).kernels] == [uml]


def test_kvm_is_offered_where_the_processor_has_it() -> None:
    flags = subprocess.run(
        ["grep", "-c", "-w", "-E", "vmx|svm", "/proc/cpuinfo"], capture_output=True, check=False
    )
    if flags.returncode and kernels.architecture() == "x86_64":
        assert kernels.kvm_lacks()
        assert KVM not in {kernel.kind for kernel in find().kernels}
