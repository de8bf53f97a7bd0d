"""Kernels of this machine, a machine that has none, and a place of a test's own."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import images
import pytest
from support import require

from ipycontainers.stack import kernels


@pytest.fixture
def scratch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where all is put that is temporary, in memory; others boot machines here at the same time."""
    with tempfile.TemporaryDirectory(prefix="ipyc-", dir="/dev/shm") as folder:
        monkeypatch.setenv("TMPDIR", folder)
        monkeypatch.setattr(tempfile, "tempdir", None)
        yield Path(folder)


@pytest.fixture
def uml() -> Path:
    found = shutil.which("linux.uml")
    require(found, "uml", "apt-get install user-mode-linux")
    return Path(str(found))


@pytest.fixture
def vmlinuz() -> Path:
    has_qemu = shutil.which(f"qemu-system-{kernels.architecture()}")
    require(has_qemu, "qemu", "apt-get install qemu-system-x86")
    try:
        return images.vmlinuz()
    except images.CannotMake as error:
        require(False, "qemu", str(error))
        raise


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The root of a machine on which nothing is installed."""
    root = tmp_path / "root"
    root.mkdir()
    monkeypatch.setattr(kernels, "STANDARD_PATH", str(root))
    monkeypatch.setenv("PATH", str(root))
    monkeypatch.delenv(kernels.VARIABLE, raising=False)
    return root
