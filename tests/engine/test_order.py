"""What is done in which order, by an engine in this process whose keeper is a stand-in: between two
of its deeds any other request may come."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from support import wait_for

from ipycontainers.engine.engine import Engine
from ipycontainers.engine.network.endpoint import Endpoint, Lease
from ipycontainers.engine.network.keeping import Attachment, Keeper
from ipycontainers.engine.network.network import Network
from ipycontainers.engine.network.publishing import Publisher
from ipycontainers.engine.record import Record
from ipycontainers.errors import EngineError, Forbidden, NotFound
from ipycontainers.oci import Layout

LAN = {"Name": "lan", "IPAM": {"Config": [{"Subnet": "10.251.7.0/24"}]}}


@pytest.fixture
def made(tmp_path: Path) -> Engine:
    for name in ("containers", "volumes"):
        (tmp_path / name).mkdir()
    nobody = cast(Any, None)
    return Engine(tmp_path, Layout.open(tmp_path / "oci"), nobody, nobody)


def container(made: Engine, name: str, **more: Any) -> Record:
    """As its folder would have it; nothing runs."""
    directory = made.data / "containers" / name
    (directory / "etc").mkdir(parents=True)
    (directory / "etc" / "hosts").write_text("")
    config = {"Image": "x", "Hostname": name}
    host: dict[str, Any] = {"NetworkMode": "default", "RestartPolicy": {"Name": "always"}}
    host["LogConfig"] = {"Type": "none"}
    record = Record(name * 12, name, "", config, host, (), 1.0, directory, **more)
    record.save()
    made._book.put(record)
    return record


def full(*_: object, **__: object) -> None:
    raise OSError(28, "No space left on device")


def in_time(act: Callable[[], object]) -> bool:
    """Whether it ends, in another thread, while this one holds what it holds."""
    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    thread.join(30)
    return not thread.is_alive()


def test_who_tidies_up_waits_for_no_container_that_is_being_made(made: Engine) -> None:
    record = container(made, "new")
    with record.lock:
        assert in_time(made.tidy)


def test_nothing_starts_again_before_all_is_adopted(
    made: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    container(made, "due", started=1.0, finished=2.0, status="exited")
    seen: list[str] = []

    def adopt(running: object) -> None:
        time.sleep(0.3)  # in which a restart would come first
        seen.append("adopted")

    monkeypatch.setattr(made.joining, "adopt", adopt)
    monkeypatch.setattr(made.running, "_start_again", lambda record: seen.append(record.name))
    made.adopt()
    assert wait_for(lambda: seen == ["adopted", "due"]), seen


def test_an_engine_begins_on_a_full_disk(made: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it finds is so, though it cannot write it down."""
    lease = Lease(made.networks.find("bridge").id, "end", "172.17.0.9/16", mac="02:42:ac:11:00:09")
    ends = (Endpoint("bridge"),)
    runs = container(made, "runs", status="running", started=1.0, endpoints=ends)
    (runs.directory / "leases.json").write_text(json.dumps({"bridge": lease.to_dict()}))
    refused = container(made, "refused")
    end = {"code": 127, "error": "absent", "started": 0, "finished": 2.0}
    (refused.directory / "exit.json").write_text(json.dumps(end))
    for what in ("network.connections.folder.write", "record.write"):
        monkeypatch.setattr(f"ipycontainers.engine.{what}", full)
    assert [record.name for record in made.adopt()] == ["runs"]
    assert made.find("runs").leases == {"bridge": lease}
    assert made.find("refused").exit_code == 127


class Meanwhile:
    """A keeper that does all that is asked, and something else while it connects."""

    def __init__(self) -> None:
        self.does: Callable[[], object] = lambda: None
        self.cut: list[str] = []

    def connect(self, container: str, attachment: Attachment) -> None:
        does, self.does = self.does, lambda: None
        does()

    def disconnect(self, container: str, network: str) -> None:
        self.cut.append(container)

    def remove(self, network: str) -> None:
        """Of which no container is."""


class Lan:
    """Two containers that run, and a network that none is in."""

    def __init__(self, made: Engine) -> None:
        self.connections, self.networks = made.connections, made.networks
        self.one, self.two = (
            container(made, name, status="running", network="own") for name in ("one", "two")
        )
        self.network: Network = made.networks.create(LAN)[0]
        self.keeper = Meanwhile()
        made.joining._keeper = cast(Keeper, self.keeper)

    def connect(self, record: Record) -> Lease:
        self.connections.connect(record, self.network, Endpoint("lan"))
        return record.leases["lan"]


@pytest.fixture
def lan(made: Engine) -> Lan:
    return Lan(made)


def test_one_that_is_being_connected_is_known_to_others(lan: Lan) -> None:
    lan.keeper.does = lan.connections.refresh_all
    lan.connect(lan.one)
    assert "10.251.7.2\tone" in (lan.one.directory / "etc" / "hosts").read_text()


def test_its_address_is_given_to_nobody_else(lan: Lan) -> None:
    lan.keeper.does = lambda: lan.connect(lan.two)
    assert lan.connect(lan.one).host != lan.two.leases["lan"].host


def test_its_network_cannot_be_removed_meanwhile(lan: Lan) -> None:
    def remove() -> None:
        with pytest.raises(Forbidden, match="has active endpoints"):
            lan.connections.remove(lan.network)

    lan.keeper.does = remove
    lan.connect(lan.one)
    assert lan.networks.find("lan") == lan.network


def test_nobody_comes_into_a_network_that_has_gone(lan: Lan) -> None:
    lan.networks.remove(lan.network)
    with pytest.raises(NotFound):
        lan.connect(lan.one)
    assert lan.one.leases == {}


def test_what_cannot_be_kept_has_no_cable_either(lan: Lan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lan.one, "change", full)
    with pytest.raises(OSError, match="No space left"):
        lan.connect(lan.one)
    assert lan.one.leases == {}
    assert lan.keeper.cut == [lan.one.id]


def test_what_leaves_on_a_full_disk_has_left(lan: Lan, monkeypatch: pytest.MonkeyPatch) -> None:
    lan.connect(lan.one)
    monkeypatch.setattr(lan.connections, "_keep", full)
    lan.connections.disconnect(lan.one, lan.network)
    assert (lan.one.leases, lan.one.endpoints) == ({}, ())
    assert lan.keeper.cut == [lan.one.id]
    lan.connections.remove(lan.network)


def test_what_is_told_of_all_is_looked_up_once(lan: Lan, made: Engine) -> None:
    records = [container(made, f"c{number}", status="running") for number in range(10)]
    for record in records:
        lan.connect(record)
    asked: list[int] = []

    def counted() -> list[Record]:
        asked.append(1)
        return made.containers()

    lan.connections._records = made.connections.links._records = counted
    lan.connections.refresh_all()
    assert len(asked) == 1
    assert "c9" in (records[0].directory / "etc" / "hosts").read_text()
    asked.clear()
    assert len(made.describe(*records)) == 10
    assert len(asked) == 1


def test_who_publishes_nothing_is_not_asked_for_networks(lan: Lan) -> None:
    def fails(record: Record) -> bool:
        raise AssertionError(record.id)

    assert Publisher(list, fails).asked(lan.one) is None


class Server:
    """What answers in a keeper's place."""

    def __init__(self, folder: Path, answer: dict[str, Any]) -> None:
        folder.mkdir()
        self.left = 0
        self._answer = answer
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(folder / "control.sock"))
        self.socket.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            client, _ = self.socket.accept()
            threading.Thread(target=self._hear, args=(client,), daemon=True).start()

    def _hear(self, client: socket.socket) -> None:
        with client, client.makefile("rwb") as lines:
            for _ in lines:
                lines.write(json.dumps(self._answer).encode() + b"\n")
                lines.flush()
        self.left += 1


@pytest.fixture
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("k")


def test_the_reason_of_a_keeper_that_cannot_serve_is_told(short: Path) -> None:
    Server(short / "network", {"error": "too many open files"})
    keeper = Keeper(short, cast(Any, None))
    with pytest.raises(EngineError, match="too many open files"):
        keeper.attach("x", [])
    assert "too many open files" in str(keeper.available())
    keeper.adopt([])


def test_a_line_to_the_keeper_is_closed_where_another_follows(short: Path) -> None:
    server = Server(short / "network", {"containers": [], "no_way": ""})
    keeper = Keeper(short, cast(Any, None))
    keeper.adopt([])
    keeper.adopt([])
    assert wait_for(lambda: server.left == 1)
    keeper.close()
    assert wait_for(lambda: server.left == 2)
