"""What is known of one process, from one source.

    Snapshot(MEASURED, pid=4711, namespaces={"pid": 4026531836, …}, …)     from /proc
    best(snapshots, "uid_map")         (value, source) of the first that has one

A field that a source does not tell is None, or not in the mapping. Sources, the best first:

    measured       read in /proc of this machine
    asked inside   read by a program in the container, which could lie
    declared       what the engine was told when the container was made

Knows: the text of files in /proc (proc(5)). Does not know: where it was read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .kinds import decoded

MEASURED = "measured"
ASKED = "asked inside"
DECLARED = "declared"
SECCOMP = {"0": "off", "1": "strict", "2": "filter"}
MANY = 500  # mounts, of which a container may make any number
LONG = 4096  # characters of a text that a container may choose
_LINK = re.compile(r"([a-z]+):\[(\d{1,20})\]")


@dataclass(frozen=True)
class Range:
    """So many users, from ``inside`` on, are those from ``outside`` on (user_namespaces(7))."""

    inside: int
    outside: int
    count: int


@dataclass(frozen=True)
class Mount:
    target: str
    source: str
    type: str
    read_only: bool


@dataclass(frozen=True)
class Limit:
    """Of "memory" (bytes), "processor" (processors; used: seconds so far) or "processes".
    ``limit`` is None where there is none, ``used`` where it is not known."""

    name: str
    limit: float | None
    used: float | None


@dataclass(frozen=True)
class Machine:
    """What a process reads of the machine: bytes, seconds since boot, …"""

    memory: int | None = None
    uptime: float | None = None
    boot_id: str = ""
    command_line: str = ""


@dataclass(frozen=True)
class Snapshot:
    source: str
    pid: int | None = None
    command: str | None = None
    namespaces: Mapping[str, int] = field(default_factory=dict)
    of_host: Mapping[str, bool] = field(default_factory=dict)  # declared: the host's, or another
    joined: Mapping[str, str] = field(default_factory=dict)  # declared: whose, see ``declared``
    uid_map: tuple[Range, ...] | None = None
    gid_map: tuple[Range, ...] | None = None
    cgroup: str | None = None
    root: str | None = None
    effective: tuple[str, ...] | None = None
    bounding: tuple[str, ...] | None = None
    seccomp: str | None = None
    no_new_privileges: bool | None = None
    tracer: int | None = None
    mounts: tuple[Mount, ...] | None = None
    limits: tuple[Limit, ...] | None = None
    machine: Machine | None = None


def best(snapshots: Iterable[Snapshot], name: str) -> tuple[Any, str | None]:
    """Of that field; (None, None) where no source tells."""
    for snapshot in snapshots:
        if (value := getattr(snapshot, name)) is not None:
            return value, snapshot.source
    return None, None


def of_files(source: str, files: Mapping[str, str], pid: int | None = None) -> Snapshot:
    """From the text of files of /proc/PID, by name; links as ``ns/pid`` and ``root``.

    A text that cannot be read is as one that is not there.
    """
    status = fields(files.get("status", ""))
    words = files.get("cmdline", "").rstrip("\0").split("\0")
    return Snapshot(
        source,
        pid=pid,
        command=" ".join(words)[:LONG] or None,
        namespaces=inodes(text for name, text in files.items() if name.startswith("ns/")),
        uid_map=ranges(files.get("uid_map")),
        gid_map=ranges(files.get("gid_map")),
        cgroup=files.get("cgroup"),
        root=files.get("root"),
        effective=_capabilities(status.get("CapEff")),
        bounding=_capabilities(status.get("CapBnd")),
        seccomp=SECCOMP.get(status.get("Seccomp", "")),
        no_new_privileges={"0": False, "1": True}.get(status.get("NoNewPrivs", "")),
        tracer=number(status.get("TracerPid", "")),
        mounts=mounts(files.get("mountinfo")),
    )


def of_machine(files: Mapping[str, str]) -> Machine:
    """From the text of /proc's meminfo, uptime, sys/kernel/random/boot_id and cmdline."""
    total = re.search(r"^MemTotal:\s*(\d{1,15}) kB", files.get("meminfo", ""), re.MULTILINE)
    up = re.match(r"\d{1,12}(\.\d{1,6})?", files.get("uptime", ""))
    boot_id = files.get("sys/kernel/random/boot_id", "").strip()
    return Machine(
        memory=int(total[1]) << 10 if total else None,
        uptime=float(up[0]) if up else None,
        boot_id=boot_id if re.fullmatch(r"[0-9a-f-]{36}", boot_id) else "",
        command_line=files.get("kernel/cmdline", "").strip()[:LONG],
    )


def fields(status: str) -> dict[str, str]:
    """Of /proc/PID/status."""
    pairs = (line.partition(":") for line in status.splitlines())
    return {name: value.strip() for name, colon, value in pairs if colon}


def number(text: str) -> int | None:
    return int(text) if re.fullmatch(r"\d{1,10}", text) else None


def inodes(links: Iterable[str]) -> dict[str, int]:
    """By kind; ``links`` are what /proc/PID/ns/* point to, or lines that end so."""
    found = (_LINK.search(text) for text in links)
    return {one[1]: int(one[2]) for one in found if one}


def ranges(text: str | None) -> tuple[Range, ...] | None:
    if text is None:
        return None
    rows = [line.split() for line in text.splitlines()[:MANY] if line.strip()]
    if not all(len(row) == 3 and all(number(word) is not None for word in row) for row in rows):
        return None
    return tuple(Range(*map(int, row)) for row in rows)


def mounts(mountinfo: str | None) -> tuple[Mount, ...] | None:
    """At most ``MANY``."""
    if not mountinfo:
        return None
    found = []
    for line in mountinfo.splitlines()[:MANY]:
        before, dash, after = line.partition(" - ")
        words, rest = before.split(" "), after.split(" ")
        if not dash or len(words) < 6 or len(rest) < 3:
            continue
        source = _plain(rest[1])
        root = _plain(words[3])
        if root != "/" and rest[0] != "overlay":
            source = f"{source}[{root}]"
        options = {*words[5].split(","), *rest[2].split(",")}
        found.append(Mount(_plain(words[4]), source, rest[0][:64], "ro" in options))
    return tuple(found)


def _plain(word: str) -> str:
    """Blanks and the like stand as their octal number."""
    return re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), word)[:LONG]


def _capabilities(mask: str | None) -> tuple[str, ...] | None:
    return decoded(mask) if mask and re.fullmatch(r"[0-9a-f]{1,16}", mask) else None
