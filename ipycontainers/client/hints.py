"""The one command that mends it, for this machine.

Knows: what is installed here, which system this is. Does not know: what was asked.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .discover import Candidate

DESKTOP = {
    "darwin": "brew install --cask docker (Docker Desktop), or brew install podman",
    "win32": "winget install Docker.DockerDesktop, or winget install RedHat.Podman",
}
# By ID and ID_LIKE of /etc/os-release.
DOCKER = {
    "debian": "sudo apt-get install docker.io",
    "ubuntu": "sudo apt-get install docker.io",
    "fedora": "sudo dnf install podman && systemctl --user enable --now podman.socket",
    "rhel": "sudo dnf install podman && systemctl --user enable --now podman.socket",
    "suse": "sudo zypper install docker",
    "arch": "sudo pacman -S docker",
    "alpine": "sudo apk add docker && sudo rc-service docker start",
}


def install_or_start() -> str:
    """For a machine on which no engine has a socket."""
    if sys.platform in DESKTOP:
        if shutil.which("docker"):
            return "start Docker Desktop"
        return "podman machine start" if shutil.which("podman") else DESKTOP[sys.platform]
    if shutil.which("dockerd"):
        return _start_docker()
    if shutil.which("podman"):
        return _start_podman()
    return install("docker")


def install(program: str) -> str:
    if sys.platform in DESKTOP:
        return DESKTOP[sys.platform] if program == "docker" else f"install {program}"
    families = _families()
    if program == "ssh" and {"debian", "ubuntu"} & set(families):
        return "sudo apt-get install openssh-client"
    for family in families:
        if program == "docker" and family in DOCKER:
            return DOCKER[family]
    return (
        "https://docs.docker.com/engine/install/" if program == "docker" else f"install {program}"
    )


def start(candidate: Candidate) -> str:
    """For a socket that is missing, or on which nobody listens."""
    if candidate.chosen and not _is_usual(candidate):
        return f"does the engine run there? Otherwise: {_unchoose(candidate)}"
    if sys.platform in DESKTOP:
        podman = candidate.source == "Podman"
        return "podman machine start" if podman else "start Docker Desktop"
    if candidate.source == "Podman" or "podman" in candidate.address:
        return _start_podman(candidate.address.startswith("unix:///run/podman/"))
    if candidate.source == "rootless Docker":
        return "systemctl --user start docker"
    if candidate.source == "Docker Desktop":
        return "systemctl --user start docker-desktop"
    return _start_docker() if shutil.which("dockerd") else install("docker")


def _is_usual(candidate: Candidate) -> bool:
    from .discover import usual

    return candidate.address in [found.address for found in usual(os.environ)]


def _unchoose(candidate: Candidate) -> str:
    if candidate.source == "DOCKER_HOST":
        return "unset DOCKER_HOST"
    if candidate.source.startswith("context "):
        return "docker context use default"
    return "unset IPYCONTAINERS_ENGINE, or name another engine"


def restart(candidate: Candidate) -> str:
    """For an engine that hangs."""
    if not _is_here(candidate):
        return "is it an engine, and is a firewall between?"
    return (
        start(candidate)
        .replace("start docker", "restart docker")
        .replace("enable --now", "restart")
        .replace("start Docker", "restart Docker")
    )


def allow(candidate: Candidate) -> str:
    """For a socket that this user may not open."""
    if "podman" in candidate.address:
        return f"use this user's own Podman: {_start_podman()}"
    group = _group(path(candidate))
    if group in _groups_on_paper():
        return f"this user is in the group {group} since after this session began: log in again"
    return f"sudo usermod -aG {group} $USER, then log in again"


def upgrade(candidate: Candidate) -> str:
    if _is_here(candidate) and candidate.source == "Docker" and "debian" in _families():
        return "sudo apt-get install --only-upgrade docker.io"
    return "update the engine: Docker 1.12 of 2016 or later is needed"


def other_protocol(candidate: Candidate) -> str:
    if candidate.address.startswith(("tcp://", "http://")) and not candidate.tls:
        return "if it wants TLS: set DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH"
    return "what listens there is something else: check the address"


def path(candidate: Candidate) -> str:
    return candidate.address.removeprefix("unix://")


def is_visible(candidate: Candidate) -> bool:
    return os.path.lexists(path(candidate))


def _is_here(candidate: Candidate) -> bool:
    return candidate.address.startswith(("unix://", "npipe://"))


def _start_docker() -> str:
    if Path("/run/systemd/system").is_dir():
        return "sudo systemctl start docker"
    return "sudo service docker start"


def _start_podman(system: bool = False) -> str:
    if Path("/run/systemd/system").is_dir():
        scope = "sudo systemctl" if system else "systemctl --user"
        return f"{scope} enable --now podman.socket"
    sudo = "sudo " if system else ""
    return f"{sudo}podman system service --time=0 &"


def _families() -> list[str]:
    import platform

    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return []
    return [release.get("ID", ""), *release.get("ID_LIKE", "").split()]


def _group(socket: str) -> str:
    """The group that may open it; "docker" when that is root's own or cannot be told."""
    import grp

    try:
        status = Path(socket).stat()
        return grp.getgrgid(status.st_gid).gr_name if status.st_gid else "docker"
    except (OSError, KeyError):
        return "docker"


def _groups_on_paper() -> list[str]:
    """Those that /etc/group gives this user, whether or not this process has them."""
    import grp
    import pwd

    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return []
    return [group.gr_name for group in grp.getgrall() if name in group.gr_mem]
