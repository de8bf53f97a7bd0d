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
    uml          user-mode Linux can be booted          qemu         QEMU can, and a kernel is there
    strace       strace is installed          overlay      a user may mount overlayfs
    shellcheck   shellcheck is installed
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import random
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from socketserver import BaseRequestHandler
from typing import Any, TypeVar

import pytest

CAPABILITIES = frozenset(
    {"docker", "podman", "debootstrap", "sshd", "browser"}
    | {
        "user",
        "pypi",
        "proot",
        "qemu",
        "skopeo",
        "landlock",
        "values",
        "uml",
        "strace",
        "overlay",
        "shellcheck",
    }
)
REPOSITORY = Path(__file__).resolve().parent.parent
# Those of the course, and those that stand each by itself; without JupyterLab's copies.
COURSE = sorted((REPOSITORY / "notebooks").glob("[0-9]*.ipynb"))
EXAMPLES = sorted((REPOSITORY / "notebooks" / "examples").glob("*.ipynb"))

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


_GIVEN: set[int] = set()


def free_port(kind: int = socket.SOCK_STREAM, *, count: int = 1) -> int:
    """The first of ``count`` in a row, none of which was given before: others run at the same time
    on this machine, and what asks for any port is given one above 32767."""
    while True:
        first = random.randrange(15000, 32000)
        wanted = set(range(first, first + count))
        if wanted & _GIVEN:
            continue
        with contextlib.ExitStack() as probes, contextlib.suppress(OSError):
            for port in wanted:
                probe = probes.enter_context(socket.socket(socket.AF_INET, kind))
                probe.bind(("", port))
            _GIVEN.update(wanted)
            return first


@contextlib.contextmanager
def serving(handler: Callable[..., BaseRequestHandler]) -> Iterator[str]:
    """An HTTP server's address, "127.0.0.1:PORT", until the end of the block."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def patience() -> float:
    """How many times longer than on an idle machine all may take now, at most five: twice as many
    as programs want each processor, since each waits for another too, as for an engine. Times that
    are promised are those of a machine that has nothing else to do."""
    load = os.getloadavg()[0] / (os.cpu_count() or 1)  # of the last minute
    return min(max(1.0, 2 * load), 5.0)


def wait_for(claim: Callable[[], T], *, seconds: float = 30, every: float = 0.05) -> T:
    """The first true answer of ``claim``, or its last one when the time is over. ``seconds`` that
    are promised are an idle machine's."""
    end = time.monotonic() + min(seconds * patience(), max(seconds, 60))
    while True:
        answer = claim()
        if answer or time.monotonic() > end:
            return answer
        time.sleep(every)


def awaited(docker: Any, container: str, condition: str) -> Callable[[], int]:
    """Asks for its exit code, which the answer waits for; the engine has begun to listen by now."""
    url = docker.api._url("/containers/{0}/wait", container)
    answer = docker.api.post(url, params={"condition": condition}, stream=True, timeout=60)
    return lambda: int(answer.json()["StatusCode"])


def was_oom_told(docker: Any, container: str) -> bool:
    """Whether the engine has told of one, by its id or name, that it ran out of memory."""
    filters = {"container": container, "event": "oom"}
    return bool(list(docker.events(since=0, until=time.time(), filters=filters)))


def chromium() -> str:
    """The path of a Chromium for Playwright's ``executable_path``; skips when there is none."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or ""
    require(found, "browser", "no Chromium here: apt-get install chromium")
    return found
