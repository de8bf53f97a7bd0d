"""A Dockerfile and a context become an image, step by step.

    Builder(engine, plan, heard, cancelling).build()      the image, with its names

Each step gives an image: of the one before, with another Config, or one layer more. It is in the
layout, and so in the cache, before the next begins.

Knows: steps, stages, dockerd's lines about them. Does not know: HTTP, registries.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from pathlib import Path

from ipycontainers.engine import images
from ipycontainers.engine.engine import Engine
from ipycontainers.errors import EngineError, Invalid, NotFound
from ipycontainers.oci import Image

from . import workspace
from .arguments import Arguments
from .cache import Cache
from .instruction import Instruction, Stage
from .instructions import State, before_from, begun
from .origins import Origin
from .plan import Built, Plan, Site
from .running import Cancelling, Heard
from .stage import Steps
from .words import expand

SCRATCH = "scratch"


class Builder:
    """One build, in one thread."""

    def __init__(
        self, engine: Engine, plan: Plan, heard: Heard, cancelling: Cancelling, folder: Path
    ) -> None:
        """``folder`` is private to this build, and there."""
        cache = Cache(engine.layout, _sources(engine, plan))
        self._site = Site(engine, plan, cache, heard, cancelling, folder)
        self._engine, self._plan, self._say = engine, plan, self._site.say
        self._arguments = Arguments(dict(plan.arguments))
        self._built: list[Built] = []
        self._others: dict[str, Built] = {}
        self._step = 0
        self._steps = len(plan.dockerfile.arguments) + sum(
            1 + len(stage.instructions) for stage in plan.stages
        )

    def _announce(self, text: str) -> None:
        """The next step."""
        self._site.cancelling.check()
        self._step += 1
        self._say(f"Step {self._step}/{self._steps} : {text}")
        self._say("\n")

    def build(self) -> Image:
        """Raises ContainerError, OSError; finished steps stay."""
        self._engine.builds.append(self._needed)
        try:
            for argument in self._plan.dockerfile.arguments:
                self._argument(argument)
            for stage in self._plan.stages:
                self._stage(stage)
            return self._finish()
        finally:
            self._engine.builds.remove(self._needed)
            for one in (*self._built, *self._others.values()):
                if one.space:
                    one.space.close()

    def _needed(self) -> set[str]:
        every = (*self._built, *self._others.values())
        return {str(made.image.id) for made in every if made.image}

    def _argument(self, argument: Instruction) -> None:
        self._announce(argument.original)
        self._arguments = before_from(self._arguments, argument, self._plan.dockerfile.escape)

    def _stage(self, stage: Stage) -> None:
        if stage.name and any(made.name == stage.name for made in self._built):
            raise Invalid(f"{stage.name} stage name already used")
        self._announce(stage.original)
        known = self._arguments.for_from()
        escape = self._plan.dockerfile.escape
        base = expand(stage.base, known, escape)
        if not base:
            raise Invalid(f"base name ({stage.base}) should not be blank")
        image = self._base(base, expand(stage.platform, known, escape))
        config = begun(image.config.container if image else None)
        triggers = [str(text) for text in config.get("OnBuild") or ()]
        config["OnBuild"] = None
        made = Built(image, stage.name, image)
        self._built.append(made)
        state = State(config, self._arguments.stage())
        steps = Steps(self._site, made, state, self._source)
        steps.triggered(triggers)
        self._say(f" ---> {made.image.id.short if made.image else ''}\n")
        for instruction in stage.instructions:
            self._announce(instruction.original)
            steps.do(instruction)
            self._say(f" ---> {made.image.id.short if made.image else ''}\n")
        self._arguments = self._arguments.after(steps.state.arguments)
        if made.image:
            self._site.heard({"aux": {"ID": str(made.image.id)}})

    def _base(self, name: str, platform: str) -> Image | None:
        if name == SCRATCH:
            return None
        for made in self._built:
            if made.name and made.name == name.lower():
                return made.image
        return self._image(name, platform)

    def _image(self, name: str, platform: str = "") -> Image:
        """One that is here, or is pulled."""
        assert self._plan.pull
        return self._plan.pull(name, platform)

    def _source(self, name: str) -> Origin:
        """Of COPY --from: a stage's name or number, or an image."""
        made = self._found(name)
        if made.space:
            return made.space.origin
        made.origin = made.origin or workspace.reading(self._engine, made.image)
        return made.origin

    def _found(self, name: str) -> Built:
        done = self._built[:-1]
        for made in done:
            if made.name and made.name == name.lower():
                return made
        if re.fullmatch(r"[+-]?[0-9]{1,9}", name):
            return done[self._number(int(name), len(done))]
        if name not in self._others:
            try:
                self._others[name] = Built(self._image(name))
            except (EngineError, NotFound, Invalid) as error:
                raise EngineError(f"invalid from flag value {name}: {error.message}") from error
        return self._others[name]

    def _number(self, number: int, count: int) -> int:
        if 0 <= number < count:
            return number
        why = "refers to current build stage" if number == count else "index out of bounds"
        raise Invalid(f"invalid from flag value {number}: {why}")

    def _finish(self) -> Image:
        image = self._built[-1].image
        if image is None:
            raise Invalid("No image was generated. Is your Dockerfile empty?")
        if unused := self._arguments.unused():
            self._say(f"[Warning] One or more build-args {_listed(unused)} were not consumed\n")
        has = self._engine.layout.names(image)
        for name in self._plan.names:
            if str(name) not in has:  # else a build of which all was cached would write to disk
                image = self._engine.layout.tag(name, image.manifest)
            images.tell(self._engine, "tag", image, str(name))
        self._say(f"Successfully built {image.id.short}\n")
        for name in self._plan.names:
            self._say(f"Successfully tagged {name}\n")
        return image


def _listed(names: Sequence[str]) -> str:
    return f"[{' '.join(names)}]"


def _sources(engine: Engine, plan: Plan) -> list[Image] | None:
    """Those of --cache-from that are here; None where none was named."""
    found = []
    for name in plan.cache_from:
        with contextlib.suppress(NotFound, Invalid):
            found.append(engine.image_of(name))
    return found if plan.cache_from else None
