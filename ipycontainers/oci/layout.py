"""A folder of images: the OCI image layout, content named by its digest.

    DIR/oci-layout              {"imageLayoutVersion": "1.0.0"}
    DIR/index.json              one descriptor per name of an image; the name is the annotation
                                org.opencontainers.image.ref.name, in full; an image without a
                                name has one descriptor without it; NAME@DIGEST says that the
                                registry of NAME has the image, or an index of it, at DIGEST
    DIR/blobs/sha256/HEX        manifests, configs, layers
    DIR/tmp/                    what is being written; emptied by gc
    DIR/partial/ DIR/pending/   see ``unfinished``
    DIR/lock                    taken while index.json is changed
    DIR/use                     shared while content is put that no name points to yet (hold);
                                gc takes it alone

Nothing becomes visible before it is whole and verified: blobs and index.json are
written to tmp/, synced, then renamed. A reader sees the old index or the new one.
https://github.com/opencontainers/image-spec/blob/main/image-layout.md

Knows: this folder. Does not know: tar, registries, containers.
"""

from __future__ import annotations

import fcntl
import io
import json
import os
import stat
import tempfile
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ipycontainers.errors import ContainerError, IntegrityError, Invalid, NotFound

from . import descriptor as kinds
from .blob import Readable, bounded, copied, counted, decompressed, verified
from .descriptor import Descriptor, Digest, parse_json
from .image import Image, Layer
from .names import sync_folder
from .naming import Identity, by_manifest, grouped, named, without, without_origins
from .origins import MADE, NAME, TAGGED, now, origins, tagged, with_made
from .reference import Reference
from .room import Room
from .unfinished import Unfinished

LARGEST_DOCUMENT = 4 << 20  # bytes of a manifest or config, as registries limit manifests
_ID_DIGITS = frozenset("0123456789abcdef")


class Layout:
    """Images in a folder that this object's user owns; made by ``open``.

    Several processes and threads may use one folder at once.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.unfinished = Unfinished(path)
        self._parsed: dict[Digest, Image] = {}

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Layout:
        """The layout there, made when there is none. Invalid when it is of another version."""
        folder = Path(path)
        (folder / "blobs/sha256").mkdir(parents=True, exist_ok=True)
        (folder / "tmp").mkdir(exist_ok=True)
        layout, version = cls(folder), folder / "oci-layout"
        if not (folder / "index.json").exists() or not version.exists():
            with layout._locked():
                if not version.exists():
                    layout._replace(version, {"imageLayoutVersion": "1.0.0"})
                if not (folder / "index.json").exists():
                    layout._write_index([])
        if parse_json(version.read_bytes(), "oci-layout") != {"imageLayoutVersion": "1.0.0"}:
            raise Invalid(f"{folder} is an image layout of another version than 1.0.0")
        return layout

    # --- content -------------------------------------------------------------------------

    def put(
        self,
        source: Readable | bytes,
        expected: Digest | None = None,
        *,
        media_type: str = "application/octet-stream",
    ) -> Descriptor:
        """Store content. Returning means: it is stored at this digest, whoever put it there.

        IntegrityError when it is not ``expected``, EngineError when it would fill the disk;
        then nothing became visible. Reads ``source`` to its end a piece at a time.
        """
        stream = io.BytesIO(source) if isinstance(source, bytes) else source
        with self.hold():
            handle, name = tempfile.mkstemp(dir=self.path / "tmp")
            try:
                with os.fdopen(handle, "wb") as file:
                    digest, size = copied(stream, file, Room(self.path))
                    if expected is not None and digest != expected:
                        raise IntegrityError(f"content that should be {expected} is {digest}")
                    file.flush()
                    os.fsync(file.fileno())
                Path(name).chmod(0o444)
                Path(name).replace(self._blob(digest))  # what is there may be damaged
            finally:
                Path(name).unlink(missing_ok=True)
        return Descriptor(media_type, digest, size)

    def put_json(self, document: object, media_type: str) -> Descriptor:
        """Store a document; the same document has the same digest."""
        text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return self.put(text.encode(), media_type=media_type)

    def has(self, digest: Digest) -> bool:
        return self._blob(digest).is_file()

    def open_blob(self, digest: Digest, size: int | None = None) -> io.BufferedReader:
        """A reader that verifies itself: IntegrityError at the end of what is not ``digest``'s.

        NotFound when it is not stored; a blob that is no regular file is Invalid.
        """
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            handle = os.open(self._blob(digest), flags)
        except FileNotFoundError:
            raise NotFound(f"no content {digest} here", "load or pull the image again") from None
        except OSError as error:
            raise Invalid(f"cannot read {digest}: {error.strerror}") from error
        file = io.FileIO(handle)
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            file.close()
            raise Invalid(f"{digest} is stored as something else than a file")
        return verified(file, digest, size)

    def open_layer(
        self, layer: Layer, passed: Callable[[int], object] | None = None
    ) -> io.BufferedReader:
        """The tar of a layer, decompressed; at its end both its digests have been verified.

        ``passed`` hears of each piece of the stored bytes.
        """
        size = layer.descriptor.size
        stored = self.open_blob(layer.descriptor.digest, size)
        stored = counted(stored, passed) if passed else stored
        try:
            return verified(bounded(decompressed(stored), size), layer.diff_id)
        except BaseException:
            stored.close()
            raise

    def document(self, descriptor: Descriptor) -> object:
        """A stored JSON document. Invalid when it is too large or no JSON."""
        if descriptor.size > LARGEST_DOCUMENT:
            raise Invalid(f"{descriptor.digest} has {descriptor.size} bytes, too many to be one")
        with self.open_blob(descriptor.digest, descriptor.size) as stream:
            return parse_json(stream.read(), str(descriptor.digest))

    # --- images --------------------------------------------------------------------------

    def image(self, manifest: Descriptor) -> Image:
        """The image of a stored manifest; NotFound, Invalid, IntegrityError."""
        if manifest.digest not in self._parsed:
            document = self.document(manifest)
            config = document.get("config") if isinstance(document, dict) else None
            plain = replace(manifest, annotations={}, platform=None)
            image = Image.of(plain, document, self.document(Descriptor.of(config)))
            self._parsed[manifest.digest] = image
        return self._parsed[manifest.digest]

    def _stored(self, manifest: Descriptor, name: str) -> Image:
        try:
            return self.image(manifest)
        except (IntegrityError, NotFound, Invalid) as error:
            hint = "remove it, and pull or load it again"
            raise type(error)(f"the image {name} is damaged: {error.message}", hint) from error

    def add(self, manifest: Descriptor, *, made: bool = False) -> Image:
        """Keep an image, under no name unless it has one; ``made`` by a build here. Idempotent.

        NotFound when content of it is missing: an index never points at nothing.
        """
        image = self.whole(manifest)
        with self._locked():
            entries = self._entries()
            if made:
                self._write_index(with_made(entries, image.manifest))
            elif all(entry.digest != manifest.digest for entry in entries):
                self._write_index([*entries, image.manifest])
        return image

    def tag(self, name: str | Reference, manifest: Descriptor) -> Image:
        """Let ``name`` mean this image, atomically.

        The image that had the name keeps its others, or stays without one. Invalid
        for a name with a digest; NotFound when content of the image is missing.
        """
        reference = Reference.parse(name) if isinstance(name, str) else name
        if reference.digest is not None:
            raise Invalid(f"{reference} has a digest and cannot be given to an image")
        return self._name(reference, manifest)

    def note_origin(self, name: Reference, manifest: Descriptor) -> Image:
        """Keep the image, and that ``name``, which has a digest, is what a registry calls it.

        The digest may be that of an index in which the registry has the image.
        """
        assert name.digest is not None
        return self._name(replace(name, tag=""), manifest)

    def _name(self, reference: Reference, manifest: Descriptor) -> Image:
        image = self.whole(manifest)
        entry = replace(image.manifest, annotations={NAME: reference.full, TAGGED: now()})
        with self._locked():
            kept = without(reference, self._entries(), self._identity)
            others = [e for e in kept if e.annotations or self._identity(e) != image.id]
            self._write_index([*others, entry])
        return image

    def untag(self, name: str | Reference) -> Image:
        """Take a name away; the image stays, without a name if this was its last. NotFound.

        With the last tag of a repository go the digests that the image has there.
        """
        reference = Reference.parse(name) if isinstance(name, str) else name
        with self._locked():
            found = named(reference, self._entries())
            if found is None:
                raise NotFound(f"No such image: {reference}")
            kept = without(reference, self._entries(), self._identity)
            self._write_index(without_origins(kept, reference, found, self._identity))
        return self.image(found)

    def remove(self, image: Image) -> None:
        """Forget an image and all its names; its content goes with the next gc. Idempotent."""
        with self._locked():
            self._write_index([e for e in self._entries() if self._identity(e) != image.id])

    def forget(self, manifest: Descriptor) -> None:
        """As ``remove``, of one manifest, whose image may be damaged."""
        with self._locked():
            self._write_index([e for e in self._entries() if e.digest != manifest.digest])

    def images(self) -> list[tuple[tuple[str, ...], Image]]:
        """Every image once, with its names as docker prints them, in the order they came; but for
        those that are ``damaged``. Of manifests with one config it has the first."""
        found = self._read(self._identity)
        return [(names, image) for names, _, image in found if isinstance(image, Image)]

    def stored(self) -> list[Image]:
        """Images as each of their manifests has them, such as with layers compressed and not."""
        return [image for _, _, image in self._read(by_manifest) if isinstance(image, Image)]

    def made(self) -> list[Image]:
        """Those that builds here have made, of what is not ``damaged``."""
        found = [self._readable(entry) for entry in self._entries() if MADE in entry.annotations]
        return [image for image in found if isinstance(image, Image)]

    def damaged(self) -> list[tuple[tuple[str, ...], Descriptor, ContainerError]]:
        """Manifests that cannot be read, with their names and why; ``forget`` takes one away."""
        return [
            (names, entry, error)
            for names, entry, error in self._read(by_manifest)
            if isinstance(error, ContainerError)
        ]

    def _read(
        self, key: Identity
    ) -> list[tuple[tuple[str, ...], Descriptor, Image | ContainerError]]:
        found = grouped(self._entries(), key)
        return [(names, entry, self._readable(entry)) for names, entry in found]

    def _readable(self, manifest: Descriptor) -> Image | ContainerError:
        try:
            return self.image(manifest)
        except ContainerError as error:
            return error

    def _identity(self, entry: Descriptor) -> Hashable:
        """The image's id; what cannot be read is like nothing else."""
        found = self._readable(entry)
        return found.id if isinstance(found, Image) else ("damaged", entry.digest)

    def _entries_of(self, image: Image) -> list[Descriptor]:
        return [entry for entry in self._entries() if self._identity(entry) == image.id]

    def names(self, image: Image) -> tuple[str, ...]:
        """The names of one image, as docker prints them."""
        return next((names for names, other in self.images() if other.id == image.id), ())

    def origins(self, image: Image) -> tuple[str, ...]:
        """What registries call one image: names with digests, as docker prints them."""
        return origins(self._entries_of(image))

    def tagged(self, image: Image) -> str:
        """When it was given a name last, RFC 3339; "" where that is not known."""
        return tagged(self._entries_of(image))

    def resolve(self, name: str) -> Image:
        """The image of a name, an id, or the beginning of an id that only one image has.

        A name goes before the beginning of an id. NotFound, and Invalid for what is neither.
        """
        entries = self._entries()
        wanted = name.removeprefix("sha256:")
        may_be_id = 0 < len(wanted) <= 64 and set(wanted) <= _ID_DIGITS
        shown = name
        if not name.startswith("sha256:"):
            try:
                reference = Reference.parse(name)
            except Invalid:
                if not may_be_id:
                    raise
            else:
                shown = str(reference)
                found = named(reference, entries)
                if found is not None:
                    return self._stored(found, shown)
        if may_be_id:
            images = {image.id: image for _, image in self.images()}
            matching = [image for key, image in images.items() if key.hex.startswith(wanted)]
            if len(matching) == 1:
                return matching[0]
        raise NotFound(f"No such image: {shown}")

    # --- space ---------------------------------------------------------------------------

    @contextmanager
    def hold(self) -> Iterator[None]:
        """While this is entered, gc anywhere removes nothing: for put before tag."""
        with (self.path / "use").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            yield

    def gc(self) -> int:
        """Remove content that no image needs; returns the bytes freed.

        Does nothing, and returns 0, while somebody holds the layout. While an image is
        ``damaged`` all content stays: nobody can tell what else is of it.
        """
        with (self.path / "use").open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return 0
            with self._locked():
                needed = {digest.hex for image in self.stored() for digest in image.blobs}
                needed |= self.unfinished.sweep()
                blobs = () if self.damaged() else (self.path / "blobs/sha256").iterdir()
                unused = [path for path in blobs if path.name not in needed]
                freed = 0
                for path in [*unused, *(self.path / "tmp").iterdir()]:
                    freed += path.lstat().st_size
                    path.unlink()
                return freed

    # --- the files -----------------------------------------------------------------------

    def _blob(self, digest: Digest) -> Path:
        return self.path / "blobs/sha256" / digest.hex

    def whole(self, manifest: Descriptor) -> Image:
        """The image, all of whose content is stored; else NotFound."""
        image = self.image(manifest)
        missing = [digest for digest in image.blobs if not self.has(digest)]
        if missing:
            raise NotFound(f"image without its content {missing[0]}", "load or pull it again")
        return image

    def _entries(self) -> list[Descriptor]:
        index = parse_json((self.path / "index.json").read_bytes(), f"{self.path}/index.json")
        listed = index.get("manifests") if isinstance(index, dict) else None
        if not isinstance(listed, Sequence):
            raise Invalid(f"{self.path}/index.json is no index of images")
        return [Descriptor.of(entry) for entry in listed]

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self.path / "lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _write_index(self, entries: Iterable[Descriptor]) -> None:
        manifests = [entry.to_json() for entry in entries]
        index = {"schemaVersion": 2, "mediaType": kinds.INDEX, "manifests": manifests}
        sync_folder(self.path / "blobs/sha256")  # first what it names
        self._replace(self.path / "index.json", index)

    def _replace(self, path: Path, document: object) -> None:
        handle, name = tempfile.mkstemp(dir=self.path / "tmp")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(document, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        finally:
            Path(name).unlink(missing_ok=True)
        sync_folder(path.parent)
