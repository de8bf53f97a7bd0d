"""What -p and -P mean, as data."""

from __future__ import annotations

from typing import Any

import pytest

from ipycontainers.engine.network import ports
from ipycontainers.engine.network.binding import Binding, Wanted
from ipycontainers.errors import Unsupported

EXPOSED = {"ExposedPorts": {"80/tcp": {}, "53/udp": {}}}


def of(bindings: Any, config: Any = EXPOSED, **host: Any) -> tuple[Wanted, ...]:
    return ports.wanted(config, {"PortBindings": bindings, **host})


@pytest.mark.parametrize(
    ("asked", "address", "first", "last"),
    [
        ({"HostPort": "8080"}, "127.0.0.1", 8080, 8080),
        ({"HostIp": "", "HostPort": "8000-8010"}, "127.0.0.1", 8000, 8010),
        ({"HostIp": "0.0.0.0", "HostPort": "8080"}, "0.0.0.0", 8080, 8080),
        ({"HostIp": "::", "HostPort": ""}, "::", 0, 0),
        ({"HostIp": "[::1]", "HostPort": "0"}, "::1", 0, 0),
        ({"hostip": "::1", "hostport": "81"}, "::1", 81, 81),
        ({}, "127.0.0.1", 0, 0),
        (None, "127.0.0.1", 0, 0),
    ],
)
def test_a_binding(asked: Any, address: str, first: int, last: int) -> None:
    assert list(ports.mistakes({"PortBindings": {"80/tcp": [asked]}})) == []
    assert of({"80/tcp": [asked]}) == (Wanted("80/tcp", address, first, last),)


def test_a_port_may_be_written_in_several_ways() -> None:
    for name in ("80", "80/tcp", "80/TCP"):
        assert of({name: [{"HostPort": "81"}]}) == (Wanted("80/tcp", "127.0.0.1", 81, 81),)


def test_publish_all_gives_a_port_to_each_that_has_none() -> None:
    assert of({"80": [{"HostPort": "81"}]}, PublishAllPorts=True) == (
        Wanted("53/udp", "127.0.0.1", 0, 0),
        Wanted("80/tcp", "127.0.0.1", 81, 81),
    )


def test_only_exposed_ports_are_published_and_a_warning_says_so() -> None:
    host = {"PortBindings": {"90/tcp": [{"HostPort": "81"}]}}
    assert ports.wanted(EXPOSED, host) == ()
    (told,) = ports.warnings(EXPOSED, host, shares_host=False)
    assert told.startswith("port 90/tcp is not published")


@pytest.mark.parametrize("mode", ["host", "none", "container:x"])
def test_without_a_network_of_its_own_nothing_is_published(mode: str) -> None:
    host = {"PortBindings": {"80/tcp": [{"HostPort": "81"}]}, "NetworkMode": mode}
    assert ports.wanted(EXPOSED, host) == ()
    told = list(ports.warnings(EXPOSED, host, shares_host=True))
    assert told == ([ports.DISCARDED] if mode == "host" else [])


def test_its_own_number_under_the_hosts_network_is_the_programs() -> None:
    host = {"PortBindings": {"80/tcp": [{"HostPort": "80"}, {"HostPort": "79-81"}]}}
    own, other = ports.wanted(EXPOSED, host, shares_host=True)
    assert (own.is_held, other.is_held) == (False, True)
    assert all(one.is_held for one in ports.wanted(EXPOSED, host))
    (told,) = ports.warnings(EXPOSED, host, shares_host=True)
    assert told.startswith("-p 80:80/tcp: the container has the host's network")


@pytest.mark.parametrize(
    ("bindings", "said"),
    [
        ({"80/tcp": [{"HostPort": "abc"}]}, 'invalid port specification: "abc"'),
        ({"80/tcp": [{"HostPort": "70000"}]}, 'invalid port specification: "70000"'),
        ({"80/tcp": [{"HostPort": "81-80"}]}, 'invalid port specification: "81-80"'),
        ({"80/tcp": [{"HostPort": "²"}]}, 'invalid port specification: "²"'),
        ({"x/tcp": [{"HostPort": "80"}]}, 'invalid port specification: "x"'),
        ({"80-82/tcp": []}, 'invalid port specification: "80-82"'),
        ({"80/tcp": [{"HostIp": "localhost"}]}, 'invalid IP address of a published port: "loc'),
        ({"80/tcp": [{"HostIp": "300.1.1.1"}]}, 'invalid IP address of a published port: "300'),
        ({"80/tcp": [{"HostPort": 80}]}, "json: cannot unmarshal PortBindings"),
        ({"80/tcp": {"HostPort": "80"}}, "json: cannot unmarshal PortBindings"),
        ([], "json: cannot unmarshal PortBindings"),
    ],
)
def test_what_makes_no_sense(bindings: Any, said: str) -> None:
    (message,) = ports.mistakes({"PortBindings": bindings})
    assert message.startswith(said)


@pytest.mark.parametrize("protocol", ["sctp", "foo"])
def test_what_cannot_be_forwarded_is_refused(protocol: str) -> None:
    port = f"80/{protocol}"
    with pytest.raises(Unsupported, match=f"-p {port} is refused"):
        of({port: [{}]}, {"ExposedPorts": {port: {}}})
    assert of({}, {"ExposedPorts": {port: {}}}) == ()


def test_an_echo_is_complete() -> None:
    assert ports.echoed({"80": [None, {"HostPort": "1"}], "81": None}) == {
        "80": [{"HostIp": "", "HostPort": ""}, {"HostIp": "", "HostPort": "1"}],
        "81": None,
    }


def test_bindings_by_port() -> None:
    one, two = Binding("80/tcp", "::1", 8), Binding("80/tcp", "127.0.0.1", 9)
    assert ports.by_port([one, two]) == {"80/tcp": [one, two]}
