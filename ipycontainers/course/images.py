"""The images of the course, made on this machine without a registry.

    ids = ensure("ipyc/toolbox:1")          what is missing is made; name → id
    for image in provide(connection): …     the same for all of them, with what was done
    port()                                  at which a server in a container can listen

An archive as docker save writes it is made here and loaded into whatever engine there is, so each
has the same layers. The program in them is this machine's static busybox, else that of an image
which the engine has or can pull.

Knows: which images are to be there, who made them. Does not know: what is in them, engines.
"""

from __future__ import annotations

import contextlib
import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ipycontainers.busybox import Busybox, of_file, of_image, of_machine
from ipycontainers.errors import Conflict, ContainerError, Invalid, NotFound

from . import recipes
from .recipes import BUSYBOX_LABEL, NAMES, PORT, RECIPE, RECIPE_LABEL
from .stores import Answering, Found, Own, Store

if TYPE_CHECKING:
    from ipycontainers.client import Connection
    from ipycontainers.oci import Image, Layout

__all__ = ["NAMES", "PORT", "Provided", "describe", "ensure", "port", "provide", "store"]

PORTS = range(PORT, PORT + 100)  # at which a server of a container may listen
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
    """Makes those of NAMES that the engine lacks, all if none is named; their ids. The engine is
    that of this notebook's cells, unless ``connection`` is another's.

    Raises Invalid for another name, NotFound where there is no busybox to make them of, Conflict
    where somebody else's image has the name, and EngineUnavailable.
    """
    from ipycontainers.widgets.connection import connection as of_this_notebook

    engine = connection or of_this_notebook()
    return {image.name: image.id for image in provide(engine, names)}


def describe(name: str) -> str:
    """What the image is for, in one line. Raises Invalid for what is none of NAMES."""
    recipes.check(name)
    return recipes.DESCRIPTIONS[name]


def port() -> int:
    """At which a server in a container can listen: PORT, or the next that nobody listens at on this
    machine, whose network a container may have. PORT too where all are taken."""
    return next(filter(_is_free, PORTS), PORT)


def _is_free(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_server(("", port)):
        return True
    return False


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
    store = Answering(connection)
    own = _own(program, store.architecture)

    def chosen() -> Busybox:
        return own or _of_engine(connection, store.architecture, pull, say)

    return _provide(store, names, own, chosen, rebuild=rebuild)


def store(
    layout: Layout,
    names: Sequence[str] = (),
    *,
    rebuild: bool = False,
    program: Path | None = None,
) -> list[Provided]:
    """The same in the store of our own engine, which need not run. The busybox is this machine's:
    NotFound where it has none."""
    store = Own(layout)
    own = _own(program, store.architecture)

    def chosen() -> Busybox:
        if own is None:
            raise _no_busybox("no engine is asked for one")
        return own

    return _provide(store, names, own, chosen, rebuild=rebuild)


def _own(program: Path | None, architecture: str) -> Busybox | None:
    return of_file(program, architecture) if program else of_machine(architecture)


def _provide(
    store: Store,
    names: Sequence[str],
    own: Busybox | None,
    chosen: Callable[[], Busybox],
    *,
    rebuild: bool,
) -> list[Provided]:
    """``own`` is this machine's busybox, ``chosen`` gives the one to make images of."""
    wanted = list(dict.fromkeys(names)) or list(NAMES)
    for name in wanted:
        recipes.check(name)
    before = {name: store.find(name) for name in wanted}
    lacking = [
        name
        for name, found in before.items()
        if rebuild or not _is_current(found, name, own, store.architecture)
    ]
    if not lacking:
        return [_provided(store, name, before[name]) for name in wanted]
    busybox = chosen()
    with tempfile.TemporaryDirectory(prefix="ipycontainers-") as folder:
        store.load(archive(Path(folder), lacking, busybox, store.architecture))
    made = dict.fromkeys(lacking, busybox.origin)
    return [_provided(store, name, before[name], made.get(name, "")) for name in wanted]


# --- what is there --------------------------------------------------------------------------


def _is_current(found: Found | None, name: str, own: Busybox | None, architecture: str) -> bool:
    """Whether it need not be made. One of another busybox than this machine's will do."""
    if found is None:
        return False
    if RECIPE_LABEL not in found.labels:
        raise Conflict(
            f"the engine has an image {name} that is not the course's",
            f"give it another name (docker tag {name} …), then "
            "`ipycontainers course images --rebuild` replaces it",
        )
    if found.labels[RECIPE_LABEL] != RECIPE:
        return False
    if own is None or found.labels.get(BUSYBOX_LABEL) != own.digest:
        return True
    return found.layers == recipes.layer_digests(name, own, architecture)


def _provided(store: Store, name: str, before: Found | None, made: str = "") -> Provided:
    found = before if before and not made else store.find(name)
    if found is None:
        raise NotFound(f"the image {name} was made and is gone", "somebody has removed it")
    is_foreign = made and before and RECIPE_LABEL not in before.labels
    replaced = before.id if is_foreign and before else ""
    return Provided(name, found.id, found.size, found.layers, made, replaced)


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
    raise _no_busybox(reason)


def _no_busybox(reason: str) -> NotFound:
    return NotFound(
        f"the course's images are made of a static busybox; this machine has none, and {reason}",
        "apt-get install busybox-static, or name one: ipycontainers course images --busybox FILE",
    )


def _of_image(connection: Connection, name: str, architecture: str) -> Busybox | NotFound | Invalid:
    """Its busybox, or why there is none."""
    try:
        return of_image(connection, name, architecture)
    except (NotFound, Invalid) as error:
        return error


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
