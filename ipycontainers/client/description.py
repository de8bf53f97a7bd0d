"""What an engine is, by its own words in the answers of ``/version`` and ``/info``.

Knows: Docker's, Podman's and our own engine's answers. Does not know: connections.
"""

from __future__ import annotations

import platform as machine
from pathlib import Path

from .translate import Json


def engine_name(version: Json) -> str:
    """ "Docker", "Podman", or what the engine calls its platform."""
    names = [str(part.get("Name")) for part in version.get("Components") or ()]
    if "Podman Engine" in names:
        return "Podman"
    platform = version.get("Platform") or {}
    return "Docker" if "Engine" in names else str(platform.get("Name") or "unknown")


def launcher(version: Json) -> str:
    """How our own engine starts containers; "" of another."""
    details = [part.get("Details") or {} for part in version.get("Components") or ()]
    return next((str(one["Launcher"]) for one in details if "Launcher" in one), "")


def network_lack(info: Json) -> str:
    """Why our own engine could give containers no network of their own; "" where it could."""
    rows = info.get("DriverStatus") or ()
    return next((str(value) for key, value in rows if key == "No own network"), "")


def is_rootless(info: Json) -> bool:
    """Whether root in a container is the user who runs the engine."""
    told = " ".join(str(one) for one in info.get("SecurityOptions") or ())
    return bool(info.get("Rootless")) or "name=rootless" in told  # Podman, Docker


def shares_files(info: Json) -> bool:
    """Whether an engine at a local socket sees this machine's files, by its name and folder."""
    if info.get("OperatingSystem") == "Docker Desktop":
        return True
    return info.get("Name") == machine.node() and Path(str(info.get("DockerRootDir"))).is_dir()
