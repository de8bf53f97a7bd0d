"""What is to be built, and what is there of it so far: what all steps of a build share.

Knows: values. Does not know: steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ipycontainers.engine.engine import Engine
from ipycontainers.oci import Image, Reference

from .cache import Cache
from .context import Context
from .instruction import Dockerfile, Stage
from .origins import Origin
from .running import Cancelling, Heard
from .workspace import Workspace


@dataclass(frozen=True)
class Plan:
    """What is to be built. ``stages`` are those that the target needs."""

    dockerfile: Dockerfile
    stages: Sequence[Stage]
    context: Context
    names: Sequence[Reference] = ()
    arguments: Mapping[str, str | None] = field(default_factory=dict)
    host_config: Mapping[str, Any] = field(default_factory=dict)
    cache_from: Sequence[str] = ()
    has_cache: bool = True
    removes: tuple[bool, bool] = (True, False)  # containers, after a success and a failure
    pull: Callable[[str, str], Image] | None = None
    """Name and platform to an image that is here, or comes."""


@dataclass
class Built:
    """A stage, or an image that COPY takes from. ``space`` has its files, once a step needs them;
    ``origin`` those of what is only read."""

    image: Image | None
    name: str = ""
    base: Image | None = None  # that it began with
    space: Workspace | None = None
    origin: Origin | None = None


@dataclass(frozen=True)
class Site:
    """Where one build takes place. ``folder`` is private to it, and there."""

    engine: Engine
    plan: Plan
    cache: Cache
    heard: Heard
    cancelling: Cancelling
    folder: Path

    def say(self, text: str) -> None:
        self.heard({"stream": text})
