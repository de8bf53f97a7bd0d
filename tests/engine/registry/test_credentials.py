"""Who we are, as clients and docker login write it."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from ipycontainers.engine.registry.credentials import HUB_KEY, Credentials, stored
from ipycontainers.errors import Invalid

ME = Credentials("me", "se:cret")
AUTH = base64.b64encode(b"me:se:cret").decode()


def keep(folder: Path, config: object) -> dict[str, str]:
    (folder / "config.json").write_text(config if isinstance(config, str) else json.dumps(config))
    return {"DOCKER_CONFIG": str(folder), "PATH": f"{folder}:/usr/bin:/bin"}


def helper(folder: Path, name: str, script: str) -> None:
    path = folder / f"docker-credential-{name}"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.mark.parametrize(
    "document",
    [
        {"username": "me", "password": "se:cret", "serveraddress": "x"},
        {"auth": AUTH},
        {"username": "me", "password": "se:cret", "auth": ""},
    ],
)
@pytest.mark.parametrize("encode", [base64.urlsafe_b64encode, base64.b64encode])
def test_what_a_client_sends(document: dict[str, str], encode: object) -> None:
    text = encode(json.dumps({**document, "email": "ÿ?>~"}).encode()).decode()  # type: ignore[operator]
    assert Credentials.of_header(text) == Credentials.of_header(text.rstrip("=")) == ME


@pytest.mark.parametrize("text", ["", "e30=", "bnVsbA"[:0]])
def test_a_client_that_sends_nothing_is_a_stranger(text: str) -> None:
    assert not Credentials.of_header(text)


@pytest.mark.parametrize("text", ["%%%", "W10", "eyJh", base64.b64encode(b"[" * 99999).decode()])
def test_a_header_that_is_none(text: str) -> None:
    with pytest.raises(Invalid, match="X-Registry-Auth"):
        Credentials.of_header(text)


def test_a_password_is_in_no_text() -> None:
    assert "cret" not in repr(ME)


@pytest.mark.parametrize("key", ["reg.example:5000", "https://reg.example:5000/v2/"])
def test_what_docker_login_kept(tmp_path: Path, key: str) -> None:
    environ = keep(tmp_path, {"auths": {"other": {}, key: {"auth": AUTH}}})
    assert stored("reg.example:5000", environ) == ME
    assert not stored("reg.example", environ)


def test_docker_hubs_own_key(tmp_path: Path) -> None:
    environ = keep(tmp_path, {"auths": {HUB_KEY: {"auth": AUTH, "identitytoken": "t"}}})
    assert stored("docker.io", environ) == Credentials("me", "se:cret", "t")


def test_home_is_looked_in_without_a_variable(tmp_path: Path) -> None:
    (tmp_path / ".docker").mkdir()
    keep(tmp_path / ".docker", {"auths": {"x": {"auth": AUTH}}})
    assert stored("x", {"HOME": str(tmp_path)}) == ME


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"auths": []}', '{"auths": {"x": {"auth": "%"}}}']
)
def test_a_broken_file_is_as_none(tmp_path: Path, text: str) -> None:
    assert not stored("x", keep(tmp_path, text))


def test_helpers_are_asked_for_their_registry(tmp_path: Path) -> None:
    environ = keep(
        tmp_path,
        {
            "credsStore": "all",
            "credHelpers": {"one.example": "one"},
            "auths": {"kept": {"auth": AUTH}},
        },
    )
    asked = 'read -r key; echo "{\\"Username\\": \\"NAME\\", \\"Secret\\": \\"of $key\\"}"'
    helper(tmp_path, "one", asked.replace("NAME", "one"))
    helper(tmp_path, "all", f'{asked.replace("NAME", "all")}; test "$key" != kept')
    assert stored("one.example", environ) == Credentials("one", "of one.example")
    assert stored("docker.io", environ) == Credentials("all", f"of {HUB_KEY}")
    assert stored("kept", environ) == ME  # its helper has none


def test_a_helper_gives_an_identity_token(tmp_path: Path) -> None:
    environ = keep(tmp_path, {"credsStore": "x"})
    helper(tmp_path, "x", 'echo "{\\"Username\\": \\"<token>\\", \\"Secret\\": \\"t\\"}"')
    assert stored("y", environ) == Credentials(identity_token="t")


@pytest.mark.parametrize("name", ["missing", "../../bin/sh", "x; touch y", ""])
def test_a_helper_that_cannot_be(tmp_path: Path, name: str) -> None:
    assert not stored("x", keep(tmp_path, {"credsStore": name}))
