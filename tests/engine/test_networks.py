"""Networks of users: each request as dockerd answers it, and containers that find one another."""

from __future__ import annotations

import itertools
import json
import re
import secrets
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docker import errors as docker_errors
from embedded import Engine
from engine.sides import BUSYBOX, Side, same
from support import free_port, wait_for

LAN = "ipyc-lan"
SLEEP = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"]
# New ones in each run: dockerd keeps a pool of what it has refused until its end.
_TEN = f"10.{100 + secrets.randbelow(150)}"
_USED = iter(range(256))


def subnet() -> str:
    """Of 256 addresses that nobody else uses, without the last number: "10.123.4"."""
    return f"{_TEN}.{next(_USED)}"


@pytest.fixture
def both(engine: Any, images: Any, isolated_own: Engine) -> Iterator[tuple[Side, Side]]:
    """dockerd and our engine, on one launcher: what networks there are depends on none. No network
    or container of these names is left."""
    assert images.busybox == BUSYBOX
    client = isolated_own.client
    sides = Side(engine.docker), Side(client)
    _clear(sides)
    yield sides
    _clear(sides)
    client.close()


def _clear(sides: tuple[Side, Side]) -> None:
    for side in sides:
        for container in side.docker.containers.list(
            all=True, ignore_removed=True, filters={"name": "^/ipyc-lan"}
        ):
            container.remove(force=True)
        for network in side.docker.networks.list(names=[LAN]):
            network.remove()


def made(sides: tuple[Side, Side], name: str = LAN, **more: Any) -> None:
    """A network on both; its id is masked by its name."""
    ipam = {"Config": [{"Subnet": f"{subnet()}.0/24"}]}
    for side in sides:
        body = {"Name": name, "IPAM": ipam, **more}
        status, answer = side.ask("POST", "/networks/create", body)
        assert status == 201, answer
        side.mask(answer["Id"], f"ID of {name}")


def run(sides: tuple[Side, Side], name: str, **more: Any) -> None:
    body = {"Image": BUSYBOX, "Cmd": SLEEP, **more}
    for side in sides:
        status, answer = side.ask("POST", f"/containers/create?name={name}", body)
        assert status == 201, answer
        side.mask(answer["Id"], f"ID of {name}")


REFUSED: list[dict[str, Any]] = [
    {"Name": "bridge"},
    {"Name": "default"},
    {"Name": ""},
    {"Name": " "},
    {"Name": LAN, "Driver": "host"},
    {"Name": LAN, "Driver": "null"},
    {"Name": LAN, "Driver": "overlay"},
    {"Name": LAN, "Scope": "swarm"},
    {"Name": LAN, "Ingress": True},
    {"Name": 5},
    {"Name": LAN, "Labels": ["a"]},
    {"Name": LAN, "Options": {"com.docker.network.driver.mtu": "x"}},
    {"Name": LAN, "Options": {"com.docker.network.bridge.enable_icc": "x"}},
    {"Name": LAN, "Options": {"com.docker.network.bridge.name": "averyverylongname"}},
]
POOLS = [  # NET is another one in each
    {"Subnet": "foo"},
    {"Gateway": "NET.1"},
    {"Subnet": "NET.0/24", "Gateway": "192.0.2.1"},
    {"Subnet": "NET.0/24", "Gateway": "foo"},
    {"Subnet": "NET.0/24", "Gateway": "NET.0"},
    {"Subnet": "NET.0/24", "IPRange": "foo"},
    {"Subnet": "NET.0/24", "AuxiliaryAddresses": {"a": "192.0.2.1"}},
    {"Subnet": "NET.0/24", "AuxiliaryAddresses": {"a": "foo"}},
    {"Subnet": "NET.0/31"},
]


def test_what_is_no_network_is_refused_in_dockerds_words(both: tuple[Side, Side]) -> None:
    for body in (*REFUSED, *map(_of_pool, POOLS)):
        theirs, ours = (side.ask("POST", "/networks/create", body) for side in both)
        assert ours[1] == theirs[1], body
        # What the client asked wrongly is no error of the engine's.
        assert ours[0] in (theirs[0], 400), body
        assert theirs[0] >= 400, body


def test_two_networks_cannot_have_one_bridge(both: tuple[Side, Side]) -> None:
    named = {"Options": {"com.docker.network.bridge.name": "ipyc-lan0"}}
    made(both, **named)
    for side in both:
        status, answer = side.ask("POST", "/networks/create", {"Name": f"{LAN}-2", **named})
        assert status == 403
        assert "(ipyc-lan0): networks have same bridge name" in answer["message"]


IGNORED = {
    "bridge.enable_ip_masquerade": "false",
    "bridge.host_binding_ipv4": "192.0.2.1",
    "driver.mtu": "1200",
}


def test_what_of_options_is_not_done_is_said(isolated_own: Engine) -> None:
    side = Side(isolated_own.client)
    for options in (IGNORED, {"bridge.enable_ip_masquerade": "true", "driver.mtu": "1500"}):
        given = {f"com.docker.network.{key}": value for key, value in options.items()}
        status, answer = side.ask("POST", "/networks/create", {"Name": LAN, "Options": given})
        side.docker.networks.get(LAN).remove()
        assert status == 201
        told = re.findall(r"com\.docker\.network\.(\S+)=(\S+) is ignored by", answer["Warning"])
        assert dict(told) == (options if options is IGNORED else {})


def test_no_driver_of_a_plugin_is_found(both: tuple[Side, Side]) -> None:
    """dockerd says so too, after having looked for it for fifteen seconds."""
    for more in ({"Driver": "nosuch"}, {"IPAM": {"Driver": "nosuch"}}):
        asked = both[1].ask("POST", "/networks/create", {"Name": LAN, **more})
        assert asked == (404, {"message": 'plugin "nosuch" not found'})
    status, answer = both[1].ask("POST", "/networks/create", {"Name": LAN, "Driver": "macvlan"})
    assert (status, "Use the driver bridge" in answer["message"]) == (501, True)


def _of_pool(pool: dict[str, Any]) -> dict[str, Any]:
    text = json.dumps({"Name": LAN, "IPAM": {"Config": [pool]}})
    return dict(json.loads(text.replace("NET", subnet())))


def _at_no_time(answer: Any) -> Any:
    assert answer["Created"] > "2026"
    return {**answer, "Created": ""}


def test_a_network_is_kept_as_it_was_asked_for(both: tuple[Side, Side]) -> None:
    net = subnet()
    pool = {
        "Subnet": f"{net}.0/24",
        "IPRange": f"{net}.128/25",
        "Gateway": f"{net}.254",
        "AuxiliaryAddresses": {"a": f"{net}.129"},
    }
    ipam = {"Driver": "default", "Config": [pool], "Options": {"k": "v"}}
    more = {"Internal": True, "Attachable": True, "Labels": {"x": "1"}, "Options": {"foo": "bar"}}
    made(both, IPAM=ipam, **more)
    theirs, ours = (_at_no_time(side.ask("GET", f"/networks/{LAN}")[1]) for side in both)
    assert ours == theirs
    same(both, "GET", f"/networks/{LAN}", scope="swarm")
    same(both, "GET", f"/networks/{LAN}", verbose="foo")
    same(both, "GET", "/networks/nosuch")
    twice = {"Name": LAN, "CheckDuplicate": True, "IPAM": ipam}
    assert same(both, "POST", "/networks/create", twice)[0] == 409
    other = {"Name": f"{LAN}-2", "IPAM": {"Config": [{"Subnet": f"{net}.0/25"}]}}
    assert same(both, "POST", "/networks/create", other)[0] == 403
    assert same(both, "DELETE", f"/networks/{LAN}")[0] == 204
    assert same(both, "DELETE", f"/networks/{LAN}")[0] == 404
    for name in ("bridge", "host", "none"):
        assert same(both, "DELETE", f"/networks/{name}")[0] == 403


def test_one_name_may_mean_two_networks(both: tuple[Side, Side]) -> None:
    made(both)
    made(both)
    assert same(both, "DELETE", f"/networks/{LAN}")[0] == 400


def test_where_a_container_is_while_it_lives(both: tuple[Side, Side]) -> None:
    """From its creation by a start, and a second network, to its end."""
    made(both)
    made(both, f"{LAN}-2")
    asked = {LAN: {"Aliases": ["www"], "Links": ["ipyc-lan-b:other"]}}
    name = f"{LAN}-a"
    run(both, name, HostConfig={"NetworkMode": LAN}, NetworkingConfig={"EndpointsConfig": asked})
    said = [
        *_networks(both, name),
        same(both, "POST", f"/containers/{name}/start"),
        *_networks(both, name),
        same(both, "DELETE", f"/networks/{LAN}"),
        same(both, "POST", f"/networks/{LAN}-2/connect", {"Container": name}),
        *_networks(both, name),
        same(both, "POST", f"/networks/{LAN}-2/connect", {"Container": name}),
        same(both, "POST", f"/networks/{LAN}-2/disconnect", {"Container": name}),
        *_networks(both, name),
        same(both, "POST", f"/networks/{LAN}-2/disconnect", {"Container": name}),
        same(both, "POST", f"/networks/{LAN}-2/disconnect", {"Container": name, "Force": True}),
        same(both, "POST", f"/containers/{name}/stop", t=5),
        *_networks(both, name),
        same(both, "POST", f"/networks/{LAN}/disconnect", {"Container": name}),
        same(both, "POST", f"/networks/{LAN}/disconnect", {"Container": name}),
        same(both, "POST", f"/networks/{LAN}/connect", {"Container": name}),
        *_networks(both, name),
        same(both, "DELETE", f"/networks/{LAN}"),
        same(both, "POST", f"/containers/{name}/start"),
    ]
    statuses = [one[0] for one in said if isinstance(one, tuple)]
    assert statuses == [204, 403, 200, 403, 200, 500, 500, 204, 200, 500, 200, 204, 404]


def _networks(sides: tuple[Side, Side], name: str) -> list[Any]:
    """What is in them, but for addresses, which PRoot's have not."""
    told = []
    for side in sides:
        found = side.ask("GET", f"/containers/{name}/json")[1]["NetworkSettings"]["Networks"]
        for end in found.values():
            assert bool(end["EndpointID"]) == bool(end["IPAddress"])
            for key in ("EndpointID", "IPAddress", "IPPrefixLen", "Gateway", "MacAddress"):
                end[key] = bool(end[key]) if key == "EndpointID" else ""
        told.append(found)
    assert told[1] == told[0]
    return told[:1]


def test_requests_about_what_is_not_there(both: tuple[Side, Side]) -> None:
    made(both)
    for path in ("connect", "disconnect"):
        for asked in ({"Container": "nosuch"}, {"Container": "nosuch", "Force": True}, {}):
            same(both, "POST", f"/networks/{LAN}/{path}", asked)
        same(both, "POST", f"/networks/nosuch/{path}", {"Container": "nosuch"})


FILTERS = [
    {"name": ["ipyc-la"]},
    {"name": ["^ipyc-lan$"]},
    {"driver": ["bridge"], "name": [LAN]},
    {"driver": ["nosuch"]},
    {"type": ["builtin"]},
    {"type": ["custom"], "name": [LAN]},
    {"type": ["nosuch"]},
    {"scope": ["swarm"]},
    {"scope": ["local"], "name": [LAN]},
    {"dangling": ["true"], "name": [LAN]},
    {"dangling": ["0"]},
    {"dangling": ["x"]},
    {"dangling": ["1", "0"]},
    {"label": ["x=1"], "name": [LAN]},
    {"label": ["x=2"]},
    {"nosuch": ["x"]},
]


def test_filters_choose_networks(both: tuple[Side, Side]) -> None:
    made(both, Labels={"x": "1"})
    for filters in FILTERS:
        theirs, ours = (_chosen(side, filters) for side in both)
        assert ours[1] == theirs[1], filters
        assert ours[0] in (theirs[0], 400), filters


def _chosen(side: Side, filters: dict[str, list[str]]) -> tuple[int, Any]:
    status, answer = side.ask("GET", "/networks", filters=json.dumps(filters))
    return status, sorted(it["Name"] for it in answer) if status == 200 else answer


def test_containers_of_one_network_find_one_another_by_name(own: Engine, docker: Any) -> None:
    network = docker.networks.create(LAN)
    try:
        port = free_port()
        page = f"mkdir /w; echo hello > /w/index.html; exec httpd -f -p {port} -h /w"
        web = docker.containers.run(
            BUSYBOX, ["sh", "-c", page], name="web", network=LAN, detach=True
        )
        client = docker.containers.run(BUSYBOX, ["sleep", "60"], network=LAN, detach=True)
        for name in ("web", web.short_id):
            ask = f"until wget -q -O- http://{name}:{port}/; do sleep 0.1; done"
            asked = client.exec_run(["timeout", "20", "sh", "-c", ask])
            assert asked == (0, b"hello\n")
    finally:
        for container in docker.containers.list(all=True, ignore_removed=True):
            container.remove(force=True)
        network.remove()


def _linked(side: Side, name: str) -> dict[str, Any]:
    """What a container knows of one that it is linked to, without addresses."""
    container = side.docker.containers.get(name)
    address = r"\b(172|127)\.\d+\.\d+\.\d+"
    hosts, env = (
        re.sub(address, "ADDRESS", container.exec_run(command).output.decode()).splitlines()
        for command in (["cat", "/etc/hosts"], ["env"])
    )
    listed = {it["Names"][0]: it["Names"] for it in side.api.containers(all=True)}
    return {
        "hosts": [line for line in hosts if "ipyc-lan-db" in line],
        "env": [word for word in env if word.startswith("MY_DB")],
        "links": container.attrs["HostConfig"]["Links"],
        "names": listed.get("/ipyc-lan-db", listed.get("/ipyc-lan-db2")),
    }


def test_a_link_gives_names_and_variables(both: tuple[Side, Side]) -> None:
    db = {"ExposedPorts": {"80/tcp": {}, "53/udp": {}, "443/tcp": {}}, "Hostname": "dbhost"}
    run(both, "ipyc-lan-db", Env=["A=1", "HOME=/x"], **db)
    run(both, "ipyc-lan-web", HostConfig={"Links": ["ipyc-lan-db:my-db"]})
    body = {"Image": BUSYBOX, "Cmd": SLEEP, "HostConfig": {"Links": ["nosuch:x"]}}
    assert same(both, "POST", "/containers/create", body)[0] == 400
    assert same(both, "POST", "/containers/ipyc-lan-web/start")[0] == 500
    same(both, "POST", "/containers/ipyc-lan-db/start")
    assert same(both, "POST", "/containers/ipyc-lan-web/start")[0] == 204
    theirs, ours = (_linked(side, "ipyc-lan-web") for side in both)
    assert ours == theirs
    assert len(ours["env"]) == 15
    assert ours["hosts"] == ["ADDRESS\tmy-db dbhost ipyc-lan-db"]
    same(both, "POST", "/containers/ipyc-lan-db/rename?name=ipyc-lan-db2")
    theirs, ours = (_linked(side, "ipyc-lan-web") for side in both)
    assert (ours["links"], ours["names"]) == (theirs["links"], theirs["names"])
    assert ours["links"] == ["/ipyc-lan-db2:/ipyc-lan-web/my-db"]
    for path in ("nosuch/my-db", "ipyc-lan-web/nosuch", "ipyc-lan-web/my-db"):
        same(both, "DELETE", f"/containers/{path}", link=1)
    theirs, ours = (_linked(side, "ipyc-lan-web") for side in both)
    assert (ours["links"], ours["names"]) == (theirs["links"], theirs["names"])
    assert (ours["links"], ours["hosts"]) == (None, [])


ADDRESSES = ("IPAddress", "IPPrefixLen", "Gateway", "MacAddress")
POOLED = [  # of a pool; and what each of its containers asks for, in their order
    ({"Subnet": "NET.0/24"}, ["", "NET.77", "NET.77", "NET.0", "NET.1", "192.0.2.1", ""]),
    ({"Subnet": "NET.0/30"}, ["", ""]),
    ({"Subnet": "NET.7/24", "IPRange": "NET.128/25"}, ["", "", "NET.9"]),
    ({"Subnet": "NET.0/24", "Gateway": "NET.9", "AuxiliaryAddresses": {"a": "NET.1"}}, ["", ""]),
    ({"Subnet": "NET.0/24", "IPRange": "10.0.0.0/8"}, [""]),
]


@pytest.mark.parametrize("number", range(len(POOLED)))
def test_addresses_are_given_as_dockerd_gives_them(both: tuple[Side, Side], number: int) -> None:
    net = subnet()
    pool, asked = json.loads(json.dumps(POOLED[number]).replace("NET", net))
    made(both, IPAM={"Config": [pool]})
    told: list[list[Any]] = [[], []]
    for count, address in enumerate(asked):
        name = f"{LAN}-{count}"
        end = {"IPAMConfig": {"IPv4Address": address}} if address else {}
        config = {"EndpointsConfig": {LAN: end}}
        run(both, name, HostConfig={"NetworkMode": LAN}, NetworkingConfig=config)
        for side, found in zip(both, told, strict=True):
            status, answer = side.ask("POST", f"/containers/{name}/start")
            shown = side.ask("GET", f"/containers/{name}/json")[1]["NetworkSettings"]["Networks"]
            found += [answer, *(shown[LAN][key] for key in ADDRESSES)]
            assert status in (204, 400, 403, 500)
    assert told[1] == told[0]


def test_one_that_asks_for_a_mac_address_has_it(both: tuple[Side, Side]) -> None:
    made(both)
    mac = "02:42:aa:bb:cc:dd"
    run(both, f"{LAN}-a", HostConfig={"NetworkMode": LAN}, MacAddress=mac)
    run(both, f"{LAN}-b", HostConfig={"NetworkMode": LAN}, MacAddress="foo")
    same(both, "POST", f"/containers/{LAN}-a/start")
    answers = [side.ask("POST", f"/containers/{LAN}-b/start")[1] for side in both]
    assert answers[1] == answers[0] == {"message": "address foo: invalid MAC address"}
    for side in both:
        found = side.docker.containers.get(f"{LAN}-a")
        seen = found.exec_run("cat /sys/class/net/eth0/address" if side is both[0] else "ip link")
        assert mac in seen.output.decode()
        assert found.attrs["NetworkSettings"]["Networks"][LAN]["MacAddress"] == mac


def test_events_of_networks_come_in_dockerds_order(both: tuple[Side, Side]) -> None:
    since = time.time()
    made(both)
    name = f"{LAN}-a"
    run(both, name, HostConfig={"NetworkMode": LAN})
    for verb, path, body in (
        ("POST", f"/containers/{name}/start", None),
        ("POST", "/networks/bridge/connect", {"Container": name}),
        ("POST", f"/networks/{LAN}/disconnect", {"Container": name}),
        ("DELETE", f"/networks/{LAN}", None),
        ("POST", f"/containers/{name}/kill", None),
        ("POST", "/networks/bridge/disconnect", {"Container": name}),
        ("DELETE", f"/containers/{name}", None),
    ):
        same(both, verb, path, body)
    theirs, ours = (_told(side, since, name) for side in both)
    assert ours == _disconnected_once(theirs)
    assert ours[0].split() == ["network", "create", LAN, "bridge"]


def _told(side: Side, since: float, name: str) -> list[str]:
    """Of that container and its networks, until it is removed."""
    words: list[str] = []
    ids: set[str] = set()
    for event in side.api.events(since=since, until=time.time() + 30, decode=True):
        told, what = event["Actor"]["Attributes"], (event["Type"], event["Action"])
        if told.get("name") == name:
            ids.add(event["Actor"]["ID"])
        if told.get("name") in (LAN, name) or told.get("container") in ids:
            whose = "its" if "container" in told else ""
            words.append(" ".join((*what, told["name"], told.get("type", ""), whose)))
        if what == ("container", "destroy") and event["Actor"]["ID"] in ids:
            return words
    raise AssertionError(f"it was not told that {name} is gone: {words}")


def _disconnected_once(told: list[str]) -> list[str]:
    """Without what dockerd repeats: that one was disconnected while it ran."""
    end = next(number for number, it in enumerate(told) if it.startswith("container die"))
    pairs = itertools.pairwise(["", *told[:end]])
    once = [it for before, it in pairs if it != before or not it.startswith("network disconnect")]
    return [*once, *told[end:]]


def test_what_left_its_only_network_knows_nobody_there(own: Engine, docker: Any) -> None:
    network = docker.networks.create(LAN)
    options = {"network": LAN, "detach": True}
    one, two = (docker.containers.run(BUSYBOX, ["sleep", "60"], **options) for _ in range(2))

    def names(container: Any) -> set[str]:
        return set(container.exec_run("cat /etc/hosts").output.decode().split())

    assert two.name in names(one) & names(two)
    network.disconnect(two)
    assert two.name not in names(one) | names(two)
    assert one.name not in names(two)
    one.remove(force=True)
    network.remove()


TAKEN = (
    "cd /etc; rm -f hosts hostname resolv.conf; ln -s /victim hostname; mkdir hosts; "
    "echo mine >>resolv.conf; true"
)


def test_each_start_gives_the_files_of_names_anew(own: Engine, docker: Any) -> None:
    """Under PRoot a program may take them away, or leave links in their places."""
    container = docker.containers.run(BUSYBOX, SLEEP, name="files", detach=True)
    read = ["cat", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf"]
    before = container.exec_run(read).output
    assert container.exec_run(["sh", "-c", TAKEN]).exit_code == 0
    assert container.exec_run(read).output != before
    folder = own.data / "containers" / container.id
    command = json.loads((folder / "run.json").read_text())["command"]
    assert not [it for it in command["writable"] if it.startswith(f"{folder}/etc/")]
    container.restart(timeout=0)
    assert container.exec_run(read).output == before
    # Who has the network of one that took them away has none either.
    container.exec_run(["sh", "-c", TAKEN])
    shares = docker.containers.run(
        BUSYBOX, "cat /etc/hostname", network_mode=f"container:{container.id}", detach=True
    )
    assert shares.wait(timeout=30)["StatusCode"] == 0


def test_on_the_hosts_network_the_machines_names_are_known(own: Engine, docker: Any) -> None:
    options: dict[str, Any] = {"network_mode": "host", "remove": True}
    text = docker.containers.run(BUSYBOX, ["cat", "/etc/hosts"], **options).decode()
    machines = Path("/etc/hosts").read_text().rstrip()
    assert text.startswith(f"{machines}\n127.0.1.1\t")
    asked = {"extra_hosts": {"db": "192.0.2.1"}}
    text = docker.containers.run(BUSYBOX, ["cat", "/etc/hosts"], **options, **asked).decode()
    assert "192.0.2.1\tdb\n" in text
    assert machines not in text  # as with dockerd


def test_in_the_hosts_network_it_is_called_as_the_host(engine: Any, docker: Any) -> None:
    """As with dockerd, where no name is asked for."""
    ask = ["sh", "-c", 'hostname; cat /etc/hostname; echo "$HOSTNAME"; hostname -i >/dev/null']
    for client in (engine.docker, docker):
        seen = client.containers.run(BUSYBOX, ask, network_mode="host", remove=True)
        assert seen.decode().split() == [socket.gethostname()] * 3
    one = docker.containers.create(BUSYBOX, ["true"], network_mode="host")
    assert one.attrs["Config"]["Hostname"] == socket.gethostname()
    one = docker.containers.create(BUSYBOX, ["true"], network_mode="host", hostname="box")
    assert one.attrs["Config"]["Hostname"] == "box"
    one = docker.containers.create(BUSYBOX, ["true"])
    assert one.attrs["Config"]["Hostname"] == one.short_id


def test_another_containers_network(own: Engine, docker: Any) -> None:
    port = free_port()
    page = f"mkdir /w; echo hello > /w/index.html; exec httpd -f -p {port} -h /w"
    web = docker.containers.run(BUSYBOX, ["sh", "-c", page], name="web", detach=True)
    mode = {"network_mode": "container:web"}
    ask = f"until wget -q -O- http://127.0.0.1:{port}/; do sleep 0.1; done; cat /etc/hostname"
    ran = docker.containers.run(BUSYBOX, ["timeout", "20", "sh", "-c", ask], remove=True, **mode)
    assert ran.decode().split() == ["hello", web.short_id]
    made_one = docker.containers.create(BUSYBOX, ["sleep", "60"], **mode)
    assert made_one.attrs["HostConfig"]["NetworkMode"] == f"container:{web.id}"
    assert made_one.attrs["NetworkSettings"]["Networks"] == {}
    web.kill()
    with pytest.raises(docker_errors.APIError, match="cannot join network of a non running"):
        made_one.start()
    with pytest.raises(docker_errors.NotFound, match="No such container: nosuch"):
        docker.containers.run(BUSYBOX, ["true"], remove=True, network_mode="container:nosuch")
    with pytest.raises(docker_errors.APIError, match="conflicting options: hostname and the"):
        docker.containers.create(BUSYBOX, ["true"], hostname="h", **mode)


def test_networks_names_and_addresses_outlive_an_engine_that_is_killed(mine: Engine) -> None:
    docker = mine.client
    docker.networks.create(LAN)
    options = {"network": LAN, "detach": True}
    web = docker.containers.run(BUSYBOX, ["sleep", "60"], name="web", **options)
    docker.containers.run(BUSYBOX, ["sleep", "60"], name="gone", **options)
    again = {"restart_policy": {"Name": "always"}}
    once = "while [ ! -e /stop ]; do sleep 0.1; done; rm /stop; exit 1"
    client = docker.containers.run(BUSYBOX, ["sh", "-c", once], name="client", **options, **again)
    web.exec_run(["sh", "-c", "echo 192.0.2.9 mine >> /etc/hosts"])
    before = docker.api.inspect_network(LAN)
    mine.kill9()
    docker.close()
    mine.start()
    docker = mine.client
    assert docker.api.inspect_network(LAN) == before
    assert set(before["Containers"]) >= {web.id, client.id}
    docker.networks.get(LAN).disconnect("gone")
    docker.containers.get("web").rename("web2")
    hosts = docker.containers.get("client").exec_run("cat /etc/hosts").output.decode()
    assert {"web2", "client"} <= set(hosts.split())
    assert not {"web", "gone"} & set(hosts.split())
    docker.containers.get("client").exec_run("touch /stop")  # and its policy starts it again
    assert wait_for(lambda: docker.containers.get("client").attrs["RestartCount"] == 1)
    assert wait_for(lambda: docker.containers.get("client").status == "running")

    def known() -> set[str]:
        hosts = docker.containers.get("web2").exec_run("cat /etc/hosts").output.decode()
        assert "192.0.2.9 mine\n" in hosts
        return set(hosts.split())

    assert wait_for(lambda: known() >= {"client", "web2"})
    network = docker.networks.get(LAN)
    with pytest.raises(docker_errors.APIError, match="has active endpoints"):
        network.remove()
    docker.close()


def test_a_network_that_all_share_is_told_of_once(own: Engine, docker: Any) -> None:
    network = docker.networks.create(LAN)
    made_one = docker.api.create_container(
        BUSYBOX, ["true"], host_config=docker.api.create_host_config(network_mode=LAN)
    )
    shares = [text for text in made_one["Warnings"] if "shares the host's ports" in text]
    assert len(shares) == (own.launcher == "ptrace")
    docker.api.remove_container(made_one["Id"])
    network.remove()
