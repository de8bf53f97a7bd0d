"""A container's own network: what it looks like from inside, what it reaches and what not."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

import embedded
import images as recipes
import pytest

IMAGE = "ipycontainers-test/busybox"
# docker-py leaves the sockets of exec_run to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(scope="module")
def own() -> Iterator[embedded.Engine]:
    with embedded.running("bubblewrap") as engine:
        recipes.ensure(engine.client, "busybox")
        yield engine


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
