"""Networks and ports: what is made of them on each engine, and how they are shown.

Knows: docker-py, what a user would ask. Does not know: which engine, what is compared.
"""

from __future__ import annotations

import time
from typing import Any

from contract.bench import LABELS, MINE, PREFIX, Bench
from contract.calls import JSON, Call, raw

NAME = f"{PREFIX}network"
SUBNET, GATEWAY = "10.251.9.0/24", "10.251.9.1"
PORT = 18190


def _made(bench: Bench) -> Any:
    made = bench.api.create_network(NAME, labels=LABELS, check_duplicate=True)
    return {"made": made, "inspected": bench.api.inspect_network(NAME)}


def _with_addresses(bench: Bench) -> Any:
    pool = {"Subnet": SUBNET, "Gateway": GATEWAY, "IPRange": "10.251.9.128/25"}
    ipam = {"Driver": "default", "Config": [pool]}
    name = f"{NAME}-2"
    bench.api.create_network(name, driver="bridge", ipam=ipam, internal=True, labels=LABELS)
    return bench.api.inspect_network(name)["IPAM"], bench.api.inspect_network(name)["Internal"]


def _create(bench: Bench, **body: Any) -> Any:
    """What is made is removed again."""
    answer = raw(bench, "POST", "/networks/create", {"Name": f"{NAME}-wrong", **body}, headers=JSON)
    if answer["status"] == 201:
        bench.api.remove_network(body.get("Name", f"{NAME}-wrong"))
    return answer


def _listed(bench: Bench, **filters: Any) -> Any:
    found = bench.api.networks(filters={**MINE, **filters})
    return sorted(found, key=lambda one: str(one["Name"]))


def _connected(bench: Bench) -> Any:
    """How it is seen from the container and from the network."""
    bench.api.connect_container_to_network(bench.running, NAME, aliases=["web"])
    seen = bench.api.inspect_container(bench.running)["NetworkSettings"]["Networks"]
    inside = bench.api.inspect_network(NAME)["Containers"]
    return {"networks": seen, "containers": list(inside.values())}


def _disconnected(bench: Bench) -> Any:
    bench.api.disconnect_container_from_network(bench.running, NAME)
    seen = bench.api.inspect_container(bench.running)["NetworkSettings"]["Networks"]
    return {"networks": seen, "containers": bench.api.inspect_network(NAME)["Containers"]}


def _begun_on(bench: Bench) -> Any:
    """A container that is created on it, before and while it runs."""
    config = {NAME: bench.api.create_endpoint_config(aliases=["a", "b"])}
    name = bench.create(
        "on-network", ["sleep", "100"], host_config={"network_mode": NAME},
        networking_config=bench.api.create_networking_config(config),
    )  # fmt: skip
    before = bench.api.inspect_container(name)["NetworkSettings"]["Networks"]
    bench.api.start(name)
    after = bench.api.inspect_container(name)
    listed = bench.api.containers(filters={**MINE, "network": NAME})
    return {
        "before": before,
        "after": after["NetworkSettings"]["Networks"],
        "mode": after["HostConfig"]["NetworkMode"],
        "listed": [one["Names"] for one in listed],
    }


def _events(bench: Bench) -> Any:
    since, name = time.time(), f"{NAME}-told"
    bench.api.create_network(name, labels=LABELS)
    bench.api.connect_container_to_network(bench.running, name)
    bench.api.disconnect_container_from_network(bench.running, name)
    bench.api.remove_network(name)
    told = bench.api.events(since=since, until=time.time() + 0.5, decode=True)
    found: list[Any] = []
    for one in told:
        of_it = one["Type"] == "network" and one["Actor"]["Attributes"].get("name") == name
        # dockerd says twice that one that runs was disconnected; test_networks counts ours.
        is_again = found and one["Action"] == found[-1]["Action"] == "disconnect"
        if of_it and not is_again:
            found.append(one)
    return found


def _hosts(bench: Bench) -> Any:
    """What its files say of names and servers."""
    name = bench.create(
        "hosts", ["sh", "-c", "grep -c extra /etc/hosts; grep 1.2.3.4 /etc/resolv.conf"],
        host_config={"extra_hosts": {"extra": "10.1.2.3"}, "dns": ["1.2.3.4"]},
    )  # fmt: skip
    bench.api.start(name)
    bench.api.wait(name)
    return bench.api.logs(name)


def _published(bench: Bench) -> Any:
    """Ports before, while and after it runs."""
    host = {"port_bindings": {f"{PORT}/tcp": ("127.0.0.1", None), "53/udp": ("127.0.0.1", 18191)}}
    name = bench.create(
        "ports", ["sleep", "100"], host_config=host, ports=[PORT, (53, "udp"), 99]
    )  # fmt: skip
    before = bench.api.inspect_container(name)
    bench.api.start(name)
    during = bench.api.inspect_container(name)["NetworkSettings"]["Ports"]
    listed = bench.api.containers(filters={**MINE, "name": name})[0]["Ports"]
    found = bench.api.port(name, PORT)
    bench.api.stop(name, timeout=0)
    after = bench.api.inspect_container(name)["NetworkSettings"]["Ports"]
    return {
        "exposed": before["Config"]["ExposedPorts"],
        "bindings": before["HostConfig"]["PortBindings"],
        "before": before["NetworkSettings"]["Ports"],
        "during": during,
        "listed": sorted(listed, key=lambda one: one["PrivatePort"]),
        "port": found,
        "after": after,
    }


def _all_published(bench: Bench) -> Any:
    name = bench.create(
        "all-ports", ["sleep", "100"], ports=[PORT], host_config={"publish_all_ports": True}
    )
    bench.api.start(name)
    found = bench.api.inspect_container(name)["NetworkSettings"]["Ports"]
    bench.api.remove_container(name, force=True)
    return {key: len(value) > 0 for key, value in found.items()}


def _bound(bench: Bench, *bindings: dict[str, str]) -> Any:
    body = {"Image": bench.image, "Cmd": ["true"], "Labels": LABELS}
    host = {"PortBindings": {"80/tcp": list(bindings)}}
    path = f"/containers/create?name={PREFIX}wrong"
    answer = raw(bench, "POST", path, {**body, "HostConfig": host}, headers=JSON)
    if answer["status"] == 201:
        bench.api.remove_container(f"{PREFIX}wrong", force=True)
    return answer


def _taken(bench: Bench) -> Any:
    """Who comes second cannot start; the words name the holder here."""
    host = {"port_bindings": {"80/tcp": ("127.0.0.1", 18192)}}
    first = bench.create("taken-1", ["sleep", "100"], host_config=host, ports=[80])
    bench.api.start(first)
    second = bench.create("taken-2", ["true"], host_config=host, ports=[80])
    answer = raw(bench, "POST", f"/containers/{second}/start")
    for name in (first, second):
        bench.api.remove_container(name, force=True)
    return {"status": answer["status"], "said": "port is already allocated" in answer["text"]}


ANSWERS: dict[str, Call] = {
    "make a network": _made,
    "make a network with addresses": _with_addresses,
    "networks": _listed,
    "networks by name": lambda b: [one["Name"] for one in _listed(b, name=NAME)],
    "networks by driver": lambda b: [one["Name"] for one in _listed(b, driver="bridge")],
    "networks by scope": lambda b: [one["Name"] for one in _listed(b, scope="local")],
    "networks of ours": lambda b: [one["Name"] for one in _listed(b, type="custom")],
    "networks that dangle": lambda b: [one["Name"] for one in _listed(b, dangling="true")],
    "connect": _connected,
    "disconnect": _disconnected,
    "begin on a network": _begun_on,
    "events of a network": _events,
    "names and servers": _hosts,
    "publish": _published,
    "publish all": _all_published,
    "publish no address": lambda b: _bound(b, {"HostIp": "x", "HostPort": "18193"}),
    "network name is odd": lambda b: _create(b, Name="a b"),
    "prune no networks": lambda b: b.api.prune_networks(filters={"label": ["ipyc-no-such"]}),
}

ERRORS: dict[str, Call] = {
    "publish what is taken": _taken,
    "publish no number": lambda b: _bound(b, {"HostPort": "many"}),
    "publish too high a port": lambda b: _bound(b, {"HostPort": "70000"}),
    "network name is taken": lambda b: _create(b, Name=NAME, CheckDuplicate=True),
    "network name is none": lambda b: _create(b, Name=""),
    "network of no driver": lambda b: _create(b, Driver="nosuch"),
    "network of no addresses": lambda b: _create(b, IPAM={"Config": [{"Subnet": "x"}]}),
    "network of taken addresses": lambda b: _create(b, IPAM={"Config": [{"Subnet": SUBNET}]}),
    "network named as Docker's": lambda b: _create(b, Name="host"),
    "network from no JSON": lambda b: raw(b, "POST", "/networks/create", "{", headers=JSON),
    "networks by no filter": lambda b: b.api.networks(filters={"nosuch": "1"}),
    "remove a network in use": lambda b: b.api.remove_network(NAME),
    "remove Docker's network": lambda b: b.api.remove_network("bridge"),
    "no such network: remove": lambda b: b.api.remove_network("nosuch"),
    "no such network: connect": lambda b: b.api.connect_container_to_network(b.running, "nosuch"),
    "no such network: begin": lambda b: b.api.start(
        b.create("nowhere", ["true"], host_config={"network_mode": "nosuch"})
    ),
    "connect nobody": lambda b: b.api.connect_container_to_network("nosuch", NAME),
    "connect to the host's": lambda b: b.api.connect_container_to_network(b.running, "host"),
    "connect twice": lambda b: b.api.connect_container_to_network(f"{PREFIX}on-network", NAME),
    "disconnect what is not": lambda b: b.api.disconnect_container_from_network(b.running, NAME),
}

LAST: dict[str, Call] = {"prune networks": lambda b: b.api.prune_networks(filters=MINE)}
