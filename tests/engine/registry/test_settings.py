"""Where a registry is reached, by dockerd's own files and variables."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ipycontainers.engine.registry.settings import Settings
from ipycontainers.errors import Invalid


def settings(folder: Path, config: object, **environ: str) -> Settings:
    (folder / "docker").mkdir(exist_ok=True)
    text = config if isinstance(config, str) else json.dumps(config)
    (folder / "docker/daemon.json").write_text(text)
    return Settings.load({"XDG_CONFIG_HOME": str(folder), "HOME": str(folder), **environ})


def addresses(made: Settings, domain: str) -> list[str]:
    return [place.address for place in made.places(domain)]


def test_mirrors_are_of_docker_hub_and_come_first(tmp_path: Path) -> None:
    made = settings(tmp_path, {"registry-mirrors": ["https://mirror.example/", "http://m:5000"]})
    hub = "https://registry-1.docker.io"
    assert addresses(made, "docker.io") == ["https://mirror.example", "http://m:5000", hub]
    assert addresses(made, "quay.example") == ["https://quay.example"]


@pytest.mark.parametrize(
    ("domain", "is_insecure"),
    [
        ("localhost", True),
        ("localhost:5000", True),
        ("127.0.0.1:5000", True),
        ("127.9.9.9", True),
        ("[::1]:5000", True),
        ("10.1.2.3:80", True),
        ("reg.example:5000", True),
        ("other.example", True),
        ("other.example:5000", True),
        ("reg.example", False),
        ("localhost.example", False),
        ("11.0.0.1", False),
        ("docker.io", False),
    ],
)
def test_http_will_do_here_and_where_it_is_said(
    tmp_path: Path, domain: str, is_insecure: bool
) -> None:
    said = {"insecure-registries": ["10.0.0.0/8", "reg.example:5000", "other.example"]}
    assert settings(tmp_path, said).is_insecure(domain) == is_insecure


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"registry-mirrors": "x"}', '{"registry-mirrors": [1]}']
)
def test_a_broken_file_is_told(tmp_path: Path, text: str) -> None:
    with pytest.raises(Invalid):
        settings(tmp_path, text)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("reg.example", "http://proxy:1"),
        ("reg.example:5000", "http://proxy:1"),
        ("localhost:5000", None),
        ("127.0.0.1:5000", None),
        ("a.inside", None),
        ("inside", None),
        ("outinside", "http://proxy:1"),
        ("10.1.1.1:80", None),
        ("11.1.1.1", "http://proxy:1"),
        ("exact.example:77", None),
        ("exact.example:78", "http://proxy:1"),
    ],
)
@pytest.mark.parametrize("lower", [True, False])
def test_proxies(host: str, expected: str | None, lower: bool) -> None:
    environ = {"HTTPS_PROXY": "proxy:1", "NO_PROXY": ".inside, 10.0.0.0/8,exact.example:77"}
    if lower:
        environ = {name.lower(): value for name, value in environ.items()}
    made = Settings(environ=environ)
    assert made.proxy("https", host) == expected
    assert made.proxy("http", host) is None


def test_a_certificate_that_is_none_is_told(tmp_path: Path) -> None:
    made = settings(tmp_path, {})
    folder = tmp_path / "docker/certs.d/reg.example"
    folder.mkdir(parents=True)
    (place,) = made.places("reg.example")
    made.context(place)
    (folder / "ca.crt").write_text("no certificate")
    with pytest.raises(Invalid, match=r"ca\.crt"):
        made.context(place)
    with pytest.raises(Invalid, match="SSL_CERT_FILE"):
        Settings(environ={"SSL_CERT_FILE": "/nowhere"}).context(place)
