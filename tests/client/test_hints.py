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
    assert words in hints.install_or_start()
    assert "\n" not in hints.install_or_start()


def test_without_any_program_it_is_this_systems_own_installer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "install" in hints.install_or_start()


def test_each_engine_is_started_its_own_way(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", programs(tmp_path, "dockerd"))
    assert hints.start(DOCKER).startswith("sudo ")
    assert not hints.start(PODMAN).startswith("sudo ")
    assert hints.start(Candidate("rootless Docker", "unix:///x", False)).startswith("systemctl")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("DOCKER_HOST", "unset DOCKER_HOST"),
        ("context far", "docker context use default"),
        ("setting", "unset IPYCONTAINERS_ENGINE"),
    ],
)
def test_a_choice_that_does_not_answer_can_be_undone(source: str, words: str) -> None:
    assert words in hints.start(Candidate(source, "tcp://far:2375", True))


def test_the_group_is_the_sockets_own(tmp_path: Path) -> None:
    (tmp_path / "sock").touch()
    candidate = Candidate("Docker", f"unix://{tmp_path}/sock", True)
    assert "usermod -aG" in hints.allow(candidate) or "log in again" in hints.allow(candidate)
    assert "own Podman" in hints.allow(PODMAN)
