"""One image with two manifests: pushed and pulled it has its layers compressed. As in dockerd."""

from __future__ import annotations

import json

import pytest
from embedded import Engine
from engine.sides import Side, same
from registry import Registry

ID = "sha256:ID"
LABEL = {"label": ["ipyc-side"]}


@pytest.fixture
def repository(sides: tuple[Side, Side], registry: Registry) -> str:
    """Its tag 1 was pushed, removed and pulled again; the image is ipyc-side:1 and :2, too."""
    name = f"127.0.0.1:{registry.port}/test/bb"
    for side in sides:
        side.docker.images.get("ipyc-side:1").tag(name, "1")
        auth = {"username": "", "password": ""}
        told = list(side.api.push(name, "1", stream=True, decode=True, auth_config=auth))
        side.mask(told[-1]["aux"]["Digest"], "PUSHED")
        assert len(side.ask("DELETE", f"/images/{name}:1")[1]) == 2  # its tag and its digest
        side.docker.images.pull(name, "1")
    return name


def image_id(sides: tuple[Side, Side]) -> str:
    (image,) = sides[0].docker.images.list(filters=LABEL)
    return str(image.id)


def test_it_is_one_image_under_all_its_names(sides: tuple[Side, Side], repository: str) -> None:
    tags, digests = (
        [f"{repository}:1", "ipyc-side:1", "ipyc-side:2"],
        [f"{repository}@sha256:PUSHED"],
    )
    for side in sides:
        (listed,) = side.ask("GET", "/images/json", filters=json.dumps(LABEL))[1]
        inspected = [side.ask("GET", f"/images/{name}/json")[1] for name in tags]
        for told in (listed, *inspected):
            assert (told["Id"], sorted(told["RepoTags"])) == (ID, tags)
            assert told["RepoDigests"] == digests
        measured = side.ask("GET", "/system/df")[1]["Images"]
        (own,) = (image for image in measured if image["Id"] == ID)
        assert (own["Size"], own["SharedSize"], own["Containers"]) == (1002, 0, 0)


def test_it_stays_while_it_has_a_name(
    sides: tuple[Side, Side], repository: str, own: Engine
) -> None:
    image = image_id(sides)
    status, told = same(sides, "DELETE", f"/images/{image}")
    assert (status, "image is referenced in multiple repositories" in told["message"]) == (
        409,
        True,
    )
    stored = len(list((own.data / "oci/blobs/sha256").iterdir()))
    for name in ("ipyc-side:1", "ipyc-side:2"):
        assert same(sides, "DELETE", f"/images/{name}") == (200, [{"Untagged": name}])
    # The manifest and the two plain layers go with their last name; the config stays.
    assert len(list((own.data / "oci/blobs/sha256").iterdir())) == stored - 3
    for side in sides:
        container = side.docker.containers.create(f"{repository}:1")
        assert b"d/a" in b"".join(container.export())
        container.remove()
    status, told = same(sides, "DELETE", f"/images/{image}")
    assert (status, {"Deleted": ID} in told) == (200, True)
    assert same(sides, "GET", "/images/json", filters=json.dumps(LABEL)) == (200, [])


def test_all_its_names_are_pruned_at_once(sides: tuple[Side, Side], repository: str) -> None:
    wanted = json.dumps({**LABEL, "dangling": ["false"]})
    theirs, ours = (side.ask("POST", "/images/prune", filters=wanted)[1] for side in sides)
    assert ours["SpaceReclaimed"] == theirs["SpaceReclaimed"] == 1002
    gone = [sorted(map(str, told["ImagesDeleted"])) for told in (theirs, ours)]
    assert gone[0] == gone[1]
    assert str({"Untagged": f"{repository}:1"}) in gone[1]
