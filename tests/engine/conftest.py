"""Containers on each launcher."""

from __future__ import annotations

import contextlib
import gc
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import embedded
import images as recipes
import pytest
from docker import DockerClient
from docker.errors import DockerException, NotFound
from embedded import Engine
from engine.build import building
from engine.build.building import remove
from engine.containers import Containers
from engine.docker_command import DEBIAN, Terminal
from engine.sides import Side
from layers import Made, file, folder, image_archive, tar
from support import require

LAUNCHERS = ("bubblewrap", "ptrace")
DOCKERD = "unix:///var/run/docker.sock"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker("launcher")


@pytest.fixture(scope="module", autouse=True)
def collected() -> Iterator[None]:
    """docker-py leaves the sockets of exec_run to the garbage collector: not to another module."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture(scope="module", params=LAUNCHERS)
def on_each(request: pytest.FixtureRequest) -> Iterator[Containers]:
    """A module's containers share a nursery."""
    # Not tmp_path: no other user may look into that.
    with tempfile.TemporaryDirectory() as folder, _shared(folder, request.param) as made:
        yield made


@pytest.fixture
def containers(on_each: Containers) -> Containers:
    """Made in this test, ended with the module."""
    return on_each


@pytest.fixture(scope="module")
def isolated() -> Iterator[Containers]:
    """On bubblewrap."""
    with tempfile.TemporaryDirectory() as folder, _shared(folder, "bubblewrap") as made:
        yield made


@pytest.fixture(scope="module")
def traced() -> Iterator[Containers]:
    """On PRoot."""
    with tempfile.TemporaryDirectory() as folder, _shared(folder, "ptrace") as made:
        yield made


@pytest.fixture(scope="module", params=LAUNCHERS)
def own(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """An engine with the image ipycontainers-test/busybox, which a file of tests shares."""
    with _running(request.param) as engine:
        yield engine


@pytest.fixture(params=LAUNCHERS)
def mine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """The same for one test, which may kill it."""
    with _running(request.param) as engine:
        yield engine


@pytest.fixture
def isolated_mine() -> Iterator[Engine]:
    """The same on bubblewrap only, for what no launcher has a part in."""
    with _running("bubblewrap") as engine:
        yield engine


@pytest.fixture(scope="module")
def isolated_own() -> Iterator[Engine]:
    """``own`` on bubblewrap only."""
    with _running("bubblewrap") as engine:
        yield engine


@pytest.fixture(scope="module")
def dockerd() -> Iterator[Terminal]:
    """Debian's docker command on dockerd, which has busybox; what it built is gone at the end."""
    require(shutil.which(DEBIAN), "docker", f"no {DEBIAN} here")
    with contextlib.closing(DockerClient(base_url=DOCKERD)) as client:
        try:
            client.ping()
        except DockerException as error:
            require(False, "docker", str(error))
        recipes.ensure(client, "busybox")
        before = {one["Id"] for one in client.api.images(all=True)}
        terminal = Terminal(DOCKERD)
        yield terminal
        for container in terminal.ran:
            with contextlib.suppress(NotFound):
                client.api.remove_container(container, v=True, force=True)
        remove(client, terminal.told, before)


@pytest.fixture(autouse=True)
def _no_image_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """What a test builds on dockerd is gone after it; our own engines go as a whole."""
    if "engine" not in request.fixturenames:
        yield
        return
    client = request.getfixturevalue("engine").docker
    recipes.ensure(client, "busybox")
    before = {one["Id"] for one in client.api.images(all=True)}
    building.MADE.clear()
    yield
    remove(client, (told for it in building.MADE if it.docker is client for told in it.ids), before)


@contextlib.contextmanager
def _running(launcher: str) -> Iterator[Engine]:
    if launcher == "ptrace":
        require(shutil.which("proot"), "proot", "PRoot is not installed: apt-get install proot")
    with embedded.running(launcher) as engine:
        recipes.ensure(engine.client, "busybox")
        yield engine


@pytest.fixture
def docker(own: Engine) -> Iterator[Any]:
    """docker-py on it; no container is left after the test."""
    client = own.client
    yield client
    for container in client.containers.list(all=True, ignore_removed=True):
        container.remove(force=True, v=True)
    client.close()


def _shared(folder: str, launcher: str) -> Containers:
    Path(folder).chmod(0o755)
    return Containers(Path(folder), launcher)


@pytest.fixture
def places() -> Iterator[Path]:
    """A folder that every user may look into."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield Path(made)


@pytest.fixture
def clean(docker: Any) -> Iterator[Any]:
    """docker-py; images that the test made are gone after it."""
    before = {one["Id"] for one in docker.api.images(all=True)}
    yield docker
    for container in docker.containers.list(all=True, ignore_removed=True):
        container.remove(force=True)
    for image in docker.images.list(all=True):
        if image.id not in before:
            docker.images.remove(image.id, force=True)


@pytest.fixture
def sides(clean: Any, engine: Any) -> Iterator[tuple[Side, Side]]:
    """dockerd and our engine, each with the images ipyc-side:1 and ipyc-side:2, which are one."""
    made = Made(
        [tar(folder("d"), file("d/a", bytes(1000))), tar(file("b", b"12"))],
        config={
            "created": "2024-05-01T10:00:00.5Z",
            "author": "ada",
            "config": {"Cmd": ["sh"], "Labels": {"ipyc-side": "1"}, "Env": ["A=1"]},
            "history": [
                {"created": "2024-05-01T09:00:00Z", "created_by": "first", "comment": "c"},
                {"created_by": "nothing", "empty_layer": True},
                {"created_by": "second"},
            ],
        },
    )
    both = Side(engine.docker), Side(clean)
    for side in both:
        side.docker.images.load(image_archive(made, ["ipyc-side:1", "ipyc-side:2"]))
        side.mask(made.id, "ID")
    yield both
    for side in both:
        for container in side.docker.containers.list(
            all=True, ignore_removed=True, filters={"label": "ipyc-side"}
        ):
            container.remove(force=True)
        for image in side.docker.images.list(all=True, filters={"label": "ipyc-side"}):
            side.docker.images.remove(image.id, force=True)
