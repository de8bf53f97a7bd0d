"""Any endpoint, and the engine's own words."""

from __future__ import annotations

import io
import json
import socket
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import wait_for

from ipycontainers.client import Candidate, Daemon
from ipycontainers.client.daemon import _whole_characters, refused
from ipycontainers.client.dial import Dialler
from ipycontainers.errors import EngineSilent, NoEngine, Refused


def test_an_answer_is_parsed_and_a_refusal_is_the_engines_own(engine: Any, images: Any) -> None:
    daemon = engine.daemon
    assert daemon.get("images", images.busybox, "json")["Os"] == "linux"
    with pytest.raises(Refused, match=r"(?i)^[^:]*no such image: nosuch") as caught:
        daemon.get("images", "nosuch", "json")
    assert caught.value.status == 404


@pytest.mark.parametrize("name", ["", ".", "..", "../images", "a/../../images"])
def test_a_name_does_not_lead_to_another_endpoint(engine: Any, name: str) -> None:
    with pytest.raises(Refused) as caught:
        engine.daemon.get("containers", name, "json")
    assert caught.value.status == 404


@pytest.fixture
def container(engine: Any, images: Any) -> Iterator[str]:
    made = engine.daemon.post(
        "containers", "create", body={"Image": images.busybox, "Cmd": ["true"]}
    )
    yield made["Id"]
    assert engine.daemon.delete("containers", made["Id"], v="1") is None


def test_a_tar_is_sent_in_pieces(engine: Any, container: str) -> None:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        member = tarfile.TarInfo("sent")
        member.size = 3
        archive.addfile(member, io.BytesIO(b"yes"))
    data = written.getvalue()
    pieces = (data[at : at + 100] for at in range(0, len(data), 100))
    engine.daemon.put("containers", container, "archive", body=pieces, path="/")
    with (
        engine.daemon.stream("GET", "containers", container, "archive", path="/sent") as stream,
        tarfile.open(fileobj=io.BytesIO(b"".join(stream.pieces()))) as archive,
    ):
        found = archive.extractfile("sent")
        assert found
        assert found.read() == b"yes"
    told = engine.daemon.head(
        "containers", container, "archive", header="X-Docker-Container-Path-Stat", path="/sent"
    )
    assert told


def test_what_is_refused_before_all_is_sent_is_told(engine: Any) -> None:
    pieces = (bytes(1 << 16) for _ in range(1000))
    with pytest.raises(Refused) as caught:
        engine.daemon.put("containers", "nosuch", "archive", body=pieces, path="/")
    assert caught.value.status == 404


def test_events_come_as_lines(engine: Any, container: str) -> None:
    found: list[Any] = []

    def told() -> list[Any]:
        with engine.daemon.stream("GET", "events", since="1", until="9999999999") as stream:
            found.append(next(stream.lines()))
        return found

    assert wait_for(told)
    assert "Type" in found[0]


def test_an_engine_that_is_gone_or_silent_is_one(tmp_path: Path) -> None:
    path = tmp_path / "e.sock"
    daemon = Daemon(Dialler(Candidate("test", f"unix://{path}", True)), "1.41", timeout=0.3)
    with pytest.raises(NoEngine):
        daemon.get("info")
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(path))
        silent.listen(8)
        with pytest.raises(EngineSilent):
            daemon.get("info")


def test_half_a_character_is_none() -> None:
    body = rb'["x\udcffy", "\ud83d\ude00", "\\udcff", "\uD83D"]'
    assert json.loads(_whole_characters(body)) == ["x\ufffdy", "\U0001f600", r"\udcff", "\ufffd"]


def test_a_refusal_without_words_names_the_request() -> None:
    told = refused(404, " ", "GET /v1.41/containers/x/top")
    assert str(told) == "the engine answers Not Found to GET /v1.41/containers/x/top, and no more"
