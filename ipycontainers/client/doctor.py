"""What is there: every engine tried, the one chosen and why, and how it isolates.

No engine is started and nothing is changed; whether our own could start containers is
tried, in its data directory. What could only be seen from inside a
container is given as "not measured", and what the engine says of itself as reported.

Knows: ``/version`` and ``/info`` of Docker and Podman. Does not know: how the report
is printed (``cli`` does that).
"""

from __future__ import annotations

import platform
from collections.abc import Collection
from importlib.metadata import PackageNotFoundError, version

from ipycontainers import errors

from .connection import Connection
from .discover import Attempt, Candidate, connect, is_startable
from .translate import Json

NOT_MEASURED = "not measured (that needs a container)"
NAMESPACES = ("user", "pid", "mount", "net", "ipc", "uts", "cgroup")
PROTECTIONS = {
    "read-only": "--read-only",
    "network-none": "--network none",
    "capabilities": "--cap-drop",
}


def examine(setting: str | None = None) -> Json:
    """The report as plain data: "ok" is whether a cell could run; "error" and "hint" say
    why not and what mends it. Raises nothing of ours."""
    report: Json = {"ok": False, "error": "", "hint": "", "tried": [], "chosen": {}}
    report["versions"] = {
        "ipycontainers": installed("ipycontainers"),
        "Python": platform.python_version(),
        "docker-py": installed("docker"),
    }
    try:
        with connect(setting, start=False) as connection:
            _describe(connection, report)
    except errors.ContainerError as error:
        report.update(error=error.message, hint=error.hint)
        attempts: tuple[Attempt, ...] = getattr(error, "attempts", ())
        report["tried"] = report["tried"] or [_attempt(attempt) for attempt in attempts]
        if is_startable(attempts):
            _describe_own(attempts[-1].candidate, report)
    report["ok"] = not report["error"]
    return report


def _describe(connection: Connection, report: Json) -> None:
    report["tried"] = [_attempt(attempt) for attempt in connection.attempts]
    report["chosen"] = {
        "source": connection.candidate.source,
        "address": connection.candidate.address,
        "why": _why(connection),
    }
    told = connection.version()
    report["versions"] |= {
        "engine": f"{connection.engine_name} {told.get('Version', '?')}",
        "API": str(told.get("ApiVersion", "?")),
    }
    info, images = connection.info(), connection.list_images()
    rootless = connection.is_rootless
    report["engine"] = {
        "system": f"{info.get('OperatingSystem', '?')}, Linux {info.get('KernelVersion', '?')}",
        "storage driver": str(info.get("Driver", "?")),
        "cgroup version": f"{info.get('CgroupVersion', '1')} ({info.get('CgroupDriver', '?')})",
        "rootless": "yes" if rootless else "no",
        "images": f"{len(images)} with a name" if images else _no_images(connection),
        "your files": _files(connection),
    }
    if connection.launcher:
        report["engine"]["launcher"] = connection.launcher
        isolates = dict(info["DriverStatus"])["Isolates"].split()
        report["isolation"] = _own_isolation(isolates)
        report["isolation"]["network"] = _network(isolates, connection.network_lack)
    else:
        report["isolation"] = _isolation(info, rootless)


def _no_images(connection: Connection) -> str:
    if connection.launcher:
        return "none yet: ipycontainers image from-host bash coreutils makes one"
    return "none yet: the first cell pulls one"


def _describe_own(candidate: Candidate, report: Json) -> None:
    """What our own engine would be, which the first cell starts."""
    from ipycontainers.engine import launch, places

    try:
        places.data().mkdir(mode=0o700, parents=True, exist_ok=True)
        launcher = launch.choose(places.data())
    except OSError:
        return
    except errors.LaunchError as error:
        report.update(error=error.message, hint=error.hint)
        return
    report.update(error="", hint="")
    report["chosen"] = {
        "source": candidate.source,
        "address": candidate.address,
        "why": "no other engine is there: the first cell starts this one",
    }
    report["engine"] = {"launcher": launcher.name, "rootless": "yes"}
    untried = "not tried yet: the engine does, when it runs"
    report["isolation"] = {**_own_isolation(launcher.isolates), "network": untried}


def _network(isolates: Collection[str], lack: str) -> str:
    """What a container has that asks for none, as an engine that runs has measured it."""
    if "network" in isolates:
        return "its own, which leads out"
    return f"this machine's: {lack or 'the launcher has no others'}"


def _own_isolation(isolates: Collection[str]) -> dict[str, str]:
    """Of our own engine, whose launcher says what it has tried and found to work."""
    namespaces = [kind for kind in NAMESPACES if kind in isolates]
    kept = [option for needed, option in PROTECTIONS.items() if needed in isolates]
    return {
        "namespaces": ", ".join(namespaces) or "none: what a container sees is this machine's",
        "protections": ", ".join(kept) or "none: they are refused, unless with --unenforced",
        "seccomp": "profile default" if "seccomp" in isolates else "none",
        "limits": "none: this engine cannot set any",
    }


def _attempt(attempt: Attempt) -> dict[str, str]:
    error = attempt.error
    return {
        "source": attempt.candidate.source,
        "address": attempt.candidate.address,
        "outcome": type(error).__name__ if error else "answers",
        "message": error.message if error else "",
        "hint": error.hint if error else "",
    }


def _why(connection: Connection) -> str:
    candidate = connection.candidate
    if candidate.chosen:
        source = candidate.source.replace("setting", "--engine", 1)
        return f"named by {source}; nothing else is tried"
    if len(connection.attempts) == 1:
        return "no engine is named, and the first usual socket answers"
    return "no engine is named, and this is the first usual socket that answers"


def _files(connection: Connection) -> str:
    if connection.shares_files:
        return "shared: -v and --here mean this machine's files"
    return "not shared: -v means files of the engine's machine"


def _security(info: Json) -> dict[str, str]:
    """``["name=seccomp,profile=default", "name=selinux"]`` → by name, with the profile."""
    found = {}
    for option in info.get("SecurityOptions") or ():
        words = dict(word.partition("=")[::2] for word in str(option).split(","))
        found[words.get("name", "")] = words.get("profile", "")
    return found


def _isolation(info: Json, rootless: bool) -> dict[str, str]:
    security = _security(info)
    modules = [name for name in ("apparmor", "selinux") if name in security]
    profile = security.get("seccomp") or "yes"
    return {
        "seccomp": f"profile {profile}" if "seccomp" in security else "none: no filter is reported",
        "user namespace": _user_namespace(security, rootless),
        "AppArmor, SELinux": ", ".join(modules) or "none",
        "limits": _limits(info, rootless),
        "namespaces": f"pid, mount, network, ipc, uts: {NOT_MEASURED}",
    }


def _limits(info: Json, rootless: bool) -> str:
    if rootless and str(info.get("CgroupVersion", "1")) == "1":
        return "none: a rootless engine cannot set any on cgroup version 1"
    names = {"MemoryLimit": "memory", "CpuCfsQuota": "cpus", "PidsLimit": "pids"}
    enforced = ", ".join(name for key, name in names.items() if info.get(key)) or "none"
    missing = ", ".join(name for key, name in names.items() if not info.get(key))
    return f"{enforced}; not: {missing}" if missing else enforced


def _user_namespace(security: dict[str, str], rootless: bool) -> str:
    if rootless:
        return "yes: root in a container is the engine's user outside"
    if "userns" in security:
        return "yes: root in a container is another user outside"
    return "none: root in a container is root on the engine's machine"


def installed(package: str) -> str:
    """The version of a package here."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "from source"
