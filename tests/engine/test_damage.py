"""What is damaged on the disk is named; everything else goes on, and nothing is thrown away."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import embedded
import images as recipes
import pytest
from docker import errors as docker_errors
from embedded import Engine
from layers import Made, file, image_archive, sha256, tar
from support import REPOSITORY, wait_for

IMAGE = "ipycontainers-test/busybox"
# docker-py leaves the sockets of exec_run to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def mine(isolated_mine: Engine) -> Engine:
    """No launcher has a part in this."""
    return isolated_mine


def load_broken(mine: Engine) -> Made:
    """broken:1, which is whole as yet."""
    made = Made([tar(file("file", b"content"))])
    mine.client.images.load(image_archive(made, ["broken:1"]))
    return made


def manifest_of(mine: Engine, name: str) -> str:
    index = json.loads((mine.data / "oci/index.json").read_bytes())
    key = "org.opencontainers.image.ref.name"
    entry = next(e for e in index["manifests"] if e["annotations"].get(key, "").endswith(name))
    return str(entry["digest"])


def blob(mine: Engine, digest: str) -> Path:
    return mine.data / "oci/blobs/sha256" / digest.removeprefix("sha256:")


def spoil(path: Path) -> None:
    """The same size, another content."""
    path.chmod(0o600)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("part", ["manifest", "config", "layer"])
def test_a_damaged_image_is_named_and_others_go_on(mine: Engine, part: str) -> None:
    made = load_broken(mine)
    parts = {"manifest": manifest_of(mine, "broken:1"), "config": made.id}
    digest = parts.get(part) or sha256(made.layers[0])
    mine.terminate()
    spoil(blob(mine, digest))
    mine.start()
    docker = mine.client
    with pytest.raises(docker_errors.APIError, match=f"broken:1 is damaged: .*{digest}"):
        docker.api.create_container("broken:1", ["true"])
    assert docker.containers.run(IMAGE, ["echo", "on"], remove=True) == b"on\n"
    assert f"{IMAGE}:latest" in {tag for image in docker.images.list() for tag in image.tags}
    warnings = docker.info()["Warnings"] or []
    assert part == "layer" or any("broken:1" in text and digest in text for text in warnings)
    docker.images.prune()
    assert docker.containers.list(all=True, ignore_removed=True) == []
    # A load heals it, and so does a removal.
    docker.images.load(image_archive(made, ["broken:1"]))
    assert docker.images.get("broken:1").id == made.id
    docker.api.create_container("broken:1", ["true"], name="healed")
    docker.api.remove_container("healed")
    docker.images.remove("broken:1")
    with pytest.raises(docker_errors.ImageNotFound):
        docker.images.get("broken:1")
    assert not blob(mine, digest).exists()


def test_a_damaged_image_can_be_removed(mine: Engine) -> None:
    load_broken(mine)
    digest = manifest_of(mine, "broken:1")
    mine.terminate()
    spoil(blob(mine, digest))
    mine.start()
    docker = mine.client
    docker.images.remove("broken:1")
    assert not any("broken" in text for text in docker.info()["Warnings"] or ())
    assert not blob(mine, digest).exists()
    assert docker.containers.run(IMAGE, ["echo", "on"], remove=True) == b"on\n"


def test_an_index_that_cannot_be_read_is_told_and_kept(mine: Engine) -> None:
    docker = mine.client
    docker.containers.run(IMAGE, ["sleep", "60"], detach=True, name="before")
    mine.terminate()
    index = mine.data / "oci/index.json"
    whole = index.read_bytes()
    index.write_bytes(whole[: len(whole) // 2])
    cut = index.read_bytes()
    blobs = sorted(path.name for path in (mine.data / "oci/blobs/sha256").iterdir())
    mine.start()
    docker = mine.client
    for asked in (docker.images.list, lambda: docker.api.tag(IMAGE, "other")):
        with pytest.raises(docker_errors.APIError, match=r"index.json is no JSON"):
            asked()
    assert any("index.json" in text for text in docker.info()["Warnings"])
    assert docker.containers.get("before").exec_run("echo on").output == b"on\n"
    mine.terminate()
    assert index.read_bytes() == cut
    assert sorted(path.name for path in (mine.data / "oci/blobs/sha256").iterdir()) == blobs
    index.write_bytes(whole)
    mine.start()
    assert mine.client.images.get(IMAGE)


RECORDS: dict[str, Callable[[Path], Any]] = {
    "cut": lambda path: path.write_bytes(path.read_bytes()[:40]),
    "empty": lambda path: path.write_bytes(b""),
    "not an object": lambda path: path.write_bytes(b"[]"),
    "of another": lambda path: path.write_text(path.read_text().replace('"id": "', '"id": "f')),
    "without a field": lambda path: path.write_text(_without(path, "config")),
    "of an unknown state": lambda path: path.write_text(
        path.read_text().replace('"status": "exited"', '"status": "dreaming"')
    ),
}


def _without(path: Path, name: str) -> str:
    plain = json.loads(path.read_bytes())
    del plain[name]
    return json.dumps(plain)


def test_a_record_that_cannot_be_read_is_kept_and_told(own: Engine) -> None:
    docker = own.client
    recipes.ensure(docker, "busybox")
    made = {}
    for name in RECORDS:
        container = docker.containers.create(IMAGE, ["sh", "-c", "echo kept >/file"])
        container.start()
        container.wait()
        made[name] = own.data / "containers" / container.id
    other = docker.containers.run(IMAGE, ["sleep", "60"], detach=True)
    own.terminate()
    whole = {name: (path / "state.json").read_bytes() for name, path in made.items()}
    for name, path in made.items():
        RECORDS[name](path / "state.json")
    own.start()
    docker = own.client
    assert [
        container.id for container in docker.containers.list(all=True, ignore_removed=True)
    ] == [other.id]
    warnings = docker.info()["Warnings"]
    for path in made.values():
        assert any(path.name in text and str(path) in text for text in warnings)
        assert path.name in own.log
    docker.containers.prune()
    docker.containers.run(IMAGE, ["true"], remove=True)
    own.terminate()
    for name, path in made.items():
        (path / "state.json").write_bytes(whole[name])
    own.start()
    docker = own.client
    for path in made.values():  # its files, and the layers below them
        tar_, _ = docker.api.get_archive(path.name, "/file")
        assert b"kept" in b"".join(tar_)
        docker.api.start(path.name)
        assert docker.api.wait(path.name)["StatusCode"] == 0
    assert not docker.info()["Warnings"] or "cannot be read" not in str(docker.info()["Warnings"])
    for container in docker.containers.list(all=True, ignore_removed=True):
        container.remove(force=True)


def test_a_record_of_an_older_and_of_a_newer_engine_are_read(mine: Engine) -> None:
    docker = mine.client
    ids = [docker.containers.run(IMAGE, ["sleep", "60"], detach=True).id for _ in range(2)]
    mine.kill9()
    older, newer = (mine.data / "containers" / one / "state.json" for one in ids)
    plain = json.loads(older.read_bytes())
    for name in ("refusal", "leaves", "restarts", "manually_stopped", "cgroup", "oom_killed"):
        plain.pop(name)
    older.write_text(json.dumps(plain))
    newer.write_text(json.dumps({**json.loads(newer.read_bytes()), "invented": {"later": 1}}))
    mine.start()
    for one in ids:
        container = mine.client.containers.get(one)
        assert container.status == "running"
        container.kill()
        assert container.wait()["StatusCode"] == 137
        container.remove()


CLOCK = """
import os, time
real = time.time
time.time = lambda: real() + float(open(os.environ["SHIFT"]).read())
"""


def test_a_clock_that_is_set_back_keeps_nobody_waiting(mine: Engine) -> None:
    engine = mine
    shift = engine.data.with_name("shift")
    shift.write_text("0")
    shift.with_name("sitecustomize.py").write_text(CLOCK)
    engine.terminate()
    engine.start(PYTHONPATH=f"{shift.parent}:{REPOSITORY}", SHIFT=str(shift))
    docker = engine.client
    script = "trap 'echo heard' TERM; echo up; while :; do sleep 0.1; done"
    made = docker.containers.run(IMAGE, ["sh", "-c", script], detach=True)
    assert wait_for(made.logs)
    with ThreadPoolExecutor(1) as pool:
        stopping = pool.submit(made.stop, timeout=2)
        assert wait_for(lambda: made.logs() == b"up\nheard\n")
        later = shift.with_name("later")
        later.write_text("-3600")
        later.replace(shift)
        docker.containers.create(IMAGE, ["true"]).remove()  # an event, which who waits looks at
        stopping.result(timeout=60)
    assert made.wait()["StatusCode"] == 137
    assert docker.info()["SystemTime"] < time.strftime("%Y-%m-%dT%H:%M", time.gmtime())
    made.start()
    made.reload()
    assert made.status == "running"
    assert made.exec_run("echo on").output == b"on\n"
    made.remove(force=True)


def test_times_that_are_yet_to_come_change_nothing(mine: Engine) -> None:
    """As after a clock was set back."""
    docker = mine.client
    container = docker.containers.run(IMAGE, ["sh", "-c", "echo out; sleep 60"], detach=True)
    assert wait_for(container.logs)
    mine.kill9()
    path = mine.data / "containers" / container.id / "state.json"
    plain = json.loads(path.read_bytes())
    for name in ("created", "started"):
        plain[name] += 7 * 24 * 3600
    path.write_text(json.dumps(plain))
    embedded.give(path)
    os.utime(path, (plain["created"], plain["created"]))
    mine.start()
    docker = mine.client
    later = docker.containers.run(IMAGE, ["true"], detach=True)
    assert {one.id for one in docker.containers.list(all=True, ignore_removed=True)} == {
        container.id,
        later.id,
    }
    container = docker.containers.get(container.id)
    assert container.logs() == b"out\n"
    container.stop(timeout=1)
    assert container.wait()["StatusCode"] in (137, 143)
    container.start()
    assert container.exec_run("echo on").output == b"on\n"
    container.remove(force=True)


def test_a_network_that_cannot_be_read_is_told_kept_and_can_be_removed(mine: Engine) -> None:
    docker = mine.client
    docker.networks.create("sound", labels={"a": "1"})
    made = docker.networks.create("spoiled")
    inside = docker.containers.run(IMAGE, ["sleep", "60"], network="spoiled", detach=True)
    outside = docker.containers.run(IMAGE, ["sleep", "60"], network="sound", detach=True)
    mine.terminate()
    path = mine.data / "networks" / f"{made.id}.json"
    path.write_bytes(cut := path.read_bytes()[:40])
    mine.start()
    docker = mine.client
    warnings = docker.info()["Warnings"]
    assert any(made.id in text and "cannot be read" in text for text in warnings), warnings
    assert [it.name for it in docker.networks.list(filters={"type": "custom"})] == ["sound"]
    assert docker.networks.get("sound").attrs["Labels"] == {"a": "1"}
    assert list(docker.api.inspect_network("sound")["Containers"]) == [outside.id]
    # Who runs in it goes on, and nothing else takes its addresses or throws it away.
    assert docker.containers.get(inside.id).exec_run("echo on").output == b"on\n"
    docker.networks.prune()
    assert path.read_bytes() == cut
    docker.containers.get(inside.id).kill()
    with pytest.raises(docker_errors.NotFound, match="network"):
        docker.containers.get(inside.id).start()
    docker.api.remove_network(made.id[:12])
    assert not path.exists()
    assert not any(made.id in text for text in docker.info()["Warnings"] or ())


def test_addresses_that_cannot_be_read_are_given_anew_by_a_start(mine: Engine) -> None:
    made = mine.client.containers.run(IMAGE, ["sleep", "60"], detach=True, name="subject")
    path = mine.data / "containers" / made.id / "leases.json"
    assert json.loads(path.read_bytes())["bridge"]["address"]
    whole = path.read_text()
    wrong = whole.replace(json.loads(whole)["bridge"]["address"], "x")
    for text in ('{"bridge"', '{"bridge": 5}', "[]", wrong):
        mine.terminate()
        path.write_text(text)
        mine.start()
        docker = mine.client
        container = docker.containers.get("subject")
        assert (container.status, container.exec_run("echo on").output) == ("running", b"on\n")
        assert docker.api.inspect_network("bridge")["Containers"] == {}
        container.restart(timeout=0)
        members = docker.api.inspect_network("bridge")["Containers"]
        assert members[made.id]["IPv4Address"]
        docker.close()
