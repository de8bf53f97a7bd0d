"""Who reaches whom is tried, and where it cannot be, the networks say so."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import needs
import pytest
from support import free_port, wait_for

from ipycontainers import answers
from ipycontainers.client import connect
from ipycontainers.errors import NotFound
from ipycontainers.reach import attempts
from ipycontainers.reach.attempts import HERE, Attempt, meaning, of_container, of_here
from ipycontainers.reach.measure import measure, parsed
from ipycontainers.reach.places import Isolating, Place, Published, networks, places
from ipycontainers.watchdog.labels import KERNEL, SESSION, kernel_id

WORDS = {
    "nc: can't connect to remote host (172.17.0.2): Connection refused": attempts.REFUSED,
    "nc: bad address 'web'": attempts.NAMELESS,
    "bash: connect: No route to host": attempts.UNREACHABLE,
    "OSError: [Errno 101] Network is unreachable": attempts.UNREACHABLE,
    "TimeoutError: timed out": attempts.SILENT,
    "socket.gaierror: [Errno -3] Temporary failure in name resolution": attempts.NAMELESS,
    "what": attempts.UNKNOWN,
}


@pytest.mark.parametrize(("said", "result"), WORDS.items())
def test_words_have_a_meaning(said: str, result: str) -> None:
    assert meaning(1, said) == result


def test_a_code_has_a_meaning() -> None:
    assert meaning(0, "refused") == attempts.REACHED
    assert meaning(143, "Terminated") == attempts.SILENT


def test_only_answers_are_read() -> None:
    said = "0 0\n1 1 nc: Connection refused\nx\n7 0\n2 99 \n3 1 what\n\x1b[1m4 0\n"
    assert parsed(said, 5) == {0: attempts.REACHED, 1: attempts.REFUSED}


WEB = Place("1", "web", {"lab": "10.0.0.2"}, {"lab": "10.0.0.1"}, (80,), (Published("", 8080, 80),))
DB = Place("2", "db", {"lab": "10.0.0.3", "back": "10.1.0.3"}, {"lab": "10.0.0.1"})
ALONE = Place("3", "alone")
PLAIN = Place("4", "plain", {"bridge": "172.17.0.2"}, {"bridge": "172.17.0.1"})
EVERY = (WEB, DB, ALONE, PLAIN)


def told(found: list[Attempt], target: str) -> list[tuple[str, str, int, str]]:
    return [(one.by, one.address, one.port, one.result) for one in found if one.target == target]


def test_what_networks_say() -> None:
    found = of_container(WEB, EVERY, ("10.0.0.1", 4000))
    assert told(found, "db") == [
        ("address", "10.0.0.3", 9, attempts.REACHED),
        ("name", "db", 9, attempts.REACHED),
    ]
    assert told(found, "alone") == [("address", "", 9, attempts.UNREACHABLE)]
    assert told(found, "plain") == [("address", "172.17.0.2", 9, attempts.UNREACHABLE)]
    assert told(found, HERE) == [("address", "10.0.0.1", 4000, attempts.REACHED)]
    alone = of_container(ALONE, EVERY, ("", 0))
    assert told(alone, HERE) == [("address", "", 0, attempts.UNREACHABLE)]
    assert told(of_container(WEB, EVERY, None), HERE) == [("address", "", 0, attempts.UNKNOWN)]
    from_here = of_here(EVERY, "127.0.0.1")
    assert told(from_here, "web") == [
        ("address", "10.0.0.2", 80, attempts.REACHED),
        ("published port 8080", "127.0.0.1", 8080, attempts.REACHED),
    ]
    assert not any(one.measured for one in (*found, *from_here))


def test_on_another_machine_no_address_of_its_networks_is_tried() -> None:
    local = Place("1", "web", {"lab": "10.0.0.2"}, published=(Published("127.0.0.1", 80, 80),))
    everywhere = Place("2", "api", {"lab": "10.0.0.3"}, published=(Published("0.0.0.0", 81, 80),))
    found = of_here([local, everywhere], "there", is_here=False)
    assert [(one.target, one.by, one.address, one.result) for one in found] == [
        ("web", "address", "", attempts.UNKNOWN),
        ("api", "address", "", attempts.UNKNOWN),
        ("api", "published port 81", "there", attempts.REACHED),
    ]
    # An engine here may have chosen the addresses of another one.
    assert told(of_here([WEB], "127.0.0.1", {"lab"}), "web")[0][1:] == ("", 80, attempts.UNKNOWN)


def container(key: str, name: str, mode: str, **addresses: str) -> dict[str, Any]:
    ends = {network: {"IPAddress": it, "Gateway": ""} for network, it in addresses.items()}
    return {
        "Id": key,
        "Names": [f"/{name}"],
        "HostConfig": {"NetworkMode": mode},
        "NetworkSettings": {"Networks": ends},
    }


def test_a_network_may_be_lent() -> None:
    known = networks(
        [{"Name": "back", "Internal": True, "IPAM": {"Config": [{"Gateway": "10.1.0.1"}]}}]
    )
    listed = [
        container("1a", "db", "back", back="10.1.0.2"),
        container("2b", "log", "container:1a"),
        container("3c", "more", "container:log"),
        container("4d", "top", "host"),
        container("5e", "see", "container:4d"),
    ]
    db, log, more, see, top = places(listed, Isolating(), known)
    assert (db.lender, log.lender, more.lender) == ("", "db", "db")
    assert log.networks == more.networks == {"back": "10.1.0.2"}
    assert log.gateways == {"back": "10.1.0.1"}
    assert (see.has_hosts_network, top.has_hosts_network) == (True, True)
    assert told(of_container(log, [db, log], None), "db") == [
        ("address", "127.0.0.1", 9, attempts.REACHED)
    ]
    other = Place("6", "web", {"back": "10.1.0.3"})
    assert told(of_container(other, [db, log, other], None), "log") == [
        ("address", "10.1.0.2", 9, attempts.REACHED)  # its name is not known to any network
    ]


def test_a_name_goes_before_the_beginning_of_an_id() -> None:
    listed = [
        container("ab12", "web", "front", front="10.1.0.2"),
        container("cd34", "ab", "back", back="10.2.0.2"),
        container("ef56", "log", "container:ab"),
    ]
    found = {one.name: one.lender for one in places(listed, Isolating(), {})}
    assert found["log"] == "ab"


Start = Callable[..., str]


def shares(engine: Any, name: str) -> bool:
    """Whether every container has this machine's network there, and then that it is told so."""
    if needs.has(engine, "network-none") and not engine.network_lack:
        return False
    found = measure(engine, [name])
    assert [one.has_hosts_network for one in found.places] == [True]
    # All doors are open: it reaches this machine, as it is tried.
    assert found.is_open == (not needs.has(engine, "network-none"))
    (to_host,) = (one for one in found.attempts if one.target == HERE)
    assert (to_host.result, to_host.measured) == ("reached", True)
    return True


@contextmanager
def made_network(engine: Any, **options: Any) -> Iterator[str]:
    name = f"reach-{uuid.uuid4().hex[:8]}"
    made = engine.docker.api.create_network(name, **options)["Id"]
    yield name

    def is_gone() -> bool:
        with suppress(Exception):
            engine.docker.api.remove_network(made)
        return not engine.docker.api.networks(names=[name])

    assert wait_for(is_gone)


@pytest.fixture
def network(engine: Any) -> Iterator[str]:
    with made_network(engine) as name:
        yield name


@pytest.fixture
def internal(engine: Any) -> Iterator[str]:
    with made_network(engine, internal=True) as name:
        yield name


@pytest.fixture
def start(engine: Any, images: Any, network: str) -> Iterator[Start]:
    """start("web", network) runs a server on port 80; its name begins so. All is removed."""
    mark, made = uuid.uuid4().hex[:8], []
    server = "while :; do echo hi | nc -l -p 80 >/dev/null; done"

    def run(name: str, network: str = "", *, command: str = server, port: int = 0) -> str:
        host = {"NetworkMode": network} if network else {}
        if port:
            host["PortBindings"] = {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(port)}]}  # type: ignore[assignment]
        config = {
            "Image": images.busybox,
            "Cmd": ["sh", "-c", command],
            "ExposedPorts": {} if network.startswith("container:") else {"80/tcp": {}},
            "HostConfig": host,
        }
        created = engine.create(config, name=f"{name}-{mark}")
        made.append(created.id)
        engine.start(created.id)
        return f"{name}-{mark}"

    yield run
    for one in made:
        engine.remove(one)


def results(engine: Any, source: str, target: str) -> dict[str, tuple[str, bool]]:
    names = [one for one in (source, target) if one != HERE]
    return {
        one.by: (one.result, one.measured)
        for one in measure(engine, names).attempts
        if (one.source, one.target) == (source, target)
    }


def test_containers_of_one_network_reach_each_other_by_name(
    engine: Any, start: Start, network: str
) -> None:
    web, asks = start("web", network), start("asks", network, command="sleep 600")
    if shares(engine, web):
        return
    both = {"address": ("reached", True), "name": ("reached", True)}
    assert wait_for(lambda: results(engine, asks, web) == both, seconds=15)
    # Nobody listens at its port 80.
    assert results(engine, web, asks)["address"] == ("refused", True)
    # Networks of a rootless engine are not this machine's, which may have others by that address.
    is_near = not engine.launcher and not engine.is_rootless
    assert results(engine, HERE, web)["address"] == (
        ("reached", True) if is_near else ("not known", False)
    )
    # Its first program, sleep, would never take care of what was left to it.
    names = answers.output(engine, asks, "cat /proc/[0-9]*/comm").split()
    assert set(names) <= {b"sleep", b"sh", b"cat"}


def test_without_a_network_nobody_is_reached(engine: Any, start: Start, network: str) -> None:
    web, alone = start("web", network), start("alone", "none", command="sleep 600")
    if shares(engine, web):
        return
    assert wait_for(
        lambda: results(engine, alone, web) == {"address": ("unreachable", True)}, seconds=15
    )
    assert results(engine, web, alone) == {"address": ("unreachable", False)}


def test_two_that_share_a_network_are_one_machine(engine: Any, start: Start, network: str) -> None:
    web = start("web", network)
    beside = start("beside", f"container:{web}", command="sleep 600")
    asks = start("asks", network, command="sleep 600")
    if shares(engine, web):
        return
    reached = {"address": ("reached", True)}
    assert wait_for(lambda: results(engine, beside, web) == reached, seconds=15)
    assert results(engine, asks, beside) in ({"address": ("refused", True)}, reached)


def test_an_internal_network_is_told_and_its_host_is_tried(
    engine: Any, internal: str, start: Start
) -> None:
    web = start("web", internal)
    if shares(engine, web):
        return
    found = measure(engine, [web])
    assert internal in found.internal
    to_host = next(one for one in found.attempts if one.target == HERE)
    # Our own engine's networks are not this machine's.
    expected = (attempts.UNKNOWN, False) if engine.launcher else (attempts.REACHED, True)
    assert (to_host.result, to_host.measured) == expected


def test_a_published_port_is_reached_from_here(engine: Any, start: Start) -> None:
    port = free_port()
    web = start("web", port=port)
    if shares(engine, web):
        return
    by = f"published port {port}"
    assert wait_for(lambda: results(engine, HERE, web).get(by) == ("reached", True), seconds=15)


def test_a_container_without_a_shell_is_declared(
    engine: Any, start: Start, network: str, images: Any
) -> None:
    web = start("web", network)
    if shares(engine, web):
        return
    config = {"Image": images.noshell, "Entrypoint": ["/bin/awk", "BEGIN { while (1) x = 1 }"]}
    created = engine.create({**config, "HostConfig": {"NetworkMode": network}}, name="reach-awk")
    try:
        engine.start(created.id)
        assert results(engine, "reach-awk", web)["address"] == ("reached", False)
        # It is there, which the other can try.
        assert results(engine, web, "reach-awk")["address"] == ("refused", True)
    finally:
        engine.remove(created.id)


def test_a_container_that_holds_whoever_asks_is_given_up(
    engine: Any, start: Start, network: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = "printf '#!/bin/sh\nsleep 600\n' >/bin/python3; chmod +x /bin/python3"
    web = start("web", network)
    if shares(engine, web):
        return
    holds = start("holds", network, command=f"{held}; touch /done; sleep 600")
    assert wait_for(lambda: answers.output(engine, holds, "test -e /done && echo is") == b"is\n")
    monkeypatch.setattr(answers, "PATIENCE", 1.0)
    assert results(engine, holds, web)["address"] == ("reached", False)


def test_a_session_is_called_by_its_name(engine: Any, images: Any, start: Start) -> None:
    web, mark = start("web"), uuid.uuid4().hex[:8]
    config = {"Image": images.busybox, "Cmd": ["sleep", "600"]}
    labels = [{KERNEL: kernel_id(), SESSION: f"box-{mark}"}, {KERNEL: "another", SESSION: "far"}]
    names = [f"session-{mark}-{number}" for number in range(2)]
    made = [
        engine.create({**config, "Labels": label}, name=name).id
        for label, name in zip(labels, names, strict=True)
    ]
    try:
        for one in made:
            engine.start(one)
        found = measure(engine, [web, *made])
    finally:
        for one in made:
            engine.remove(one)
    # The other one is another notebook's.
    assert {one.name for one in found.places} == {web, f"box-{mark}", names[1]}
    assert {one.source for one in found.attempts} == {HERE, web, f"box-{mark}", names[1]}


def test_a_name_that_none_has_is_told(engine: Any) -> None:
    with pytest.raises(NotFound, match="no container reach-nobody runs"):
        measure(engine, ["reach-nobody"])


@pytest.mark.podman
def test_on_podman_what_its_list_leaves_out_is_asked_for(podman: str) -> None:
    """A port that is not published, and whose network a container has."""
    server = "while :; do nc -l -p 80 </dev/null; done"
    config: dict[str, Any] = {"Image": "ipycontainers-test/busybox", "Cmd": ["sh", "-c", server]}
    modes = {"reach-beside": "container:reach-podman", "reach-host": "host"}
    made = []
    with connect(podman) as engine:
        try:
            exposed = {**config, "ExposedPorts": {"80/tcp": {}}}
            made.append(engine.create(exposed, name="reach-podman").id)
            engine.start(made[0])
            for name, mode in modes.items():
                host = {"HostConfig": {"NetworkMode": mode}}
                made.append(engine.create({**config, **host}, name=name).id)
                engine.start(made[-1])
            address = {"address": ("reached", True)}
            assert wait_for(lambda: results(engine, HERE, "reach-podman") == address, seconds=15)
            found = {one.name: one for one in measure(engine, [*modes]).places}
            assert found["reach-beside"].lender == "reach-podman"
            assert found["reach-host"].has_hosts_network
        finally:
            for one in reversed(made):
                engine.remove(one)
