"""Tar files and archives of images, made entry by entry, also such as no program would make.

tar(file("etc/motd", b"hi"), folder("tmp", mode=0o1777), link("sh", "busybox"))
image_archive(tar(...), tar(...), names=["test:1"])      what docker save writes
oci_archive(tar(...), names=["test:1"])                   an OCI layout in a tar
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

Entry = tuple[tarfile.TarInfo, bytes]


def file(name: str, content: bytes = b"", **fields: Any) -> Entry:
    return _entry(name, tarfile.REGTYPE, content, **fields)


def folder(name: str, **fields: Any) -> Entry:
    return _entry(name, tarfile.DIRTYPE, **{"mode": 0o755, **fields})


def link(name: str, target: str, **fields: Any) -> Entry:
    return _entry(name, tarfile.SYMTYPE, linkname=target, **fields)


def hard_link(name: str, target: str, **fields: Any) -> Entry:
    return _entry(name, tarfile.LNKTYPE, linkname=target, **fields)


def special(name: str, kind: bytes, **fields: Any) -> Entry:
    return _entry(name, kind, **fields)


def _entry(name: str, kind: bytes, content: bytes = b"", **fields: Any) -> Entry:
    entry = tarfile.TarInfo(name)
    entry.type, entry.size = kind, len(content)
    for key, value in fields.items():
        setattr(entry, key, value)
    return entry, content


def tar(*entries: Entry) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for entry, content in entries:
            archive.addfile(entry, io.BytesIO(content))
    return written.getvalue()


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclass
class Made:
    """The documents of an image around these layers."""

    layers: Sequence[bytes]
    compress: bool = False
    config: dict[str, Any] = field(default_factory=dict)

    @property
    def blobs(self) -> list[bytes]:
        return [gzip.compress(x, mtime=0) for x in self.layers] if self.compress else [*self.layers]

    @property
    def config_blob(self) -> bytes:
        document = {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Cmd": ["sh"]},
            "rootfs": {"type": "layers", "diff_ids": [sha256(layer) for layer in self.layers]},
            **self.config,
        }
        return json.dumps(document).encode()

    @property
    def id(self) -> str:
        return sha256(self.config_blob)

    def descriptor(self, content: bytes, kind: str) -> dict[str, Any]:
        media_type = f"application/vnd.oci.image.{kind}"
        return {"mediaType": media_type, "digest": sha256(content), "size": len(content)}

    @property
    def manifest_blob(self) -> bytes:
        document = {
            "schemaVersion": 2,
            "config": self.descriptor(self.config_blob, "config.v1+json"),
            "layers": [self.descriptor(blob, "layer.v1.tar") for blob in self.blobs],
        }
        return json.dumps(document).encode()


def image_archive(made: Made, names: Sequence[str] = ()) -> bytes:
    """As docker save before version 25; manifest.json comes last, as it does there."""
    paths = [f"layer{number}/layer.tar" for number in range(len(made.layers))]
    config_name = made.id.removeprefix("sha256:") + ".json"
    manifest = [{"Config": config_name, "RepoTags": list(names) or None, "Layers": paths}]
    return tar(
        *(file(path, blob) for path, blob in zip(paths, made.blobs, strict=True)),
        file(config_name, made.config_blob),
        file("manifest.json", json.dumps(manifest).encode()),
    )


def oci_archive(made: Made, annotations: dict[str, str] | None = None, *more: Entry) -> bytes:
    entry = made.descriptor(made.manifest_blob, "manifest.v1+json")
    index = {"schemaVersion": 2, "manifests": [{**entry, "annotations": annotations or {}}]}
    blobs = [made.manifest_blob, made.config_blob, *made.blobs]
    return tar(
        file("oci-layout", b'{"imageLayoutVersion": "1.0.0"}'),
        file("index.json", json.dumps(index).encode()),
        *(file(f"blobs/sha256/{hashlib.sha256(blob).hexdigest()}", blob) for blob in blobs),
        *more,
    )


def tar_listing(content: bytes) -> dict[str, tuple[Any, ...]]:
    """Each entry of a tar with what it is: mode, owners, target, content."""
    found = {}
    with tarfile.open(fileobj=io.BytesIO(content), errors="surrogateescape") as archive:
        for entry in archive:
            name = entry.name.removeprefix("./").strip("/")
            data = archive.extractfile(entry).read() if entry.isreg() else b""  # type: ignore[union-attr]
            owner = (entry.uid, entry.gid)
            found[name] = (entry.type, entry.mode & 0o7777, owner, entry.linkname, data)
    return found
