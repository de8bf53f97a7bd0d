"""Images on our own engine: saved, loaded, imported, listed, removed, with both launchers."""

from __future__ import annotations

import asyncio
import io
import json
import shutil
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from docker import errors as docker_errors
from engine.sides import BUSYBOX, Side, same
from layers import Made, file, folder, image_archive, sha256, tar, tar_listing
from support import require

from ipycontainers.engine.endpoints import transfers


def saved(docker: Any, *names: str) -> bytes:
    answer = docker.api._get(docker.api._url("/images/get"), params={"names": names}, stream=True)
    answer.raise_for_status()
    return b"".join(answer.iter_content(1 << 20))


# No launcher has a part in these.
ONCE = pytest.mark.parametrize("own", ["bubblewrap"], indirect=True, scope="module")


# --- save ----------------------------------------------------------------------------------------


def test_what_is_saved_is_loaded_again(clean: Any) -> None:
    made = Made([tar(file("a", b"1")), tar(file("b", b"2"))], compress=True)
    clean.images.load(image_archive(made, ["ipyc-save:1", "ipyc-save:2", "ipyc-other:1"]))
    content = saved(clean, "ipyc-save")
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        files = {name: archive.extractfile(name).read() for name in archive.getnames()}
    (image,) = json.loads(files["manifest.json"])
    assert image["RepoTags"] == ["ipyc-save:1", "ipyc-save:2"]
    # Byte for byte: compressed layers stay as they came, and the config has its digest.
    assert [files[name] for name in image["Layers"]] == made.blobs
    assert files[image["Config"]] == made.config_blob
    clean.images.remove(made.id, force=True)
    again = clean.images.load(content)[0]
    assert again.id == made.id
    assert sorted(again.tags) == ["ipyc-save:1", "ipyc-save:2"]


def test_a_client_that_leaves_ends_the_archive_that_is_being_made() -> None:
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def pieces() -> Iterator[bytes]:
        try:
            begun.set()
            assert go_on.wait(30)
            yield b"x"
        finally:
            ended.set()

    async def leaving() -> None:
        chunks = transfers.streamed(pieces())
        asking = asyncio.ensure_future(anext(chunks))
        assert await asyncio.to_thread(begun.wait, 10)
        asking.cancel()
        asyncio.get_running_loop().call_later(0.1, go_on.set)
        with suppress(asyncio.CancelledError):
            await asking

    asyncio.run(leaving())
    assert ended.is_set()


@ONCE
def test_a_file_system_is_no_archive_of_images(clean: Any) -> None:
    files = (file(f"usr/lib/{number}", b"%d" % number * 10_000) for number in range(300))
    with pytest.raises(docker_errors.ImageLoadError, match="docker import"):
        clean.images.load(tar(*files))


@ONCE
def test_several_images_share_blobs_in_an_archive(clean: Any) -> None:
    base = tar(file("base", bytes(100_000)))
    for number in range(2):
        made = Made([base, tar(file(f"own{number}"))])
        clean.images.load(image_archive(made, [f"ipyc-share{number}:1"]))
    content = saved(clean, "ipyc-share0:1", "ipyc-share1:1")
    assert len(content) < 2 * len(base)
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        names = archive.getnames()
    assert len(names) == len(set(names))


def test_docker_and_skopeo_read_what_is_saved(clean: Any, engine: Any, tmp_path: Path) -> None:
    layers = [tar(folder("d"), file("d/a", b"1"), file("d/b")), tar(file("d/.wh.b"))]
    made = Made(layers, compress=True)
    clean.images.load(image_archive(made, ["ipyc-save:3"]))
    content = saved(clean, "ipyc-save:3")
    try:
        (image,) = engine.docker.images.load(content)
        assert (image.id, image.tags) == (made.id, ["ipyc-save:3"])
        container = engine.docker.containers.create("ipyc-save:3")
        listing = tar_listing(b"".join(container.export()))
        container.remove()
        assert listing["d/a"][4] == b"1"
        assert "d/b" not in listing
    finally:
        engine.docker.images.remove(made.id, force=True)
    program = shutil.which("skopeo")
    require(program, "skopeo", "skopeo is not installed: apt-get install skopeo")
    (tmp_path / "saved.tar").write_bytes(content)
    for kind in ("docker-archive", "oci-archive"):
        words = [program, "inspect", "--config", f"{kind}:{tmp_path}/saved.tar"]
        told = subprocess.run(words, capture_output=True, check=True)
        assert json.loads(told.stdout)["rootfs"]["diff_ids"] == [sha256(one) for one in layers]


# --- as dockerd ----------------------------------------------------------------------------------


@ONCE
def test_an_image_is_told_of_as_by_dockerd(sides: tuple[Side, Side]) -> None:
    assert same(sides, "GET", "/images/ipyc-side:1/history")[1][0]["Size"] == 2
    theirs, ours = (side.ask("GET", "/images/ipyc-side:1/json")[1] for side in sides)
    assert set(ours) == set(theirs)
    assert sorted(ours["RepoTags"]) == sorted(theirs["RepoTags"])
    for key in ("GraphDriver", "Metadata", "RepoTags"):
        del ours[key], theirs[key]
    assert ours == theirs
    assert ours["Size"] == 1002
    filters = json.dumps({"label": ["ipyc-side=1"]})
    theirs, ours = (side.ask("GET", "/images/json", filters=filters)[1] for side in sides)
    assert [{**x, "RepoTags": sorted(x["RepoTags"])} for x in ours] == [
        {**x, "RepoTags": sorted(x["RepoTags"])} for x in theirs
    ]


FILTERS: list[dict[str, list[str]]] = [
    {"reference": ["ipyc-side"]},
    {"reference": ["ipyc-side:1"]},
    {"reference": ["ipyc-s*:[2]"]},
    {"reference": ["*/ipyc-side"]},
    {"label": ["ipyc-side=1"], "dangling": ["true"]},
    {"label": ["ipyc-side=1"], "dangling": ["x"]},
    {"label": ["ipyc-side=2"]},
    {"label": ["ipyc-side"], "before": ["ipyc-side:1"]},
    {"label": ["ipyc-side"], "since": ["ipyc-side:1"]},
    {"since": ["ipyc-no-such"]},
    {"nosuch": ["1"]},
]


@ONCE
def test_filters_choose_what_dockerd_chooses(sides: tuple[Side, Side]) -> None:
    for filters in FILTERS:
        told = [side.ask("GET", "/images/json", filters=json.dumps(filters)) for side in sides]
        for _, images in told:
            for image in images if isinstance(images, list) else ():
                image["RepoTags"].sort()
        assert told[0] == told[1], filters


@ONCE
def test_names_are_given_as_by_dockerd(sides: tuple[Side, Side]) -> None:
    assert same(sides, "POST", "/images/ipyc-side:1/tag", repo="ipyc-side/x", tag="y")[0] == 201
    assert same(sides, "POST", "/images/ipyc-side:1/tag", repo="Bad", tag="y")[0] == 500
    assert same(sides, "POST", "/images/ipyc-side:1/tag")[0] == 500
    assert same(sides, "POST", "/images/ipyc-no-such/tag", repo="ipyc-side/x")[0] == 404
    assert same(sides, "DELETE", "/images/ipyc-side/x:y") == (
        200,
        [{"Untagged": "ipyc-side/x:y"}],
    )
    for path in ("json", "history", "get"):
        assert same(sides, "GET", f"/images/ipyc-no-such/{path}")[0] == 404


@ONCE
def test_an_image_in_use_is_kept_as_by_dockerd(sides: tuple[Side, Side]) -> None:
    for side in sides:
        made = side.docker.containers.create("ipyc-side:1", "x")
        side.mask(made.id, "CONTAINER")
    image = sides[0].docker.images.get("ipyc-side:1").id
    assert same(sides, "DELETE", f"/images/{image}")[0] == 409
    assert same(sides, "DELETE", "/images/ipyc-side:2")[0] == 200
    assert "must force" in same(sides, "DELETE", "/images/ipyc-side:1")[1]["message"]
    assert "must be forced" in same(sides, "DELETE", f"/images/{image}")[1]["message"]
    gone = same(sides, "DELETE", "/images/ipyc-side:1", force="1")
    assert [next(iter(one)) for one in gone[1]] == ["Untagged", "Deleted"]
    assert same(sides, "DELETE", "/images/ipyc-side:1")[0] == 404
    filters = json.dumps({"label": ["ipyc-side"]})
    assert same(sides, "GET", "/images/json", filters=filters) == (200, [])


def test_an_image_that_runs_only_loses_its_names(clean: Any) -> None:
    clean.images.get(BUSYBOX).tag("ipyc-run", "1")
    container = clean.containers.run("ipyc-run:1", ["sleep", "100"], detach=True)
    image = container.commit("ipyc-run", "2")
    running = clean.containers.run("ipyc-run:2", ["sleep", "100"], detach=True)
    side = Side(clean)
    assert side.ask("DELETE", "/images/ipyc-run:2", force="1")[1] == [{"Untagged": "ipyc-run:2"}]
    (shown,) = side.ask("GET", "/images/json", filters='{"dangling":["1"]}')[1]
    assert (shown["Id"], shown["RepoTags"]) == (image.id, ["<none>:<none>"])
    status, told = side.ask("DELETE", f"/images/{image.id}", force="1")
    assert status == 409
    assert told["message"] == (
        f"conflict: unable to delete {image.id[7:19]} (cannot be forced) - "
        f"image is being used by running container {running.id[:12]}"
    )
    base = clean.images.get("ipyc-run:1")
    status, told = side.ask("DELETE", f"/images/{base.id}", force="1")
    assert (status, "dependent child images" in told["message"]) == (409, True)


@ONCE
def test_an_image_that_others_were_made_of_only_loses_its_names(clean: Any) -> None:
    made = []
    for base, tag in ((BUSYBOX, "1"), ("ipyc-kept:1", "2")):
        container = clean.containers.create(base, ["true"])
        made.append(container.commit("ipyc-kept", tag).id)
        container.remove()
    side = Side(clean)
    told = side.ask("DELETE", "/images/ipyc-kept:1", force="1")[1]
    assert told == [{"Untagged": "ipyc-kept:1"}]
    told = side.ask("DELETE", "/images/ipyc-kept:2")[1]
    assert [one["Deleted"] for one in told if one.get("Deleted") in made] == made[::-1]


@ONCE
def test_pruning_tells_what_it_freed(clean: Any) -> None:
    config = {"created": "2024-05-01T10:00:00Z", "config": {"Labels": {"l": "1"}}}
    loose = Made([tar(file("loose", bytes(5000)))], config=config)
    kept = Made([tar(file("kept", bytes(3000)))])
    for made, names in ((loose, []), (kept, ["ipyc-kept:1"])):
        clean.images.load(image_archive(made, names))
    side = Side(clean)
    for unfit in ({"label": ["l=2"]}, {"label!": ["l"]}, {"until": ["2001-01-01"]}):
        told = side.ask("POST", "/images/prune", filters=json.dumps(unfit))[1]
        assert told == {"ImagesDeleted": None, "SpaceReclaimed": 0}, unfit
    status, told = side.ask("POST", "/images/prune", filters='{"label":["l"]}')
    assert status == 200
    assert told["SpaceReclaimed"] == 5000
    assert told["ImagesDeleted"][0] == {"Deleted": loose.id}
    assert clean.images.get("ipyc-kept:1").id == kept.id


@ONCE
def test_events_tell_an_images_life(clean: Any) -> None:
    made = Made([tar(file("a"))], config={"config": {"Labels": {"l": "m"}}})
    heard = clean.events(decode=True, filters={"type": "image"})
    clean.images.load(image_archive(made, ["ipyc-events:1"]))
    clean.images.get("ipyc-events:1").tag("ipyc-events", "2")
    saved(clean, "ipyc-events:1")
    clean.images.remove(made.id, force=True)
    told = [next(heard) for _ in range(6)]
    heard.close()
    assert [event["Action"] for event in told] == [
        "load",
        "tag",
        "save",
        "untag",
        "untag",
        "delete",
    ]
    assert {event["id"] for event in told[1:]} == {made.id}
    named = {"name": "ipyc-events:2", "l": "m"}
    assert told[1]["Actor"]["Attributes"] == named
    assert told[2]["Actor"]["Attributes"] == {"name": made.id, "l": "m"}
