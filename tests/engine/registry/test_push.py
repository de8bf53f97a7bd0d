"""Pushes by a real engine to a real registry, read again by dockerd and skopeo."""

from __future__ import annotations

import contextlib
import json
import subprocess
from pathlib import Path
from typing import Any

from engine.registry.double import Double
from layers import Made, file, image_archive, sha256, tar
from registry import Registry, noise


def loaded(docker: Any, name: str, *layers: bytes, compress: bool = False) -> Made:
    made = Made(layers or [noise(5000)], compress=compress)
    docker.images.load(image_archive(made, [name]))
    return made


def push(docker: Any, name: str, **more: Any) -> list[dict[str, Any]]:
    config = {"username": "", "password": ""}
    return list(docker.api.push(name, stream=True, decode=True, auth_config=config, **more))


def manifest(name: str) -> dict[str, Any]:
    words = ["skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{name}"]
    shown = subprocess.run(words, capture_output=True, check=True, timeout=60)
    return dict(json.loads(shown.stdout))


def test_a_push_is_told_as_dockerd_tells_it_and_dockerd_pulls_it(
    docker: Any, registry: Registry, dockerd: Any, tmp_path: Path
) -> None:
    name = f"127.0.0.1:{registry.port}/test/pushed"
    made = loaded(docker, f"{name}:1", noise(3000), noise(700_000))
    told = push(docker, name, tag="1")
    assert told[0] == {"status": f"The push refers to repository [{name}]"}
    for layer in made.layers:
        own = [line["status"] for line in told if line.get("id") == sha256(layer)[7:19]]
        assert (own[0], own[-1]) == ("Preparing", "Pushed")
    digest = told[-1]["aux"]["Digest"]
    assert told[-1]["aux"]["Tag"] == "1"
    assert told[-2]["status"] == f"1: digest: {digest} size: {told[-1]['aux']['Size']}"
    assert docker.images.get(f"{name}:1").attrs["RepoDigests"] == [f"{name}@{digest}"]
    types = {layer["mediaType"].rpartition(".")[2] for layer in manifest(f"{name}:1")["layers"]}
    assert types == {"tar+gzip"}  # plain tar was compressed on its way
    pulled = dockerd.images.pull(f"{name}@{digest}")
    try:
        assert pulled.id == made.id
        again = push(docker, name, tag="1")
        states = {line["status"] for line in again if "id" in line}
        assert states == {"Preparing", "Layer already exists"}
        assert again[-1]["aux"]["Digest"] == digest
    finally:
        dockerd.images.remove(pulled.id, force=True)
    words = ["skopeo", "copy", "--src-tls-verify=false", f"docker://{name}:1", f"dir:{tmp_path}/x"]
    subprocess.run(words, check=True, capture_output=True, timeout=60)
    assert (tmp_path / "x" / made.id.removeprefix("sha256:")).read_bytes() == made.config_blob


def test_what_was_pulled_is_pushed_unchanged_and_mounted(docker: Any, registry: Registry) -> None:
    registry.push("test/first", [noise(100), noise(200)])
    base = f"127.0.0.1:{registry.port}/test"
    image = docker.images.pull(f"{base}/first", tag="latest")
    image.tag(f"{base}/second", "latest")
    told = push(docker, f"{base}/second", tag="latest")
    states = [line["status"] for line in told if "id" in line]
    assert states == ["Preparing"] * 2 + ["Mounted from test/first"] * 2
    (origin,) = image.attrs["RepoDigests"]
    assert told[-1]["aux"]["Digest"] == origin.partition("@")[2]
    image.reload()
    assert sorted(image.attrs["RepoDigests"])[1].startswith(f"{base}/second@")


def test_all_tags_are_pushed(docker: Any, registry: Registry) -> None:
    name = f"127.0.0.1:{registry.port}/test/several"
    for tag in ("a", "b"):
        loaded(docker, f"{name}:{tag}")
    told = push(docker, name)
    assert [line["aux"]["Tag"] for line in told if "aux" in line] == ["a", "b"]


def test_compressed_layers_go_as_they_are(docker: Any, registry: Registry) -> None:
    name = f"127.0.0.1:{registry.port}/test/zipped"
    made = loaded(docker, f"{name}:1", tar(file("a", b"x" * 5000)), compress=True)
    assert "aux" in push(docker, name, tag="1")[-1]
    (layer,) = manifest(f"{name}:1")["layers"]
    assert (layer["digest"], layer["size"]) == (sha256(made.blobs[0]), len(made.blobs[0]))


def test_what_is_not_here_is_a_line(docker: Any, registry: Registry) -> None:
    name = f"127.0.0.1:{registry.port}/test/never"
    expected = f"An image does not exist locally with the tag: {name}"
    assert push(docker, name)[-1] == {"errorDetail": {"message": expected}, "error": expected}
    assert push(docker, name, tag="no")[-1]["error"] == expected
    loaded(docker, f"{name}:1")
    expected = f"tag does not exist: {name}:no"
    assert push(docker, name, tag="no")[-1]["error"] == expected


def test_a_push_without_a_word_on_who_asks_is_dockerds_400(docker: Any) -> None:
    answer = docker.api._post(docker.api._url("/images/x/push"))
    assert (answer.status_code, answer.json()["message"]) == (
        400,
        "Bad parameters and missing X-Registry-Auth: EOF",
    )


def test_an_upload_that_breaks_is_begun_again(docker: Any) -> None:
    with contextlib.closing(Double()) as double:
        name = f"{double.address}/test/x"
        made = loaded(docker, f"{name}:1", compress=True)
        stored: dict[str, int] = {}
        broken = []

        def upload(handler: Any) -> None:
            body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
            if handler.command == "POST":
                handler.send(202, Location="/v2/test/x/blobs/uploads/1?state=a")
            elif len(broken) < 2:
                broken.append(handler.path)
                handler.cut()
            else:
                stored[handler.path.rpartition("digest=")[2].replace("%3A", ":")] = len(body)
                handler.send(201)

        double.on("/blobs/uploads/", upload)
        put = []
        double.on("/manifests/", lambda handler: (put.append(handler.command), handler.send(201)))
        assert "aux" in push(docker, name, tag="1")[-1]
        assert len(broken) == 2
        expected = {sha256(blob): len(blob) for blob in (*made.blobs, made.config_blob)}
        assert (stored, put) == (expected, ["PUT"])


def test_search_is_among_the_names_that_are_here(docker: Any) -> None:
    loaded(docker, "needle/one:1")
    loaded(docker, "needle-official:1")
    found = docker.images.search("needle")
    assert [(one["name"], one["is_official"]) for one in found] == [
        ("needle-official", True),
        ("needle/one", False),
    ]
    answer = docker.api._get(
        docker.api._url("/images/search"),
        params={"term": "needle", "filters": '{"is-official":["true"]}'},
    )
    assert [one["name"] for one in answer.json()] == ["needle-official"]


def test_a_registry_tells_what_it_has(docker: Any, registry: Registry) -> None:
    registry.push("test/told", [noise(10)])
    name = f"127.0.0.1:{registry.port}/test/told"
    told = docker.api.inspect_distribution(name)
    assert told["Platforms"] == [{"architecture": "amd64", "os": "linux"}]
    image = docker.images.pull(name, tag="latest")
    assert image.attrs["RepoDigests"] == [f"{name}@{told['Descriptor']['digest']}"]
