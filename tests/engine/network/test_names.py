"""The lines about others in a container's /etc/hosts, whatever it put in the file's place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ipycontainers.engine.network import addresses, hosts, names, routes
from ipycontainers.engine.network.addresses import Pool
from ipycontainers.engine.network.endpoint import Endpoint, Lease
from ipycontainers.engine.network.names import Member

LINES = ["172.18.0.2\tweb\n"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "hosts"
    made.write_text("127.0.0.1\tlocalhost\n")
    return made


def test_all_else_stays_and_so_does_the_file(path: Path) -> None:
    inode = path.stat().st_ino
    hosts.rewrite(path, LINES)
    with path.open("a") as file:
        file.write("192.0.2.1\tmine")  # without an end of line
    hosts.rewrite(path, ["172.18.0.3\tdb\n", "172.18.0.4\tx\n"])
    text = path.read_text()
    assert text.startswith("127.0.0.1\tlocalhost\n")
    assert text.endswith("192.0.2.1\tmine")
    assert ("db" in text, "web" in text) == (True, False)
    hosts.rewrite(path, [])
    assert path.read_text() == "127.0.0.1\tlocalhost\n192.0.2.1\tmine"
    hosts.rewrite(path, LINES)
    assert path.read_text().splitlines()[1:] == [
        "192.0.2.1\tmine", "# containers:", "172.18.0.2\tweb", "# end of containers",
    ]  # fmt: skip
    assert path.stat().st_ino == inode


def test_a_mark_without_its_end_costs_nothing(path: Path) -> None:
    path.write_text(f"a\n{hosts.BEGIN}b\n")
    hosts.rewrite(path, LINES)
    assert path.read_text() == f"a\n{hosts.BEGIN}b\n{hosts.BEGIN}{LINES[0]}{hosts.END}"


def test_bytes_that_are_no_text_stay(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\n")
    hosts.rewrite(path, LINES)
    assert path.read_bytes().startswith(b"\xff\xfe\n# containers:\n")


@pytest.mark.parametrize("kind", ["link", "second name", "pipe", "folder", "nothing", "too much"])
def test_what_is_no_longer_the_engines_file_is_left_alone(tmp_path: Path, kind: str) -> None:
    """A program under PRoot may put it there."""
    path, victim = tmp_path / "hosts", tmp_path / "victim"
    victim.write_text("the user's own\n")
    if kind == "link":
        path.symlink_to(victim)
    elif kind == "second name":
        path.hardlink_to(victim)
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "too much":
        path.write_bytes(b"#" * (hosts.LONGEST + 1))
    hosts.rewrite(path, LINES)
    assert victim.read_text() == "the user's own\n"
    assert path.exists() == (kind != "nothing")
    if kind == "too much":
        assert path.read_bytes() == b"#" * (hosts.LONGEST + 1)
    if kind in ("link", "pipe", "second name"):
        try:
            hosts.write(path, "all anew")
        except OSError:
            assert kind == "link"
        assert victim.read_text() == "the user's own\n"


def member(number: int, name: str, *aliases: str, links: tuple[str, ...] = ()) -> Member:
    lease = Lease("network", "end", f"172.18.0.{number}/16", is_own=True)
    return Member(str(number) * 64, name, Endpoint("lan", aliases=aliases, links=links), lease)


def test_who_knows_whom_by_which_names() -> None:
    one, two = member(1, "web", "www", "1" * 12), member(2, "db", links=("web:shop", "nosuch:x"))
    others = [one, two, member(3, "other", "www")]
    assert names.merged(names.known_to(two, others)) == [
        f"172.18.0.2\tdb {'2' * 12}\n",
        f"172.18.0.1\tshop web www {'1' * 12}\n",
        f"172.18.0.3\tother www {'3' * 12}\n",
    ]


def test_what_has_no_network_of_its_own_is_not_reached_from_one() -> None:
    own, lease = member(1, "own"), Lease("network", "end", "127.0.0.1/8")
    shares = Member("2" * 64, "shares", Endpoint("lan"), lease)
    for one in (own, shares):
        assert [names[0] for _, names in names_known(one, own, shares)] == [one.name]


def names_known(one: Member, *members: Member) -> list[names.Line]:
    return list(names.known_to(one, members))


def test_what_shares_an_address_is_one_line() -> None:
    told = names.merged([("127.0.0.1", ("a", "b")), ("127.0.0.1", ("b", "c")), ("::1", ())])
    assert told == ["127.0.0.1\ta b c\n"]


def test_no_pool_lies_across_what_the_machine_reaches() -> None:
    """/proc/net/route of a machine with a default route, a network, and dockerd's first bridge."""
    head = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
    rows = (("00000000", "00000000"), ("000200C0", "00FFFFFF"), ("000011AC", "0000FFFF"))
    listed = head + "".join(f"e\t{to}\t0\t1\t0\t0\t0\t{mask}\t0\t0\t0\n" for to, mask in rows)
    found = list(routes.routes(listed + "half a line\n"))
    assert [str(pool) for pool in found] == ["192.0.2.0/24", "172.17.0.0/16"]
    assert str(addresses.free_pool(found)) == "172.18.0.0/16"
    taken = [Pool.parse("172.0.0.0/8"), Pool.parse("192.168.0.0/19")]
    assert str(addresses.free_pool(taken)) == "192.168.32.0/20"
    assert addresses.free_pool([Pool.parse("0.0.0.0/0")]) is None
    servers = routes.servers("search lab\nnameserver 172.18.0.53\nnameserver ::1\nnameserver\n")
    assert str(addresses.free_pool([*found, *servers])) == "172.19.0.0/16"
