"""Pulls by a real engine from a real registry, and from one that is not what it should be."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest
from docker import errors as docker_errors
from engine.registry.double import Double, Handler, lines
from images import RECIPES
from layers import Made, file, sha256, tar
from registry import Registry, noise


def address(registry: Registry) -> str:
    return f"127.0.0.1:{registry.port}"


def texts(answer: list[dict[str, Any]]) -> list[str]:
    return [str(line.get("status", line.get("error"))) for line in answer]


# --- what users see ------------------------------------------------------------------------------


def test_a_pull_tells_what_dockerds_tells(docker: Any, registry: Registry) -> None:
    layers = [noise(2000), noise(300_000)]
    registry.push("test/told", [*layers, layers[0]])
    name = f"{address(registry)}/test/told"
    status, answer = lines(docker.api, name)
    assert status == 200
    assert answer[0] == {"status": "Pulling from test/told", "id": "latest"}
    ids = [sha256(layer)[7:19] for layer in layers]
    told = [(line.get("id"), line["status"]) for line in answer]
    for one in ids:  # the layer that is named twice is fetched once
        assert told.count((one, "Pulling fs layer")) == 1
        assert told.count((one, "Pull complete")) == 1
        downloads = [
            line for line in answer if line.get("id") == one and line["status"] == "Downloading"
        ]
        assert downloads[-1]["progressDetail"]["current"] > 2000
        assert downloads[-1]["progress"].startswith("[=====")
    assert answer[-2]["status"].startswith("Digest: sha256:")
    assert answer[-1] == {"status": f"Status: Downloaded newer image for {name}:latest"}
    assert texts(lines(docker.api, name)[1]) == [
        "Pulling from test/told",
        answer[-2]["status"],
        f"Status: Image is up to date for {name}:latest",
    ]


COUNTED = ("Downloading", "Extracting", "Waiting")  # how often depends on how fast it goes
# Of steps that follow each other at once dockerd may tell the last one only.
PASSING = ("Pulling fs layer", "Verifying Checksum", "Download complete")


def test_the_lines_are_dockerds(docker: Any, registry: Registry, dockerd: Any) -> None:
    layers = [noise(5000), noise(40_000), noise(100)]
    registry.push("test/same", layers, compress=True)
    name = f"{address(registry)}/test/same"
    asked = [
        {"name": name},
        {"name": name},
        {"name": f"{name}:no"},
        {"name": name, "platform": "linux/s390x"},
        {"name": name, "platform": "a/b/c/d"},
        {"name": f"{address(registry)}/Test/same"},
        {"name": f"{address(registry)}/test/same:latest", "tag": f"sha256:{'0' * 64}"},
    ]
    try:
        passing = []
        for query in asked:
            (ours, steps), (theirs, _) = (
                _said(client.api, **query) for client in (docker, dockerd)
            )
            assert ours == theirs, query
            passing += steps
        assert sorted(passing) == sorted(PASSING * len(layers))
    finally:
        dockerd.images.remove(name)


def _said(client: Any, name: str, **more: str) -> tuple[tuple[int, list[str]], list[str]]:
    """Status and lines without counts; those of layers, which come in any order, sorted; and
    which of ``PASSING`` were told."""
    status, answer = lines(client, name, **more)
    passing = [line["status"] for line in answer if line.get("status") in PASSING]
    kept = [line for line in answer if line.get("status") not in (*COUNTED, *PASSING)]
    texts = [json.dumps(line, sort_keys=True) for line in kept]
    ordered = sorted(texts, key=lambda text: ("progressDetail" in text and text) or "")
    return (status, ordered), passing


def test_a_pulled_image_runs_and_says_where_it_came_from(docker: Any, registry: Registry) -> None:
    _push_busybox(registry, "test/busybox")
    name = f"{address(registry)}/test/busybox"
    image = docker.images.pull(name, tag="latest")
    assert docker.containers.run(name, ["echo", "hi"], remove=True) == b"hi\n"
    (origin,) = image.attrs["RepoDigests"]
    assert origin.startswith(f"{name}@sha256:")
    assert docker.api.images(name)[0]["RepoDigests"] == [origin]
    docker.images.remove(name)
    by_digest = docker.images.pull(origin)
    assert (by_digest.id, by_digest.tags) == (image.id, [])
    assert docker.containers.run(origin, ["echo", "hi"], remove=True) == b"hi\n"
    docker.images.remove(origin)
    with pytest.raises(docker_errors.ImageNotFound):
        docker.images.get(origin)


def _push_busybox(registry: Registry, name: str) -> None:
    registry.push(name, [RECIPES["busybox"].layer().read_bytes()])


def test_all_tags(docker: Any, double: Double) -> None:
    first = double.add("test/many", Made([tar(file("a", b"1"))]), "one")
    second = double.add("test/many", Made([tar(file("a", b"2"))]), "two")
    listed = b'{"name": "test/many", "tags": ["one", "two"]}'
    double.on("/tags/list", lambda handler: handler.send(200, listed, "application/json"))
    found = docker.images.pull(f"{double.address}/test/many", all_tags=True)
    assert {image.id for image in found} == {first.id, second.id}


def test_what_is_not_there(docker: Any, registry: Registry) -> None:
    registry.push("test/there", [noise(10)])
    for name in ("test/there:no", "test/nothing:1"):
        full = f"{address(registry)}/{name}"
        status, (answer,) = lines(docker.api, full)
        expected = f"manifest for {full} not found: manifest unknown: manifest unknown"
        assert (status, answer["message"]) == (404, expected)


def test_a_registry_that_nobody_runs(docker: Any) -> None:
    status, (answer,) = lines(docker.api, "127.0.0.1:1/x")
    assert (status, answer["message"]) == (
        500,
        'Get "http://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused',
    )


def manifest_of(made: Made, **changed: Any) -> bytes:
    """Its manifest, of which the only layer is described otherwise."""
    document = json.loads(made.manifest_blob)
    document["layers"][0].update(changed)
    return json.dumps(document).encode()


@pytest.mark.parametrize("packed", [gzip.compress, bytes], ids=["gzip", "plain"])
def test_a_layer_that_the_config_knows_otherwise(
    docker: Any, double: Double, packed: Callable[[bytes], bytes]
) -> None:
    """A diff id is of the tar, and verified although the blob's own digest is right."""
    good, evil = tar(file("a", b"good")), tar(file("a", b"evil"))
    for _ in range(2):  # also where the good one is unpacked already
        made = Made([good])
        blob = packed(evil)
        double.add("test/x", made)
        double.blobs[sha256(blob)] = blob
        content = manifest_of(made, digest=sha256(blob), size=len(blob))
        double.add_manifest("test/evil", content, "", "latest")
        told = lines(docker.api, f"{double.address}/test/evil")[1]
        assert sha256(good) in told[-1]["error"]
        assert not docker.api.images(f"{double.address}/test/evil")
        docker.images.pull(f"{double.address}/test/x", tag="latest")
    docker.images.remove(f"{double.address}/test/x")


def test_what_is_up_to_date_is_not_asked_for_again(docker: Any, double: Double) -> None:
    """Docker Hub counts each manifest that is fetched."""
    double.add("test/x", Made([tar(file("a", b"1"))]))
    name = f"{double.address}/test/x"
    docker.images.pull(name, tag="latest")
    told = lines(docker.api, name)[1]
    assert told[-1]["status"] == f"Status: Image is up to date for {name}:latest"
    assert len(double.asked("/manifests/")) == 1
    newer = double.add("test/x", Made([tar(file("a", b"2"))]))
    assert docker.images.pull(name, tag="latest").id == newer.id
    double.on("/manifests/", lambda handler: _without_head(double, handler))  # R44
    assert lines(docker.api, name)[1][-1]["status"] == told[-1]["status"]


def _without_head(double: Double, handler: Handler) -> None:
    if handler.command == "HEAD":
        handler.send(405)
    else:
        double.serve(handler)


def test_an_image_of_more_layers_than_docker_takes(docker: Any, double: Double) -> None:
    double.add("test/deep", Made([tar(file("a", b"%d" % number)) for number in range(126)]))
    told = lines(docker.api, f"{double.address}/test/deep")[1]
    assert told[-1]["error"] == "max depth exceeded: the image has 126 layers"
    assert not double.asked("/blobs/")
