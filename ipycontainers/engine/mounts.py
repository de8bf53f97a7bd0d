"""Where a container's mounts come from: -v, --mount, --tmpfs, --volumes-from and its image.

Knows: Docker's words for mounts. Does not know: who mounts, or makes a volume.
"""

from __future__ import annotations

import json
import posixpath
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ipycontainers.errors import Invalid

from .container import Mount
from .record import MountPoint

NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
NOT_OF = {"bind": "VolumeOptions", "volume": "BindOptions", "tmpfs": ""}
TMPFS_OPTIONS = frozenset(
    {
        *("ro", "rw", "exec", "noexec", "dev", "nodev", "suid", "nosuid", "sync", "async"),
        *("dirsync", "remount", "mand", "nomand", "atime", "noatime", "diratime", "nodiratime"),
        *("relatime", "norelatime", "strictatime", "nostrictatime"),
        *("mode", "uid", "gid", "size", "nr_inodes", "nr_blocks", "mpol"),
    }
)
# Of a bind or volume; those about SELinux, propagation and copying mean nothing here.
MODES = frozenset(
    {
        *("", "ro", "rw", "z", "Z", "nocopy", "cached", "delegated", "consistent"),
        *("private", "shared", "slave", "rprivate", "rshared", "rslave"),
    }
)


def of(
    config: Mapping[str, Any],
    host: Mapping[str, Any],
    volumes: Path,
    of_container: Callable[[str], Iterable[MountPoint]] = lambda _: (),
) -> tuple[MountPoint, ...]:
    """Of -v, --mount, --tmpfs and the image's volumes; each target once, the user's first.

    ``volumes`` is the folder of named and anonymous volumes, which are not made here;
    ``of_container`` gives another container's mounts. What --volumes-from brings yields to all
    but the image's volumes.
    """
    found: dict[str, MountPoint] = {}
    for point in (
        *(_of_mount(mount, volumes) for mount in host.get("Mounts") or ()),
        *(_of_bind(text, volumes) for text in host.get("Binds") or ()),
        *(_of_tmpfs(target, options) for target, options in (host.get("Tmpfs") or {}).items()),
    ):
        if point.mount.target in found:
            raise Invalid(f"Duplicate mount point: {point.mount.target}")
        found[point.mount.target] = point
    for text in host.get("VolumesFrom") or ():
        for point in _from_container(str(text), of_container):
            found.setdefault(point.mount.target, point)
    for target in map(_target, config.get("Volumes") or {}):
        if target not in found:
            found[target] = volume("", target, volumes)
    return tuple(found.values())


def _target(path: str) -> str:
    if not path.startswith("/"):
        raise Invalid(f"invalid mount path: '{path}' mount path must be absolute")
    clean = posixpath.normpath(path)
    if clean.strip("/") == "":
        raise Invalid("invalid specification: destination can't be '/'")
    return "/" + clean.lstrip("/")


def volume(
    name: str, target: str, volumes: Path, *, read_only: bool = False, mode: str = ""
) -> MountPoint:
    """One with a name, or an anonymous one with a new name. Raises Invalid."""
    if name and not NAME.fullmatch(name):
        raise Invalid(
            f'create {name}: "{name}" includes invalid characters for a local volume name, only '
            '"[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. '
            "If you intended to pass a host directory, use absolute path"
        )
    own = name or secrets.token_hex(32)
    mount = Mount("volume", target, str(volumes / own / "_data"), read_only)
    return MountPoint(mount, name=own, mode=mode, anonymous=not name)


def _from_container(
    text: str, of_container: Callable[[str], Iterable[MountPoint]]
) -> Iterator[MountPoint]:
    """CONTAINER[:ro|rw]: its binds and volumes, which stay its own."""
    name, _, mode = text.partition(":")
    if unknown := set(mode.split(",")) - MODES:
        raise Invalid(f"invalid mode: {', '.join(sorted(unknown))}")
    for point in of_container(name):
        if point.mount.type != "tmpfs":
            read_only = point.mount.read_only or "ro" in mode.split(",")
            mount = replace(point.mount, read_only=read_only)
            yield replace(point, mount=mount, anonymous=False)


def _of_bind(text: str, volumes: Path) -> MountPoint:
    """SOURCE:TARGET[:MODES]; a source without a slash at its beginning is a volume, and
    a target alone has an anonymous one."""
    source, *rest = str(text).split(":")
    if not rest:
        return volume("", _target(source), volumes)
    if len(rest) > 2:
        raise Invalid(f"invalid volume specification: '{text}'")
    target, mode = _target(rest[0]), rest[1] if len(rest) > 1 else ""
    if unknown := set(mode.split(",")) - MODES:
        raise Invalid(f"invalid mode: {', '.join(sorted(unknown))}")
    read_only = "ro" in mode.split(",")
    if not source.startswith("/"):
        return volume(source, target, volumes, read_only=read_only, mode=mode or "z")
    return MountPoint(Mount("bind", target, source, read_only), mode=mode)


def _of_mount(given: Mapping[str, Any], volumes: Path) -> MountPoint:
    kind, source = str(given.get("Type") or ""), str(given.get("Source") or "")
    try:
        if reason := _refusal(kind, source, given):
            raise Invalid(reason)
        target = _target(str(given.get("Target") or ""))
    except Invalid as error:
        raise Invalid(f'invalid mount config for type "{kind}": {error.message}') from error
    read_only = bool(given.get("ReadOnly"))
    if kind == "volume":
        empty = "nocopy" if (given.get("VolumeOptions") or {}).get("NoCopy") else "z"
        return volume(source, target, volumes, read_only=read_only, mode=empty)
    if kind == "bind":
        return MountPoint(Mount("bind", target, source, read_only))
    options = given.get("TmpfsOptions") or {}
    size, mode = int(options.get("SizeBytes") or 0), int(options.get("Mode") or 0o1777)
    return MountPoint(Mount("tmpfs", target, size=size, mode=mode, read_only=read_only))


def _refusal(kind: str, source: str, given: Mapping[str, Any]) -> str:
    """Why that cannot be mounted, in dockerd's words; "" where it can."""
    if kind not in NOT_OF:
        return "mount type unknown"
    if not given.get("Target"):
        return "field Target must not be empty"
    if (key := NOT_OF[kind]) and given.get(key) is not None:
        return f"field {key} must not be specified"
    if kind == "volume" and not source and given.get("ReadOnly"):
        return "must not set ReadOnly mode when using anonymous volumes"
    if kind == "tmpfs" and source:
        return "field Source must not be specified"
    if kind == "bind" and not source:
        return "field Source must not be empty"
    if kind == "bind" and not source.startswith("/"):
        return f"invalid mount path: '{source}' mount path must be absolute"
    return _unseen(source) if kind == "bind" else ""


def _unseen(source: str) -> str:
    """Why a source cannot be bound; "" where it can."""
    try:
        Path(source).stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):  # a name that no file can have
        return f"bind source path does not exist: {source}"
    except OSError as error:  # as in a folder that the engine's user may not enter
        return f"stat {source}: {(error.strerror or '').lower()}"
    return ""


def _of_tmpfs(target: str, options: str) -> MountPoint:
    words = dict(word.partition("=")[::2] for word in options.split(",") if word)
    for word, value in words.items():
        if word not in TMPFS_OPTIONS:
            raise Invalid(f"invalid tmpfs option [{json.dumps(word)} {json.dumps(value)}]")
    try:
        size, mode = _bytes(words.get("size", "0")), int(words.get("mode") or "1777", 8)
    except (KeyError, ValueError) as error:
        raise Invalid(f"invalid tmpfs option {options!r}: {error}") from error
    return MountPoint(
        Mount("tmpfs", _target(target), size=size, mode=mode, read_only="ro" in words)
    )


def _bytes(text: str) -> int:
    number = text.lower().rstrip("kmgb")
    unit = text.lower()[len(number) :].rstrip("b")
    return int(number or 0) * {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}[unit]
