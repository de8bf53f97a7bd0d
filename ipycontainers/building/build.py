"""One build: what is sent, what comes back, how much of it is new.

    built = run(connection, Order(options, text, plan, context), progress, watch, sent)

Knows: the query of POST /build. Does not know: how a build is shown, IPython.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ipycontainers.errors import ContainerError, EngineUnavailable, Invalid, NotFound

from . import failure
from .context import Context
from .options import BuildOptions
from .plan import Plan, Text
from .progress import Progress
from .recipe import Recipe

if TYPE_CHECKING:
    from ipycontainers.client import Connection

Watch = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True)
class Order:
    """What is to be built. ``base`` is the id of what --append goes on from, whose name will be
    another image's, and ``recipe`` what that was built of."""

    options: BuildOptions
    text: Text
    plan: Plan
    context: Context
    base: str = ""
    recipe: Recipe = field(default_factory=Recipe)

    @property
    def arguments(self) -> dict[str, str | None]:
        """What ARG gets."""
        return {**self.recipe.carried, **self.options.arguments()}

    @property
    def parameters(self) -> dict[str, str | Sequence[str]]:
        """The query, as docker's own; a failed step leaves no container either."""
        options = self.options
        found: dict[str, str | Sequence[str]] = {
            "version": "1",
            "dockerfile": self.context.dockerfile_name(self.text.content),
            "rm": "1",
            "forcerm": "1",
            "t": options.tags,
            "target": options.target,
            "platform": options.platform,
            "nocache": "1" if options.flag("no-cache") else "",
            "pull": "1" if options.flag("pull") else "",
        }
        if arguments := self.arguments:
            found["buildargs"] = json.dumps(arguments)
        return {name: value for name, value in found.items() if value}


@dataclass(frozen=True)
class Built:
    """An image. ``name`` is what it was called, else its id; ``new`` is how many of the rows of
    its history its base has not, from the cache or not."""

    id: str
    name: str
    new: int


def run(
    connection: Connection,
    order: Order,
    progress: Progress,
    watch: Watch,
    sent: Callable[[int], None],
) -> Built:
    """Returns when the image is there. ``progress`` is fed, and then ``watch`` called, with
    each line of the engine's; ``sent`` with the bytes of the context that are on their way.

    An exception of theirs, and an interrupt, end the build at the engine. Raises CellFailed for
    a step that fails, Invalid for a Dockerfile that is none, and what engines raise.
    """
    if order.plan.documents and not reads_documents(connection):
        raise failure.of_documents(order.plan)
    pieces = _counted(order.context.archive(order.text.content), sent)
    try:
        stream = connection.build(pieces, order.parameters)
    except EngineUnavailable:
        raise
    except ContainerError as error:
        raise failure.of_text(error, order.plan, order.text) from error
    with stream:
        for line in stream.lines():
            progress.feed(line)
            watch(line)
    progress.end()
    if progress.failure:
        has_context = order.context.folder is not None
        raise failure.of_step(progress, order.plan, order.text, has_context=has_context)
    return _built(connection, order, progress)


def reads_documents(connection: Connection) -> bool:
    """Whether the engine reads here-documents: ours does, Podman from 4.9 on, dockerd by BuildKit
    only, which its API does not speak."""
    if connection.launcher:
        return True
    version = str(connection.version().get("Version")).split(".")
    numbers = [int(part) for part in version[:2] if part.isdecimal()]
    return connection.engine_name == "Podman" and numbers >= [4, 9]


def append_to(connection: Connection, name: str) -> str:
    """The id of the image that --append goes on from. Raises NotFound, and Invalid for one whose
    FROM does more than it says."""
    try:
        told = connection.inspect_image(name)
    except NotFound as error:
        raise NotFound(
            f"there is no image {name} to append to",
            f"build it first, without --append: %%dockerfile -t {name}, and FROM IMAGE below it",
        ) from error
    if (told.get("Config") or {}).get("OnBuild"):
        raise Invalid(
            f"{name} has ONBUILD, which --append would carry out: it is a build on that image",
            f"write ONBUILD into the last of the cells, or FROM {name} without --append",
        )
    return str(told["Id"])


def _counted(pieces: Iterator[bytes], sent: Callable[[int], None]) -> Iterator[bytes]:
    count = 0
    for piece in pieces:
        yield piece
        count += len(piece)
        sent(count)


def _built(connection: Connection, order: Order, progress: Progress) -> Built:
    names = order.options.tags
    ids = [progress.image, *(step.image for step in reversed(progress.steps))]
    name = names[0] if names else next((one for one in ids if one), "")
    if not name:
        raise Invalid("the engine built an image and did not say which", "give it a name: -t NAME")
    made = str(connection.inspect_image(name)["Id"])
    base = _base(order, progress)
    try:
        new = _rows(connection, made) - _rows(connection, base) if base else 0
    except ContainerError:  # as of a stage, of which Podman does not tell the id
        new = 0
    return Built(made, name, max(0, new))


def _base(order: Order, progress: Progress) -> str:
    """What the last stage began with, by then."""
    for first in progress.last_stage[:1]:
        return order.base or first.image or failure.base(first.text)
    return order.base


def _rows(connection: Connection, image: str) -> int:
    """How many instructions made it."""
    if image == "scratch":
        return 0
    return len(connection.daemon.get("images", image, "history", patient=True))
