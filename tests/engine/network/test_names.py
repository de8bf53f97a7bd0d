"""The lines about others in a container's /etc/hosts, whatever it put in the file's place."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ipycontainers.engine import etc
from ipycontainers.engine.container import Network, Spec
from ipycontainers.engine.network import addresses, hosts, names, routes
from ipycontainers.engine.network.addresses import Pool
from ipycontainers.engine.network.endpoint import Endpoint, Lease
from ipycontainers.engine.network.names import Member
from ipycontainers.engine.supervise import folder

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
    folder, victim = tmp_path / "etc", tmp_path / "victim"
    folder.mkdir()
    path = folder / "hosts"
    victim.write_text("the user's own\n")
    if kind == "link":
        path.symlink_to(victim)
    elif kind == "second name":
        path.hardlink_to(victim)
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        (path / "below").mkdir(parents=True)
    elif kind == "too much":
        path.write_bytes(b"#" * (hosts.LONGEST + 1))
    hosts.rewrite(path, LINES)
    assert victim.read_text() == "the user's own\n"
    assert path.exists() == (kind != "nothing")
    if kind == "too much":
        assert path.read_bytes() == b"#" * (hosts.LONGEST + 1)
    etc.write(folder, {"hosts": "all anew\n"})
    assert path.read_text() == "all anew\n"
    assert not path.is_symlink()
    assert victim.read_text() == "the user's own\n"
    assert [it.name for it in folder.iterdir()] == ["hosts"]


def test_what_is_written_in_pieces_is_written_whole(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pwrite, write = os.pwrite, os.write
    monkeypatch.setattr(os, "pwrite", lambda to, data, at: pwrite(to, data[:5], at))
    monkeypatch.setattr(os, "write", lambda to, data: write(to, data[:5]))
    hosts.rewrite(path, LINES)
    assert path.read_text().endswith(f"{LINES[0]}{hosts.END}")
    place = path.with_name("leases.json")
    folder.write(str(place), {"name": "a value"}, lasting=False)
    assert json.loads(place.read_text()) == {"name": "a value"}


def test_a_full_disk_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    def half(to: int, offset: int, length: int) -> None:
        os.ftruncate(to, length)
        full()

    before, place = path.read_text(), path.with_name("leases.json")
    monkeypatch.setattr(os, "posix_fallocate", half)
    monkeypatch.setattr(os, "write", full)
    monkeypatch.setattr(os, "pwrite", full)
    hosts.rewrite(path, LINES)
    assert path.read_text() == before
    for act in (folder.reserve, lambda path: folder.write(path, {"a": 1})):
        with pytest.raises(OSError, match="No space left"):
            act(str(place))
    assert [it.name for it in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("network", ["own", "host"])
def test_a_line_of_resolv_conf_without_a_value_says_nothing(network: Network) -> None:
    machines = "nameserver \nnameserver\t192.0.2.1\nsearch\n"
    asked = Spec(("true",), network=network, dns_options=("ndots:1",))
    assert etc.resolver(asked, machines) == "nameserver 192.0.2.1\noptions ndots:1\n"


def member(number: int, name: str, *aliases: str, links: tuple[str, ...] = ()) -> Member:
    lease = Lease("network", "end", f"172.18.0.{number}/16", mac="02:42:ac:12:00:02")
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
