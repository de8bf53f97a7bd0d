"""The fixtures that tests share, and what holds after every test.

    engine     a Connection to the engine under test: IPYCONTAINERS_TEST_ENGINE, else our own
               with IPYCONTAINERS_TEST_LAUNCHER (bubblewrap or ptrace), else connect()
    images     images.busybox, .alpine, .noshell, .debian, .python: names of images, made on demand
    plain_images  the names busybox, alpine, debian:stable-slim, python:3-slim exist, for notebooks
    podman     the address of Debian's Podman, run by root; podman_rootless, by an ordinary user
    kernels    kernels(env=…, load=False, cwd=…) starts one more real kernel
    kernel     one real kernel in tmp_path, with the extension loaded

A test that uses one of the first three is marked ``engine``. After every test
with an engine no container that the test made is left; after those without a
kernel no thread and no descriptor either. Variables that choose an engine are
taken out of every test's environment.
"""

from __future__ import annotations

import contextlib
import gc
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import embedded
import images as recipes
import leftovers
import limits
import needs
import podman as podman_engine
import pytest
from support import require, wait_for

OURS = "org.ipycontainers."
ENGINE_FIXTURES = {"engine", "images", "plain_images"}
CHOSEN = os.environ.get("IPYCONTAINERS_TEST_ENGINE", "")
LAUNCHER = os.environ.get("IPYCONTAINERS_TEST_LAUNCHER", "")


def pytest_configure(config: pytest.Config) -> None:
    for plugin in (limits, leftovers):
        config.pluginmanager.register(plugin)
    # A shell lets what it starts in the background ignore them, and programs hand that on.
    for number in (signal.SIGINT, signal.SIGQUIT):
        if signal.getsignal(number) == signal.SIG_IGN:
            own = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
            signal.signal(number, own)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if ENGINE_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker("engine")


def pytest_collection_finish() -> None:
    """What is there by now stays to the end: to search all of it for garbage after every test, as
    is done below, takes longer than most tests."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Iterator[None]:
    lacking = needs.lacking(pyfuncitem)
    if not lacking:
        return (yield)
    with needs.refused(lacking):
        yield
    return True


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: Any) -> None:
    for name in list(os.environ):
        kept = name.startswith("IPYCONTAINERS_TEST_") or name == "IPYCONTAINERS_REQUIRE"
        if name.startswith(("DOCKER_", "CONTAINER_", "IPYCONTAINERS_")) and not kept:
            monkeypatch.delenv(name)
    empty = tmp_path_factory.getbasetemp() / "no-docker-config"
    empty.mkdir(exist_ok=True)
    monkeypatch.setenv("DOCKER_CONFIG", str(empty))


@pytest.fixture(scope="session")
def address() -> Iterator[str | None]:
    """Of the engine under test; None: it is for ``connect`` to find."""
    if CHOSEN or not LAUNCHER:
        yield CHOSEN or None
        return
    if os.getuid() == 0:
        pytest.exit("IPYCONTAINERS_TEST_LAUNCHER is for an ordinary user: root is not who needs it")
    with embedded.running(LAUNCHER) as own:
        yield f"unix://{own.socket}"


@pytest.fixture(scope="session")
def engine(address: str | None) -> Iterator[Any]:
    from ipycontainers.client import connect
    from ipycontainers.errors import EngineUnavailable

    try:
        connection = connect(address, start=False)
    except EngineUnavailable as error:
        require(False, "docker", f"{error.message} ({error.hint})")
    with leftovers.told(connection.docker):
        yield connection
    connection.close()


class Images:
    """Names of test images: ``images.busybox`` makes and loads it first where it is missing."""

    def __init__(self, docker: Any) -> None:
        self._docker = docker

    def __getattr__(self, name: str) -> str:
        if name not in recipes.RECIPES:
            raise AttributeError(name)
        try:
            made = recipes.ensure(self._docker, name)
        except recipes.CannotMake as error:
            capability = "debootstrap" if name in {"debian", "python"} else "docker"
            require(False, capability, str(error))
        self.__dict__[name] = made
        return made


@pytest.fixture(scope="session")
def images(engine: Any) -> Images:
    return Images(engine.docker)


@pytest.fixture(scope="session")
def plain_images(engine: Any, images: Images) -> Iterator[None]:
    _ = images.busybox, images.debian, images.python
    undo = recipes.ensure_plain(engine.docker)
    yield
    undo()


@pytest.fixture(scope="session")
def podman() -> Iterator[str]:
    """The address of Podman's service, run by root, with storage of its own."""
    require(shutil.which("podman") and os.getuid() == 0, "podman", "needs root and Podman")
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o711)
    with podman_engine.service(folder) as address:
        _give_busybox(address)
        yield address


@pytest.fixture(scope="session")
def podman_rootless() -> Iterator[str]:
    """The same, run by an ordinary user; in a folder whose parents that user may enter."""
    usable = shutil.which("podman") and shutil.which("setpriv") and os.getuid() == 0
    require(usable, "podman", "needs root, setpriv and Podman")
    folder = Path(tempfile.mkdtemp())
    os.chown(folder, podman_engine.USER, podman_engine.USER)
    with podman_engine.service_of(podman_engine.USER, folder) as address:
        _give_busybox(address)
        yield address


def _give_busybox(address: str) -> None:
    """Waits for the engine and gives it the image."""
    from ipycontainers.client import Candidate, open_candidate
    from ipycontainers.errors import EngineUnavailable

    def opened() -> Any:
        with contextlib.suppress(EngineUnavailable):
            return open_candidate(Candidate("test", address, True))

    connection = wait_for(opened, seconds=30)
    assert connection, f"{address} does not answer"
    with connection:
        recipes.ensure(connection.docker, "busybox")


@pytest.fixture
def kernels(tmp_path: Path, address: str | None) -> Iterator[Callable[..., Any]]:
    """kernels(*, env={}, cwd=tmp_path, load=True) → kernels.Kernel; all are closed at the end."""
    from kernels import Kernel

    with contextlib.ExitStack() as opened:

        def start(
            *, env: dict[str, str] | None = None, cwd: Path = tmp_path, load: bool = True
        ) -> Kernel:
            private = tmp_path / ".kernel"
            private.mkdir(exist_ok=True)
            chosen = {"DOCKER_HOST": address} if address else {}
            kernel = Kernel(private, cwd=cwd, env={**chosen, **(env or {})}, load=load)
            opened.callback(kernel.close)
            return kernel

        yield start


@pytest.fixture
def kernel(kernels: Callable[..., Any], engine: Any) -> Any:
    return kernels()


# --- what holds after every test ------------------------------------------------------------


@pytest.fixture(autouse=True)
def _nothing_left(request: pytest.FixtureRequest) -> Iterator[None]:
    if not ENGINE_FIXTURES & set(request.fixturenames):
        yield
        return
    docker = request.getfixturevalue("engine").docker
    in_process = not {"kernels", "shared_kernel"} & set(request.fixturenames)
    containers = _containers(docker)
    threads = set(threading.enumerate())
    descriptors = _descriptors(docker) if in_process else {}
    yield
    left = _after(lambda: _left_containers(docker, containers))
    assert not left, f"containers left behind: {left}"
    if in_process:
        alive = _after(lambda: [t.name for t in set(threading.enumerate()) - threads])
        assert not alive, f"threads left behind: {alive}"
        opened = _after(lambda: _left_descriptors(docker, descriptors))
        assert not opened, f"descriptors left behind: {opened}"


def _after(left: Callable[[], list[str]]) -> list[str]:
    """What is left when it has had time to go."""
    found: list[str] = []

    def nothing() -> bool:
        found[:] = left()
        return not found

    return [] if wait_for(nothing) else found


def _containers(docker: Any) -> dict[str, dict[str, str]]:
    """Every container with a label of ours: id → labels."""
    listed = docker.api.containers(all=True)
    labels = {container["Id"]: container.get("Labels") or {} for container in listed}
    return {key: of for key, of in labels.items() if any(name.startswith(OURS) for name in of)}


def _left_containers(docker: Any, before: dict[str, dict[str, str]]) -> list[str]:
    """New containers, but for those of a live process that is none of ours."""
    return [
        f"{key[:12]} {labels}"
        for key, labels in _containers(docker).items()
        if key not in before and not _is_foreign(labels)
    ]


def _is_foreign(labels: dict[str, str]) -> bool:
    """Somebody else uses this engine at the same time: their container is their business."""
    pid = int(labels.get(f"{OURS}kernel-pid") or 0)
    if not Path(f"/proc/{pid}").exists():
        return False
    while pid > 1:
        if pid == os.getpid():
            return False
        pid = _parent(pid)
    return True


def _parent(pid: int) -> int:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    return int(stat.rpartition(")")[2].split()[1])


def _name(thread: threading.Thread) -> str:
    return f"{thread.name} {getattr(thread, '_target', None)}"


def _descriptors(docker: Any) -> dict[str, str]:
    """Open descriptors of this process: number → what it is."""
    for adapter in docker.api.adapters.values():
        adapter.close()  # docker-py keeps one answered connection for each address it asked
    gc.collect()
    found = {}
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            found[link.name] = str(link.readlink())
    return found


def _left_descriptors(docker: Any, before: dict[str, str]) -> list[str]:
    new = {
        target for number, target in _descriptors(docker).items() if before.get(number) != target
    }
    return sorted(target for target in new if not target.startswith("/proc/"))  # the listing's own
