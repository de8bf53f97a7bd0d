"""Pulls: from a name to an image in the layout, each whole or not at all.

    order = Order(store, reference, platform, Asker(credentials, Settings.load()))
    order.find()                asks the registry; raises what it says
    order.run(heard, named)     fetches, unpacks, names the image; raises where it fails
    order.cancel()              from any thread: both end soon

What was fetched before a failure stays for the next try (``oci.unfinished``).

Knows: manifests, indexes, what an image needs. Does not know: HTTP, JSON lines.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ipycontainers.engine import unpacked
from ipycontainers.errors import (
    ContainerError,
    EngineError,
    IntegrityError,
    Invalid,
)
from ipycontainers.oci import Descriptor, Image, Layer, Layout, Platform, Reference
from ipycontainers.oci.descriptor import INDEXES

from . import blobs, platforms
from .asking import Asker, find, tags
from .client import LARGEST_MANIFEST, Manifest
from .transfers import Heard, Step, Transfer, Transfers

OLD = "application/vnd.docker.distribution.manifest.v1"
POLL = 0.2
MOST_LAYERS = 125  # dockerd's


@dataclass(frozen=True)
class Store:
    """Where images go. ``unpacking`` is entered while layers are unpacked there."""

    layout: Layout
    data: Path
    needs_copy: bool
    transfers: Transfers
    unpacking: Callable[[], AbstractContextManager[None]]


class Order:
    """What one client wants: an image, or all tags of a repository. ``find``, then ``run``."""

    def __init__(
        self,
        store: Store,
        reference: Reference,
        wanted: Platform,
        asker: Asker,
        *,
        all_tags: bool = False,
    ) -> None:
        self._store, self._wanted, self._asker = store, wanted, asker
        self._cancelled = threading.Event()
        self._reference = reference
        self._all_tags = all_tags
        self._pulls: list[Pull] = []

    def cancel(self) -> None:
        """From any thread: both end soon."""
        self._cancelled.set()

    def find(self) -> None:
        """Asks the registry. Raises NotFound, EngineError, IntegrityError."""
        wanted = [self._reference]
        if self._all_tags:
            wanted = tags(self._asker, self._reference)
        self._pulls = [
            Pull(self._store, reference, self._wanted, self._asker, self._cancelled)
            for reference in wanted
        ]
        self._pulls[0].find()

    def run(self, heard: Heard, named: Callable[[Reference, Image], object]) -> None:
        """Every image is there, with its name, when this returns; ``named`` is called with each.

        Raises ContainerError.
        """
        is_new = False
        for number, pull in enumerate(self._pulls):
            if number:
                pull.find()
            try:
                image, is_newer = pull.run(heard)
            except OSError as error:
                raise EngineError(f"the image cannot be kept: {error.strerror}") from error
            is_new = is_new or is_newer
            named(pull.reference, image)
        shown = self._reference.familiar_name if self._all_tags else str(self._reference)
        told = "Downloaded newer image" if is_new else "Image is up to date"
        heard(Step.note(f"Status: {told} for {shown}"))
        for pull in self._pulls:
            if warning := pull.warning():
                heard(Step.note(warning))


class Pull:
    """One image. ``find`` and ``run`` are called once, in that order, in a thread."""

    def __init__(
        self,
        store: Store,
        reference: Reference,
        wanted: Platform,
        asker: Asker,
        cancelled: threading.Event,
    ) -> None:
        self._store = store
        self.reference = reference
        self._wanted = wanted
        self._asker = asker
        self._cancelled = cancelled
        self._image: Image | None = None
        self._before: Image | None = None

    def find(self) -> None:
        self._before = self._there()
        self.client, self.top = find(self._asker, self.reference, self._current())

    def _current(self) -> frozenset[str]:
        """The digests with which the registry would say that the image is up to date."""
        before = self._before
        if before is None or platforms.rank(self._wanted, before.config.platform) is None:
            return frozenset()
        names = map(Reference.parse, self._store.layout.origins(before))
        return frozenset(str(name.digest) for name in names if name.name == self.reference.name)

    def run(self, heard: Heard) -> tuple[Image, bool]:
        """The image, which has its name now, and whether it is another than before."""
        shown = self.reference.tag if not self.reference.digest else str(self.reference)
        heard(Step.note(f"Pulling from {self.reference.path}", shown))
        before = self._before
        image = before if before and not self.top.content else self._brought(heard)
        self._name(image)
        self._image = image
        heard(Step.note(f"Digest: {self.top.digest}"))
        return image, before is None or before.id != image.id

    def warning(self) -> str:
        """Where a registry has the image for another platform only."""
        image = self._image
        if image is None or platforms.rank(self._wanted, image.config.platform) is not None:
            return ""
        return (
            f"WARNING: image with reference {self.reference.familiar_name} was found but does not "
            f"match the specified platform: wanted {self._wanted}, actual: {image.config.platform}"
        )

    def _brought(self, heard: Heard) -> Image:
        manifest = self._manifest()
        if self._before and self._before.manifest.digest == manifest.digest:
            return self._before
        descriptor = Descriptor(manifest.media_type, manifest.digest, len(manifest.content))
        return self._fetch(manifest, descriptor, heard)

    def _there(self) -> Image | None:
        try:
            return self._store.layout.resolve(str(self.reference))
        except ContainerError:
            return None

    def _manifest(self) -> Manifest:
        """The image's own: through indexes, by platform."""
        found = self.top
        for _ in range(4):
            document = found.parsed()
            if found.media_type.startswith(OLD) or document.get("schemaVersion") == 1:
                raise Invalid(
                    f"{self.reference} is kept in the old format of manifests, schema 1",
                    "push it again with a newer Docker",
                )
            if found.media_type not in INDEXES and "manifests" not in document:
                return found
            chosen = platforms.choose(document, self._wanted)
            found = self.client.manifest(str(chosen.digest))
        raise Invalid(f"{self.reference} is an index in an index in an index")

    # --- what it needs ---------------------------------------------------------------------

    def _fetch(self, manifest: Manifest, descriptor: Descriptor, heard: Heard) -> Image:
        layout, document = self._store.layout, manifest.parsed()
        config = Descriptor.of(document.get("config"))
        listed = document.get("layers")
        needed = [config.digest, manifest.digest]
        if isinstance(listed, list):
            if len(listed) > MOST_LAYERS:
                raise Invalid(f"max depth exceeded: the image has {len(listed)} layers")
            needed += [Descriptor.of(layer).digest for layer in listed]
        with layout.hold():
            layout.unfinished.begin(manifest.digest, needed)
        if not layout.has(config.digest):
            self._fetch_config(config)
        layout.put(manifest.content, manifest.digest)
        image = layout.image(descriptor)
        if image.config.platform.os not in ("", "linux"):
            raise Invalid(
                f'image operating system "{image.config.platform.os}" '
                "cannot be used on this platform"
            )
        with self._store.unpacking():
            self._fetch_layers(image, heard)
            if self._store.needs_copy:
                self._keep_root(image, heard)
        layout.add(image.manifest)
        layout.unfinished.end(manifest.digest)
        return image

    def _fetch_config(self, config: Descriptor) -> None:
        if config.size > LARGEST_MANIFEST:
            raise Invalid(f"the image's config has {config.size:,} bytes, too many to be one")
        with self.client.blob(config.digest) as (_, answer):
            content = answer.document(config.size)
        if len(content) != config.size:
            raise IntegrityError(f"{config.digest} should have {config.size} bytes")
        self._store.layout.put(content, config.digest)

    def _fetch_layers(self, image: Image, heard: Heard) -> None:
        """Each digest once, though an image may name it more often."""
        missing: dict[object, Layer] = {}
        known = self._verified()
        for layer in image.layers:
            if replace(layer, created_by="") in known and self._store.layout.has(
                layer.descriptor.digest
            ):
                heard(Step("Already exists", _id(layer)))
            else:
                missing.setdefault((layer.descriptor.digest, layer.diff_id), layer)
        for layer in missing.values():
            heard(Step("Pulling fs layer", _id(layer)))
        joined: list[Transfer] = []
        try:
            for key, layer in missing.items():
                work = partial(self._work, layer)
                joined.append(self._store.transfers.join(key, work, _id(layer), heard))
            for transfer in joined:
                while not transfer.wait(POLL):
                    if self._cancelled.is_set():
                        raise EngineError("context canceled")
        finally:
            for transfer in joined:
                self._store.transfers.leave(transfer, heard)

    def _verified(self) -> set[Layer]:
        """Of images that are here."""
        try:
            images = self._store.layout.stored()
        except ContainerError:  # a broken one is no reason against another
            return set()
        return {replace(layer, created_by="") for image in images for layer in image.layers}

    def _work(self, layer: Layer, transfer: Transfer) -> None:
        """What a transfer does; it may outlive this pull, for another one."""
        store = self._store
        blobs.fetch(self.client, store.layout, layer.descriptor, transfer)
        transfer.tell("Download complete")
        if not store.needs_copy:
            reports = blobs.Reports(transfer, "Extracting", layer.descriptor.size)
            with store.unpacking():
                unpacked.keep_layer(store.layout, layer, store.data, reports.passed)
            transfer.tell("Pull complete")

    def _keep_root(self, image: Image, heard: Heard) -> None:
        """Layers are merged one after the other, which verifies them, too."""
        counts: dict[Layer, int] = {}

        def passed(layer: Layer, count: int) -> None:
            if self._cancelled.is_set():
                raise EngineError("context canceled")
            if layer not in counts:
                heard(Step("Extracting", _id(layer), 0, layer.descriptor.size))
            counts[layer] = counts.get(layer, 0) + count
            if count and counts[layer] == layer.descriptor.size:
                heard(Step("Pull complete", _id(layer)))

        unpacked.keep_root(self._store.layout, image, self._store.data, passed)

    def _name(self, image: Image) -> None:
        layout, reference = self._store.layout, self.reference
        origin = replace(reference, tag="", digest=self.top.digest)
        layout.note_origin(origin, image.manifest)
        if not reference.digest:
            layout.tag(reference, image.manifest)


def _id(layer: Layer) -> str:
    return layer.descriptor.digest.short
