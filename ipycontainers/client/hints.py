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
SYSTEM_PATH = "/usr/sbin:/usr/local/sbin:/sbin"  # not on every user's PATH: dockerd is there
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
    if _is_installed("dockerd"):
        return _docker("start")
    if _is_installed("podman"):
        return _podman("start")
    return install("docker")


def _is_installed(program: str) -> bool:
    return bool(shutil.which(program) or shutil.which(program, path=SYSTEM_PATH))


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


def start(candidate: Candidate, verb: str = "start") -> str:
    """For a socket that is missing, or on which nobody listens: a command, and for an
    engine that was asked for by name the alternative."""
    command = _command(candidate, verb)
    if not candidate.chosen:
        return command
    if command:
        return f"{command}, or {undo(candidate.source)}"
    return f"{undo(candidate.source)}, or {verb} the engine at {path(candidate)}"


def restart(candidate: Candidate) -> str:
    """For an engine that hangs."""
    return start(candidate, "restart")


def _command(candidate: Candidate, verb: str) -> str:
    """What starts the engine that has this socket; "" for a place that none has by itself."""
    kind = _usual_kind(candidate) if candidate.chosen else candidate.source
    if not kind:
        return ""
    if kind == "ipycontainers":
        return f"ipycontainers engine {'start' if verb == 'start' else 'stop'}"
    if sys.platform in DESKTOP:
        return f"podman machine {verb}" if kind == "Podman" else f"{verb} Docker Desktop"
    if kind == "Podman":
        return _podman(verb, system=candidate.address.startswith("unix:///run/podman/"))
    if kind == "rootless Docker":
        return f"systemctl --user {verb} docker"
    if kind == "Docker Desktop":
        return f"systemctl --user {verb} docker-desktop"
    return _docker(verb) if _is_installed("dockerd") else install("docker")


def _usual_kind(candidate: Candidate) -> str:
    from .discover import usual

    real = os.path.realpath(path(candidate))
    for found in usual(os.environ):
        if candidate.address == found.address or real == os.path.realpath(path(found)):
            return found.source
    return ""


def undo(source: str) -> str:
    """How to take back the choice of an engine; ``source`` is a candidate's."""
    chosen_by = source.partition(", ")[0]
    if chosen_by.startswith("context "):
        return "docker context use default"
    if chosen_by.isupper():
        return unset(chosen_by)
    return "name no engine: no --engine, or %config ContainerMagics.engine = ''"


def unset(*names: str) -> str:
    if sys.platform == "win32":
        return f"remove the variable {' and '.join(names)}"
    return f"unset {' '.join(names)}"


def allow(candidate: Candidate) -> str:
    """For a socket that this user may not open."""
    if "podman" in candidate.address:
        return f"use this user's own Podman: {_podman('start')}"
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
        context = _context(candidate)
        if context:
            files = "host=…,ca=ca.pem,cert=cert.pem,key=key.pem"
            return f'if it wants TLS: docker context update {context} --docker "{files}"'
        return "if it wants TLS: set DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH"
    if candidate.chosen:
        return f"{undo(candidate.source)}, or name the engine's address: this is something else"
    return "what listens there is something else: check the address"


def without_tls(candidate: Candidate) -> str:
    """For certificates that were given for a place without TLS."""
    context = _context(candidate)
    if context:
        return f'docker context update {context} --docker "host={candidate.address}"'
    return unset("DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH")


def certificates(candidate: Candidate) -> str:
    """For certificates that one of the two sides does not accept."""
    context = _context(candidate)
    if context:
        return f"docker context inspect {context} names the folder of ca.pem, cert.pem and key.pem"
    return "check ca.pem, cert.pem and key.pem in DOCKER_CERT_PATH"


def over_ssh(candidate: Candidate, command: str = "docker version") -> str:
    """A command that has to work before this does, and shows why it does not."""
    host = candidate.address.partition("://")[2].partition("/")[0]
    return f"`ssh ssh://{host} {command}` must work without a question"


def _context(candidate: Candidate) -> str:
    """The name of the docker context that the address comes from, or ""."""
    return candidate.source.partition("context ")[2]


def path(candidate: Candidate) -> str:
    return candidate.address.removeprefix("unix://")


def is_visible(candidate: Candidate) -> bool:
    return os.path.lexists(path(candidate))


def _is_here(candidate: Candidate) -> bool:
    return candidate.address.startswith(("unix://", "npipe://"))


def _docker(verb: str) -> str:
    if Path("/run/systemd/system").is_dir():
        return f"sudo systemctl {verb} docker"
    return f"sudo service docker {verb}"


def _podman(verb: str, *, system: bool = False) -> str:
    if Path("/run/systemd/system").is_dir():
        scope = "sudo systemctl" if system else "systemctl --user"
        return f"{scope} {verb} podman.socket"
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
