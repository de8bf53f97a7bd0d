"""kill -9 of the engine at any point of any verb: the next engine finds all or nothing of it.

A sample of the points, by the seed in IPYCONTAINERS_CRASH_SEED; all of them with
IPYCONTAINERS_CRASHES=all.
"""

from __future__ import annotations

import contextlib
import io
import os
import random
import shutil
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import embedded
import images as recipes
import pytest
import requests
import urllib3
from docker import errors as docker_errors
from embedded import Engine
from engine import crashes
from engine.conftest import LAUNCHERS
from engine.registry.double import Double
from engine.test_adoption import gone
from layers import Made, file, image_archive, tar
from support import free_port, require, wait_for

IMAGE = "ipycontainers-test/busybox"
NAME = "subject"
PORT = free_port(count=2)  # in the container; the next one on the host
SAMPLE = 1  # points of each verb, on one of the launchers, where not all are asked for
EVERYTHING = os.environ.get("IPYCONTAINERS_CRASHES") == "all"
SEED = os.environ.get("IPYCONTAINERS_CRASH_SEED", "1")
# docker-py leaves the sockets of exec_run to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@dataclass(frozen=True)
class Verb:
    """``check(docker, engine, confirmed)`` asserts, and leaves nothing behind.

    ``judged`` are the answers before which all had to be on the disk, by how their status
    begins: where a program ends meanwhile, not each tells of that.
    """

    before: Callable[[Any], None]
    do: Callable[[Any], object]
    check: Callable[[Any, Engine, bool], None]
    judged: str = "2"


def make(docker: Any, script: str = "sleep 60", **more: Any) -> str:
    made = docker.api.create_container(IMAGE, ["sh", "-c", script], name=NAME, **more)
    return str(made["Id"])


def begin(docker: Any, script: str = "sleep 60", **more: Any) -> None:
    make(docker, script, **more)
    docker.api.start(NAME)


def make_published(docker: Any) -> None:
    make(
        docker,
        ports=[PORT],
        host_config=docker.api.create_host_config(port_bindings={PORT: ("127.0.0.1", PORT + 1)}),
    )


def with_volume(docker: Any, **more: Any) -> dict[str, Any]:
    return {"volumes": ["/etc"], "host_config": docker.api.create_host_config(**more)}


def status(docker: Any, name: str = NAME) -> str:
    """Docker's word, or "absent"."""
    try:
        return str(docker.api.inspect_container(name)["State"]["Status"])
    except docker_errors.NotFound:
        return "absent"


def check_life(docker: Any, name: str = NAME) -> None:
    """It can be started where it does not run, exec'd into, stopped, waited for, removed."""
    if status(docker, name) != "running":
        docker.api.start(name)
    container = docker.containers.get(name)
    assert container.exec_run("echo on").output == b"on\n"
    container.kill()
    assert container.wait()["StatusCode"] == 137
    container.remove(v=True)
    assert volumes(docker) == []


def volumes(docker: Any) -> list[str]:
    return [volume["Name"] for volume in docker.api.volumes()["Volumes"] or ()]


# --- what is found -----------------------------------------------------------------------------


def check_created(docker: Any, engine: Engine, confirmed: bool) -> None:
    assert status(docker) == "created" or (not confirmed and status(docker) == "absent")
    if status(docker) == "absent":
        assert volumes(docker) == []
        make(docker)  # the name is not held
    check_life(docker)


def check_started(docker: Any, engine: Engine, confirmed: bool) -> None:
    assert status(docker) == "running" or (not confirmed and status(docker) == "created")
    check_life(docker)


def check_port(docker: Any, engine: Engine, confirmed: bool) -> None:
    """It is open while the container runs, and not a moment longer."""
    bound = {f"{PORT}/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(PORT + 1)}]}
    is_up = status(docker) == "running"
    assert docker.containers.get(NAME).ports == (bound if is_up else {})
    assert is_open(PORT + 1) is is_up
    check_started(docker, engine, confirmed)
    assert not is_open(PORT + 1)


def is_open(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def check_ended(docker: Any, engine: Engine, confirmed: bool) -> None:
    """A program that ends by itself, whoever saw that."""
    container = docker.containers.get(NAME)
    if status(docker) == "created":
        assert not confirmed
        container.start()
    assert container.wait()["StatusCode"] == 7
    assert status(docker) == "exited"
    assert container.logs() == b"out\n"
    container.remove()


def check_refused(docker: Any, engine: Engine, confirmed: bool) -> None:
    state = docker.api.inspect_container(NAME)["State"]
    assert state["Status"] == "created"
    assert state["ExitCode"] in ((127,) if confirmed else (0, 127))
    docker.api.remove_container(NAME)


def check_killed(docker: Any, engine: Engine, confirmed: bool) -> None:
    container = docker.containers.get(NAME)
    if not confirmed:
        with contextlib.suppress(docker_errors.APIError):  # it may have got the signal
            container.kill()
    assert container.wait()["StatusCode"] in (137, 143)  # PRoot passes SIGTERM to sleep
    container.remove()


def check_removed(docker: Any, engine: Engine, confirmed: bool) -> None:
    if confirmed:
        assert status(docker) == "absent"
    if status(docker) == "absent":
        assert volumes(docker) == []
        make(docker)
    check_life(docker)


def check_gone_by_itself(docker: Any, engine: Engine, confirmed: bool) -> None:
    if status(docker) == "created":
        docker.api.start(NAME)
    assert wait_for(lambda: status(docker) == "absent")
    assert wait_for(lambda: volumes(docker) == [])


def check_renamed(docker: Any, engine: Engine, confirmed: bool) -> None:
    names = {
        container.name for container in docker.containers.list(all=True, ignore_removed=True)
    } - {"witness"}
    assert names in ([{"other"}] if confirmed else [{"other"}, {NAME}])
    check_life(docker, names.pop())


def check_copied(docker: Any, engine: Engine, confirmed: bool) -> None:
    docker.api.start(NAME)
    found = docker.containers.get(NAME).exec_run("cat /tmp/file").output
    assert found == b"content" or not confirmed
    check_life(docker)


def check_executed(docker: Any, engine: Engine, confirmed: bool) -> None:
    check_life(docker)


def check_restarted(docker: Any, engine: Engine, confirmed: bool) -> None:
    assert status(docker) == "running" or not confirmed
    check_life(docker)


def check_paused(docker: Any, engine: Engine, confirmed: bool) -> None:
    assert status(docker) == "paused" or (not confirmed and status(docker) == "running")
    if status(docker) == "paused":
        docker.api.unpause(NAME)
    check_life(docker)


def check_unpaused(docker: Any, engine: Engine, confirmed: bool) -> None:
    assert status(docker) == "running" or (not confirmed and status(docker) == "paused")
    if status(docker) == "paused":
        docker.api.unpause(NAME)
    check_life(docker)


def check_updated(docker: Any, engine: Engine, confirmed: bool) -> None:
    policy = docker.api.inspect_container(NAME)["HostConfig"]["RestartPolicy"]["Name"]
    assert policy == "always" or (not confirmed and policy in ("", "no"))
    check_life(docker)


def check_loaded(docker: Any, engine: Engine, confirmed: bool) -> None:
    check_image(docker, ["cat", "/file"], confirmed)


def check_committed(docker: Any, engine: Engine, confirmed: bool) -> None:
    check_image(docker, ["cat", "/tmp/file"], confirmed)
    docker.api.remove_container(NAME)


def check_image(docker: Any, command: list[str], confirmed: bool, name: str = "loaded:1") -> None:
    """There with its file, or not at all."""
    names = tags(docker) - {f"{IMAGE}:latest"}
    assert names in ([{name}] if confirmed else [{name}, set()])
    if names:
        assert docker.containers.run(name, command, remove=True) == b"content"
        docker.images.remove(name)


STEPS = 'FROM scratch\nADD p.tar /\nENV A=1\nCOPY f /file\nRUN ["/bin/cat", "/file"]\nWORKDIR /w\n'


def build(docker: Any) -> str:
    """All that it told."""
    context = tar(
        file("Dockerfile", STEPS.encode()), file("p.tar", programs()), file("f", b"content")
    )
    how = {"tag": "built:1", "network_mode": "none", "rm": True, "forcerm": True}
    told = docker.api.build(fileobj=io.BytesIO(context), custom_context=True, **how)
    try:
        return "".join(line.decode() for line in told)
    except urllib3.exceptions.HTTPError as error:  # which docker-py does not translate here
        raise requests.exceptions.ConnectionError from error


def check_built(docker: Any, engine: Engine, confirmed: bool) -> None:
    """A build that goes on has what was done; then its image is whole."""
    assert tags(docker) - {f"{IMAGE}:latest"} in (
        [{"built:1"}] if confirmed else [{"built:1"}, set()]
    )
    assert [it["Names"] for it in docker.api.containers(all=True)] == [["/witness"]]
    assert "Successfully tagged built:1" in build(docker)
    assert docker.containers.run("built:1", ["/bin/cat", "/file"], remove=True) == b"content"
    docker.images.remove("built:1")
    assert wait_for(lambda: not list((engine.data / "tmp").iterdir()))  # it is emptied at last


def check_pulled(docker: Any, engine: Engine, confirmed: bool) -> None:
    name = f"{REGISTRY[0].address}/test/loaded:1"
    check_image(docker, ["cat", "/file"], confirmed, name)
    docker.api.pull(name)
    check_image(docker, ["cat", "/file"], True, name)


def tags(docker: Any) -> set[str]:
    return {tag for image in docker.api.images() for tag in image["RepoTags"] or ()} - {
        "<none>:<none>"
    }


def check_tagged(docker: Any, engine: Engine, confirmed: bool) -> None:
    names = tags(docker)
    both = {f"{IMAGE}:latest", "tagged:1"}
    assert names in ([both] if confirmed else [both, {f"{IMAGE}:latest"}])
    if "tagged:1" in names:
        docker.images.remove("tagged:1")


def check_untagged(docker: Any, engine: Engine, confirmed: bool) -> None:
    names = tags(docker)
    both = {f"{IMAGE}:latest", "tagged:1"}
    assert names in ([{f"{IMAGE}:latest"}] if confirmed else [both, {f"{IMAGE}:latest"}])
    if "tagged:1" in names:
        docker.images.remove("tagged:1")


def check_image_gone(docker: Any, engine: Engine, confirmed: bool) -> None:
    if "loaded:1" in tags(docker):
        assert not confirmed
        assert docker.containers.run("loaded:1", ["cat", "/file"], remove=True) == b"content"
        docker.images.remove("loaded:1")


def check_volume_made(docker: Any, engine: Engine, confirmed: bool) -> None:
    assert volumes(docker) in ([["vol"]] if confirmed else [["vol"], []])
    docker.volumes.create("vol")
    docker.api.remove_volume("vol")


def check_volume_gone(docker: Any, engine: Engine, confirmed: bool) -> None:
    assert volumes(docker) in ([[]] if confirmed else [["vol"], []])
    docker.volumes.create("vol")
    docker.api.remove_volume("vol")


def networks(docker: Any) -> list[str]:
    return [it["Name"] for it in docker.api.networks(filters={"type": "custom"})]


def check_network_made(docker: Any, engine: Engine, confirmed: bool) -> None:
    assert networks(docker) in ([["lan"]] if confirmed else [["lan"], []])
    if not networks(docker):
        docker.api.create_network("lan")
    docker.api.remove_network("lan")


def check_network_gone(docker: Any, engine: Engine, confirmed: bool) -> None:
    assert networks(docker) in ([[]] if confirmed else [["lan"], []])
    for name in networks(docker):
        docker.api.remove_network(name)


def ends_of(docker: Any) -> dict[str, Any]:
    """The networks that a running container is in; it has an address in each, and each knows."""
    found = docker.api.inspect_container(NAME)
    ends = dict(found["NetworkSettings"]["Networks"])
    for name, end in ends.items():
        members = docker.api.inspect_network(name)["Containers"]
        assert members[found["Id"]]["EndpointID"] == end["EndpointID"] != ""
        assert members[found["Id"]]["IPv4Address"].startswith(end["IPAddress"])
    others = {"bridge", "lan"} - set(ends)
    assert all(found["Id"] not in docker.api.inspect_network(it)["Containers"] for it in others)
    return ends


def known_as(docker: Any, name: str) -> bool:
    hosts = docker.containers.get(NAME).exec_run("cat /etc/hosts").output.decode()
    return name in hosts.split()


def check_connected(docker: Any, engine: Engine, confirmed: bool) -> None:
    ends = set(ends_of(docker))
    assert ends in ([{"bridge", "lan"}] if confirmed else [{"bridge", "lan"}, {"bridge"}])
    if "lan" not in ends:
        docker.api.connect_container_to_network(NAME, "lan", aliases=["www"])
    assert known_as(docker, "www")
    docker.api.disconnect_container_from_network(NAME, "lan")
    check_alone(docker)


def check_alone(docker: Any) -> None:
    """It is in the default network only, and no network of a user is needed any more."""
    assert set(ends_of(docker)) == {"bridge"}
    assert not known_as(docker, "www")
    docker.api.remove_network("lan")
    check_life(docker)


def check_disconnected(docker: Any, engine: Engine, confirmed: bool) -> None:
    ends = set(ends_of(docker))
    assert ends in ([{"bridge"}] if confirmed else [{"bridge", "lan"}, {"bridge"}])
    if "lan" in ends:
        docker.api.disconnect_container_from_network(NAME, "lan")
    check_alone(docker)


def check_started_in_one(docker: Any, engine: Engine, confirmed: bool) -> None:
    assert status(docker) == "running" or (not confirmed and status(docker) == "created")
    if status(docker) == "created":
        assert docker.api.inspect_network("lan")["Containers"] == {}
        docker.api.start(NAME)
    assert set(ends_of(docker)) == {"lan"}
    assert known_as(docker, NAME)
    check_life(docker)
    docker.api.remove_network("lan")


def connect(docker: Any) -> None:
    docker.api.connect_container_to_network(NAME, "lan", aliases=["www"])


def make_in_one(docker: Any) -> None:
    docker.api.create_network("lan")
    make(docker, host_config=docker.api.create_host_config(network_mode="lan"))


# --- archives ----------------------------------------------------------------------------------

CONTENT = tar(file("tmp/file", b"content"))


REGISTRY: list[Double] = []  # one, while the tests run


def programs() -> bytes:
    """busybox as cat, and a file."""
    program = shutil.which("busybox")
    assert program
    return tar(
        file("bin/cat", Path(program).read_bytes(), mode=0o755),
        file("file", b"content", mode=0o644),
    )


def small() -> Made:
    """An image of two layers."""
    return Made([programs(), tar(file("file2", b"more"))])


def small_image() -> bytes:
    return image_archive(small(), ["loaded:1"])


def nothing(_: Any) -> None:
    pass


def refused(docker: Any) -> None:
    with pytest.raises(docker_errors.APIError, match="absent"):
        docker.api.start(NAME)


VERBS = {
    "create": Verb(nothing, make, check_created),
    "create with a volume": Verb(
        nothing, lambda docker: make(docker, **with_volume(docker)), check_created
    ),
    "start": Verb(make, lambda docker: docker.api.start(NAME), check_started),
    "start with a port": Verb(make_published, lambda docker: docker.api.start(NAME), check_port),
    "start of one that ends": Verb(
        lambda docker: make(docker, "echo out; exit 7"),
        lambda docker: (docker.api.start(NAME), docker.api.wait(NAME)),
        check_ended,
        judged="200",
    ),
    "start of what is not there": Verb(
        lambda docker: docker.api.create_container(IMAGE, ["absent"], name=NAME),
        refused,
        check_refused,
    ),
    "rename": Verb(begin, lambda docker: docker.api.rename(NAME, "other"), check_renamed),
    "kill": Verb(begin, lambda docker: docker.api.kill(NAME), check_killed),
    "remove": Verb(
        lambda docker: make(docker, **with_volume(docker)),
        lambda docker: docker.api.remove_container(NAME, v=True),
        check_removed,
    ),
    "remove while it runs": Verb(
        lambda docker: begin(docker, **with_volume(docker)),
        lambda docker: docker.api.remove_container(NAME, v=True, force=True),
        check_removed,
    ),
    "automatic removal": Verb(
        lambda docker: make(docker, "exit 3", **with_volume(docker, auto_remove=True)),
        lambda docker: (docker.api.start(NAME), wait_for(lambda: status(docker) == "absent")),
        check_gone_by_itself,
        judged="404",
    ),
    "exec": Verb(
        begin, lambda docker: docker.containers.get(NAME).exec_run("true"), check_executed
    ),
    "copy into": Verb(
        make,
        lambda docker: docker.api.put_archive(NAME, "/", CONTENT),
        check_copied,
    ),
    "load": Verb(nothing, lambda docker: docker.images.load(small_image()), check_loaded),
    "tag": Verb(nothing, lambda docker: docker.api.tag(IMAGE, "tagged", "1"), check_tagged),
    "untag": Verb(
        lambda docker: docker.api.tag(IMAGE, "tagged", "1"),
        lambda docker: docker.images.remove("tagged:1"),
        check_untagged,
    ),
    "remove an image": Verb(
        lambda docker: docker.images.load(small_image()),
        lambda docker: docker.images.remove("loaded:1"),
        check_image_gone,
    ),
    "stop": Verb(begin, lambda docker: docker.api.stop(NAME, timeout=0), check_killed),
    "restart": Verb(begin, lambda docker: docker.api.restart(NAME, timeout=0), check_restarted),
    "pause": Verb(begin, lambda docker: docker.api.pause(NAME), check_paused),
    "unpause": Verb(
        lambda docker: (begin(docker), docker.api.pause(NAME)),
        lambda docker: docker.api.unpause(NAME),
        check_unpaused,
    ),
    "update": Verb(
        make,
        lambda docker: docker.api.update_container(NAME, restart_policy={"Name": "always"}),
        check_updated,
    ),
    "commit": Verb(
        lambda docker: (make(docker), docker.api.put_archive(NAME, "/", CONTENT)),
        lambda docker: docker.api.commit(NAME, "loaded", "1", changes=['CMD ["true"]']),
        check_committed,
    ),
    "import": Verb(
        nothing,
        lambda docker: docker.api.import_image_from_data(programs(), "loaded", "1"),
        check_loaded,
    ),
    "pull": Verb(
        nothing,
        lambda docker: docker.api.pull(f"{REGISTRY[0].address}/test/loaded", "1"),
        check_pulled,
    ),
    "build": Verb(nothing, build, check_built),
    "build that is cached": Verb(build, build, check_built),
    "volume create": Verb(nothing, lambda docker: docker.volumes.create("vol"), check_volume_made),
    "volume remove": Verb(
        lambda docker: docker.volumes.create("vol"),
        lambda docker: docker.api.remove_volume("vol"),
        check_volume_gone,
    ),
    "network create": Verb(
        nothing, lambda docker: docker.api.create_network("lan"), check_network_made
    ),
    "network remove": Verb(
        lambda docker: docker.api.create_network("lan"),
        lambda docker: docker.api.remove_network("lan"),
        check_network_gone,
    ),
    "start in a network": Verb(
        make_in_one, lambda docker: docker.api.start(NAME), check_started_in_one
    ),
    "connect": Verb(
        lambda docker: (docker.api.create_network("lan"), begin(docker)), connect, check_connected
    ),
    "disconnect": Verb(
        lambda docker: (docker.api.create_network("lan"), begin(docker), connect(docker)),
        lambda docker: docker.api.disconnect_container_from_network(NAME, "lan"),
        check_disconnected,
    ),
}


# --- the test ----------------------------------------------------------------------------------


class Crashing:
    """An engine for all verbs, and another after a failure."""

    def __init__(self, launcher: str) -> None:
        self.launcher = launcher
        self._stack = contextlib.ExitStack()
        self._engine: Engine | None = None

    @contextlib.contextmanager
    def engine(self) -> Iterator[Engine]:
        if self._engine is None:
            self._engine = self._stack.enter_context(embedded.running(self.launcher))
            recipes.ensure(self._engine.client, "busybox")
            begin_witness(self._engine)
        try:
            yield self._engine
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._stack.close()
        self._engine = None


@pytest.fixture(scope="module")
def crashing(request: pytest.FixtureRequest) -> Iterator[Crashing]:
    require(os.getuid() == 0, "user", "needs root, to trace another user's process")
    require(shutil.which("strace"), "strace", "no strace here: apt-get install strace")
    if request.param == "ptrace":
        require(shutil.which("proot"), "proot", "PRoot is not installed: apt-get install proot")
    with (
        contextlib.closing(Double()) as double,
        contextlib.closing(Crashing(request.param)) as made,
    ):
        double.add("test/loaded", small(), "1")
        REGISTRY[:] = [double]
        yield made


def begin_witness(engine: Engine) -> None:
    """A container that runs through it all."""
    engine.client.containers.run(IMAGE, ["sleep", "600"], name="witness", detach=True)


def chosen() -> list[tuple[str, str]]:
    """Launchers and verbs; in a sample each verb once."""
    if EVERYTHING:
        return [(launcher, name) for launcher in LAUNCHERS for name in VERBS]
    return sorted((random.Random(f"{name}{SEED}").choice(LAUNCHERS), name) for name in VERBS)


@pytest.mark.timeout(0 if EVERYTHING else 120)
@pytest.mark.parametrize(("crashing", "name"), chosen(), indirect=["crashing"])
def test_killed_anywhere_a_verb_has_happened_or_not(crashing: Crashing, name: str) -> None:
    with crashing.engine() as engine:
        points = calls_of(engine, VERBS[name])
        assert len(points) > 1
        if not EVERYTHING:
            points = random.Random(f"{SEED}{name}").sample(points, SAMPLE)
        for point in points:
            with telling(f"{name}, killed at call {point}"):
                crash(engine, VERBS[name], point)
        witness = engine.client.containers.get("witness")
        assert witness.status == "running"
        assert witness.exec_run("echo here").output == b"here\n"


@contextlib.contextmanager
def telling(where: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise AssertionError(where) from error


def calls_of(engine: Engine, verb: Verb) -> list[int]:
    """The numbers of the calls to be killed at; the verb is done and undone, and what it has
    answered would be so after a loss of power too."""
    docker = engine.client
    verb.before(docker)
    with crashes.traced(engine) as out:
        verb.do(docker)
        text = out.read_text()
    verb.check(docker, engine, True)
    crashes.check_data(engine, docker)
    told = crashes.told_too_early(text, engine.data, verb.judged)
    assert told == [], told
    return crashes.points(text)


def crash(engine: Engine, verb: Verb, point: int) -> None:
    docker = engine.client
    verb.before(docker)
    confirmed = False
    with (
        crashes.killed(engine, point),
        contextlib.suppress(requests.exceptions.RequestException, docker_errors.DockerException),
    ):
        verb.do(docker)
        confirmed = True
    assert engine.process
    if engine.process.poll() is None:
        engine.kill9()
    docker.close()
    engine.start()
    docker = engine.client
    crashes.check_data(engine, docker)
    verb.check(docker, engine, confirmed)
    assert gone(engine, NAME)
    crashes.check_data(engine, docker)
    docker.close()
