"""Our own engine beside dockerd: the same requests by the same docker-py, in turn.

Ours runs in a data directory of its own; root becomes the user 1000 for it. Both have the
same images, since ours loads what dockerd saves, and no container has a network but where a
row says so.

Knows: docker-py, how tests start the engine. Does not know: kernels, /proc.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import embedded

from . import builds, ports, pulls
from .figure import Absent, Figure, Gap, Row, Side, medians
from .memory import beside_dockerd, beside_ours, of_dockerd, of_engine

LAUNCHERS = {"bubblewrap": "bubblewrap", "ptrace": "PRoot"}
RUN_TARGETS = {("bubblewrap", "busybox"): 0.12, ("bubblewrap", "debian"): 0.12}
RUN_TARGETS |= {("ptrace", "busybox"): 0.5}
BUILD_TARGETS = {False: 0.8, True: 0.5}  # by whether all is cached
BRIDGE = "bridge"
NO_IMAGE = "its image cannot be made here, see tests/images.py"
STARTS = 50
IDLE_AFTER = 5.0  # seconds; both have had time to give back what they do not need any more
LOGGED = 100_000_000  # bytes, in lines of 80
# How many containers run on each side while their memory is read. With more of them the shim's
# program, a Go binary of 10 MB, is divided among more.
EACH_TARGETS = {1: 0.5, 5: None}


def rows(docker: Any, images: Mapping[str, str], runs: int) -> Iterator[Row]:
    """``docker`` is dockerd's client, or None; ``images`` there: busybox and perhaps debian."""
    with contextlib.ExitStack() as stack:
        found: dict[str, embedded.Engine | Absent] = {}
        for launcher in LAUNCHERS:
            found[launcher] = _entered(stack, _engine(launcher, docker, images))
        networked = {"bubblewrap": found["bubblewrap"]}  # PRoot has no networks
        for name in ("busybox", "debian"):
            yield from _runs(docker, found, name, images, runs)
        yield from _runs(docker, networked, "busybox", images, runs, BRIDGE)
        yield from _execs(docker, found, images, runs)
        yield from _starts(docker, found, images, runs)
        yield from _starts(docker, networked, images, runs, BRIDGE)
        yield from _logs(docker, found["bubblewrap"], images, runs)
        yield from _ports(docker, found, images, runs)
        yield from _memory(docker, found["bubblewrap"], images)
        yield from _pulls(docker, found, runs)
        yield from _builds(docker, found, images, runs)


def _pulls(docker: Any, found: Mapping[str, embedded.Engine | Absent], runs: int) -> Iterator[Row]:
    with contextlib.ExitStack() as stack:
        try:
            name = stack.enter_context(pulls.stocked())
        except Absent as why:
            name, found = "", dict.fromkeys(found, why)
        rows = _beside(docker, found, lambda client: pulls.side(client, name), max(5, runs // 2))
        for launcher, ours, theirs in rows:
            what = f"pull of 100 MB in 5 layers from a local registry, {LAUNCHERS[launcher]}"
            yield _row(what, ours, theirs, 1.0)
        if name:
            docker.api.remove_image(name, force=True)


def _builds(
    docker: Any,
    found: Mapping[str, embedded.Engine | Absent],
    images: Mapping[str, str],
    runs: int,
) -> Iterator[Row]:
    if docker and "debian" not in images:
        found = dict.fromkeys(found, Absent(NO_IMAGE))
    for cached in (False, True):

        def side(client: Any, is_cached: bool = cached) -> Side:
            return builds.side(client, images["debian"], cached=is_cached)

        for launcher, ours, theirs in _beside(docker, found, side, max(5, runs // 2)):
            kept = "all cached" if cached else "cold"
            what = f"10-step Dockerfile on Debian, {kept}, {LAUNCHERS[launcher]}"
            yield _row(what, ours, theirs, BUILD_TARGETS[cached])
    if docker:
        builds.remove(docker)


def _entered(
    stack: contextlib.ExitStack, engine: contextlib.AbstractContextManager[embedded.Engine]
) -> embedded.Engine | Absent:
    try:
        return stack.enter_context(engine)
    except Absent as why:
        return why


@contextlib.contextmanager
def _engine(launcher: str, docker: Any, images: Mapping[str, str]) -> Iterator[embedded.Engine]:
    if docker is None:
        raise Absent("no Docker answers")
    if "busybox" not in images:
        raise Absent(NO_IMAGE)
    with contextlib.ExitStack() as stack:
        try:
            engine = stack.enter_context(embedded.running(launcher))
        except AssertionError as error:  # it has ended, and its log has the reason
            said = str(error).strip().replace("\n  hint", "; hint")
            raise Absent(said.splitlines()[-1]) from error
        for image in images.values():
            with tempfile.TemporaryFile() as archive:
                for piece in docker.api.get_image(image):
                    archive.write(piece)
                archive.seek(0)
                engine.client.api.load_image(archive)
        yield engine


def _beside(
    docker: Any,
    found: Mapping[str, embedded.Engine | Absent],
    side: Callable[[Any], Side],
    runs: int,
) -> Iterator[tuple[str, float | Absent, float]]:
    """Launcher, its median or why there is none, dockerd's in turn with it.

    One launcher after the other: who follows PRoot waits for the disk that it filled.
    """
    for name, one in found.items():
        if isinstance(one, Absent):
            yield name, one, 0.0
        else:
            ours, theirs = medians([side(one.client), side(docker)], runs)
            yield name, ours, theirs


def _runs(
    docker: Any,
    found: Mapping[str, embedded.Engine | Absent],
    name: str,
    images: Mapping[str, str],
    runs: int,
    network: str = "none",
) -> Iterator[Row]:
    what = f"create + start + wait + remove, {_described(docker, name, images)}{_on(network)}"
    if docker and name not in images:
        found = dict.fromkeys(found, Absent(NO_IMAGE))
    for launcher, ours, theirs in _beside(
        docker, found, lambda client: _run(client, images[name], network), runs
    ):
        target = RUN_TARGETS.get((launcher, name))
        yield _row(f"{what}, {LAUNCHERS[launcher]}", ours, theirs, target)


def _described(docker: Any, name: str, images: Mapping[str, str]) -> str:
    if docker is None or name not in images:
        return name
    return f"{name} of {docker.api.inspect_image(images[name])['Size'] / 1e6:.0f} MB"


def _row(name: str, ours: float | Absent, theirs: float, target: float | None) -> Row:
    return Gap(name, str(ours)) if isinstance(ours, Absent) else Figure(name, ours, theirs, target)


def _on(network: str) -> str:
    return "" if network == "none" else f", network {network}"


def _run(client: Any, image: str, network: str) -> Side:
    """The four requests, and nothing else that docker-py would ask."""
    host = client.api.create_host_config(network_mode=network)

    def run() -> float:
        start = time.perf_counter()
        made = client.api.create_container(image, ["true"], host_config=host)["Id"]
        client.api.start(made)
        code = client.api.wait(made)["StatusCode"]
        client.api.remove_container(made)
        took = time.perf_counter() - start
        assert code == 0
        return took * 1000

    return run


def _execs(
    docker: Any,
    found: Mapping[str, embedded.Engine | Absent],
    images: Mapping[str, str],
    runs: int,
) -> Iterator[Row]:
    with contextlib.ExitStack() as stack:

        def side(client: Any) -> Side:
            container = stack.enter_context(_sleeping(client, images["busybox"]))

            def run() -> float:
                start = time.perf_counter()
                answer = container.exec_run(["echo", "hi"])
                took = time.perf_counter() - start
                assert answer == (0, b"hi\n"), answer
                return took * 1000

            return run

        for launcher, ours, theirs in _beside(docker, found, side, 2 * runs):
            target = 0.2 if launcher == "bubblewrap" else None
            yield _row(f"exec_run, {LAUNCHERS[launcher]}", ours, theirs, target)


def _starts(
    docker: Any,
    found: Mapping[str, embedded.Engine | Absent],
    images: Mapping[str, str],
    runs: int,
    network: str = "none",
) -> Iterator[Row]:
    def side(client: Any) -> Side:
        return lambda: _started_at_once(client, images["busybox"], network)

    # Each run takes as long as a hundred others.
    for launcher, ours, theirs in _beside(docker, found, side, min(runs, 5)):
        name = f"{STARTS} starts at once, until all run{_on(network)}, {LAUNCHERS[launcher]}"
        yield _row(name, ours, theirs, 0.15 if launcher == "bubblewrap" else None)


def _started_at_once(client: Any, image: str, network: str) -> float:
    """Milliseconds; each start has a connection of its own that is open before."""
    api = client.api
    host = api.create_host_config(network_mode=network)
    made = [api.create_container(image, ["sleep", "3600"], host_config=host) for _ in range(STARTS)]
    with ThreadPoolExecutor(STARTS) as pool:
        try:
            list(pool.map(lambda _: api.ping(), made))
            start = time.perf_counter()
            list(pool.map(api.start, made))
            took = time.perf_counter() - start
            assert all(api.inspect_container(one)["State"]["Running"] for one in made)
        finally:
            list(pool.map(lambda one: api.remove_container(one, force=True), made))
    return took * 1000


def _logs(
    docker: Any, engine: embedded.Engine | Absent, images: Mapping[str, str], runs: int
) -> Iterator[Row]:
    """Only read: the bytes as they come from the socket, nothing is taken apart."""
    name = f"logs of {LOGGED / 1e6:.0f} MB, bubblewrap"
    if isinstance(engine, Absent):
        yield Gap(name, str(engine))
        return
    with contextlib.ExitStack() as stack:

        def side(client: Any) -> Side:
            container = stack.enter_context(_talkative(client, images["busybox"]))
            return lambda: _read_logs(client, container.id)

        ours, theirs = medians([side(engine.client), side(docker)], min(runs, 5))
    yield Figure(name, ours, theirs, 1.0)


def _ports(
    docker: Any,
    found: Mapping[str, embedded.Engine | Absent],
    images: Mapping[str, str],
    runs: int,
) -> Iterator[Row]:
    for way, theirs_by in ports.WAYS.items():
        with contextlib.ExitStack() as stack:
            where = ports.address(docker, way) if docker else way

            def side(client: Any, stack: Any = stack, where: str = where) -> Side:
                return stack.enter_context(ports.serving(client, images["busybox"], where))

            for launcher, ours, theirs in _beside(docker, found, side, min(runs, 5)):
                name = f"1 GB through a published port, {LAUNCHERS[launcher]} ÷ {theirs_by}"
                # PRoot's programs write more slowly, whoever reads it.
                target = None if launcher == "ptrace" and not way else 1.5
                yield _row(name, ours, theirs, target)


@contextlib.contextmanager
def _talkative(client: Any, image: str) -> Iterator[Any]:
    script = f"yes {'x' * 79} | head -c {LOGGED}"
    # dockerd keeps all of it by itself; ours keeps what a container may fill of a disk.
    kept = {"type": "json-file", "config": {"max-size": "1g"}}
    container = client.containers.run(
        image, ["sh", "-c", script], detach=True, network_mode="none", log_config=kept
    )
    try:
        assert container.wait(timeout=300)["StatusCode"] == 0
        yield container
    finally:
        container.remove(force=True)


def _read_logs(client: Any, container: str) -> float:
    start, size = time.perf_counter(), 0
    url = f"{client.api.base_url}/v{client.api.api_version}/containers/{container}/logs"
    with client.api.get(url, params={"stdout": 1, "stderr": 1}, stream=True) as answer:
        while piece := answer.raw.read(1 << 20):
            size += len(piece)
    took = time.perf_counter() - start
    assert size >= LOGGED, size
    return took * 1000


@contextlib.contextmanager
def _sleeping(client: Any, image: str) -> Iterator[Any]:
    container = client.containers.run(image, ["sleep", "3600"], detach=True, network_mode="none")
    try:
        yield container
    finally:
        container.remove(force=True)


def _memory(
    docker: Any, engine: embedded.Engine | Absent, images: Mapping[str, str]
) -> Iterator[Row]:
    idle = "memory of the idle engine ÷ dockerd with containerd"
    beside = {
        count: f"memory beside each program, containers running: {count}, bubblewrap ÷ shim"
        for count in EACH_TARGETS
    }
    try:
        if isinstance(engine, Absent):
            raise engine
        assert engine.process
        pid = engine.process.pid
        time.sleep(IDLE_AFTER)
        yield Figure(idle, of_engine(pid), of_dockerd(), 0.4, "MB")
        for count, target in EACH_TARGETS.items():
            with (
                _several(engine.client, images, count) as ours,
                _several(docker, images, count) as theirs,
            ):
                left, right = beside_ours(ours, pid), beside_dockerd(theirs)
                yield Figure(beside[count], left, right, target, "MB")
    except Absent as why:
        yield from (Gap(name, str(why)) for name in (idle, *beside.values()))


@contextlib.contextmanager
def _several(client: Any, images: Mapping[str, str], count: int) -> Iterator[list[int]]:
    """The first processes of containers that run meanwhile."""
    with contextlib.ExitStack() as stack:
        containers = [
            stack.enter_context(_sleeping(client, images["busybox"])) for _ in range(count)
        ]
        for container in containers:
            container.reload()
        yield [int(container.attrs["State"]["Pid"]) for container in containers]
