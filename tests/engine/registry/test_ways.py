"""How an engine comes to a registry: logins, certificates, mirrors, proxies, the real command."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import embedded
import pytest
from docker import errors as docker_errors
from embedded import Engine
from engine.registry.double import Double, lines
from layers import Made, file, image_archive, tar
from registry import Registry, noise
from support import require

# "secret", by bcrypt, which is all that docker-registry takes.
USERS = "me:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n"
ME = {"username": "me", "password": "secret"}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    folder = tmp_path_factory.mktemp("guarded")
    with contextlib.closing(Registry(folder, USERS)) as made:
        yield made


class Home:
    """A user's folder, in which an engine of his runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, path: str, content: object) -> Path:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        is_text = isinstance(content, str)
        target.write_text(str(content) if is_text else json.dumps(content))
        return target

    @contextlib.contextmanager
    def engine(self, **environ: str) -> Iterator[Engine]:
        words = [f"{name}={value}" for name, value in environ.items()]
        before = ["env", f"HOME={self.folder}", *words]
        with embedded.running("bubblewrap", before=before) as made:
            yield made


@pytest.fixture
def home() -> Iterator[Home]:
    with tempfile.TemporaryDirectory() as folder:  # not tmp_path: another user reads it
        Path(folder).chmod(0o755)
        yield Home(Path(folder))


def push(docker: Any, name: str, who: dict[str, str]) -> dict[str, Any]:
    return list(docker.api.push(name, tag="1", stream=True, decode=True, auth_config=who))[-1]


# --- logins --------------------------------------------------------------------------------------


def test_a_login_is_right_or_wrong(docker: Any, guarded: Registry) -> None:
    address = f"127.0.0.1:{guarded.port}"
    body = {**ME, "serveraddress": address}
    url = docker.api._url("/auth")
    answer = docker.api._post_json(url, data=body)
    assert (answer.status_code, answer.json()) == (
        200,
        {"IdentityToken": "", "Status": "Login Succeeded"},
    )
    answer = docker.api._post_json(url, data={**body, "password": "wrong"})
    assert answer.status_code == 500
    assert answer.json()["message"] == (
        f"login attempt to http://{address}/v2/ failed with status: 401 Unauthorized"
    )
    answer = docker.api._post_json(url, data={**body, "serveraddress": "127.0.0.1:1"})
    assert (answer.status_code, "connection refused" in answer.json()["message"]) == (500, True)


def test_who_asks_is_in_the_header_or_in_dockers_file(guarded: Registry, home: Home) -> None:
    name = f"127.0.0.1:{guarded.port}/test/guarded"
    made = Made([noise(1000)])
    with home.engine() as engine:
        docker = engine.client
        docker.images.load(image_archive(made, [f"{name}:1"]))
        nobody = {"username": "", "password": ""}
        assert "no basic auth credentials" in push(docker, name, nobody)["error"]
        assert "unauthorized" in push(docker, name, {**ME, "password": "no"})["error"]
        assert push(docker, name, ME)["aux"]["Tag"] == "1"
        docker.images.remove(f"{name}:1")
        status, (answer,) = lines(docker.api, f"{name}:1")
        assert (status, "no basic auth credentials" in answer["message"]) == (500, True)
        with pytest.raises(docker_errors.APIError) as caught:
            docker.images.pull(name, tag="1", auth_config={**ME, "password": "no"})
        assert caught.value.explanation == "unauthorized: authentication required"
        assert docker.images.pull(name, tag="1", auth_config=ME).id == made.id
        docker.images.remove(f"{name}:1")
        pair = base64.b64encode(b"me:secret").decode()
        auths = {f"127.0.0.1:{guarded.port}": {"auth": pair}}
        home.write(".docker/config.json", {"auths": auths})
        assert lines(docker.api, f"{name}:1")[1][-1]["status"].startswith("Status: Downloaded")


def test_a_credential_helper(guarded: Registry, home: Home) -> None:
    helper = home.write(
        "bin/docker-credential-test",
        '#!/bin/sh\nread -r key\necho "$key" > "$(dirname "$0")/asked"\n'
        'echo \'{"Username": "me", "Secret": "secret"}\'\n',
    )
    helper.chmod(0o755)
    helper.parent.chmod(0o777)
    home.write("docker/config.json", {"credsStore": "test"})
    path = f"{helper.parent}:{os.environ['PATH']}"
    name = f"127.0.0.1:{guarded.port}/test/none"
    with home.engine(DOCKER_CONFIG=f"{home.folder}/docker", PATH=path) as engine:
        status, (answer,) = lines(engine.client.api, f"{name}:1")
        assert (status, answer["message"][:12]) == (404, "manifest for")
    assert (helper.parent / "asked").read_text() == f"127.0.0.1:{guarded.port}\n"


# --- certificates and proxies --------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Of registry.example, signed by itself; and its key."""
    folder = tmp_path_factory.mktemp("tls")
    made, key = folder / "ca.crt", folder / "key"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=registry.example", "-keyout", key),
            *("-out", made, "-addext", "subjectAltName=DNS:registry.example"),
        ],
        check=True,
        capture_output=True,
    )
    return made, key


@pytest.fixture
def tls(certificate: tuple[Path, Path]) -> Iterator[Double]:
    with contextlib.closing(Double(certificate)) as made:
        made.add("test/x", Made([tar(file("a", b"over TLS"))]))
        yield made


@pytest.mark.parametrize(
    "way", ["SSL_CERT_FILE", "certs.d", "certs.d of a port", "none", "insecure"]
)
def test_a_registry_has_to_convince(
    tls: Double, double: Double, certificate: tuple[Path, Path], home: Home, way: str
) -> None:
    """Through a proxy with a password, for nobody knows registry.example by name."""
    name = "registry.example:5443" if way == "certs.d of a port" else "registry.example"
    double.tunnels = {"registry.example:443": tls.port, "registry.example:5443": tls.port}
    environ = {"HTTPS_PROXY": f"http://me:secret@{double.address}"}
    text = certificate[0].read_text()
    if way == "SSL_CERT_FILE":
        environ[way] = str(home.write("own.pem", text))
    elif way.startswith("certs.d"):
        home.write(f".config/docker/certs.d/{name}/ca.crt", text)
    elif way == "insecure":
        home.write(".config/docker/daemon.json", {"insecure-registries": [name]})
    with home.engine(**environ) as engine:
        status, told = lines(engine.client.api, f"{name}/test/x")
        if way == "none":
            assert status == 500
            assert "certificate" in told[0]["message"]
            assert f'Get "https://{name}/v2/"' in told[0]["message"]
        else:
            assert told[-1]["status"].startswith("Status: Downloaded")
    tunnels = double.asked("registry.example", "CONNECT")
    assert tunnels
    pair = base64.b64encode(b"me:secret").decode()
    assert {one.headers["Proxy-Authorization"] for one in tunnels} == {f"Basic {pair}"}
    assert all("Proxy-Authorization" not in one.headers for one in tls.requests)


def test_a_proxy_for_http_and_what_is_to_go_past_it(double: Double, home: Home) -> None:
    double.add("test/x", Made([tar(file("a", b"by a proxy"))]))
    home.write(".config/docker/daemon.json", {"insecure-registries": ["plain.example"]})
    proxy = f"http://{double.address}"
    with home.engine(HTTP_PROXY=proxy, HTTPS_PROXY=proxy) as engine:
        told = lines(engine.client.api, "plain.example/test/x")[1]
        assert told[-1]["status"].startswith("Status: Downloaded")
    assert double.asked("http://plain.example/v2/test/x/blobs/")
    with home.engine(HTTP_PROXY=proxy, HTTPS_PROXY=proxy, NO_PROXY=".example") as engine:
        status, told = lines(engine.client.api, "plain.example/test/x")
        assert (status, "no such host" in told[0]["message"]) == (500, True)


# --- mirrors -------------------------------------------------------------------------------------


def test_docker_hubs_images_come_from_a_mirror(double: Double, home: Home) -> None:
    made = double.add("library/mirrored", Made([tar(file("a", b"by a mirror"))]))
    mirrors = ["http://127.0.0.1:1", f"http://{double.address}"]  # the first does not answer
    home.write(".config/docker/daemon.json", {"registry-mirrors": mirrors})
    with home.engine() as engine:
        docker = engine.client
        image = docker.images.pull("mirrored", tag="latest", auth_config=ME)
        assert (image.id, image.tags) == (made.id, ["mirrored:latest"])
        assert image.attrs["RepoDigests"][0].startswith("mirrored@sha256:")
        assert not any("Authorization" in one.headers for one in double.requests)
        status, told = lines(docker.api, "unmirrored")
        assert (status, "registry-1.docker.io" in told[0]["message"]) == (500, True)
        asked = len(double.requests)
        assert lines(docker.api, "quay.invalid/library/mirrored")[0] == 500
        assert len(double.requests) == asked


def test_a_mirror_is_not_told_who_we_are_elsewhere(double: Double, home: Home) -> None:
    double.on(
        "/v2/",
        lambda handler: handler.send_error_json(
            401, "UNAUTHORIZED", "login", WWW_Authenticate='Basic realm="mirror"'
        ),
    )
    mirrors = [f"http://{double.address}"]
    home.write(".config/docker/daemon.json", {"registry-mirrors": mirrors})
    pair = base64.b64encode(b"me:secret").decode()
    home.write(".docker/config.json", {"auths": {"https://index.docker.io/v1/": {"auth": pair}}})
    with home.engine() as engine, pytest.raises(docker_errors.APIError, match="registry-1"):
        engine.client.images.pull("mirrored", tag="latest", auth_config=ME)
    assert double.requests
    assert not any("Authorization" in one.headers for one in double.requests)


# --- the docker command --------------------------------------------------------------------------


def test_the_docker_command_pulls_pushes_logs_in_and_searches(
    guarded: Registry, home: Home
) -> None:
    require(shutil.which("docker"), "docker", "the docker command is not installed")
    address = f"127.0.0.1:{guarded.port}"
    name = f"{address}/test/command:1"
    made = Made([noise(1000)])
    with home.engine() as engine:
        engine.client.images.load(image_archive(made, [name]))

        def docker(*words: str, text: str = "") -> str:
            config = home.folder / "client"
            command = ["docker", "--config", config, "-H", f"unix://{engine.socket}", *words]
            done = subprocess.run(
                command, input=text, capture_output=True, text=True, check=False, timeout=60
            )
            assert done.returncode == 0, done.stderr
            return done.stdout

        assert "Login Succeeded" in docker(
            "login", "-u", "me", "--password-stdin", address, text="secret"
        )
        assert "1: digest: sha256:" in docker("push", name)
        docker("rmi", name)
        assert f"Status: Downloaded newer image for {name}" in docker("pull", name)
        assert f"{address}/test/command" in docker("search", "command")
        shown = docker("images", "--digests", "--no-trunc", address + "/test/command")
        assert made.id in shown
        assert "sha256:" in shown.replace(made.id, "")
