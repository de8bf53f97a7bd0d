"""What the docker command itself objects to in the flags of run and create, before an engine is
asked.

Knows: its words. Does not know: where values go, requests.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ipycontainers.errors import CommandFailed

from .console import failed
from .life import wrong_value

if TYPE_CHECKING:
    from pathlib import Path

    from .call import Call

WRONG = 125  # what docker exits with
_MAC = re.compile(r"[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}")
_MODES: Mapping[str, tuple[str, re.Pattern[str]]] = {
    "pid": ("PID", re.compile(r"|host|container:.+")),
    "uts": ("UTS", re.compile(r"|host")),
    "userns": ("USER", re.compile(r"|host")),
    "cgroupns": ("CGROUP", re.compile(r"|host|private")),
}
_FORMATS = {
    "storage-opt": (re.compile(r".*=.*", re.DOTALL), "invalid storage option"),
    "security-opt": (
        re.compile(r"no-new-privileges|[^=:]+[=:].*", re.DOTALL),
        'Invalid --security-opt: "{}"',
    ),
    "mac-address": (_MAC, "{} is not a valid mac address"),
}

FOUND_LATE = frozenset({*_MODES, *_FORMATS})


def wrong(call: Call, reason: str) -> CommandFailed:
    """As docker tells what does not fit together, or is found late."""
    see = f"See 'docker {call.typed} --help'."
    return failed(f"docker: {reason.removesuffix('.')}.\n{see}", WRONG)


def wrong_flag(call: Call, name: str, text: str, error: ValueError) -> CommandFailed:
    """As docker tells a value that is none; ``error`` is what a reader of ours says of it."""
    if name == "publish":
        return wrong(call, _of_ports(text, str(error)))
    if name in ("restart", "device"):
        return wrong(call, str(error))
    say = _REASONS.get(name)
    return wrong_value(call, name, text, ValueError(say(text, str(error))) if say else error)


def check(call: Call, folder: Path) -> None:
    """What docker finds when all flags are read. Raises CommandFailed."""
    if reason := next(_found(call), ""):
        raise wrong(call, reason)
    for name in (*call.texts("env-file"), *call.texts("label-file")):
        if reason := unreadable(name, folder):
            raise wrong(call, reason)


def _found(call: Call) -> Iterator[str]:
    if call.has("rm") and call.text("restart") not in ("", "no"):
        yield "Conflicting options: --restart and --rm"
    for name, (what, modes) in _MODES.items():
        if not modes.fullmatch(call.text(name)):
            yield f"--{name}: invalid {what} mode"
    for name, (form, reason) in _FORMATS.items():
        texts = call.values.get(name, ())
        for text in (texts,) if isinstance(texts, str) else texts:
            if text and not form.fullmatch(text):
                yield reason.format(text)
    swappiness = call.number("memory-swappiness")
    if not -1 <= swappiness <= 100:
        yield f"invalid value: {swappiness}. Valid memory swappiness range is 0-100"
    for name in ("health-interval", "health-timeout", "health-retries", "health-start-period"):
        if call.text(name).startswith("-"):
            yield f"--{name} cannot be negative"


def unreadable(name: str, folder: Path) -> str:
    """Why --env-file or --label-file cannot be read, "" where it can."""
    try:
        (folder / name).expanduser().open("rb").close()
    except OSError as error:
        return f"open {name}: {(error.strerror or '').lower()}"
    return ""


def warnings(config: Mapping[str, Any]) -> Iterator[str]:
    """What docker has doubts about in what it is about to create."""
    host = config["HostConfig"]
    if host.get("OomKillDisable") and not host.get("Memory"):
        yield (
            "WARNING: Disabling the OOM killer on containers without setting a '-m/--memory' limit "
            "may be dangerous."
        )
    here = (text for text in host.get("Dns") or () if ipaddress.ip_address(text).is_loopback)
    if first := next(here, ""):
        yield f"WARNING: Localhost DNS setting (--dns={first}) may fail in containers."


def _of_ports(text: str, reason: str) -> str:
    """docker's words for a -p that is none."""
    front, _, inside = text.rpartition(":")
    outside = front.rpartition(":")[2]
    inside, _, protocol = inside.partition("/")
    ports = re.compile(r"\d{1,5}(-\d{1,5})?")
    if not ports.fullmatch(inside):
        return f"Invalid containerPort: {inside}"
    if outside and not ports.fullmatch(outside):
        return f"Invalid hostPort: {outside}"
    if protocol and protocol.lower() not in ("tcp", "udp", "sctp"):
        return f"Invalid proto: {protocol}"
    return reason


def _of_mount(_: str, said: str) -> str:
    if said == "target= is missing":
        return "target is required"
    if found := re.fullmatch(r"(.*) is not NAME=VALUE", said):
        return f"invalid field '{found[1]}' must be a key=value pair"
    return said


def _of_host(text: str, _: str) -> str:
    name, colon, address = text.partition(":")
    if not (name and colon):
        return f'bad format for add-host: "{text}"'
    return f'invalid IP address in add-host: "{address}"'


def _of_limit(text: str, said: str) -> str:
    name, equals, _ = text.partition("=")
    if not equals:
        return f"invalid ulimit argument: {text}"
    return f"invalid ulimit type: {name}" if said.startswith("no such limit") else said


_REASONS: Mapping[str, Callable[[str, str], str]] = {
    "add-host": _of_host,
    "dns": lambda text, _: f"{text} is not an ip address",
    "env": lambda text, _: f"invalid environment variable: {text}",
    "label": lambda text, _: f"invalid label '{text}': empty name",
    "mount": _of_mount,
    "sysctl": lambda text, _: f"sysctl '{text}' is not whitelisted",
    "ulimit": _of_limit,
}
