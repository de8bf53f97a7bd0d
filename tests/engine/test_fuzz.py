"""What strangers send to the engine: paths in a container, frames of a supervisor's stream."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import socket
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import examples

from ipycontainers.engine import wire
from ipycontainers.engine.endpoints.streams import only, unframed
from ipycontainers.errors import UnsafeLayer
from ipycontainers.oci.inside import Inside

IMAGE = "ipycontainers-test/busybox"
STAYS = [HealthCheck.function_scoped_fixture]  # which no example changes
PARTS = st.sampled_from(
    [*("..", ".", "", "d", "f", "up", "out", "loop", "self", "a\nb"), "x" * 300, "caf\udce9"]
)
PATHS = st.lists(PARTS, max_size=8).map("/".join)
FRAMES = st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=40)), max_size=6)


# --- frames --------------------------------------------------------------------------------------


def _read(shape: Any, pieces: list[bytes]) -> bytes:
    async def read() -> bytes:
        reader = asyncio.StreamReader()
        for piece in pieces:
            reader.feed_data(piece)
        reader.feed_eof()
        return b"".join([piece async for piece in shape(reader)])

    return asyncio.run(read())


@given(frames=FRAMES, cut=st.integers(1, 9))
@settings(max_examples=examples(50), deadline=None)
def test_frames_come_whole_however_they_are_cut(frames: list[tuple[int, bytes]], cut: int) -> None:
    stream = b"".join(wire.frame(number, data) for number, data in frames)
    pieces = [stream[place : place + cut] for place in range(0, len(stream), cut)]
    errors = b"".join(wire.frame(2, data) for number, data in frames if number == 2)
    assert _read(only({2}), pieces) == errors
    assert _read(unframed, pieces) == b"".join(data for _, data in frames)


@given(st.lists(st.binary(max_size=30), max_size=5))
@settings(max_examples=examples(50), deadline=None)
def test_what_is_cut_off_in_a_frame_is_left_out(pieces: list[bytes]) -> None:
    left, expected = b"".join(pieces), b""
    while len(left) >= 8 and len(left) >= (size := 8 + int.from_bytes(left[4:8], "big")):
        expected += left[:size] if left[0] in (1, 2) else b""
        left = left[size:]
    assert _read(only({1, 2}), pieces) == expected


# --- paths ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with links that want to lead out of it."""
    folder = tmp_path_factory.mktemp("host")
    (folder / "secret").mkdir()
    made = folder / "root"
    (made / "d" / "d").mkdir(parents=True)
    (made / "f").write_text("inside")
    (made / "a\nb").mkdir()
    for name, target in {
        "up": "../..",
        "out": f"{folder}/secret",
        "loop": "loop",
        "self": ".",
        "d/up": "../../../secret",
    }.items():
        (made / name).symlink_to(target)
    return made


@given(path=PATHS)
@settings(max_examples=examples(200), deadline=None, suppress_health_check=STAYS)
def test_no_path_leads_out_of_its_root(root: Path, path: str) -> None:
    before = _descriptors()
    with contextlib.closing(Inside(root)) as inside:
        for walk in (inside.parent, inside.entered):
            with contextlib.suppress(OSError, UnsafeLayer), walk(path) as (folder, *_):
                there = Path(f"/proc/self/fd/{folder}").readlink()
                assert there == root or root in there.parents
    assert _descriptors() == before


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("engine", timeout=20)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(str(self._path))


@pytest.fixture(scope="module")
def asked(own: Any) -> Iterator[tuple[_Connection, str]]:
    client = own.client
    made = client.api.create_container(IMAGE, ["true"])["Id"]
    with contextlib.closing(_Connection(own.socket)) as connection:
        yield connection, made
    client.api.remove_container(made)


QUERIES = PATHS.map(lambda path: path.encode("utf-8", "surrogateescape")) | st.binary(max_size=12)
BODIES = st.sampled_from([b"", b"junk" * 200, bytes(1024), b"\x1f\x8b\x08broken"])


@given(path=QUERIES, body=BODIES, method=st.sampled_from(["HEAD", "GET", "PUT"]))
@settings(max_examples=examples(40), deadline=None, suppress_health_check=STAYS)
def test_any_path_and_any_archive_get_an_answer(
    asked: tuple[_Connection, str], path: bytes, body: bytes, method: str
) -> None:
    """And never one that says that something in the engine was not thought of."""
    connection, name = asked
    quoted = urllib.parse.quote(b"/tmp/" + path)
    connection.request(
        method,
        f"/v1.41/containers/{name}/archive?path={quoted}",
        body=body if method == "PUT" else None,
        headers={"Content-Type": "application/x-tar"},
    )
    answer = connection.getresponse()
    text = answer.read()
    assert answer.status in (200, 400, 404), (path, text)
