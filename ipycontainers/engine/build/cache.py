"""Which step of an earlier build is the same as one of this: ``Using cache``.

    cache = Cache(layout, sources)
    cache.find(parent, config)      an image that was made of ``parent`` by the same step, or None

The cache is the images themselves, as with dockerd: each step's image names its parent and has the
step's command in ``container_config``. So it outlives the engine, what is finished of a build that
was interrupted is in it, a failed build can be looked into at the step before, and ``docker image
prune`` and removing an image free it; an index of its own would be a second truth about all that.
COPY's command has the checksum of what it copied, RUN's the build arguments that it saw. An image
from elsewhere can say anything of its parent and its step: it is no cache unless it is named.

``sources`` are of ``--cache-from``: images whose history, and not whose parents, is known. Who
names any takes steps of nothing else.

Knows: images' configs. Does not know: instructions, files.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from ipycontainers.oci import Image, Layout, assembly
from ipycontainers.oci.descriptor import Platform

_SAME = ("Cmd", "Env", "Labels", "Entrypoint", "User", "Volumes", "ExposedPorts", "Shell")


class Cache:
    """Of one build; what is made meanwhile by others is not in it."""

    def __init__(self, layout: Layout, sources: Sequence[Image] | None = None) -> None:
        self._layout, self._sources = layout, sources
        self._children: dict[str, list[Image]] = defaultdict(list)
        for image in layout.made():
            if "container_config" in image.config.raw:
                self._children[str(image.config.raw.get("parent") or "")].append(image)

    def find(self, parent: Image | None, config: Mapping[str, Any]) -> Image | None:
        """The newest that fits."""
        wanted = _key(config)
        fits = [
            image
            for image in self._children[str(parent.id) if parent else ""]
            if _key(image.config.raw["container_config"]) == wanted
            and image.config.platform.os == Platform.here().os
        ]
        if self._sources is not None:
            fits = [image for image in fits if any(_is_of(image, s) for s in self._sources)]
            return fits[-1] if fits else self._from_sources(parent, config)
        return max(fits, key=lambda image: image.config.created, default=None)

    def _from_sources(self, parent: Image | None, config: Mapping[str, Any]) -> Image | None:
        created_by = " ".join(config.get("Cmd") or ())
        for source in self._sources or ():
            done = parent.config.history if parent else ()
            steps = source.config.history
            if (parent and not _is_of(parent, source)) or len(steps) <= len(done):
                continue
            if str(steps[len(done)].get("created_by") or "") == created_by:
                if len(steps) == len(done) + 1:
                    return source
                return self._restored(parent, source, config)
        return None

    def _restored(self, parent: Image | None, source: Image, config: Mapping[str, Any]) -> Image:
        """The image that a source was made of, with one step more than ``parent``."""
        step = dict(source.config.history[len(parent.config.history) if parent else 0])
        layer = None
        if not step.pop("empty_layer", False):
            layer = source.layers[len(parent.layers) if parent else 0].descriptor
        said: dict[str, object] = {key: step[key] for key in ("created", "author") if key in step}
        fields: dict[str, object] = {
            **said,
            "config": config,
            "container_config": config,
            "parent": str(parent.id) if parent else "",
        }
        with self._layout.hold():
            manifest = assembly.assemble(self._layout, parent, layer, fields, step)
            return self._layout.add(manifest, made=True)


def _key(config: object) -> tuple[object, ...]:
    told = config if isinstance(config, Mapping) else {}
    return tuple(told.get(name) or None for name in _SAME)


def _is_of(image: Image, source: Image) -> bool:
    """Whether ``source`` is the image, or was made of it."""
    if image.id == source.id:
        return True
    steps, layers = image.config.history, image.config.diff_ids
    return [step.get("created_by") for step in source.config.history[: len(steps)]] == [
        step.get("created_by") for step in steps
    ] and source.config.diff_ids[: len(layers)] == layers
