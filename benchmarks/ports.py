"""A gigabyte from a container through a published port, as who connects on the host has it.

dockerd has two ways there: to 127.0.0.1 its docker-proxy copies, to every other address of the
machine iptables rewrites packets. Ours has one, a forwarder, whatever the address.

Knows: docker-py, sockets. Does not know: how anything is forwarded.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any

from support import free_port

from .figure import Side

SIZE = 1 << 30
SENDER = ["dd", "if=/dev/zero", "bs=1M", f"count={SIZE >> 20}"]
WAYS = {"127.0.0.1": "docker-proxy", "": "iptables"}


def address(docker: Any, way: str) -> str:
    """One of this machine: ``way`` itself, or that of dockerd's bridge."""
    told = docker.networks.get("bridge").attrs["IPAM"]["Config"][0]
    return way or told.get("Gateway") or str(ip_network(told["Subnet"], strict=False)[1])


@contextlib.contextmanager
def serving(client: Any, image: str, host_ip: str) -> Iterator[Side]:
    """Meanwhile who connects is sent a gigabyte; how long that takes."""
    inside = free_port()  # where a container has the host's network, nobody else may have it
    container = client.containers.run(
        image,
        ["nc", "-ll", "-p", str(inside), "-e", *SENDER],
        detach=True,
        ports={f"{inside}/tcp": (host_ip, None)},
    )
    try:
        container.reload()
        port = int(container.ports[f"{inside}/tcp"][0]["HostPort"])
        _await_server(host_ip, port)
        yield lambda: _received(host_ip, port)
    finally:
        container.remove(force=True)


def _await_server(host_ip: str, port: int) -> None:
    for _ in range(100):
        with contextlib.suppress(OSError), socket.create_connection((host_ip, port), 5) as sock:
            if sock.recv(1):
                return
        time.sleep(0.05)
    raise AssertionError(f"nothing came from port {port}")


def _received(host_ip: str, port: int) -> float:
    buffer, size = bytearray(1 << 20), 0
    start = time.perf_counter()
    with socket.create_connection((host_ip, port)) as sock:
        while count := sock.recv_into(buffer):
            size += count
    took = time.perf_counter() - start
    assert size == SIZE, size
    return took * 1000
