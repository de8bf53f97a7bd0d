"""The same build on dockerd and on our engine, and what came of it, to be compared.

    one = build(docker, "FROM …", file("a", b"content"), buildargs={"V": "2"})
    one.text, one.files(), one.config(), one.history()

Knows: POST /build, tar. Does not know: which engine is whose.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import re
import tarfile
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from docker.errors import APIError
from engine.sides import WARNED
from layers import Entry, file, tar

OLD = 1_700_000_000  # seconds, of everything in a context
_NOT_OURS = {"dev", "proc", "sys", ".dockerenv"}
_BASE = {"etc/hostname", "etc/hosts", "etc/resolv.conf", "etc/mtab", ""}
STEP = re.compile(r"(?: ---> |sha256:)([0-9a-f]{12})(?:[0-9a-f]{52})?\n")


def context(dockerfile: str, *entries: Entry) -> bytes:
    for entry, _ in entries:
        entry.mtime = entry.mtime or OLD
    return tar(file("Dockerfile", dockerfile.encode(), mtime=OLD), *entries)


@dataclass
class Build:
    """``lines`` are all text, ids masked; ``error`` the last object's, if that is one; ``ids`` the
    images that it told of, its steps' and its base's too."""

    docker: Any
    status: int
    objects: list[dict[str, Any]]
    lines: list[str] = field(default_factory=list)
    error: Any = None
    id: str = ""
    ids: list[str] = field(default_factory=list)
    seen: object = None

    @property
    def text(self) -> str:
        return "".join(self.lines)

    def files(self) -> dict[str, Any]:
        """Path → kind, mode, owner, size, target and content of what the image has."""
        made = self.docker.api.create_container(self.id, ["x"])["Id"]
        try:
            stream = io.BytesIO(b"".join(self.docker.api.export(made)))
        finally:
            self.docker.api.remove_container(made, v=True)
        found: dict[str, Any] = {}
        with tarfile.open(fileobj=stream) as tar:
            for entry in tar:
                name = entry.name.strip("/")
                if name.split("/")[0] in _NOT_OURS or name in _BASE:
                    continue
                mode = 0 if entry.issym() else entry.mode & 0o7777
                content = tar.extractfile(entry) if entry.isreg() else None
                digest = hashlib.sha256(content.read()).hexdigest() if content else ""
                owner = (entry.uid, entry.gid)
                found[name] = (entry.type, oct(mode), *owner, entry.linkname, digest)
        return found

    def config(self) -> dict[str, Any]:
        inspected = self.docker.api.inspect_image(self.id)
        config = {key: value for key, value in inspected["Config"].items() if key != "Image"}
        return {**config, "Author": inspected["Author"]}

    def history(self) -> list[str]:
        return [step["CreatedBy"] for step in self.docker.api.history(self.id)]

    def layers(self) -> list[str]:
        return list(self.docker.api.inspect_image(self.id)["RootFS"]["Layers"])


MADE: list[Build] = []  # in this test so far, on any engine


def build(docker: Any, text: str, /, *entries: Entry, **query: Any) -> Build:
    return send(docker, context(text, *entries), **query)


def send(docker: Any, body: bytes, **query: Any) -> Build:
    """POST /build; objects in the query go as JSON. Without the network, which dockerd takes
    long to give."""
    query = {"networkmode": "none", "forcerm": 1, **query}
    params = {
        key: json.dumps(value) if isinstance(value, dict) or key == "cachefrom" else value
        for key, value in query.items()
    }
    answer = docker.api.post(
        docker.api._url("/build"),
        params=params,
        data=body,
        headers={"Content-Type": "application/x-tar"},
        timeout=120,
    )
    objects = [json.loads(line) for line in answer.text.splitlines() if line.strip()]
    made = Build(docker, answer.status_code, objects)
    MADE.append(made)
    for told in objects:
        if not WARNED.fullmatch(told.get("stream", "")):
            made.lines.append(_masked(told.get("stream", "")))
        if "aux" in told:
            made.id = told["aux"]["ID"]
            made.ids.append(made.id)
        made.ids += STEP.findall(told.get("stream", ""))
        made.error = told.get("errorDetail") or told.get("message") or made.error
        if made.error and isinstance(made.error, dict):
            made.error = {**made.error, "message": _plain(made.error["message"])}
    return made


def remove(docker: Any, ids: Iterable[str], before: Collection[str]) -> None:
    """The images that builds told of, the newest first, but those that were there ``before``, as
    others build on the same dockerd, and those of all tests."""
    ids = list(ids)
    if not ids:
        return
    kept = {_short(one) for one in before}
    kept |= {_short(one["Id"]) for one in docker.api.images("ipycontainers-test/*")}
    for one in reversed(dict.fromkeys(_short(one) for one in ids)):
        if one not in kept:
            with contextlib.suppress(APIError):  # gone with another one, or somebody's by now
                docker.images.remove(one, force=True)


def _short(image: str) -> str:
    return image.removeprefix("sha256:")[:12]


def _masked(text: str) -> str:
    return re.sub(r"\b[0-9a-f]{12}([0-9a-f]{52})?\b", "ID", text)


def _plain(message: str) -> str:
    """Without what names dockerd's parts and folders."""
    message = re.sub(r"failed to create shim task: |runc create failed: |: unknown$", "", message)
    return re.sub(r"/[\w./-]+/overlay2/[0-9a-f]{64}/merged", "", message)
