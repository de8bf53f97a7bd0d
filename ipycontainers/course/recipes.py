"""What the images of the course are made of: steps, as a Dockerfile has them.

    of("ipyc/layers:1", busybox)        its steps, oldest first
    layer_digests("ipyc/layers:1", busybox)     the digests of its layers

Each step is a row of the image's history; some make a layer. Files belong to root and are of
1970, names are sorted, so the same busybox gives the same bytes on every machine.

    ipyc/toolbox    busybox under all its names
    ipyc/layers     toolbox and eight steps: four layers, of which one takes away what another made
    ipyc/web        toolbox and one page, which busybox serves on PORT
    ipyc/wrongcpu   toolbox, whose busybox says that it is for another processor

Knows: tar, history as docker writes it. Does not know: engines, archives.
"""

from __future__ import annotations

import hashlib
import struct
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from ipycontainers.busybox import MACHINES, Busybox
from ipycontainers.errors import Invalid
from ipycontainers.oci.pack import END, header, whiteout
from ipycontainers.oci.programs import STANDARD_PATH

RECIPE = "1"  # one more whenever a file or a step changes
RECIPE_LABEL, BUSYBOX_LABEL = "ipyc.recipe", "ipyc.busybox"
CREATED = "2026-01-01T00:00:00Z"
# Everybody may listen there, also where a container has the host's network, and few others do.
PORT = 8088
BIG = 5 << 20
DESCRIPTIONS = {
    "ipyc/toolbox:1": "one static busybox under the names of its tools, and nothing else",
    "ipyc/layers:1": "nine rows of history and five layers, to be read",
    "ipyc/web:1": f"one page, served on port {PORT}",
    "ipyc/wrongcpu:1": "a program that says it is for another processor, so that no kernel runs it",
}
NAMES = tuple(DESCRIPTIONS)
_APP = b'#!/bin/sh\necho "$GREETING, $NAME"\n'
_PAGE = b"""<!doctype html>
<html lang="en">
<title>Served from a container</title>
<h1>Served from a container</h1>
<p>This page is one file in one layer of the image ipyc/web.</p>
"""
_NOP = "/bin/sh -c #(nop) "  # of steps that run nothing


@dataclass(frozen=True)
class Step:
    """``layer`` is a tar, None of a step that makes no file; ``config`` is what it says of
    containers: lists and objects are added to those before, all else replaces."""

    created_by: str
    layer: bytes | None = None
    config: Mapping[str, object] = field(default_factory=dict)


def of(name: str, busybox: Busybox, architecture: str) -> list[Step]:
    """The steps of one of NAMES. Raises Invalid for another name."""
    check(name)
    labels = {
        "org.opencontainers.image.title": name.partition(":")[0],
        "org.opencontainers.image.description": DESCRIPTIONS[name],
        RECIPE_LABEL: RECIPE,
        BUSYBOX_LABEL: busybox.digest,
    }
    if name == "ipyc/wrongcpu:1":
        return [_base(for_another(busybox, architecture), labels)]
    base = _base(busybox, labels)
    more = {"ipyc/layers:1": _layers, "ipyc/web:1": _web}
    return [base, *(more[name]() if name in more else [])]


def check(name: str) -> None:
    """Raises Invalid for what is none of NAMES."""
    if name not in NAMES:
        raise Invalid(
            f"the course has no image {name!r:.100}", f"these can be had: {', '.join(NAMES)}"
        )


@lru_cache(maxsize=16)
def layer_digests(name: str, busybox: Busybox, architecture: str) -> tuple[str, ...]:
    """Of the tars of its layers, oldest first: what docker calls RootFS.Layers."""
    steps = of(name, busybox, architecture)
    return tuple(_digest(step.layer) for step in steps if step.layer is not None)


def container_config(steps: Sequence[Step]) -> dict[str, object]:
    """What an image of these steps says of its containers."""
    config: dict[str, object] = {}
    for step in steps:
        for key, value in step.config.items():
            before = config.get(key)
            if isinstance(before, list) and isinstance(value, list) and key == "Env":
                config[key] = [*before, *value]
            elif isinstance(before, dict) and isinstance(value, dict):
                config[key] = {**before, **value}
            else:
                config[key] = value
    return config


def for_another(busybox: Busybox, architecture: str) -> Busybox:
    """The same program with the header of another processor's: ARM's, or on ARM Intel's.

    The kernel refuses it, since it looks at that field first. Emulators which a machine may have
    for the other processor (binfmt_misc, as Docker Desktop has) would take it and crash in it:
    they know a program by its first bytes, so one of those that mean nothing is set too.
    """
    other = "arm64" if architecture in {"amd64", "386"} else "amd64"
    order = "<" if busybox.program[5] == 1 else ">"
    head = bytearray(busybox.program[:64])
    head[15] = 1  # the last byte of padding in e_ident
    struct.pack_into(f"{order}H", head, 18, MACHINES[other])
    return Busybox(bytes(head) + busybox.program[64:], busybox.applets, busybox.origin)


# --- steps ----------------------------------------------------------------------------------


def _base(busybox: Busybox, labels: Mapping[str, str]) -> Step:
    tools = [_file("bin/busybox", busybox.program, 0o755)]
    tools += [_link(f"bin/{applet}", "busybox") for applet in busybox.applets]
    config = {
        "Env": [f"PATH={STANDARD_PATH}", "NAME=World"],
        "Cmd": ["/bin/sh"],
        "Labels": dict(labels),
    }
    entries = [_folder("bin"), *sorted(tools), _folder("tmp", 0o1777)]
    return Step("ipycontainers course images", _tar(entries), config)


def _layers() -> list[Step]:
    work = _folder("work")
    return [
        Step(f"{_NOP} LABEL shows=layers", config={"Labels": {"shows": "layers"}}),
        Step(f"{_NOP} ENV GREETING=Hello", config={"Env": ["GREETING=Hello"]}),
        Step(f"{_NOP}WORKDIR /work", _tar([work]), {"WorkingDir": "/work"}),
        _copy("work/app.sh", _APP, 0o755),
        Step(
            f"/bin/sh -c dd if=/dev/zero of=big bs=1M count={BIG >> 20}",
            _tar([work, _file("work/big", bytes(BIG))]),
        ),
        Step("/bin/sh -c rm big", _tar([work, ("work/.wh.big", whiteout("work/big"))])),
        Step(f"{_NOP} EXPOSE 80", config={"ExposedPorts": {"80/tcp": {}}}),
        _command("/work/app.sh"),
    ]


def _web() -> list[Step]:
    return [
        _copy("www/index.html", _PAGE),
        Step(f"{_NOP} EXPOSE {PORT}", config={"ExposedPorts": {f"{PORT}/tcp": {}}}),
        _command("httpd", "-f", "-p", str(PORT), "-h", "/www"),
    ]


def _copy(path: str, content: bytes, mode: int = 0o644) -> Step:
    entries = [_folder(path.partition("/")[0]), _file(path, content, mode)]
    source = hashlib.sha256(content).hexdigest()
    return Step(f"{_NOP}COPY file:{source} in /{path} ", _tar(entries))


def _command(*words: str) -> Step:
    shown = " ".join(f'"{word}"' for word in words)
    return Step(f"{_NOP} CMD [{shown}]", config={"Cmd": list(words)})


# --- tars -----------------------------------------------------------------------------------

_Entry = tuple[str, bytes]  # its name, its bytes


def _tar(entries: Iterable[_Entry]) -> bytes:
    return b"".join(content for _, content in entries) + END


def _file(name: str, content: bytes, mode: int = 0o644) -> _Entry:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    return name, header(entry) + content + bytes(-len(content) % tarfile.BLOCKSIZE)


def _folder(name: str, mode: int = 0o755) -> _Entry:
    entry = tarfile.TarInfo(f"{name}/")
    entry.type, entry.mode = tarfile.DIRTYPE, mode
    return name, header(entry)


def _link(name: str, target: str) -> _Entry:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, target, 0o777
    return name, header(entry)


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
