"""The verbs on images: find for saving, commit, import, tag, remove, prune.

Knows: the layout, records, events. Does not know: HTTP; the loop's thread.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any

from ipycontainers.errors import Conflict, EngineError, Invalid, NotFound
from ipycontainers.oci import Image, Reference, assembly
from ipycontainers.oci.blob import Readable, buffered, decompressed, drain, reading
from ipycontainers.oci.descriptor import Descriptor
from ipycontainers.oci.entries import entries
from ipycontainers.oci.save import save

from . import contents, files, unpacked, wire
from .engine import Engine
from .record import Record

MAKER = "ipycontainers"
ENDING = 5.0  # seconds in which a container whose supervisor has left is known to have ended


@dataclass(frozen=True)
class Wanted:
    """What a new image is to be called and to say."""

    name: Reference | None = None
    comment: str = ""
    author: str = ""
    changes: Sequence[str] = ()
    config: Mapping[str, Any] = field(default_factory=dict)


def named(repository: str, tag: str) -> Reference | None:
    """The name of a new image; None without a repository. Invalid for what is none."""
    if not repository:
        return None
    reference = Reference.parse(f"{repository}:{tag}" if tag else repository)
    if reference.digest is not None:
        raise Invalid("cannot use digest reference")
    return reference


def tell(engine: Engine, action: str, image: Image, name: str = "") -> None:
    """An event of the image, with its labels, as dockerd's."""
    attributes = {**image.config.labels, "name": name or str(image.id)}
    engine.events.publish("image", action, str(image.id), attributes)


# --- out -----------------------------------------------------------------------------------------


def archive(engine: Engine, names: Iterable[str]) -> Iterator[bytes]:
    """The archive of these images; whatever is missing is raised before there is a piece of it.

    A name without a tag means all tags that the repository has here.
    """
    chosen: dict[str, tuple[Image, list[str]]] = {}
    for name in names:
        for image, called in _meant(engine, name):
            known = chosen.setdefault(str(image.id), (image, []))[1]
            known += [one for one in called if one not in known]
    for image, _ in chosen.values():
        engine.layout.whole(image.manifest)
    for image, _ in chosen.values():
        tell(engine, "save", image)
    return save(engine.layout, list(chosen.values()))


def _meant(engine: Engine, name: str) -> list[tuple[Image, list[str]]]:
    last = name.rpartition("/")[2]
    is_bare = ":" not in last and "@" not in last
    if is_bare:
        try:
            familiar = Reference.parse(name).familiar_name
        except Invalid:
            familiar = ""
        found = [
            (image, [one for one in called if one.rpartition(":")[0] == familiar])
            for called, image in engine.layout.images()
        ]
        if meant := [(image, called) for image, called in found if called]:
            return meant
    try:
        image = engine.image_of(name)
    except NotFound as error:
        if is_bare:
            raise NotFound(f"No such image: {name}") from error
        raise
    names = engine.layout.names(image)
    try:
        called = [one for one in names if one == str(Reference.parse(name))]
    except Invalid:
        called = []
    return [(image, called)]


# --- in ------------------------------------------------------------------------------------------


def commit(engine: Engine, record: Record, wanted: Wanted, *, pause: bool = True) -> Image:
    """A new image of the container's files and Config; with ``pause`` none of its processes
    runs meanwhile. NotFound, Invalid, Conflict."""
    with _paused(engine, record) if pause and record.is_running else nullcontext():
        return _commit(engine, record, wanted)


@contextmanager
def _paused(engine: Engine, record: Record) -> Iterator[None]:
    try:
        engine.running.pause(record)
    except Conflict:  # it is paused, or has just ended
        yield
        return
    except EngineError:
        if not engine.running.until_ended(record, ENDING):
            raise
        yield  # its supervisor had just left
        return
    try:
        yield
    finally:
        with suppress(EngineError):  # it was killed meanwhile
            engine.running.unpause(record)


def _commit(engine: Engine, record: Record, wanted: Wanted) -> Image:
    from .build import instructions

    of_container = dict(record.config)
    config = instructions.apply(wanted.config, wanted.changes) if wanted.config else None
    config = merged(config or {}, of_container)
    if not wanted.config:
        config = instructions.apply(config, wanted.changes)
    with engine.layout.hold():
        base = engine.layout.resolve(record.image)
        layer = assembly.put_layer(engine.layout, _written(engine, record, base))
        told = {"container": record.id, "container_config": of_container, "parent": str(base.id)}
        created_by = " ".join(of_container.get("Cmd") or ())
        image = _keep(engine, base, layer, wanted, {**told, "config": config}, created_by)
    if wanted.name:
        tell(engine, "tag", image, str(wanted.name))
    attributes = {
        **record.attributes,
        "comment": wanted.comment,
        "imageID": str(image.id),
        "imageRef": str(wanted.name or ""),
    }
    engine.events.publish("container", "commit", record.id, attributes)
    return image


def _written(engine: Engine, record: Record, base: Image) -> Iterator[bytes]:
    root = unpacked.image_root(engine.data, record.image)
    if files.bundle(record).root:  # a copy, which is compared with what it was copied from
        with engine.unpacking.going_on():
            root = unpacked.merged(engine.layout, base, engine.data)
    return contents.layer(record, root)


def import_(engine: Engine, source: Readable, wanted: Wanted) -> Image:
    """A new image of one layer, a tar that may be compressed. Invalid for what is none."""
    from .build import instructions

    config = instructions.apply({}, wanted.changes)
    with engine.layout.hold():
        layer = _imported(engine, source)
        image = _keep(engine, None, layer, wanted, {"config": config, "container_config": {}}, "")
    if wanted.name:
        tell(engine, "tag", image, str(wanted.name))
    tell(engine, "import", image)
    return image


def _imported(engine: Engine, source: Readable) -> Descriptor | None:
    with reading("the archive"), closing(decompressed(buffered(source))) as plain:
        stored = engine.layout.put(plain, media_type="application/vnd.oci.image.layer.v1.tar")
        if stored.size == 0:
            return None  # an image without files, as dockerd makes of nothing
        with engine.layout.open_blob(stored.digest) as tar:
            for _ in entries(tar, "the archive"):
                pass
            drain(tar)
    return stored


def _keep(
    engine: Engine,
    base: Image | None,
    layer: Descriptor | None,
    wanted: Wanted,
    fields: Mapping[str, object],
    created_by: str,
) -> Image:
    now = wire.time_text(time.time())
    step = {"created": now, "created_by": created_by}
    step |= {"author": wanted.author} if wanted.author else {}
    step |= {"comment": wanted.comment} if wanted.comment else {}
    said = {
        "created": now,
        "author": wanted.author,
        "comment": wanted.comment,
        "docker_version": MAKER,
    }
    manifest = assembly.assemble(engine.layout, base, layer, {**said, **fields}, step)
    if wanted.name:
        return engine.layout.tag(wanted.name, manifest)
    return engine.layout.add(manifest)


def merged(own: Mapping[str, Any], of_container: Mapping[str, Any]) -> dict[str, Any]:
    """A Config of a commit: what was given goes before the container's, as in dockerd's merge."""
    made = {**of_container, **{key: value for key, value in own.items() if value}}
    for key in ("Labels", "Volumes", "ExposedPorts"):
        if both := {**(of_container.get(key) or {}), **(own.get(key) or {})}:
            made[key] = both
    if own.get("Env"):
        names = {word.partition("=")[0] for word in own["Env"]}
        rest = [w for w in of_container.get("Env") or () if w.partition("=")[0] not in names]
        made["Env"] = [*own["Env"], *rest]
    if own.get("Entrypoint") and not own.get("Cmd"):
        made["Cmd"] = None
    return made
