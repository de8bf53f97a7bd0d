"""Which image of an index is for a machine."""

from __future__ import annotations

import pytest

from ipycontainers.engine.registry.platforms import choose, parse, rank
from ipycontainers.errors import Invalid, NotFound
from ipycontainers.oci import Digest, Platform

HERE = Platform("linux", "amd64")


def entry(platform: str, **more: object) -> dict[str, object]:
    system, architecture, variant = (*platform.split("/"), "")[:3]
    described = {"os": system, "architecture": architecture}
    if variant:
        described["variant"] = variant
    digest = str(Digest.of(platform.encode()))
    return {"mediaType": "m", "digest": digest, "size": 1, "platform": described, **more}


def chosen(wanted: str, *offered: str) -> str:
    found = choose({"manifests": [entry(one) for one in offered]}, parse(wanted, HERE))
    return str(found.platform)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "linux/amd64"),
        ("linux", "linux/amd64"),
        ("x86_64", "linux/amd64"),
        ("aarch64", "linux/arm64"),
        ("linux/armhf", "linux/arm"),
        ("linux/arm/v6", "linux/arm/v6"),
        ("Linux/ARM64/V8", "linux/arm64/v8"),
    ],
)
def test_what_a_platform_may_be_called(text: str, expected: str) -> None:
    assert str(parse(text, HERE)) == expected


@pytest.mark.parametrize("text", ["a/b/c/d", "linux//v8", "l inux", "linux/\n"])
def test_what_is_no_platform(text: str) -> None:
    with pytest.raises(Invalid, match="cannot parse platform specifier"):
        parse(text, HERE)


def test_the_best_of_several() -> None:
    arms = ("linux/arm/v5", "linux/arm/v7", "linux/arm/v6", "linux/arm64/v8")
    assert chosen("linux/arm", *arms) == "linux/arm/v7"
    assert chosen("linux/arm/v6", *arms) == "linux/arm/v6"
    assert chosen("linux/arm64", *arms) == "linux/arm64/v8"
    assert chosen("", "linux/386", "linux/amd64/v3", "linux/amd64") == "linux/amd64"
    assert chosen("", "linux/386", "linux/amd64/v3") == "linux/386"
    assert chosen("linux/amd64/v3", "linux/amd64", "linux/amd64/v3") == "linux/amd64/v3"
    assert rank(parse("linux/arm64", HERE), Platform("linux", "arm", "v7")) is None


def test_an_attestation_is_no_image() -> None:
    """R30"""
    marked = entry("linux/s390x", annotations={"vnd.docker.reference.type": "attestation-manifest"})
    index = {"manifests": [entry("unknown/unknown"), marked, entry("linux/amd64")]}
    with pytest.raises(NotFound) as caught:
        choose(index, Platform("linux", "s390x"))
    assert caught.value.message == (
        "no matching manifest for linux/s390x in the manifest list entries: "
        "there is linux/amd64; try --platform linux/amd64"
    )


@pytest.mark.parametrize("index", [{}, {"manifests": 1}, {"manifests": [1]}])
def test_an_index_that_is_none(index: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        choose(index, HERE)


def test_an_index_of_nothing() -> None:
    with pytest.raises(NotFound, match="it has none"):
        choose({"manifests": []}, HERE)
