from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from proxy import Proxy
from support import patience

from ipycontainers import errors
from ipycontainers.client import (
    Attempt,
    Candidate,
    Connection,
    Tls,
    candidates,
    connect,
    open_candidate,
)
from ipycontainers.client.discover import usual


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A home and a runtime directory with nothing in them."""
    return {"HOME": str(tmp_path / "home"), "XDG_RUNTIME_DIR": str(tmp_path / "run")}


def write_context(environ: dict[str, str], name: str, host: str, **endpoint: object) -> Path:
    folder = Path(environ["HOME"]) / ".docker"
    digest = hashlib.sha256(name.encode()).hexdigest()
    meta = folder / "contexts/meta" / digest
    meta.mkdir(parents=True)
    endpoints = {"docker": {"Host": host, "SkipTLSVerify": False, **endpoint}}
    (meta / "meta.json").write_text(json.dumps({"Name": name, "Endpoints": endpoints}))
    return folder / "contexts/tls" / digest / "docker"


def only(found: tuple[Candidate, ...]) -> Candidate:
    assert len(found) == 1
    return found[0]


# --- where ---------------------------------------------------------------------------------------


def test_importing_the_client_imports_nothing_slow() -> None:
    program = (
        "import sys, ipycontainers.client; "
        "print([m for m in ('docker', 'requests', 'urllib3', 'ssl', 'http.client') "
        "if m in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", program], text=True) == "[]\n"


def test_with_nothing_named_the_usual_sockets_come_in_order(environ: dict[str, str]) -> None:
    found = candidates(environ=environ)
    own = ["ipycontainers"] if sys.platform == "linux" else []
    assert [candidate.source for candidate in found] == [
        *("Docker", "rootless Docker", "rootless Docker", "Docker Desktop", "Podman", "Podman"),
        *own,
    ]
    assert found[0].address == "unix:///var/run/docker.sock"
    assert found[4].address == f"unix://{environ['XDG_RUNTIME_DIR']}/podman/podman.sock"
    assert not any(candidate.chosen for candidate in found)


@pytest.mark.parametrize(("platform", "first"), [("win32", "npipe:"), ("darwin", "unix:")])
def test_other_systems_have_docker_desktop_and_podman(
    environ: dict[str, str], platform: str, first: str
) -> None:
    found = usual(environ, platform)
    assert found[0].address.startswith(first)
    assert {"Docker Desktop", "Podman"} <= {candidate.source for candidate in found}


def test_the_argument_comes_before_the_variable_before_docker_host_before_the_context(
    environ: dict[str, str],
) -> None:
    write_context(environ, "far", "tcp://c:4")
    environ["DOCKER_CONTEXT"] = "far"
    by_variable = Candidate("DOCKER_CONTEXT, context far", "tcp://c:4", True)
    assert only(candidates(environ=environ)) == by_variable
    environ["DOCKER_HOST"] = "tcp://b:3"
    assert only(candidates(environ=environ)) == Candidate("DOCKER_HOST", "tcp://b:3", True)
    environ["IPYCONTAINERS_ENGINE"] = "tcp://a:2"
    variable = "IPYCONTAINERS_ENGINE"
    assert only(candidates(environ=environ)) == Candidate(variable, "tcp://a:2", True)
    assert only(candidates("tcp://z:1", environ)) == Candidate("setting", "tcp://z:1", True)
    assert only(candidates("far", environ)).source == "setting, context far"
    environ[variable] = "far"
    assert only(candidates(environ=environ)).source == f"{variable}, context far"


def test_the_current_context_is_read_from_the_docker_commands_config(
    environ: dict[str, str],
) -> None:
    write_context(environ, "far", "ssh://me@host")
    config = Path(environ["HOME"]) / ".docker/config.json"
    config.write_text('{"currentContext": "far"}')
    assert only(candidates(environ=environ)) == Candidate("context far", "ssh://me@host", True)
    environ["DOCKER_CONTEXT"] = "default"
    assert candidates(environ=environ)[0].source == "Docker"


def test_docker_config_names_another_folder(environ: dict[str, str], tmp_path: Path) -> None:
    write_context(environ, "far", "tcp://c:4")
    (Path(environ["HOME"]) / ".docker").rename(tmp_path / "elsewhere")
    moved = {"DOCKER_CONFIG": str(tmp_path / "elsewhere"), "DOCKER_CONTEXT": "far"}
    assert only(candidates(environ=environ | moved)).address == "tcp://c:4"


def test_a_context_that_does_not_exist_is_an_error(environ: dict[str, str]) -> None:
    environ["DOCKER_CONTEXT"] = "gone"
    with pytest.raises(errors.NoEngine, match="no docker context named gone") as caught:
        candidates(environ=environ)
    assert caught.value.message == "DOCKER_CONTEXT=gone: there is no docker context named gone"
    assert caught.value.hint == "unset DOCKER_CONTEXT; `docker context ls` lists them"
    environ["IPYCONTAINERS_ENGINE"] = "gone"
    with pytest.raises(errors.NoEngine, match=r"^IPYCONTAINERS_ENGINE=gone: there is no") as caught:
        candidates(environ=environ)
    assert caught.value.hint.startswith("unset IPYCONTAINERS_ENGINE; ")
    with pytest.raises(errors.NoEngine, match=r"^there is no docker context") as caught:
        candidates("gone", environ)
    assert caught.value.hint.startswith("name no engine: no --engine")


def test_a_context_of_dockers_config_that_was_removed(environ: dict[str, str]) -> None:
    write_context(environ, "far", "tcp://c:4")
    (Path(environ["HOME"]) / ".docker/config.json").write_text('{"currentContext": "gone"}')
    with pytest.raises(errors.NoEngine) as caught:
        candidates(environ=environ)
    assert caught.value.hint.startswith("docker context use default; ")


def test_an_address_that_is_none_is_told_with_where_it_came_from(environ: dict[str, str]) -> None:
    for variable, value in (
        ("DOCKER_HOST", "foo"),
        ("DOCKER_HOST", "tcp://a:port"),
        ("IPYCONTAINERS_ENGINE", "ftp://a"),
    ):
        with pytest.raises(errors.Invalid, match=f"^{variable}: {value} ") as caught:
            candidates(environ=environ | {variable: value})
        assert caught.value.hint.startswith(f"unset {variable}, or give an address, for example ")
    write_context(environ, "odd", "foo")
    with pytest.raises(errors.Invalid, match=r"^DOCKER_CONTEXT, context odd: foo is no") as caught:
        candidates(environ=environ | {"DOCKER_CONTEXT": "odd"})
    assert caught.value.hint.startswith("unset DOCKER_CONTEXT, ")


def test_a_config_that_is_no_json_names_no_context(environ: dict[str, str]) -> None:
    folder = Path(environ["HOME"]) / ".docker"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{")
    assert candidates(environ=environ)[0].source == "Docker"


def test_a_context_brings_its_certificates(environ: dict[str, str]) -> None:
    folder = write_context(environ, "far", "tcp://c:2376")
    folder.mkdir(parents=True)
    for part in ("ca", "cert", "key"):
        (folder / f"{part}.pem").touch()
    names = [str(folder / f"{part}.pem") for part in ("ca", "cert", "key")]
    assert only(candidates("far", environ)).tls == Tls(*names, verify=True)


def test_a_context_may_skip_verifying(environ: dict[str, str]) -> None:
    write_context(environ, "far", "tcp://c:2376", SkipTLSVerify=True)
    assert only(candidates("far", environ)).tls == Tls(verify=False)


def test_docker_host_takes_its_certificates_from_the_environment(environ: dict[str, str]) -> None:
    environ |= {"DOCKER_HOST": "tcp://a:2376", "DOCKER_CERT_PATH": "/certs"}
    names = ("/certs/ca.pem", "/certs/cert.pem", "/certs/key.pem")
    assert only(candidates(environ=environ)).tls == Tls(*names, verify=False)
    environ["DOCKER_TLS_VERIFY"] = "1"
    assert only(candidates(environ=environ)).tls == Tls(*names, verify=True)
    environ["DOCKER_HOST"] = "unix:///a.sock"
    assert only(candidates(environ=environ)).tls is None


def test_a_setting_may_be_a_path_or_name_the_kind_of_engine(environ: dict[str, str]) -> None:
    assert only(candidates("/a/b.sock", environ)).address == "unix:///a/b.sock"
    assert {found.source for found in candidates("podman", environ)} == {"Podman"}
    docker = {found.source for found in candidates("docker", environ)}
    assert docker == {"Docker", "rootless Docker", "Docker Desktop"}


@pytest.mark.parametrize(
    "address", ["ftp://a", "tcp://a", "tcp://:2375", "tcp://a:port", "ssh://", "ssh://me:pw@host"]
)
def test_what_is_no_address_is_invalid(environ: dict[str, str], address: str) -> None:
    with pytest.raises(errors.Invalid) as caught:
        candidates(address, environ)
    assert "pw" not in caught.value.message


def test_a_candidate_survives_json() -> None:
    for tls in (None, Tls("ca", None, None, False)):
        candidate = Candidate("Docker", "unix:///x", False, tls)
        assert Candidate.from_json(json.loads(json.dumps(candidate.to_json()))) == candidate


# --- four different errors -----------------------------------------------------------------------


def failure(address: str) -> errors.EngineUnavailable:
    with pytest.raises(errors.EngineUnavailable) as caught:
        connect(address)
    assert "\n" not in caught.value.message
    assert len(caught.value.hint.splitlines()) == 1
    (attempt,) = caught.value.attempts
    assert isinstance(attempt, Attempt)
    assert attempt.error is caught.value
    return caught.value


def test_no_socket(tmp_path: Path) -> None:
    error = failure(f"unix://{tmp_path}/none.sock")
    assert type(error) is errors.NoEngine
    place = f"{tmp_path}/none.sock"
    assert error.message == f"there is no socket at {place}: no engine was started there"
    assert error.hint.endswith(f", or start the engine at {place}")


def test_a_socket_on_which_nobody_listens(tmp_path: Path) -> None:
    path = tmp_path / "dead.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    error = failure(f"unix://{path}")
    assert type(error) is errors.NoEngine
    assert error.message == (
        f"nobody listens on unix://{path}: the engine that made this socket has ended"
    )


def test_a_port_on_which_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    error = failure(f"tcp://127.0.0.1:{port}")
    assert type(error) is errors.NoEngine
    assert error.message == f"nobody listens on tcp://127.0.0.1:{port}: no engine runs there"


def test_a_host_that_does_not_exist() -> None:
    assert type(failure("tcp://nowhere.invalid:2375")) is errors.NoEngine


def test_silence_is_reported_within_some_seconds(socket_engine: Callable[..., str]) -> None:
    address = socket_engine(None)
    start = time.monotonic()
    assert type(failure(address)) is errors.EngineSilent
    assert 2.5 < time.monotonic() - start < 4 * patience()


def test_an_engine_that_answers_and_is_slow_to_tell_its_version(engine: Connection) -> None:
    """As Podman is: it asks other programs, and a ping at once."""
    path = engine.candidate.address.removeprefix("unix://")
    slow = Proxy(socket.AF_UNIX, path, held=b"GET /version", seconds=4)
    with (
        contextlib.closing(slow),
        open_candidate(Candidate("test", slow.address, True)) as opened,
    ):
        assert opened.version()["ApiVersion"] == engine.version()["ApiVersion"]


def test_something_that_is_no_engine(
    socket_engine: Callable[..., str], http_answer: Callable[..., bytes]
) -> None:
    for number, answer in enumerate(
        (
            b"SSH-2.0-OpenSSH_9.2\r\n",
            http_answer("<html>"),
            http_answer("[]"),
            http_answer("no", "404 Not Found"),
        )
    ):
        error = failure(socket_engine(answer, f"{number}.sock"))
        assert type(error) is errors.EngineSilent
        assert "not as a container engine" in error.message


def test_an_api_that_is_too_old(
    socket_engine: Callable[..., str], http_answer: Callable[..., bytes]
) -> None:
    answer = http_answer('{"ApiVersion": "1.23", "Version": "1.11.2"}')
    error = failure(socket_engine(answer))
    assert type(error) is errors.EngineTooOld
    assert "1.23" in error.message
    assert "1.24" in error.message


def test_permission_denied_is_not_masked_by_the_sockets_that_do_not_exist(
    as_user: Callable[..., list[str]], engine: object, tmp_path: Path
) -> None:
    program = (
        "from ipycontainers.client import connect\n"
        "try: connect(start=False)\n"
        "except Exception as e: print(type(e).__name__, e.message, e.hint, "
        "len(e.attempts), sep='|')"
    )
    environ = {**os.environ, "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
    del environ["DOCKER_CONFIG"]
    said = subprocess.check_output(
        as_user(sys.executable, "-c", program),
        text=True,
        env=environ,
        cwd=Path(__file__).parents[2],
    )
    name, message, hint, attempts = said.strip().split("|")
    assert name == "EngineForbidden"
    assert message == "permission denied on /var/run/docker.sock"
    assert hint == "sudo usermod -aG docker $USER, then log in again"
    assert attempts == "7"


def test_a_named_engine_that_fails_is_never_replaced_by_another(
    engine: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    with pytest.raises(errors.NoEngine):
        connect()
    monkeypatch.delenv("DOCKER_HOST")
    environ = {"HOME": str(tmp_path)}
    write_context(environ, "far", f"unix://{tmp_path}/none.sock")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / ".docker"))
    monkeypatch.setenv("DOCKER_CONTEXT", "far")
    with pytest.raises(errors.NoEngine, match=r"none\.sock"):
        connect()


def test_an_argument_is_stronger_than_a_broken_docker_host(
    engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    with connect(engine.candidate.address) as connection:
        assert connection.version()["ApiVersion"]
        assert connection.attempts == (Attempt(connection.candidate, None),)


def test_a_user_in_the_sockets_group_connects(
    as_user: Callable[..., list[str]], engine: object, tmp_path: Path
) -> None:
    group = Path("/var/run/docker.sock").stat().st_gid
    program = "from ipycontainers.client import connect; print(connect().candidate.source)"
    words = as_user(sys.executable, "-c", program)
    words[words.index("--clear-groups")] = f"--groups={group}"
    environ = {**os.environ, "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
    del environ["DOCKER_CONFIG"]
    root = Path(__file__).parents[2]
    said = subprocess.check_output(words, text=True, env=environ, cwd=root)
    assert said == "Docker\n"
