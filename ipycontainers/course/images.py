"""The images of the course, made on this machine without a registry.

    ids = ensure("ipyc/toolbox:1")          what is missing is made; name → id
    for image in provide(connection): …     the same for all of them, with what was done

An archive as docker save writes it is made here and loaded into whatever engine there is, so each
has the same layers. The program in them is this machine's static busybox, else that of an image
which the engine has or can pull.

Knows: which images are there, who made them. Does not know: what is in them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ipycontainers.busybox import Busybox, of_file, of_image, of_machine
from ipycontainers.errors import Conflict, ContainerError, Invalid, NotFound

from . import recipes
from .recipes import BUSYBOX_LABEL, NAMES, PORT, RECIPE, RECIPE_LABEL

if TYPE_CHECKING:
    from ipycontainers.client import Connection
    from ipycontainers.oci import Image, Layout

__all__ = ["NAMES", "PORT", "Provided", "describe", "ensure", "provide"]

BUSYBOX = "busybox"  # the image whose program serves where this machine has none
Say = Callable[[str], object]


@dataclass(frozen=True)
class Provided:
    """An image that the engine has now. ``made`` says of what it was made, "" where it was there
    before; ``replaced`` is the id of an image of somebody else that had the name."""

    name: str
    id: str
    size: int
    layers: tuple[str, ...]
    made: str = ""
    replaced: str = ""


def ensure(*names: str, connection: Connection | None = None) -> dict[str, str]:
    """Makes those of NAMES that the engine lacks, all if none is named; their ids.

    Raises Invalid for another name, NotFound where there is no busybox to make them of, Conflict
    where somebody else's image has the name, and EngineUnavailable.
    """
    with _connected(connection) as engine:
        return {image.name: image.id for image in provide(engine, names)}


def describe(name: str) -> str:
    """What the image is for, in one line. Raises Invalid for what is none of NAMES."""
    recipes.check(name)
    return recipes.DESCRIPTIONS[name]


def provide(
    connection: Connection,
    names: Sequence[str] = (),
    *,
    rebuild: bool = False,
    pull: bool = True,
    program: Path | None = None,
    say: Say = lambda _: None,
) -> list[Provided]:
    """As ``ensure``, with what was done. ``program`` is the busybox to take; ``rebuild`` makes
    them also where they are there, and replaces somebody else's; without ``pull`` no registry is
    asked. ``say`` takes a sentence before a step that may take long."""
    wanted = list(dict.fromkeys(names)) or list(NAMES)
    for name in wanted:
        recipes.check(name)
    architecture = _architecture(connection)
    own = of_file(program, architecture) if program else of_machine(architecture)
    before = {name: _found(connection, name) for name in wanted}
    lacking = [
        name
        for name, found in before.items()
        if rebuild or not _is_current(found, name, own, architecture)
    ]
    if lacking and not own:
        own = _of_engine(connection, architecture, pull, say)
    if lacking and own:
        _load(connection, lacking, own, architecture)
    made = own.origin if own else ""
    return [
        _provided(connection, name, before[name], made if name in lacking else "")
        for name in wanted
    ]


@contextmanager
def _connected(connection: Connection | None) -> Iterator[Connection]:
    from ipycontainers.client import connect

    if connection:
        yield connection
        return
    with connect() as opened:
        yield opened


def _architecture(connection: Connection) -> str:
    from ipycontainers.oci import Platform

    return str(connection.version().get("Arch") or Platform.here().architecture)


# --- what is there --------------------------------------------------------------------------


def _found(connection: Connection, name: str) -> Mapping[str, Any] | None:
    try:
        return connection.inspect_image(name)
    except NotFound:
        return None


def _is_current(
    found: Mapping[str, Any] | None, name: str, own: Busybox | None, architecture: str
) -> bool:
    """Whether it need not be made. One of another busybox than this machine's will do."""
    if found is None:
        return False
    labels = _labels(found)
    if RECIPE_LABEL not in labels:
        raise Conflict(
            f"the engine has an image {name} that is not the course's",
            f"give it another name (docker tag {name} …), then "
            "`ipycontainers course images --rebuild` replaces it",
        )
    if labels[RECIPE_LABEL] != RECIPE:
        return False
    if own is None or labels.get(BUSYBOX_LABEL) != own.digest:
        return True
    return _layers(found) == recipes.layer_digests(name, own, architecture)


def _labels(found: Mapping[str, Any]) -> Mapping[str, Any]:
    labels = (found.get("Config") or {}).get("Labels")
    return labels if isinstance(labels, Mapping) else {}


def _layers(found: Mapping[str, Any]) -> tuple[str, ...]:
    layers = (found.get("RootFS") or {}).get("Layers")
    return tuple(map(str, layers)) if isinstance(layers, list) else ()


def _provided(
    connection: Connection, name: str, before: Mapping[str, Any] | None, made: str
) -> Provided:
    found = connection.inspect_image(name) if made or before is None else before
    foreign = made and before is not None and RECIPE_LABEL not in _labels(before)
    return Provided(
        name,
        str(found.get("Id")),
        int(found.get("Size") or 0),
        _layers(found),
        made,
        str(before["Id"]) if foreign and before else "",
    )


# --- making ---------------------------------------------------------------------------------


def _of_engine(connection: Connection, architecture: str, pull: bool, say: Say) -> Busybox:
    """The busybox of an image. Raises NotFound, with what mends it."""
    reason = "the engine has no image with one"
    for name in (NAMES[0], BUSYBOX):
        found = _of_image(connection, name, architecture)
        if isinstance(found, Busybox):
            return found
        reason = reason if isinstance(found, NotFound) else found.message
    if pull:
        say(f"no static busybox on this machine: the engine pulls the image {BUSYBOX}")
        try:
            connection.pull(BUSYBOX)
            return of_image(connection, BUSYBOX, architecture)
        except ContainerError as error:
            reason = error.message
    raise NotFound(
        f"the course's images are made of a static busybox; this machine has none, and {reason}",
        "apt-get install busybox-static, or name one: ipycontainers course images --busybox FILE",
    )


def _of_image(connection: Connection, name: str, architecture: str) -> Busybox | NotFound | Invalid:
    """Its busybox, or why there is none."""
    try:
        return of_image(connection, name, architecture)
    except (NotFound, Invalid) as error:
        return error


def _load(
    connection: Connection, names: Sequence[str], busybox: Busybox, architecture: str
) -> None:
    from ipycontainers.commands import reports

    with tempfile.TemporaryDirectory(prefix="ipycontainers-") as folder:
        body = archive(Path(folder), names, busybox, architecture)
        with connection.daemon.stream("POST", "images", "load", body=body, quiet="1") as stream:
            reports.follow(stream.lines(), lambda _: None)


def archive(
    folder: Path, names: Sequence[str], busybox: Busybox, architecture: str
) -> Iterator[bytes]:
    """An archive of these images, as docker load reads it; made in ``folder``, which is empty."""
    from ipycontainers.oci import Layout
    from ipycontainers.oci.save import save

    layout = Layout.open(folder)
    made = [(_image(layout, name, busybox, architecture), [name]) for name in names]
    yield from save(layout, made)


def _image(layout: Layout, name: str, busybox: Busybox, architecture: str) -> Image:
    from ipycontainers.oci import descriptor
    from ipycontainers.oci.assembly import assemble

    steps = recipes.of(name, busybox, architecture)
    image = None
    for number, step in enumerate(steps, 1):
        layer = (
            layout.put(step.layer, media_type=descriptor.LAYER) if step.layer is not None else None
        )
        fields = {
            "architecture": architecture,
            "created": recipes.CREATED,
            "config": recipes.container_config(steps[:number]),
        }
        row = {"created": recipes.CREATED, "created_by": step.created_by}
        image = layout.image(assemble(layout, image, layer, fields, row))
    assert image
    return image
