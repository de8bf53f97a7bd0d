"""An image of programs of this machine: for where no registry answers.

    image = from_host.build(layout, ["bash", "coreutils", "python3"], name="host")

One layer with the programs, the libraries and data that they need (``programs``), an
/etc with root and nobody, and the empty folders that programs expect. Of this machine's
users and their settings nothing goes in but the paths of programs. Reproducible: files
are sorted, belong to root, are 0755 or 0644 and of 1970, so the same files give the same
digest on every machine.

Knows: what a minimal root has. Does not know: how libraries are found.
"""

from __future__ import annotations

import io
import os
import sys
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import IO

from ipycontainers.errors import Invalid, Unsupported

from . import descriptor as kinds
from .descriptor import Platform
from .image import Image
from .layout import Layout
from .programs import STANDARD_PATH, Programs
from .reference import Reference

_EPOCH = "1970-01-01T00:00:00Z"
_FOLDERS = {"/dev", "/etc", "/home", "/proc", "/root", "/run", "/sys", "/tmp"} | {
    "/usr/bin",
    "/usr/local/bin",
    "/var/tmp",
}
_MODES = {"/root": 0o700, "/tmp": 0o1777, "/var/tmp": 0o1777}
_SHELLS = ("bash", "dash", "busybox", "zsh", "ksh")


def build(
    layout: Layout,
    programs: Sequence[str],
    *,
    name: str = "host",
    cmd: Sequence[str] = (),
    labels: Mapping[str, str] = MappingProxyType({}),
) -> Image:
    """Make an image of these programs in ``layout`` and give it ``name``.

    A program is named by its name on PATH, a path, or the Debian package it is of.
    A shell among them is sh, too, unless there is another; python3 brings its
    standard library. Without ``cmd``, a container runs the shell, else the first
    program. Raises NotFound, Invalid, and Unsupported away from Linux.
    """
    if not sys.platform.startswith("linux"):
        raise Unsupported("only Linux has programs for containers", "load or pull an image")
    if not programs:
        raise Invalid("an image of no programs", "name some, for example bash coreutils")
    reference, collected = Reference.parse(name), Programs()
    for program in programs:
        collected.add(program)
    _link_names(collected)
    with layout.hold(), tempfile.TemporaryFile() as file:
        _write_layer(file, collected)
        file.seek(0)
        layer = layout.put(file, media_type=kinds.LAYER)
        chosen = list(cmd) or [_default(collected)]
        config = _config(chosen, str(layer.digest), programs, labels)
        described = layout.put_json(config, kinds.CONFIG)
        manifest = {
            "schemaVersion": 2,
            "mediaType": kinds.MANIFEST,
            "config": described.to_json(),
            "layers": [layer.to_json()],
        }
        return layout.tag(reference, layout.put_json(manifest, kinds.MANIFEST))


def _link_names(collected: Programs) -> None:
    """Let every program be found on PATH, and let there be a sh."""
    folders = STANDARD_PATH.split(":")
    for name, path in collected.names.items():
        if os.path.dirname(path) not in folders:  # noqa: PTH120
            collected.links.setdefault(f"/usr/local/bin/{name}", path)
    shells = [collected.names[shell] for shell in _SHELLS if shell in collected.names]
    bin_ = "/usr/bin" if "/bin" in collected.links else "/bin"
    if shells and "sh" not in collected.names and f"{bin_}/sh" not in collected.links:
        collected.links[f"{bin_}/sh"] = shells[0]


def _default(collected: Programs) -> str:
    names = collected.names
    shell = next((shell for shell in ("bash", "sh", *_SHELLS) if shell in names), "")
    return ("sh" if shell == "busybox" else shell) or next(iter(names))


def _config(
    cmd: list[str], diff_id: str, programs: Sequence[str], labels: Mapping[str, str]
) -> dict[str, object]:
    here = Platform.here()
    step = {"created": _EPOCH, "created_by": " ".join(["ipycontainers image from-host", *programs])}
    return {
        "architecture": here.architecture,
        "os": here.os,
        **({"variant": here.variant} if here.variant else {}),
        "created": _EPOCH,
        "config": {
            "Cmd": cmd,
            "Env": [f"PATH={STANDARD_PATH}", "LANG=C.UTF-8"],
            **({"Labels": dict(labels)} if labels else {}),
        },
        "rootfs": {"type": "layers", "diff_ids": [diff_id]},
        "history": [step],
    }


def _etc(collected: Programs) -> dict[str, bytes]:
    bin_sh = any(path.endswith("/bin/sh") for path in (*collected.links, *collected.files))
    shell = "/bin/sh" if bin_sh else "/bin/false"
    texts = {
        "/etc/group": "root:x:0:\nnogroup:x:65534:\n",
        "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
        "/etc/passwd": f"root:x:0:0:root:/root:{shell}\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    }
    return {path: text.encode() for path, text in texts.items()}


def _write_layer(file: IO[bytes], collected: Programs) -> None:
    etc = _etc(collected)
    paths = {*collected.files, *collected.links, *collected.folders, *_FOLDERS, *etc}
    above = {path[:at] for path in paths for at, mark in enumerate(path) if mark == "/" and at}
    modes = dict(_MODES)
    if any(path.startswith("/root/") for path in paths):
        modes["/root"] = 0o755  # a program of root's own is for every user of the image
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(paths | above):
            entry = tarfile.TarInfo(path[1:])
            if path in collected.links:
                entry.type, entry.linkname, entry.mode = (
                    tarfile.SYMTYPE,
                    collected.links[path],
                    0o777,
                )
                tar.addfile(entry)
            elif path in etc:
                entry.size, entry.mode = len(etc[path]), 0o644
                tar.addfile(entry, io.BytesIO(etc[path]))
            elif path in collected.files:
                _write_file(tar, entry, path)
            else:
                entry.type, entry.mode = tarfile.DIRTYPE, modes.get(path, 0o755)
                tar.addfile(entry)


def _write_file(tar: tarfile.TarFile, entry: tarfile.TarInfo, path: str) -> None:
    with open(path, "rb") as file:  # noqa: PTH123
        found = os.fstat(file.fileno())
        entry.size = found.st_size
        entry.mode = 0o755 if found.st_mode & 0o111 else 0o644
        tar.addfile(entry, file)
