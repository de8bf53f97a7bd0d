"""Published ports: who connects on the host reaches the program, and who may not is told why."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docker import errors as docker_errors
from embedded import USER, Engine
from podman import become
from support import free_port, require, wait_for

IMAGE = "ipycontainers-test/busybox"
# docker-py leaves the sockets of exec_run to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
LISTEN = """
import socket, time
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
time.sleep(999)
"""


def echo(client: Any, **more: Any) -> tuple[Any, int]:
    """A running container that says what it hears, and on which port."""
    port = free_port()
    wanted = {"ports": {f"{port}/tcp": None}, **more}
    wanted["ports"] = {key.format(port): value for key, value in wanted["ports"].items()}
    made = client.containers.run(IMAGE, serves(port), detach=True, **wanted)
    made.reload()
    return made, port


def serves(port: int) -> list[str]:
    return ["nc", "-ll", "-p", str(port), "-e", "cat"]


def bindings(container: Any, port: int, protocol: str = "tcp") -> list[tuple[str, int]]:
    container.reload()
    found = container.attrs["NetworkSettings"]["Ports"][f"{port}/{protocol}"]
    return [(one["HostIp"], int(one["HostPort"])) for one in found]


def said(address: tuple[str, int], text: bytes = b"hello\n") -> bytes:
    """What comes back for ``text`` and the end of it."""
    with socket.create_connection(address, 10) as sock:
        sock.settimeout(30)
        sock.sendall(text)
        sock.shutdown(socket.SHUT_WR)
        heard = b""
        while piece := sock.recv(65536):
            heard += piece
        return heard


def answers(address: tuple[str, int]) -> bool:
    with contextlib.suppress(OSError):
        return said(address) == b"hello\n"
    return False


def is_refused(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, 10).close()
    except ConnectionRefusedError:
        return True
    except OSError:  # it came too late
        return False
    return False


def not_started(container: Any) -> str:
    with pytest.raises(docker_errors.APIError) as caught:
        container.start()
    assert caught.value.status_code == 500
    container.reload()
    state = container.attrs["State"]
    assert (state["Status"], state["ExitCode"]) == ("created", 128)
    assert state["Error"] == caught.value.explanation
    return str(caught.value.explanation)


@contextlib.contextmanager
def listening(uid: int) -> Iterator[tuple[int, int]]:
    """A process of that user: its pid, and the port that it has on 127.0.0.1."""
    words = [sys.executable, "-c", LISTEN]
    before = become(uid) if os.getuid() == 0 else []
    with subprocess.Popen([*before, *words], stdout=subprocess.PIPE) as process:
        assert process.stdout
        try:
            yield process.pid, int(process.stdout.readline())
        finally:
            process.kill()


def test_who_connects_reaches_the_program(own: Engine, docker: Any) -> None:
    container, port = echo(docker)
    ((host_ip, host_port),) = bindings(container, port)
    assert host_ip == "127.0.0.1"
    assert wait_for(lambda: answers((host_ip, host_port)))
    text = os.urandom(3 << 20)
    assert said((host_ip, host_port), text) == text
    (listed,) = docker.api.containers()
    told = {"IP": host_ip, "PrivatePort": port, "PublicPort": host_port, "Type": "tcp"}
    assert listed["Ports"] == [told]


def test_it_listens_where_it_was_asked_to(own: Engine, docker: Any) -> None:
    numbers = [free_port() for _ in range(3)]
    asked = [("127.0.0.2", numbers[0]), ("::1", numbers[1]), ("0.0.0.0", numbers[2])]
    container, port = echo(docker, ports={"{}/tcp": asked})
    assert bindings(container, port) == asked
    assert wait_for(lambda: answers(asked[0]))
    assert answers(asked[1])
    assert answers(("127.0.0.3", numbers[2]))
    assert is_refused(("127.0.0.1", numbers[0]))
    assert is_refused(("127.0.0.1", numbers[1]))


def test_all_that_is_exposed_gets_a_port(own: Engine, docker: Any) -> None:
    made = docker.containers.create(IMAGE, "true")
    first, port = free_port(count=2), free_port()
    image = made.commit("ipyc-exposing", changes=f"EXPOSE {first + 1} {first}/udp")
    made.remove()
    try:
        container = docker.containers.run(
            image.id, serves(port), detach=True, publish_all_ports=True, ports={f"{port}/tcp": None}
        )
        found = container.ports or (container.reload() or container.ports)
        assert sorted(found) == sorted([f"{first}/udp", f"{first + 1}/tcp", f"{port}/tcp"])
        numbers = {int(one["HostPort"]) for (one,) in found.values()}
        assert len(numbers) >= 2
        assert {one["HostIp"] for (one,) in found.values()} == {"127.0.0.1"}
        (address,) = bindings(container, port)
        assert wait_for(lambda: answers(address))
        container.remove(force=True)
    finally:
        docker.images.remove(image.id, force=True)


def test_the_first_free_port_of_a_range_is_taken(own: Engine, docker: Any) -> None:
    first = free_port(count=3)
    asked = f"{first}-{first + 2}"
    with socket.create_server(("127.0.0.1", first)):
        taken = [
            bindings(docker.containers.run(IMAGE, "sleep 60", detach=True, ports={"80": asked}), 80)
            for _ in range(2)
        ]
        assert taken == [[("127.0.0.1", first + 1)], [("127.0.0.1", first + 2)]]
        third = docker.containers.create(IMAGE, "true", ports={"80": asked})
        said = f"Bind for 127.0.0.1:{asked} failed: all ports of the range are allocated"
        assert said in not_started(third)


def test_the_end_frees_the_port_and_a_start_takes_it(own: Engine, docker: Any) -> None:
    number = free_port()
    container, _ = echo(docker, ports={"{}/tcp": number})
    address = ("127.0.0.1", number)
    assert wait_for(lambda: answers(address))
    container.stop(timeout=0)
    assert is_refused(address)
    container.reload()
    assert container.attrs["NetworkSettings"]["Ports"] == {}
    container.start()
    assert wait_for(lambda: answers(address))
    container.remove(force=True)
    assert is_refused(address)


def test_a_port_that_a_container_has_is_said_to_be_its(
    own: Engine, docker: Any
) -> None:  # moby#20486
    number = free_port()
    first, _ = echo(docker, name="web-1", ports={"{}/tcp": number})
    second = docker.containers.create(IMAGE, "sleep 60", ports={"81/tcp": number})
    assert "port is already allocated by the container web-1 (" in not_started(second)
    first.kill()
    second.start()
    assert bindings(second, 81) == [("127.0.0.1", number)]


def test_a_port_that_a_process_has_is_said_to_be_its(
    own: Engine, docker: Any
) -> None:  # moby#20486
    with listening(USER if os.getuid() == 0 else os.getuid()) as (pid, number):
        container = docker.containers.create(IMAGE, "sleep 60", ports={"81/tcp": number})
        message = not_started(container)
        assert f"listen tcp 127.0.0.1:{number}: bind: address already in use by python" in message
        assert f"(pid {pid})" in message
    assert wait_for(lambda: is_refused(("127.0.0.1", number)))
    container.start()
    assert bindings(container, 81) == [("127.0.0.1", number)]


def test_a_port_of_another_user_is_said_to_be_anothers(own: Engine, docker: Any) -> None:
    require(os.getuid() == 0, "user", "needs root, to be two users")
    with listening(0) as (_, number):
        container = docker.containers.create(IMAGE, "sleep 60", ports={"81/tcp": number})
        assert "in use by another user's process (root)" in not_started(container)


def test_so_is_one_of_ipv6(own: Engine, docker: Any) -> None:
    """With PRoot the program itself is to listen there."""
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as held:
        number = held.getsockname()[1]
        ports = {f"{number}/tcp": ("::1", number)}
        message = not_started(docker.containers.create(IMAGE, "sleep 60", ports=ports))
    assert f"[::1]:{number}: bind: address already in use by " in message
    assert "nobody" not in message


def test_ports_outlive_the_engine(mine: Engine) -> None:
    container, port = echo(mine.client)
    (address,) = bindings(container, port)
    assert wait_for(lambda: answers(address))
    with socket.create_connection(address, 10) as held:
        held.sendall(b"one\n")
        assert held.recv(4) == b"one\n"
        mine.kill9()
        held.sendall(b"two\n")
        assert held.recv(4) == b"two\n"
        assert answers(address)
        mine.start()
        held.sendall(b"six\n")
        assert held.recv(4) == b"six\n"
    container = mine.client.containers.get(container.id)
    assert bindings(container, port) == [address]
    other = mine.client.containers.create(IMAGE, "true", ports={"81/tcp": address[1]})
    assert f"by the container {container.name}" in not_started(other)
    container.kill()
    assert is_refused(address)


@pytest.mark.parametrize("whose", ["supervisor", "program"])
def test_a_killed_container_has_no_port(own: Engine, docker: Any, whose: str) -> None:
    container, port = echo(docker)
    (address,) = bindings(container, port)
    assert wait_for(lambda: answers(address))
    pid = container.attrs["State"]["Pid"]
    os.kill(supervisor(pid) if whose == "supervisor" else pid, signal.SIGKILL)
    assert wait_for(lambda: is_refused(address))
    assert wait_for(lambda: container.reload() or container.status == "exited")


def test_a_killed_forwarder_is_replaced(own: Engine, docker: Any) -> None:
    container, port = echo(docker)
    (address,) = bindings(container, port)
    assert wait_for(lambda: answers(address))
    above = supervisor(container.attrs["State"]["Pid"])
    children = Path(f"/proc/{above}/task/{above}/children").read_text().split()
    (forwarder,) = [
        pid for pid in children if b"nursery" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    os.kill(int(forwarder), signal.SIGKILL)
    assert wait_for(lambda: answers(address))
    shown = container.top(ps_args="-o pid,comm")["Processes"]
    assert {row[-1] for row in shown} <= {"nc", "cat"}


def test_an_engine_that_died_at_the_start_leaves_ports_to_the_next(mine: Engine) -> None:
    container, port = echo(mine.client)
    (address,) = bindings(container, port)
    mine.kill9()
    state = mine.data / "containers" / container.id / "state.json"
    before = {"status": "created", "pid": 0, "started": 0, "ports": []}
    state.write_text(json.dumps({**json.loads(state.read_text()), **before}))
    mine.start()
    container = mine.client.containers.get(container.id)
    assert container.status == "running"
    assert bindings(container, port) == [address]
    container.kill()
    assert is_refused(address)


def supervisor(pid: int) -> int:
    """The ancestor of a program that has the nursery's command line."""
    while b"nursery" not in Path(f"/proc/{pid}/cmdline").read_bytes():
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return pid


def test_a_paused_container_still_accepts(own: Engine, docker: Any) -> None:
    container, port = echo(docker)
    (address,) = bindings(container, port)
    assert wait_for(lambda: answers(address))
    container.pause()
    assert bindings(container, port) == [address]
    with socket.create_connection(address, 10) as sock:
        sock.sendall(b"later\n")
        sock.settimeout(0.2)
        with pytest.raises(TimeoutError):
            sock.recv(6)
        container.unpause()
        sock.settimeout(30)
        assert sock.recv(6) == b"later\n"


def test_ports_follow_a_container_to_another_network(own: Engine, docker: Any) -> None:
    container, port = echo(docker)
    (address,) = bindings(container, port)
    assert wait_for(lambda: answers(address))
    other = docker.networks.create("ipyc-ports")
    try:
        other.connect(container)
        assert answers(address)
        docker.networks.get("bridge").disconnect(container)
        assert wait_for(lambda: answers(address))
        assert bindings(container, port) == [address]
        other.disconnect(container)
        container.reload()
        assert container.attrs["NetworkSettings"]["Ports"] == {}
        docker.networks.get("bridge").connect(container)
        assert wait_for(lambda: answers(address))
    finally:
        container.remove(force=True)
        other.remove()


def test_an_internal_network_publishes_nothing(own: Engine, docker: Any) -> None:
    inside = docker.networks.create("ipyc-ports", internal=True)
    try:
        number = free_port()
        container, port = echo(docker, ports={"{}/tcp": number}, network=inside.name)
        assert container.attrs["NetworkSettings"]["Ports"] == {f"{port}/tcp": None}
        assert is_refused(("127.0.0.1", number))
        container.remove(force=True)
    finally:
        inside.remove()


def test_restarts_bring_ports_back(own: Engine, docker: Any) -> None:
    number = free_port()
    container, port = echo(docker, ports={"{}/tcp": number}, restart_policy={"Name": "on-failure"})
    address = ("127.0.0.1", number)
    assert wait_for(lambda: answers(address))
    os.kill(container.attrs["State"]["Pid"], signal.SIGKILL)
    assert wait_for(lambda: container.reload() or container.attrs["RestartCount"] == 1)
    assert wait_for(lambda: answers(address))
    container.restart(timeout=0)
    assert wait_for(lambda: answers(address))
    assert bindings(container, port) == [address]


_TWICE = """
import socket, sys
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("0.0.0.0", int(sys.argv[1])))
print("ready", flush=True)
data = [server.recvfrom(99) for _ in range(3)]  # all, before the first is answered
for text, sender in data:
    server.sendto(text * 2, sender)
"""


@contextlib.contextmanager
def answering_twice(container: Any, port: int) -> Iterator[None]:
    """In the container's network, whichever that is; busybox has no server of UDP."""
    container.reload()
    pid = str(container.attrs["State"]["Pid"])
    enter = ["nsenter", "--preserve-credentials", "-U", "-n", "-t", pid]
    has_own = container.attrs["NetworkSettings"]["IPAddress"] != "127.0.0.1"
    words = [*(enter if has_own else []), sys.executable, "-c", _TWICE, str(port)]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as server:
        assert server.stdout
        try:
            assert server.stdout.readline() == b"ready\n"
            yield
        finally:
            server.kill()


def test_a_port_under_its_own_number(own: Engine, docker: Any) -> None:
    """Under the host's network nothing can stand between: the program has it, and is seen to."""
    shares = own.launcher == "ptrace"
    number = free_port()
    asked = {"ExposedPorts": {f"{number}/tcp": {}}, "Cmd": serves(number)}
    bound = {f"{number}/tcp": [{"HostIp": "", "HostPort": str(number)}]}
    body = {"Image": IMAGE, **asked, "HostConfig": {"PortBindings": bound}}
    url = docker.api._url("/containers/create")
    made = docker.api._post_json(url, data=body).json()
    told = [text for text in made["Warnings"] or () if text.startswith(f"-p {number}:{number}")]
    assert len(told) == shares
    container = docker.containers.get(made["Id"])
    container.start()
    assert bindings(container, number) == [("0.0.0.0" if shares else "127.0.0.1", number)]
    assert wait_for(lambda: not is_refused(("127.0.0.1", number)))
    other = docker.containers.create(IMAGE, "true", ports={f"{number}/tcp": number})
    assert f"the container {container.name} ({container.id[:12]})" in not_started(other)


def test_a_port_of_a_program_under_the_hosts_network_is_its_containers(
    own: Engine, docker: Any
) -> None:
    number = free_port()
    first = docker.containers.run(IMAGE, serves(number), detach=True, network_mode="host")
    assert wait_for(lambda: not is_refused(("127.0.0.1", number)))
    second = docker.containers.create(IMAGE, "true", ports={"80/tcp": number})
    message = not_started(second)
    assert f"by the container {first.name} ({first.id[:12]}), by its nc (pid " in message


def test_udp_is_forwarded_for_each_peer(own: Engine, docker: Any) -> None:
    port = free_port(socket.SOCK_DGRAM)
    container = docker.containers.run(
        IMAGE, "sleep 60", detach=True, ports={f"{port}/udp": ("127.0.0.1", None)}
    )
    (address,) = bindings(container, port, "udp")
    with answering_twice(container, port), contextlib.ExitStack() as open_:
        kinds = (socket.AF_INET, socket.SOCK_DGRAM)
        peers = [open_.enter_context(socket.socket(*kinds)) for _ in range(3)]
        for number, peer in enumerate(peers):
            peer.settimeout(30)
            peer.connect(address)
            peer.send(b"%d" % number)
        assert [peer.recv(99) for peer in peers] == [b"00", b"11", b"22"]


def test_a_port_of_root_is_refused_with_what_to_do(own: Engine, docker: Any) -> None:
    container = docker.containers.create(IMAGE, "sleep 60", ports={"80/tcp": 81})
    message = not_started(container)
    assert "Bind for 127.0.0.1:81 failed: permission denied: ports below 1024" in message
    assert "-p 8080:80" in message
