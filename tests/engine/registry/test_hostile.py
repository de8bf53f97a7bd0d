"""An engine and registries that break off, lie, or send what nobody asked for."""

from __future__ import annotations

import contextlib
import fcntl
import gzip
import json
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import embedded
import pytest
import zstandard
from embedded import Engine
from engine.registry.double import INDEX, Double, Handler, Pulling, cut_after, lines
from layers import Made, file, sha256, tar
from registry import noise
from support import require, wait_for


@pytest.fixture(scope="module")
def own() -> Iterator[Engine]:
    """On one launcher: what a registry does is nothing to it."""
    with embedded.running("bubblewrap") as made:
        yield made


@pytest.fixture
def mortal() -> Iterator[Engine]:
    """One that may be killed."""
    with embedded.running("bubblewrap") as made:
        yield made


def blobs_of(engine: Engine) -> set[str]:
    return {path.name for path in (engine.data / "oci/blobs/sha256").iterdir()}


def nothing_is_there(docker: Any, name: str) -> bool:
    return name not in [tag for image in docker.images.list() for tag in image.tags]


# --- what breaks off -----------------------------------------------------------------------------


def test_what_breaks_off_goes_on_where_it_was(docker: Any, double: Double) -> None:
    made = double.add("test/x", Made([noise(400_000)]))
    digest = sha256(made.blobs[0])
    double.on(digest, cut_after(made.blobs[0], 150_000, times=2))
    status, told = lines(docker.api, f"{double.address}/test/x")
    assert (status, told[-1]["status"][:26]) == (200, "Status: Downloaded newer i")
    ranges = [one.headers.get("Range") for one in double.asked(digest)]
    assert ranges == [None, "bytes=150000-", "bytes=300000-"]
    assert "Retrying in 1 second" in [line["status"] for line in told]
    assert docker.images.get(f"{double.address}/test/x").id == made.id


def test_a_registry_without_ranges_sends_it_anew(docker: Any, double: Double) -> None:
    made = double.add("test/x", Made([noise(300_000)]))
    digest, blob = sha256(made.blobs[0]), made.blobs[0]
    cut = cut_after(blob, 100_000, times=1)

    def behave(handler: Handler) -> None:
        if len(double.asked(digest)) == 1:
            cut(handler)
        else:
            handler.send(200, blob)

    double.on(digest, behave)
    assert lines(docker.api, f"{double.address}/test/x")[1][-1]["status"].startswith("Status: Down")


def test_a_registry_that_never_gets_further_is_given_up(docker: Any, double: Double) -> None:
    made = double.add("test/x", Made([noise(300_000)]))
    digest = sha256(made.blobs[0])
    double.on(digest, cut_after(made.blobs[0], 0))
    status, told = lines(docker.api, f"{double.address}/test/x")
    assert status == 200
    assert digest in told[-1]["error"]
    assert told[-1]["errorDetail"] == {"message": told[-1]["error"]}
    assert len(double.asked(digest)) == 5
    assert nothing_is_there(docker, f"{double.address}/test/x:latest")


# --- what lies -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (lambda blob: b"X" + blob[1:], "is sha256:"),
        (lambda blob: blob + b"more", "announces"),
    ],
    ids=["digest", "length"],
)
def test_another_blob_than_was_promised(
    own: Engine, docker: Any, double: Double, sent: Callable[[bytes], bytes], said: str
) -> None:
    made = double.add("test/x", Made([noise(200_000)]))
    digest = sha256(made.blobs[0])
    double.on(digest, lambda handler: handler.send(200, sent(made.blobs[0])))
    status, told = lines(docker.api, f"{double.address}/test/x")
    assert status == 200
    assert digest in told[-1]["error"]
    assert said in told[-1]["error"]
    assert digest.removeprefix("sha256:") not in blobs_of(own)
    assert list((own.data / "oci/partial").iterdir()) == []
    assert nothing_is_there(docker, f"{double.address}/test/x:latest")


def test_more_than_was_promised_is_not_read(own: Engine, docker: Any, double: Double) -> None:
    made = double.add("test/x", Made([noise(1000)]))
    written = []

    def endless(handler: Handler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.close_connection = True
        for _ in range(2000):
            handler.wfile.write(b"x" * 100_000)
            written.append(1)

    double.on(sha256(made.blobs[0]), endless)
    assert "has more" in lines(docker.api, f"{double.address}/test/x")[1][-1]["error"]
    assert len(written) < 500
    assert list((own.data / "oci/partial").iterdir()) == []


@pytest.mark.parametrize(
    "content",
    [
        b'{"schemaVersion": 2}',
        b'{"schemaVersion": 2, "config": 1, "layers": []}',
        b'{"schemaVersion": 2, "manifests": [{"a": 1}]}',
        b'{"schemaVersion": 1, "fsLayers": []}',
    ],
    ids=["nothing", "config", "index", "schema1"],
)
def test_a_manifest_that_makes_no_sense(docker: Any, double: Double, content: bytes) -> None:
    double.add_manifest("test/x", content, "application/json", "latest")
    assert lines(docker.api, f"{double.address}/test/x")[1][-1]["error"]


def test_a_layer_that_leads_outside(own: Engine, docker: Any, double: Double) -> None:
    double.add("test/x", Made([tar(file("../../../../evil", b"x"))]))
    told = lines(docker.api, f"{double.address}/test/x")[1]
    assert "leads outside" in told[-1]["error"]
    assert not list(own.data.parent.rglob("evil"))
    assert nothing_is_there(docker, f"{double.address}/test/x:latest")


# --- indexes and kinds of layers -----------------------------------------------------------------


def entry(double: Double, platform: str) -> dict[str, Any]:
    """The description of an image for that platform, which the double has."""
    system, architecture, variant = (*platform.split("/"), "")[:3]
    config = {"os": system, "architecture": architecture, "variant": variant}
    made = double.add(
        "test/index", Made([tar(file("a", platform.encode()))], config=config), "none"
    )
    described = {key: value for key, value in config.items() if value}
    digest = sha256(made.manifest_blob)
    size = len(made.manifest_blob)
    return {"mediaType": "m", "digest": digest, "size": size, "platform": described}


def test_an_index_means_the_image_for_this_platform(docker: Any, double: Double) -> None:
    """R30"""
    offered = [entry(double, one) for one in ("unknown/unknown", "linux/arm64/v8", "linux/amd64")]
    index = json.dumps({"schemaVersion": 2, "manifests": offered}).encode()
    digest = double.add_manifest("test/index", index, INDEX, "latest")
    name = f"{double.address}/test/index"
    for platform, expected in (("amd64", "amd64"), ("arm64", "arm64"), ("linux/arm64", "arm64")):
        assert "error" not in lines(docker.api, name, platform=platform)[1][-1]
        image = docker.images.get(name)
        assert image.attrs["Architecture"] == expected
        assert f"{name}@{digest}" in image.attrs["RepoDigests"]
    told = lines(docker.api, name, platform="linux/s390x")[1]
    assert told[-1]["error"] == (
        "no matching manifest for linux/s390x in the manifest list entries: "
        "there is linux/arm64/v8, linux/amd64; try --platform linux/arm64/v8"
    )
    assert not double.asked(offered[0]["digest"])  # the attestation


def test_every_kind_of_layer(docker: Any, double: Double) -> None:
    contents = [tar(file(name, name.encode() * 5000)) for name in ("plain", "zstd", "members")]
    half = len(contents[2]) // 2
    packed = [
        contents[0],
        zstandard.ZstdCompressor().compress(contents[1]),
        gzip.compress(contents[2][:half]) + gzip.compress(contents[2][half:]),
    ]
    made = Made(contents)
    document = json.loads(made.manifest_blob)
    kinds = ("tar", "tar+zstd", "tar+gzip")
    document["layers"] = [
        made.descriptor(blob, f"layer.v1.{kind}") for blob, kind in zip(packed, kinds, strict=True)
    ]
    double.blobs |= {sha256(blob): blob for blob in (*packed, made.config_blob)}
    double.add_manifest("test/kinds", json.dumps(document).encode(), "", "latest")
    told = lines(docker.api, f"{double.address}/test/kinds")[1]
    assert told[-1]["status"].startswith("Status: Downloaded")
    container = docker.containers.create(f"{double.address}/test/kinds", ["x"])
    for name in ("plain", "zstd", "members"):
        pieces, _ = container.get_archive(f"/{name}")
        assert name.encode() * 5000 in b"".join(pieces)


# --- sharing, and at most three ------------------------------------------------------------------


class Gate:
    """Holds up requests for blobs until it is opened, and counts those that wait."""

    def __init__(self, double: Double, path: str = "/blobs/") -> None:
        self.is_open = threading.Event()
        self.waiting = 0
        self.most = 0
        self._lock = threading.Lock()

        def behave(handler: Handler) -> None:
            with self._lock:
                self.waiting += 1
                self.most = max(self.most, self.waiting)
            self.is_open.wait(30)
            with self._lock:
                self.waiting -= 1
            double.serve(handler)

        double.on(path, behave)


def test_pulls_share_what_is_under_way_and_three_layers_go_at_once(
    docker: Any, double: Double
) -> None:
    shared = [noise(3000 + number) for number in range(4)]
    first = double.add("test/one", Made([*shared, noise(10)]))
    second = double.add("test/two", Made([*shared, noise(20)]))
    gate = Gate(double)
    for made in (first, second):  # the configs are no layers
        double.on(sha256(made.config_blob), double.serve)
    names = [f"{double.address}/test/{name}" for name in ("one", "two", "one")]
    with ThreadPoolExecutor() as pool:
        pulls = [pool.submit(lines, docker.api, name) for name in names]
        assert wait_for(lambda: gate.waiting == 3)
        gate.is_open.set()
        told = [pull.result(60) for pull in pulls]
    assert [answer[-1].get("error") for _, answer in told] == [None] * 3
    assert gate.most == 3
    for layer in shared:
        assert len(double.asked(sha256(layer))) == 1
    for _, answer in told:  # each heard of each
        done = {line["id"] for line in answer if line.get("status") == "Pull complete"}
        assert {sha256(layer)[7:19] for layer in shared} <= done


def test_who_leaves_cancels_only_what_nobody_else_waits_for(docker: Any, double: Double) -> None:
    made = double.add("test/x", Made([noise(3000)]))
    gate = Gate(double, sha256(made.blobs[0]))
    name = f"{double.address}/test/x"
    leaving = Pulling(docker.api, f"{name}:latest")
    next(leaving.lines)
    with ThreadPoolExecutor() as pool:
        staying = pool.submit(lines, docker.api, name)
        assert wait_for(lambda: len(double.asked("/manifests/")) == 2)
        leaving.close()
        gate.is_open.set()
        assert staying.result(60)[1][-1]["status"].startswith("Status: ")
    assert len(double.asked(sha256(made.blobs[0]))) <= 2


# --- the end in the middle -----------------------------------------------------------------------


def slowly(blob: bytes, sent: threading.Event, go: threading.Event, count: int) -> Any:
    """That many bytes, and the rest when it may ``go``; with ranges after that."""

    def behave(handler: Handler) -> None:
        if sent.is_set():
            handler.double.send_blob(handler, blob)
            return
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(blob)))
        handler.end_headers()
        handler.wfile.write(blob[:count])
        handler.wfile.flush()
        sent.set()
        go.wait(30)
        handler.cut()

    return behave


@contextlib.contextmanager
def half_way(engine: Engine, double: Double) -> Iterator[tuple[str, Made, Any]]:
    """A pull that has one layer and a part of the other."""
    made = double.add("test/x", Made([noise(1000), noise(3_000_000)]))
    small, large = (sha256(blob) for blob in made.blobs)
    sent, go = threading.Event(), threading.Event()
    double.on(large, slowly(made.blobs[1], sent, go, 2_000_000))
    name = f"{double.address}/test/x"
    stream = Pulling(engine.client.api, f"{name}:latest")
    for line in stream.lines:
        if line.get("status") == "Pull complete":
            break
    partial = engine.data / "oci/partial" / large[7:]
    assert wait_for(lambda: partial.exists() and partial.stat().st_size >= 1_900_000)
    try:
        yield name, made, stream
    finally:
        go.set()
        stream.close()
    assert len(double.asked(small)) == 1  # what was whole was not fetched again


def goes_on(engine: Engine, double: Double, name: str, made: Made) -> None:
    assert nothing_is_there(engine.client, f"{name}:latest")
    assert engine.client.images.pull(name, tag="latest").id == made.id
    last = double.asked(sha256(made.blobs[1]))[-1]
    assert int(last.headers["Range"].removeprefix("bytes=").rstrip("-")) >= 1_900_000


def nobody_writes(partial: Path) -> bool:
    with partial.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def test_a_pull_that_was_cancelled_goes_on_where_it_was(mortal: Engine, double: Double) -> None:
    with half_way(mortal, double) as (name, made, stream):
        stream.close()
        partial = mortal.data / "oci/partial" / sha256(made.blobs[1])[7:]
        assert wait_for(lambda: nobody_writes(partial))
        goes_on(mortal, double, name, made)


def test_a_pull_goes_on_after_kill_9(mortal: Engine, double: Double) -> None:
    with half_way(mortal, double) as (name, made, _):
        mortal.kill9()
        mortal.start()
        goes_on(mortal, double, name, made)


def test_sigterm_in_a_pull_is_a_clean_end(mortal: Engine, double: Double) -> None:
    with half_way(mortal, double) as (name, made, _):
        assert mortal.terminate() == 0
        assert "Traceback" not in mortal.log
        assert embedded.processes_of(mortal) == []
        mortal.start()
        assert {path.name for path in (mortal.data / "layers").iterdir()} <= {"init"}
        goes_on(mortal, double, name, made)


def test_a_full_disk_is_an_error_and_loses_nothing(double: Double) -> None:
    require(os.getuid() == 0, "user", "only root can mount a small disk")
    small = double.add("test/small", Made([noise(100_000)]))
    double.add("test/large", Made([noise(200_001), noise(30_000_000)]))
    options = f"size=16m,mode=700,uid={embedded.USER},gid={embedded.USER}"
    with embedded.running(
        "bubblewrap", name="small-disk", mounted=("-t", "tmpfs", "-o", options, "tmpfs")
    ) as engine:
        docker = engine.client
        docker.images.pull(f"{double.address}/test/small", tag="latest")
        status, told = lines(docker.api, f"{double.address}/test/large")
        assert (status, "no space left on device" in told[-1]["error"].lower()) == (200, True)
        assert docker.images.get(f"{double.address}/test/small").id == small.id
        assert nothing_is_there(docker, f"{double.address}/test/large:latest")
        other = double.add("test/other", Made([noise(100_001)]))
        found = docker.images.pull(f"{double.address}/test/other", tag="latest")
        assert found.id == other.id


# --- memory --------------------------------------------------------------------------------------


def test_no_layer_is_wholly_in_memory(mortal: Engine, double: Double) -> None:
    double.add("test/warm", Made([noise(1000)]))
    large = double.add("test/large", Made([noise(40_000_000)]))
    docker = mortal.client
    docker.images.pull(f"{double.address}/test/warm", tag="latest")
    before = peak(mortal)
    assert docker.images.pull(f"{double.address}/test/large", tag="latest").id == large.id
    assert peak(mortal) - before < 20_000


def peak(engine: Engine) -> int:
    """KiB of the engine's own process."""
    assert engine.process
    text = Path(f"/proc/{engine.process.pid}/status").read_text()
    return int(text.partition("VmHWM:")[2].split()[0])
