"""The verbs of %docker that change something, compared with the real docker command."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import embedded
import images as recipes
import pytest
from commands.acting import Configured, Ours, Story
from commands.stories import STORIES, no_layers
from docker.errors import NotFound
from engine.build.building import remove
from engine.docker_command import DEBIAN, Terminal
from registry import Registry, is_installed, noise
from support import require

from ipycontainers.client import Candidate, open_candidate
from ipycontainers.errors import EngineUnavailable

DOCKERD = "unix:///var/run/docker.sock"
TOGETHER = 5  # stories; more make no engine faster


@pytest.fixture(scope="module", params=["dockerd", "bubblewrap"])
def address(request: pytest.FixtureRequest) -> Iterator[str]:
    """Of an engine with busybox."""
    require(shutil.which(DEBIAN), "docker", f"no {DEBIAN} here")
    if request.param == "dockerd":
        yield DOCKERD
        return
    with embedded.running(request.param) as engine:
        yield f"unix://{engine.socket}"


@pytest.fixture(scope="module")
def connection(address: str) -> Iterator[Any]:
    try:
        opened = open_candidate(Candidate("test", address, True))
    except EngineUnavailable as error:
        require(False, "docker", error.message)
    with contextlib.closing(opened):
        recipes.ensure(opened.docker, "busybox")
        yield opened


@pytest.fixture(scope="module")
def terminal(
    address: str, connection: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Terminal]:
    """docker on that engine; what is built is gone at the end. logout writes settings, so that it
    has a folder for them."""
    docker = connection.docker
    before = {one["Id"] for one in docker.api.images(all=True)}
    made = Configured(address, config=str(tmp_path_factory.mktemp("docker")))
    yield made
    for container in made.ran:
        with contextlib.suppress(NotFound):
            docker.api.remove_container(container, v=True, force=True)
    remove(docker, made.told, before)


@pytest.fixture(scope="module")
def told(
    request: pytest.FixtureRequest,
    terminal: Terminal,
    connection: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, Future[None]]]:
    """The stories that are asked for, some at a time: to run a container is mostly to wait."""
    asked = (getattr(item, "callspec", None) for item in request.session.items)
    names = {one.params.get("story", "") for one in asked if one} & set(STORIES)
    with ThreadPoolExecutor(TOGETHER) as tellers:
        yield {
            name: tellers.submit(
                STORIES[name].compare, name, terminal, connection, tmp_path_factory.mktemp(name)
            )
            for name in sorted(names, key=lambda name: -len(STORIES[name].lines))
        }


@pytest.mark.launcher
@pytest.mark.parametrize("story", STORIES)
def test_it_says_and_does_what_docker_does(story: str, told: dict[str, Future[None]]) -> None:
    told[story].result()


def test_images_come_and_go(terminal: Terminal, connection: Any, tmp_path: Path) -> None:
    require(is_installed(), "docker", "no docker-registry here")
    with contextlib.closing(Registry(tmp_path)) as registry:
        name = f"127.0.0.1:{registry.port}/ipyc/act"
        registry.push("ipyc/act", [noise(1000), noise(2000)])
        story = Story(
            [
                f"pull {name}",
                f"pull {name}",
                f"pull -q {name}:latest",
                f"pull -a {name}",
                f"pull -a {name}:latest",
                f"pull {name}:nosuch",
                "pull UPPER",
                f"tag {name} {name}:other",
                f"push {name}:other",
                f"push -q {name}:other",
                f"push {name}:nosuch",
                f"push -a {name}",
                f"run --rm {name}:nosuch true",
                f"rmi -f {name} {name}:other",
                f"create --name A {name} sh",
                f"create --name B --pull always {name} sh",
                f"create --pull never {name}:other sh",
                f"create {name}:nosuch sh",
                "rm A B",
                f"tag {name} {name}:other",
                f"rmi {name} {name}:other",
            ],
            only={
                "pull -a": lambda text: text.splitlines()[-1:],
                "pull": no_layers,
                "push": no_layers,
                "rmi": lambda text: text.splitlines()[:1],
            },
        )
        story.compare("act", terminal, connection, tmp_path)


# "secret", by bcrypt, which is all that docker-registry takes.
USER = base64.b64encode(b"me:secret").decode()
USERS = "me:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n"


def test_a_login_lets_in(
    address: str, connection: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require(is_installed(), "docker", "no docker-registry here")
    folder = str(tmp_path / "config")
    monkeypatch.setenv("DOCKER_CONFIG", folder)
    with contextlib.closing(Registry(tmp_path, USERS)) as registry:
        server = f"127.0.0.1:{registry.port}"
        name = f"{server}/ipyc/act:1"
        lines = [
            f"tag IMAGE {name}",
            f"push {name}",
            f"login -u me --password-stdin {server} <",
            f"push {name}",
            f"pull {name}",
            f"logout {server}",
            f"pull {name}",
            f"rmi {name}",
        ]
        only = {"push": no_layers, "pull": no_layers, "rmi": lambda text: text.splitlines()[:1]}
        story = Story(lines, given=b"secret\n", only=only)
        story.compare("login", Configured(address, config=folder), connection, tmp_path)


HELPER = """#!/bin/sh
kept="$DOCKER_CONFIG/kept"
case $1 in
    store) cat > "$kept" ;;
    get) cat "$kept" 2> /dev/null || { echo credentials not found in native keychain; exit 1; } ;;
    erase) rm -f "$kept" ;;
    list) echo '{}' ;;
esac
"""


@pytest.mark.parametrize("helper", [False, True])
def test_a_login_is_kept_as_docker_keeps_it(
    address: str,
    connection: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    helper: bool,
) -> None:
    require(is_installed(), "docker", "no docker-registry here")
    with contextlib.closing(Registry(tmp_path, USERS)) as registry:
        server = f"127.0.0.1:{registry.port}"
        ours = Ours(connection, tmp_path, {"given": b"secret\n", "wrong": b"no"})
        folders = {"theirs": tmp_path / "theirs", "ours": tmp_path / "ours"}
        monkeypatch.setenv("DOCKER_CONFIG", str(folders["ours"]))
        if helper:
            program = tmp_path / "docker-credential-mine"
            program.write_text(HELPER)
            program.chmod(0o755)
            monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
            for folder in folders.values():
                folder.mkdir()
                (folder / "config.json").write_text('{"credsStore": "mine", "other": 1}')
                (folder / "config.json").chmod(0o600)
        theirs = Configured(address, config=str(folders["theirs"]))
        login = ("login", "-u", "me", "--password-stdin")
        for words, given in (
            ((*login, server), "given"),
            ((*login, server), "wrong"),
            (("login", server), "given"),
            (("logout", f"https://{server}/v2"), "given"),
            (("logout", server), "given"),
        ):
            wanted = theirs.run(*words, stdin=ours.variables[given])
            verb = [words[0], *(["--stdin", given] if "--password-stdin" in words else [])]
            found = ours.run(*verb, *words[1:])
            error = wanted.err.replace(str(folders["theirs"]), str(folders["ours"]))
            assert (found.code, found.out, found.err) == (wanted.code, wanted.out, error), words
            kept = [(folder / "config.json").read_text() for folder in folders.values()]
            # docker drops what it does not know, and we keep it.
            assert json.loads(kept[1]).items() >= json.loads(kept[0]).items(), words
            assert "secret" not in kept[1]
            assert helper or words[0] == "logout" or USER in kept[1]
            secret = [(folder / "kept").exists() for folder in folders.values()]
            assert secret[0] == secret[1] == (helper and words[0] == "login"), words
            assert (folders["ours"] / "config.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.podman
@pytest.mark.parametrize("story", ["life", "networks"])
def test_on_podman_too(story: str, podman: str, tmp_path: Path) -> None:
    require(shutil.which(DEBIAN), "docker", f"no {DEBIAN} here")
    with open_candidate(Candidate("test", podman, True)) as connection:
        STORIES[story].compare(story, Terminal(podman), connection, tmp_path)
