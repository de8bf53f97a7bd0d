"""docker build PATH, as the docker command prints it; %%dockerfile builds from a cell.

Knows: the query of POST /build, what docker prints. Does not know: a context's files.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ipycontainers.building.context import Context
from ipycontainers.building.options import build_arguments
from ipycontainers.client import logins
from ipycontainers.errors import CommandFailed, Invalid
from ipycontainers.oci.blob import is_compressed
from ipycontainers.oci.reference import Reference
from ipycontainers.oci.sizes import size
from ipycontainers.options import values

from . import reports
from .console import failed, refusals
from .life import read_value, wrong_value
from .objections import wrong_flag
from .result import Lines
from .transfers import source

if TYPE_CHECKING:
    from .call import Call
    from .console import Console

BLOCK = 512
REMOTE = re.compile(r"(https?|git)://|git@|github\.com/")
Query = dict[str, Any]


def build(call: Call, console: Console) -> Lines | None:
    """``docker build [-t NAME] [-f FILE] PATH|URL|-``; an interrupt ends it at the engine."""
    where = call.arguments[0]
    query = _query(call)
    body: Iterator[bytes] | None = None
    said: list[str] = []
    if REMOTE.match(where):
        query |= {"remote": where, "dockerfile": call.text("file")}
    else:
        body, name, count = _context(call, console, where)
        query["dockerfile"] = name
        said.append(f"Sending build context to Docker daemon  {size(count)}\n")
        if not call.has("quiet"):
            console.out(said.pop())
    made: list[str] = []

    def learned(aux: reports.Json) -> None:
        made[:] = [str(aux["ID"])] if "ID" in aux else made

    say = said.append if call.has("quiet") else console.out
    try:
        with refusals():
            stream = console.daemon.stream(
                "POST", "build", body=body, headers=logins.headers() | TAR, **query
            )
        with stream:
            reports.follow(stream.lines(), say, aux=learned)
    except CommandFailed:
        console.err("".join(said))
        raise
    if path := call.text("iidfile"):
        _write(console, path, (said if call.has("quiet") else made)[-1:])
    return Lines([said[-1].strip()]) if call.has("quiet") else None


TAR = {"Content-Type": "application/x-tar"}


def _write(console: Console, name: str, image: list[str]) -> None:
    """--iidfile"""
    if not image:
        raise failed(f"Server did not provide an image ID. Cannot write {name}")
    try:
        (console.folder / name).expanduser().write_text(image[0])
    except OSError as error:
        raise failed(f"open {name}: {(error.strerror or '').lower()}") from error


def _context(call: Call, console: Console, where: str) -> tuple[Iterator[bytes], str, int]:
    """The tar, the Dockerfile's name in it, and its size as docker tells it, in bytes."""
    file = call.text("file")
    if where == "-":
        if file == "-":
            raise failed("invalid argument: can't use stdin for both build context and dockerfile")
        with source(call, console, "", "build") as opened:
            data = opened.read()
        if not data:
            raise failed("unable to prepare context: unexpected EOF")
        if _is_tar(data):
            return iter([data]), file or "Dockerfile", len(data)
        text, context = data.decode(errors="surrogateescape"), Context()
        return context.archive(text), context.dockerfile_name(text), len(data)
    folder = (console.folder / where).expanduser()
    if not folder.is_dir():
        reason = f'path "{where}" not found'
        if folder.exists():
            reason = f"context must be a directory: {os.path.abspath(folder)}"  # noqa: PTH100
        raise failed(f"unable to prepare context: {reason}")
    path, text = _dockerfile(call, console, folder, file)
    try:
        context = Context.of(folder)
    except Invalid as error:
        raise failed(f"error checking context: {error.message}") from error
    if path and (inside := _inside(path, folder)):
        return context.own(inside), inside, _packed_size(context)
    return context.archive(text), context.dockerfile_name(text), _packed_size(context)


def _inside(path: Path, folder: Path) -> str:
    """The Dockerfile's path in the context, "" where it lies elsewhere."""
    try:
        return path.resolve().relative_to(folder.resolve()).as_posix()
    except ValueError:
        return ""


def _packed_size(context: Context) -> int:
    """Bytes of the tar that docker would send: a block for each entry, whole ones for its content,
    and two at the end."""
    return BLOCK * (2 + sum(1 + -(-one.size // BLOCK) for one in context.found))


def _dockerfile(call: Call, console: Console, folder: Path, file: str) -> tuple[Path | None, str]:
    """Where it lies, None where stdin gives it, and its text."""
    if file == "-":
        with source(call, console, "", "build") as opened:
            return None, opened.read().decode(errors="surrogateescape")
    path = (console.folder / file).expanduser() if file else folder / "Dockerfile"
    if not file and not path.exists() and (folder / "dockerfile").exists():
        path = folder / "dockerfile"
    try:
        return path, path.read_text(encoding="utf-8", errors="surrogateescape")
    except IsADirectoryError as error:
        raise failed(f"read {file or path}: is a directory") from error
    except OSError as error:
        reason = f"lstat {path.resolve()}: {(error.strerror or '').lower()}"
        message = (
            f"unable to prepare context: unable to evaluate symlinks in Dockerfile path: {reason}"
        )
        raise failed(message) from error


def _is_tar(data: bytes) -> bool:
    return data[257:262] == b"ustar" or is_compressed(data[:512])


def _query(call: Call) -> Query:
    """As docker sends it; what is not given is the engine's to decide."""
    for name in call.texts("tag"):
        _check_tag(call, name)
    hosts = call.texts("add-host")
    switches = {"no-cache": "nocache", "pull": "pull", "force-rm": "forcerm", "quiet": "q"}
    query: Query = {
        "t": call.texts("tag"),
        "target": call.text("target"),
        "rm": "1" if call.has("rm") else "0",
        "networkmode": call.text("network"),
        "cgroupparent": call.text("cgroup-parent"),
        "cpusetcpus": call.text("cpuset-cpus"),
        "cpusetmems": call.text("cpuset-mems"),
        "extrahosts": [_read(call, "add-host", values.host, text) for text in hosts],
        "platform": call.text("platform"),
        "isolation": call.text("isolation"),
        "version": "1",
        **{key: "1" for flag, key in switches.items() if call.has(flag)},
    }
    if call.texts("cache-from"):
        query["cachefrom"] = json.dumps(call.texts("cache-from"))
    for flag, key in (
        ("cpu-period", "cpuperiod"),
        ("cpu-quota", "cpuquota"),
        ("cpu-shares", "cpushares"),
    ):
        if call.is_given(flag):
            query[key] = call.text(flag)
    for flag, key in (("memory", "memory"), ("memory-swap", "memswap"), ("shm-size", "shmsize")):
        if call.is_given(flag):
            read = values.swap if flag == "memory-swap" else values.size
            query[key] = str(read_value(call, flag, read))
    given: dict[str, Any] = {
        "buildargs": build_arguments(call.texts("build-arg")),
        "labels": dict(_pair(text) for text in call.texts("label")),
        "ulimits": [_read(call, "ulimit", values.ulimit, text) for text in call.texts("ulimit")],
    }
    return query | {name: json.dumps(value) for name, value in given.items() if value}


def _read(call: Call, flag: str, read: Callable[[str], Any], text: str) -> Any:
    try:
        return read(text)
    except ValueError as error:
        raise wrong_flag(call, flag, text, error) from error


def _check_tag(call: Call, name: str) -> None:
    try:
        Reference.parse(name)
    except Invalid as error:
        raise wrong_value(call, "tag", name, ValueError(error.message)) from error


def _pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name, value
