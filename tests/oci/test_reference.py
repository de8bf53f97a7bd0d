"""Names of images: docker's own rules."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipycontainers.errors import Invalid
from ipycontainers.oci import Reference, reference

DIGEST = "sha256:" + "a" * 64


def test_its_examples() -> None:
    assert doctest.testmod(reference).failed == 0


@pytest.mark.parametrize(
    ("text", "full", "shown"),
    [
        ("busybox", "docker.io/library/busybox:latest", "busybox:latest"),
        ("busybox:1.36", "docker.io/library/busybox:1.36", "busybox:1.36"),
        ("me/tool", "docker.io/me/tool:latest", "me/tool:latest"),
        ("index.docker.io/busybox", "docker.io/library/busybox:latest", "busybox:latest"),
        ("docker.io/library/busybox", "docker.io/library/busybox:latest", "busybox:latest"),
        ("library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest"),
        ("localhost/a", "localhost/a:latest", "localhost/a:latest"),
        ("quay.io:443/a/b__c", "quay.io:443/a/b__c:latest", "quay.io:443/a/b__c:latest"),
        ("[::1]:5000/a:b", "[::1]:5000/a:b", "[::1]:5000/a:b"),
        (f"busybox@{DIGEST}", f"docker.io/library/busybox@{DIGEST}", f"busybox@{DIGEST}"),
        (f"a:1@{DIGEST}", f"docker.io/library/a:1@{DIGEST}", f"a:1@{DIGEST}"),
        ("UPPER/a", "UPPER/a:latest", "UPPER/a:latest"),
    ],
)
def test_normalised_as_docker_does(text: str, full: str, shown: str) -> None:
    parsed = Reference.parse(text)
    assert (parsed.full, str(parsed)) == (full, shown)


@pytest.mark.parametrize(
    "text",
    [
        *("", ":", "a:", "a@", "/a", "a/", "a//b", "Busybox", "a b", "a:b c", "a/../b", "-a"),
        *("a" * 256, "a@sha256:abc", "a" * 64, "a:" + "b" * 129, "a\n", "ä", "a:1:2"),
        *("docker.io/", "a___b"),
    ],
)
def test_what_docker_refuses(text: str) -> None:
    with pytest.raises(Invalid, match=r"invalid reference format|is no digest"):
        Reference.parse(text)


def test_capital_letters_are_named_as_the_reason() -> None:
    with pytest.raises(Invalid, match="must be lowercase"):
        Reference.parse("me/Tool")


PARTS = st.from_regex(r"[a-z0-9]{1,5}((\.|_|__|-{1,3})[a-z0-9]{1,5}){0,2}", fullmatch=True)
NAMES = st.builds(
    lambda domain, parts, tag: domain + "/".join(parts) + tag,
    st.sampled_from(["a/", "docker.io/", "localhost/", "quay.io/", "h:5000/"]),
    st.lists(PARTS, min_size=1, max_size=4),
    st.sampled_from(["", ":latest", ":1.0-x_y", f"@{DIGEST}", f":1@{DIGEST}"]),
)


@given(NAMES)
def test_what_is_shown_and_what_is_kept_mean_the_same(name: str) -> None:
    parsed = Reference.parse(name)
    assert Reference.parse(str(parsed)) == parsed
    assert Reference.parse(parsed.full) == parsed


@given(st.text(alphabet=st.sampled_from("abA0.:/@-_[] \n"), max_size=20) | st.text(max_size=20))
def test_any_text_is_a_name_or_invalid(text: str) -> None:
    try:
        parsed = Reference.parse(text)
    except Invalid:
        return
    assert Reference.parse(parsed.full) == parsed
    assert ".." not in parsed.path.split("/")
