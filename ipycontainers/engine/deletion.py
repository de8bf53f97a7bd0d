"""Images are removed by dockerd's rules: names first, then what nothing needs.

https://github.com/moby/moby/blob/20.10/daemon/images/image_delete.go and image_prune.go

Knows: who uses an image. Does not know: HTTP, Docker's JSON but for Untagged and Deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from ipycontainers.errors import Conflict, Invalid, NotFound
from ipycontainers.oci import Image, Reference

from .engine import Engine
from .images import tell
from .usage import chains

Told = list[dict[str, str]]


def remove(engine: Engine, name: str, *, force: bool = False, prune: bool = True) -> Told:
    """What was untagged and deleted, in order. NotFound, Conflict; Invalid for no name."""
    if told := _forgotten(engine, name):
        return told
    deleting = _Deleting(engine)
    deleting.by_name(name, force=force, prune=prune)
    deleting.settle()
    return deleting.told


def _forgotten(engine: Engine, name: str) -> Told:
    """Of an image that cannot be read any more; nothing where the name is of no such one."""
    for names, manifest, _ in engine.layout.damaged():
        if name == str(manifest.digest) or _printed(name) in names:
            engine.layout.forget(manifest)
            engine.layout.gc()
            engine.tidy()
            return [*({"Untagged": one} for one in names), {"Deleted": str(manifest.digest)}]
    return []


def _printed(name: str) -> str:
    """As docker prints it; "" for what is no name."""
    try:
        return str(Reference.parse(name))
    except Invalid:
        return ""


def prune(engine: Engine, *, dangling: bool, wanted: Callable[[Image], bool]) -> tuple[Told, int]:
    """Removes images without a tag, or all that no container uses; and the bytes of their
    layers that nobody else had."""
    told: Told = []
    layers: dict[str, int] = {}
    for names, image in engine.layout.images():
        deleting = _Deleting(engine)
        if deleting.is_of_build(image):
            continue
        if (dangling and (names or deleting.children(image))) or not wanted(image):
            continue
        layers |= dict(zip(chains(image), engine.sizes.of(image), strict=True))
        for name in names or (image.id.hex,):
            with suppress(Conflict, NotFound):
                deleting.by_name(name, force=False, prune=True)
        deleting.settle()
        told += deleting.told
    freed = sum(layers.get(one.get("Deleted", ""), 0) for one in told)
    engine.events.publish("image", "prune", "", {"reclaimed": str(freed)})
    return told, freed


@dataclass
class _Deleting:
    engine: Engine
    told: Told = field(default_factory=list)

    def by_name(self, name: str, *, force: bool, prune: bool) -> None:
        image = self.engine.image_of(name)
        by_id = is_id(name, image)
        if by_id:
            if is_single(self._references(image)):
                self._check(image, soft=not force, references=False)
                self._untag_all(image)
        else:
            self._untag(image, name, force=force)
            if self._references(image):
                return
        self._delete(image, force=force, prune=prune, quiet=not by_id)

    def settle(self) -> None:
        """Content and folders go that nobody needs any more."""
        if self.told:  # a name may have been the last of one manifest of an image that stays
            self.engine.layout.gc()
        if any("Deleted" in one for one in self.told):
            self.engine.tidy()

    def children(self, image: Image) -> bool:
        others = (other for _, other in self.engine.layout.images())
        return any(other.config.raw.get("parent") == str(image.id) for other in others)

    def is_of_build(self, image: Image) -> bool:
        """Whether a build needs it now, or has just made it: that is asked after it was seen."""
        building = {one for build in list(self.engine.builds) for one in build()}
        return not building.isdisjoint((str(image.id), image.config.raw.get("parent")))

    def _references(self, image: Image) -> list[str]:
        layout = self.engine.layout
        return [*layout.names(image), *layout.origins(image)]

    def _untag(self, image: Image, name: str, *, force: bool) -> None:
        user = self._user(image)
        if user and not force and is_single(self._references(image)):
            raise Conflict(
                f'conflict: unable to remove repository reference "{name}" (must force) - '
                f"container {user[:12]} is using its referenced image {image.id.short}"
            )
        before = self._references(image)
        self.engine.layout.untag(name)
        after = self._references(image)
        self._say_untagged(image, (one for one in before if one not in after))

    def _untag_all(self, image: Image) -> None:
        names = self._references(image)
        for name in self.engine.layout.names(image):
            self.engine.layout.untag(name)
        self._say_untagged(image, names)

    def _say_untagged(self, image: Image, names: Iterable[str]) -> None:
        for name in names:
            self.told.append({"Untagged": name})
            tell(self.engine, "untag", image)

    def _delete(self, image: Image, *, force: bool, prune: bool, quiet: bool) -> None:
        try:
            self._check(image, soft=not force, references=True)
        except Conflict:
            if quiet and (self._references(image) or self.children(image) or self._user(image)):
                return
            raise
        self._untag_all(image)
        self.engine.layout.remove(image)
        self.told.append({"Deleted": str(image.id)})
        rest = [other for _, other in self.engine.layout.images()]
        kept = {chain for other in rest for chain in chains(other)}
        gone = [chain for chain in reversed(chains(image)) if chain not in kept]
        if not self._user(image):  # whose container needs them
            self.told += [{"Deleted": chain} for chain in gone]
        told = {"name": str(image.id)}
        self.engine.events.publish("image", "delete", str(image.id), told)
        parent = image.config.raw.get("parent")
        above = next((other for other in rest if str(other.id) == parent), None)
        if prune and above and not self._references(above) and not self.is_of_build(above):
            with suppress(Conflict):
                self._delete(above, force=False, prune=True, quiet=True)

    def _check(self, image: Image, *, soft: bool, references: bool) -> None:
        """Raises Conflict; what is not ``soft`` cannot be forced."""
        running = self._user(image, running=True)
        if self.children(image):
            raise _conflict(image, "cannot be forced", "image has dependent child images")
        if running:
            why = f"image is being used by running container {running[:12]}"
            raise _conflict(image, "cannot be forced", why)
        if soft and references and self._references(image):
            why = "image is referenced in multiple repositories"
            raise _conflict(image, "must be forced", why)
        user = self._user(image)
        if soft and user:
            why = f"image is being used by stopped container {user[:12]}"
            raise _conflict(image, "must be forced", why)

    def _user(self, image: Image, *, running: bool = False) -> str:
        """The id of a container of the image; "" without one."""
        for record in self.engine.containers():
            if record.image == str(image.id) and (record.is_up or not running):
                return record.id
        return ""


def is_id(name: str, image: Image) -> bool:
    """Whether ``name`` means the image by its id and not by a name."""
    if name.startswith("sha256:"):
        return True
    return image.id.hex.startswith(name)


def is_single(names: Iterable[str]) -> bool:
    """At most one tag, and digests of its repository only."""
    names = list(names)
    if len(names) <= 1:
        return True
    try:
        references = [Reference.parse(name) for name in names]
    except Invalid:
        return False
    tags = [reference for reference in references if reference.digest is None]
    return len(tags) <= 1 and len({reference.name for reference in references}) == 1


def _conflict(image: Image, how: str, why: str) -> Conflict:
    return Conflict(f"conflict: unable to delete {image.id.short} ({how}) - {why}")
