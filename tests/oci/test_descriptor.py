"""Digests, platforms and descriptors."""

from __future__ import annotations

import doctest

import pytest

from ipycontainers.errors import Invalid
from ipycontainers.oci import Descriptor, Digest, Platform, descriptor

HELLO = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"


def test_its_examples() -> None:
    assert doctest.testmod(descriptor).failed == 0


@pytest.mark.parametrize(
    "text",
    ["", "sha256:", "sha256:abc", HELLO.upper(), f"{HELLO}\n", f" {HELLO}", HELLO[7:], None, 7],
)
def test_what_is_no_digest(text: object) -> None:
    with pytest.raises(Invalid):
        Digest.parse(text)


def test_a_digest_that_names_a_path_is_none() -> None:
    with pytest.raises(Invalid):
        Digest.parse("sha256:../../" + "a" * 58)


def test_a_descriptor_is_read_back_as_it_was_written() -> None:
    document = {
        "mediaType": "text/plain",
        "digest": HELLO,
        "size": 5,
        "annotations": {"a": "b"},
        "platform": {"os": "linux", "architecture": "arm", "variant": "v7"},
    }
    assert Descriptor.of(document).to_json() == document


@pytest.mark.parametrize(
    "change",
    [
        *({"size": -1}, {"size": True}, {"size": "5"}, {"digest": 5}, {"mediaType": 1}),
        *({"annotations": {"a": 1}}, {"annotations": "x"}, {"platform": {"os": 1}}),
    ],
)
def test_what_is_no_descriptor(change: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        Descriptor.of({"mediaType": "", "digest": HELLO, "size": 5, **change})


def test_a_platform_is_written_as_docker_does() -> None:
    assert str(Platform("linux", "arm", "v7")) == "linux/arm/v7"
    assert Platform.here().os == "linux"
