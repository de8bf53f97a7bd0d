from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ipycontainers.client import Candidate, hints

DOCKER = Candidate("Docker", "unix:///var/run/docker.sock", False)
PODMAN = Candidate("Podman", "unix:///run/user/1000/podman/podman.sock", False)


def programs(folder: Path, *names: str) -> str:
    for name in names:
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    return str(folder)


@pytest.mark.parametrize(
    ("platform", "installed", "words"),
    [
        ("darwin", (), "brew install"),
        ("darwin", ("docker",), "start Docker Desktop"),
        ("darwin", ("podman",), "podman machine start"),
        ("win32", (), "winget install Docker.DockerDesktop"),
        ("linux", ("dockerd",), "start"),
        ("linux", ("podman",), "podman"),
    ],
)
def test_what_to_do_where_no_engine_answers(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    platform: str,
    installed: tuple[str, ...],
    words: str,
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv("PATH", programs(tmp_path, *installed))
    monkeypatch.setattr(hints, "SYSTEM_PATH", "")
    assert words in hints.install_or_start()
    assert "\n" not in hints.install_or_start()


def test_without_any_program_it_is_this_systems_own_installer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(hints, "SYSTEM_PATH", "")
    assert "install" in hints.install_or_start()


def test_each_engine_is_started_its_own_way(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", programs(tmp_path, "dockerd"))
    assert hints.start(DOCKER).startswith("sudo ")
    assert not hints.start(PODMAN).startswith("sudo ")
    assert hints.start(Candidate("rootless Docker", "unix:///x", False)).startswith("systemctl")


UNDO = {
    "DOCKER_HOST": "unset DOCKER_HOST",
    "IPYCONTAINERS_ENGINE": "unset IPYCONTAINERS_ENGINE",
    "IPYCONTAINERS_ENGINE, context far": "unset IPYCONTAINERS_ENGINE",
    "DOCKER_CONTEXT, context far": "unset DOCKER_CONTEXT",
    "context far": "docker context use default",
    "context FAR": "docker context use default",
    "setting": "name no engine: no --engine, or %config ContainerMagics.engine = ''",
    "setting, context far": "name no engine: no --engine, or %config ContainerMagics.engine = ''",
}


@pytest.mark.parametrize("address", ["tcp://far:2375", "unix:///tmp/own.sock"])
@pytest.mark.parametrize(("source", "undo"), UNDO.items())
def test_a_choice_that_does_not_answer_is_undone_where_it_was_made(
    source: str, undo: str, address: str
) -> None:
    candidate = Candidate(source, address, True)
    place = address.removeprefix("unix://")
    assert hints.start(candidate) == f"{undo}, or start the engine at {place}"
    assert hints.restart(candidate) == f"{undo}, or restart the engine at {place}"


@pytest.mark.parametrize(("source", "undo"), UNDO.items())
def test_a_usual_socket_gets_its_engines_own_command_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, source: str, undo: str
) -> None:
    monkeypatch.setenv("PATH", programs(tmp_path, "dockerd"))
    for address in (DOCKER.address, "unix:///run/docker.sock"):
        docker = hints.start(Candidate(source, address, True))
        assert docker in (
            f"sudo systemctl start docker, or {undo}",
            f"sudo service docker start, or {undo}",
        )
    podman = hints.start(Candidate(source, "unix:///run/podman/podman.sock", True))
    assert podman.startswith("sudo ")
    assert podman.endswith(f", or {undo}")


@pytest.mark.parametrize("verb", ["start", "restart"])
@pytest.mark.parametrize("has_systemd", [True, False])
def test_what_was_not_chosen_gets_one_command_and_no_question(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, verb: str, has_systemd: bool
) -> None:
    monkeypatch.setenv("PATH", programs(tmp_path, "dockerd"))
    monkeypatch.setattr(Path, "is_dir", lambda _: has_systemd)
    mend = getattr(hints, verb)
    commands = [
        mend(DOCKER),
        mend(PODMAN),
        mend(Candidate("Podman", "unix:///run/podman/podman.sock", False)),
        mend(Candidate("rootless Docker", "unix:///x", False)),
        mend(Candidate("Docker Desktop", "unix:///x", False)),
    ]
    for command in commands:
        assert "?" not in command
        assert "," not in command
    if has_systemd:
        assert commands == [
            f"sudo systemctl {verb} docker",
            f"systemctl --user {verb} podman.socket",
            f"sudo systemctl {verb} podman.socket",
            f"systemctl --user {verb} docker",
            f"systemctl --user {verb} docker-desktop",
        ]


def test_a_daemon_is_found_though_users_have_no_sbin_on_their_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "none"))
    monkeypatch.setattr(hints, "SYSTEM_PATH", programs(tmp_path, "dockerd"))
    assert hints.start(DOCKER).startswith("sudo ")
    assert "docker" in hints.install_or_start()
    assert "install" not in hints.start(DOCKER) + hints.install_or_start()


def test_certificates_are_mended_where_they_come_from() -> None:
    named = Candidate("DOCKER_HOST", "tcp://far:2376", True)
    context = Candidate("setting, context far", "tcp://far:2376", True)
    for hint in (hints.without_tls, hints.certificates, hints.other_protocol):
        assert "DOCKER_" in hint(named)
        assert "DOCKER_" not in hint(context)
        assert "docker context" in hint(context)
        assert " far " in hint(context)


def test_the_group_is_the_sockets_own(tmp_path: Path) -> None:
    (tmp_path / "sock").touch()
    candidate = Candidate("Docker", f"unix://{tmp_path}/sock", True)
    assert "usermod -aG" in hints.allow(candidate) or "log in again" in hints.allow(candidate)
    assert "own Podman" in hints.allow(PODMAN)
