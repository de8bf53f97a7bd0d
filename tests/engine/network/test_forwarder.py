"""The process that leads connections inside, on its own: what it keeps, and what it costs."""

from __future__ import annotations

import contextlib
import json
import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support import REPOSITORY, patience, wait_for

PROGRAM = """
import json, os, resource, sys
limit, silent, asked = json.loads(sys.argv[1])
resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
from ipycontainers.engine.network import datagrams, forwarder
datagrams.SILENT = silent
forwarder._TIDYING = 0.1
print(json.dumps(forwarder.begin(asked)), flush=True)
sys.stdin.read()
"""
Address = tuple[str, int]


@contextlib.contextmanager
def forwarding(
    port: int, *hosts: str, protocol: str = "tcp", limit: int = 8192, silent: float = 90
) -> Iterator[tuple[int, list[Address]]]:
    """To ``port`` of this machine: a forwarder's pid and where it listens."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    bindings = [[f"{port}/{protocol}", host, 0, 0, 0] for host in hosts or ("127.0.0.1",)]
    asked = {"bindings": bindings, "to": "127.0.0.1"}
    told = json.dumps([min(limit, hard), silent, asked])
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, told],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=REPOSITORY,
    ) as process:
        assert process.stdout
        try:
            pid, answer = json.loads(process.stdout.readline())
            yield pid, [(host, number) for _, host, number in answer["ports"]]
        finally:
            process.kill()


@contextlib.contextmanager
def serving(serve: Callable[[socket.socket], object]) -> Iterator[int]:
    """A port of 127.0.0.1, each connection of which is given to ``serve`` in a thread."""

    def accept(server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = server.accept()
                threading.Thread(target=one, args=(sock,), daemon=True).start()

    def one(sock: socket.socket) -> None:
        with sock, contextlib.suppress(OSError):
            serve(sock)

    with socket.create_server(("127.0.0.1", 0), backlog=1024) as server:
        thread = threading.Thread(target=accept, args=(server,))
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def echo(sock: socket.socket) -> None:
    while data := sock.recv(65536):
        sock.sendall(data)


def to_the_end(sock: socket.socket) -> bytes:
    heard = bytearray()
    while data := sock.recv(1 << 20):
        heard += data
    return bytes(heard)


@pytest.fixture(autouse=True)
def many_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_thousand_connections_at_once() -> None:
    with (
        serving(echo) as port,
        forwarding(port) as (_, (address,)),
        contextlib.ExitStack() as stack,
    ):
        socks = [stack.enter_context(socket.create_connection(address, 30)) for _ in range(1000)]
        for number, sock in enumerate(socks):
            sock.sendall(b"%04d" % number)
        assert [sock.recv(4) for sock in socks] == [b"%04d" % number for number in range(1000)]


def test_each_side_may_end_first() -> None:
    def last(sock: socket.socket) -> None:
        sock.sendall(b"hello")
        sock.shutdown(socket.SHUT_WR)
        heard.append(to_the_end(sock))

    heard: list[bytes] = []
    with serving(last) as port, forwarding(port) as (_, (address,)):
        with socket.create_connection(address, 30) as sock:
            assert to_the_end(sock) == b"hello"
            sock.sendall(bytes(5 << 20))
        assert wait_for(lambda: heard)
        assert heard == [bytes(5 << 20)]
    with (
        serving(lambda sock: sock.sendall(to_the_end(sock)[::-1])) as port,
        forwarding(port) as (_, (address,)),
        socket.create_connection(address, 30) as sock,
    ):
        text = bytes(range(256)) * 20000
        sock.sendall(text)
        sock.shutdown(socket.SHUT_WR)
        assert to_the_end(sock) == text[::-1]


def test_what_is_not_read_waits_at_its_source() -> None:
    def slow(sock: socket.socket) -> None:
        go.wait(60)
        read.append(len(to_the_end(sock)))

    go, read = threading.Event(), []
    with serving(slow) as port, forwarding(port) as (pid, (address,)):
        before = memory(pid)
        with socket.create_connection(address, 30) as sock:
            sent = fill(sock)
            assert sent < 64 << 20
            assert memory(pid) - before < 2 << 20
            go.set()
            sock.settimeout(30)
            sock.sendall(bytes(1 << 20))
        assert wait_for(lambda: read)
        assert read == [sent + (1 << 20)]


def fill(sock: socket.socket) -> int:
    """Send until nothing more goes for a while: how much went."""
    sent = 0
    sock.settimeout(1)
    with contextlib.suppress(TimeoutError):
        while sent < 1 << 30:
            sent += sock.send(bytes(1 << 20))
    return sent


def memory(pid: int) -> int:
    """Bytes, resident."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


def test_where_nobody_listens_the_connection_ends_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with forwarding(port) as (_, (address,)):
        began = time.monotonic()
        with (
            contextlib.suppress(ConnectionResetError),
            socket.create_connection(address, 30) as sock,
        ):
            assert sock.recv(1) == b""
        assert time.monotonic() - began < 10 * patience()


def test_a_broken_connection_breaks_on_the_other_side() -> None:
    def breaks(sock: socket.socket) -> None:
        sock.recv(1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes((1, 0, 0, 0, 0, 0, 0, 0)))

    with (
        serving(breaks) as port,
        forwarding(port) as (_, (address,)),
        socket.create_connection(address, 30) as sock,
    ):
        sock.sendall(b"x")
        with pytest.raises(ConnectionResetError):
            sock.recv(1)


def test_who_is_too_many_waits_and_has_his_turn() -> None:
    # Descriptors for 24 of them.
    with serving(echo) as port, forwarding(port, limit=400) as (_, (address,)):
        with contextlib.ExitStack() as stack:
            for _ in range(24):
                stack.enter_context(socket.create_connection(address, 30))
            late = socket.create_connection(address, 1)
            late.sendall(b"late")
            with late, pytest.raises(TimeoutError):
                late.recv(4)
        for _ in range(100):
            with socket.create_connection(address, 30) as sock:
                sock.sendall(b"next")
                assert sock.recv(4) == b"next"


@pytest.fixture
def server() -> Iterator[socket.socket]:
    """Of UDP."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.bind(("127.0.0.1", 0))
        made.settimeout(30)
        yield made


def datagram(address: Address, text: bytes = b"x") -> socket.socket:
    """A peer that has sent, and hears only from whom it sent to."""
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.settimeout(30)
    sock.connect(address)
    sock.send(text)
    return sock


def test_datagrams_come_back_from_where_they_were_sent_to(server: socket.socket) -> None:
    port = server.getsockname()[1]
    with forwarding(port, "0.0.0.0", "::1", protocol="udp") as (_, ((_, number), six)):
        for address in (("127.0.0.7", number), ("127.0.0.1", number), six):
            with datagram(address, b"hello") as peer:
                for _ in range(2):
                    data, sender = server.recvfrom(99)
                    server.sendto(data + b"!", sender)
                    assert peer.recv(99) == b"hello!"
                    peer.send(data)
                server.recvfrom(99)


def test_peers_are_bounded_and_the_silent_are_forgotten(server: socket.socket) -> None:
    def senders(count: int) -> set[Any]:
        found = set()
        for _ in range(count):
            with datagram(address):
                found.add(server.recvfrom(99)[1])
        return found

    port = server.getsockname()[1]
    # 1024 peers at most, of which this one has the descriptors; then fewer than it wants.
    for limit in (2048, 100):
        with forwarding(port, protocol="udp", limit=limit) as (_, (address,)):
            with datagram(address, b"first") as first:
                server.recvfrom(99)
                assert senders(60)
                first.send(b"again")
                assert server.recvfrom(99)[0] == b"again"
            assert len(senders(1200 if limit > 1024 else 200)) > 30
    with forwarding(port, protocol="udp", silent=0.2) as (_, (address,)), datagram(address) as peer:
        before = server.recvfrom(99)[1]

        def is_forgotten() -> bool:
            peer.send(b"y")
            return bool(server.recvfrom(99)[1] != before)

        assert wait_for(is_forgotten, seconds=20, every=1)


def test_with_few_descriptors_one_after_another_has_a_turn() -> None:
    with serving(echo) as port, forwarding(port, limit=64) as (_, (address,)):
        for _ in range(2):
            with socket.create_connection(address, 30) as sock:
                sock.settimeout(30)
                sock.sendall(b"here")
                assert sock.recv(4) == b"here"


REVIVED = """
import json, os, signal, sys
from ipycontainers.engine.network import forwarder
from ipycontainers.engine.supervise.publishing import Publishing

asked = {"bindings": [["80/tcp", "127.0.0.1", 0, 0, 0]], "to": "127.0.0.1"}
begin, fork, begun = forwarder.begin, os.fork, []


def counted(asked):
    begun.append(asked)
    return begin(asked)


def fails():
    raise BlockingIOError(11, "no process is to be had")


def killed(publishing):
    pid = publishing.pid
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    publishing.revive(pid)


forwarder.begin = counted
told = []
for what in ("revived", "stopped", "no room"):
    begun.clear()
    publishing = Publishing()
    publishing.begin(asked)
    if what == "stopped":
        publishing.stop()
    if what == "no room":
        os.fork = fails
    killed(publishing)
    os.fork = fork
    told.append([len(begun), publishing.pid > 0 and os.path.exists(f"/proc/{publishing.pid}")])
print(json.dumps(told))
"""


def test_one_that_is_killed_comes_back_but_not_at_the_end_nor_without_room() -> None:
    done = subprocess.run(
        [sys.executable, "-c", REVIVED], cwd=REPOSITORY, capture_output=True, check=False
    )
    assert (done.stderr, json.loads(done.stdout)) == (b"", [[2, True], [1, False], [2, False]])
