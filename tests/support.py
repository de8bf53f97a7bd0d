"""What many tests need and pytest has no word for: required capabilities, waiting, notebooks.

A test that cannot run here says so through ``require``. On a developer's
machine it is skipped with the reason; where IPYCONTAINERS_REQUIRE names the
capability (as .ci/run does) the same test fails, so nothing is skipped unseen.

    docker       an engine answers            podman       Debian's Podman is installed
    debootstrap  the Debian images can be made sshd         OpenSSH's server is installed
    browser      there is a Chromium          user         a second user can be used
    pypi         pip can install older versions of what we depend on
    proot        PRoot is installed           landlock     the kernel has Landlock with file rules
    values       numpy, pandas, polars and pyarrow are installed
    uml          user-mode Linux can be booted
    strace       strace is installed
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

CAPABILITIES = frozenset(
    {"docker", "podman", "debootstrap", "sshd", "browser"}
    | {"user", "pypi", "proot", "skopeo", "landlock", "values", "uml", "strace"}
)
REPOSITORY = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted(
    file
    for file in (REPOSITORY / "notebooks").rglob("*.ipynb")
    if ".ipynb_checkpoints" not in file.parts  # JupyterLab's copies
)

T = TypeVar("T")


def required() -> set[str]:
    """The capabilities that IPYCONTAINERS_REQUIRE names, separated by commas."""
    words = set(os.environ.get("IPYCONTAINERS_REQUIRE", "").replace(",", " ").split())
    unknown = words - CAPABILITIES
    if unknown:
        pytest.exit(f"IPYCONTAINERS_REQUIRE names no capability: {', '.join(sorted(unknown))}", 4)
    return words


def require(ok: object, capability: str, reason: str) -> None:
    """Go on if ``ok``; else skip, or fail where the capability was promised."""
    if capability not in CAPABILITIES:
        raise ValueError(f"no such capability: {capability}")
    if ok:
        return
    if capability in required():
        pytest.fail(f"{capability} is required and missing: {reason}", pytrace=False)
    pytest.skip(reason)


def library(name: str) -> Any:
    """The module of that name, of those that values may be of; skips when it is missing."""
    require(importlib.util.find_spec(name), "values", f"no {name} here: pip install {name}")
    return importlib.import_module(name)


def examples(count: int) -> int:
    """How many a test of hypothesis tries; IPYCONTAINERS_TEST_FUZZ=50 makes it fifty times that."""
    return count * int(os.environ.get("IPYCONTAINERS_TEST_FUZZ", "1"))


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    """Of 127.0.0.1, for one test: others run at the same time on this machine."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(claim: Callable[[], T], *, seconds: float = 10, every: float = 0.05) -> T:
    """The first true answer of ``claim``, or its last one when the time is over."""
    end = time.monotonic() + seconds
    while True:
        answer = claim()
        if answer or time.monotonic() > end:
            return answer
        time.sleep(every)


def chromium() -> str:
    """The path of a Chromium for Playwright's ``executable_path``; skips when there is none."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or ""
    require(found, "browser", "no Chromium here: apt-get install chromium")
    return found
