"""Pushes: an image of the layout into a repository, layer by layer, then its manifest.

    order = Order(store, reference, Asker(credentials, Settings.load()), all_tags=False)
    order.run(heard, done)  raises NotFound, and what the registry says
    order.cancel()          from any thread

A layer that the registry has is not sent, one that another repository there has is mounted.
Plain tar is sent as gzip, made while it is sent; the same tar gives the same bytes, so the next
push finds them there:

    DATA/oci/gzipped/DIFFID     what the tar became: digest and size

Knows: manifests, how blobs go up. Does not know: HTTP, JSON lines.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote, urljoin

from ipycontainers.errors import EngineError, Invalid, NotFound
from ipycontainers.oci import Descriptor, Digest, Image, Layer, Layout, Reference
from ipycontainers.oci.blob import PIECE, is_compressed
from ipycontainers.oci.names import replace_text

from .asking import Asker
from .client import DOCKER_MANIFEST, Client, Manifest, reached
from .pull import Store
from .settings import HUB
from .transfers import Heard, Step
from .transport import Broken, Unreachable

_OCI = "application/vnd.oci.image.layer.v1.tar"
_DOCKER = "application/vnd.docker.image.rootfs.diff.tar"
GZIP_LAYERS = {_DOCKER: f"{_DOCKER}.gzip", _OCI: f"{_OCI}+gzip"}
GZIP_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"  # no name, no time, no system
LEVEL = 6
TRIES = 3
STEP = 512 << 10  # bytes between two reports


@dataclass(frozen=True)
class Pushed:
    """A manifest as the registry has it now."""

    tag: str
    digest: Digest
    size: int


class Order:
    """One tag of a repository, or all that are here."""

    def __init__(
        self, store: Store, reference: Reference, asker: Asker, *, all_tags: bool = False
    ) -> None:
        self._store, self._asker = store, asker
        self._reference, self._all_tags = reference, all_tags
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        self._cancelled.set()

    def run(self, heard: Heard, done: Callable[[Reference, Pushed], object]) -> None:
        """``done`` is called with each tag that the registry has now. Raises ContainerError."""
        heard(Step.note(f"The push refers to repository [{self._reference.name}]"))
        images = self._images()
        *_, clients = self._asker.clients(self._reference, "pull,push")
        client = reached(clients)
        for reference, image in images:
            push = Push(self._store.layout, client, reference, image, self._cancelled)
            pushed = push.run(heard)
            origin = replace(reference, tag="", digest=pushed.digest)
            self._store.layout.note_origin(origin, image.manifest)
            done(reference, pushed)

    def _images(self) -> list[tuple[Reference, Image]]:
        layout, name = self._store.layout, self._reference.familiar_name
        known = [Reference.parse(text) for names, _ in layout.images() for text in names]
        found = [reference for reference in known if reference.name == self._reference.name]
        if not found:
            raise NotFound(f"An image does not exist locally with the tag: {name}")
        if not self._all_tags:
            try:
                return [(self._reference, layout.resolve(str(self._reference)))]
            except NotFound as error:
                raise NotFound(f"tag does not exist: {self._reference}") from error
        found.sort(key=lambda reference: reference.tag)
        return [(reference, layout.resolve(str(reference))) for reference in found]


class Push:
    """One image under one tag."""

    def __init__(
        self,
        layout: Layout,
        client: Client,
        reference: Reference,
        image: Image,
        cancelled: threading.Event,
    ) -> None:
        self._layout, self._client, self._image = layout, client, image
        self._reference = reference
        self._cancelled = cancelled

    def run(self, heard: Heard) -> Pushed:
        layers = list(reversed(self._image.layers))  # dockerd begins with the newest
        for layer in layers:
            heard(Step("Preparing", layer.diff_id.short))
        sent: dict[Digest, Descriptor] = {}
        for layer in layers:
            if layer.diff_id not in sent:
                sent[layer.diff_id] = self._layer(layer, heard)
        self._config()
        manifest = self._manifest([sent[layer.diff_id] for layer in self._image.layers])
        path = f"manifests/{self._reference.tag}"
        kind = {"Content-Type": manifest.media_type}
        with self._client.ask("PUT", path, headers=kind, body=manifest.content, ok=(200, 201, 202)):
            pass
        pushed = Pushed(self._reference.tag, manifest.digest, len(manifest.content))
        heard(Step.note(f"{pushed.tag}: digest: {pushed.digest} size: {pushed.size}"))
        return pushed

    # --- documents -------------------------------------------------------------------------

    def _config(self) -> None:
        config = self._image.config_descriptor
        if not self._client.has("blobs", str(config.digest)):
            with self._layout.open_blob(config.digest, config.size) as stream:
                content = stream.read()
            self._upload(lambda: iter([content]), config)

    def _manifest(self, layers: list[Descriptor]) -> Manifest:
        """As it is stored, if every layer went as it is stored; so its digest stays the same."""
        own = self._image.manifest
        with self._layout.open_blob(own.digest, own.size) as stream:
            content = stream.read()
        kind = own.media_type
        if layers != [layer.descriptor for layer in self._image.layers]:
            document = json.loads(content)
            document["layers"] = [layer.to_json() for layer in layers]
            content = json.dumps(document, separators=(",", ":")).encode()
        named = json.loads(content).get("mediaType")
        kind = named if isinstance(named, str) and named else kind
        return Manifest(kind or DOCKER_MANIFEST, Digest.of(content), content)

    # --- layers ----------------------------------------------------------------------------

    def _layer(self, layer: Layer, heard: Heard) -> Descriptor:
        """What of it is in the registry when this returns."""
        shown, stored = layer.diff_id.short, layer.descriptor
        gzipped = _gzipped(self._layout, layer)
        known = [stored, gzipped] if gzipped else [stored]
        for blob in known:
            if self._client.has("blobs", str(blob.digest)):
                heard(Step("Layer already exists", shown))
                return blob
        for blob in known:
            if source := self._mounted(blob):
                heard(Step(f"Mounted from {source}", shown))
                return blob
        reports = _Reports(heard, shown, stored.size)
        if self._is_plain(layer):
            stored = self._send_gzipped(layer, reports)
        else:
            self._upload(lambda: self._pieces(layer, reports), stored)
        heard(Step("Pushed", shown))
        return stored

    def _is_plain(self, layer: Layer) -> bool:
        with self._layout.open_blob(layer.descriptor.digest) as stream:
            return not is_compressed(stream.peek(6)[:6])

    def _pieces(self, layer: Layer, reports: _Reports) -> Iterator[bytes]:
        reports.restart()
        stored = layer.descriptor
        with self._layout.open_blob(stored.digest, stored.size) as stream:
            while piece := stream.read(PIECE >> 3):
                if self._cancelled.is_set():
                    raise EngineError("context canceled")
                yield piece
                reports.passed(len(piece))

    def _mounted(self, blob: Descriptor) -> str:
        """The other repository of this registry that the blob came from now, or ""."""
        for path in sorted(self._sources(blob)):
            query = f"blobs/uploads/?mount={quote(str(blob.digest))}&from={quote(path)}"
            scope = f"repository:{path}:pull"
            if scope not in self._client.scopes:
                self._client.scopes.append(scope)
            with self._client.ask("POST", query, body=b"", ok=()) as answer:
                if answer.status == 201:
                    return path
        return ""

    def _sources(self, blob: Descriptor) -> set[str]:
        """Repositories of this registry from which an image with this blob came, or went to."""
        found = set()
        for image in self._layout.stored():
            blobs = {layer.descriptor.digest for layer in image.layers}
            blobs |= {known.digest for known in self._known_gzipped(image)}
            if blob.digest in blobs:
                names = [Reference.parse(name) for name in self._layout.origins(image)]
                found |= {name.path for name in names if name.domain == self._reference.domain}
        return found - {self._reference.path}

    def _known_gzipped(self, image: Image) -> list[Descriptor]:
        known = (_gzipped(self._layout, layer) for layer in image.layers)
        return [descriptor for descriptor in known if descriptor]

    # --- uploads ---------------------------------------------------------------------------

    def _upload(self, pieces: Callable[[], Iterator[bytes]], blob: Descriptor) -> None:
        """In one piece, whose digest and length are known."""
        kind = {"Content-Type": "application/octet-stream", "Content-Length": str(blob.size)}

        def send() -> None:
            place = _with_digest(self._begin(), blob.digest)
            with self._client.ask("PUT", place, headers=kind, body=pieces, ok=(201, 204)):
                pass

        _tried(send)

    def _begin(self) -> str:
        """Where an upload goes."""
        with self._client.ask("POST", "blobs/uploads/", body=b"", ok=(202,)) as answer:
            return self._next(answer.headers)

    def _next(self, headers: Mapping[str, str]) -> str:
        location = headers.get("Location", "")
        if not location:
            raise EngineError("the registry begins an upload and does not say where")
        return urljoin(f"{self._client.place.address}/v2/{self._client.path}/", location)

    def _send_gzipped(self, layer: Layer, reports: _Reports) -> Descriptor:
        """Its digest is known only when all has been sent."""
        made: list[Descriptor] = []
        streams: list[_Gzipped] = []
        kind = GZIP_LAYERS.get(layer.descriptor.media_type, GZIP_LAYERS[_OCI])

        def body() -> _Gzipped:
            streams.append(_Gzipped(self._pieces(layer, reports)))
            return streams[-1]

        def send() -> None:
            sent_as = {"Content-Type": "application/octet-stream"}
            place = self._begin()
            with self._client.ask("PATCH", place, headers=sent_as, body=body, ok=(202, 204)) as at:
                place = self._next(at.headers)
            blob = Descriptor(kind, Digest(streams[-1].hash.hexdigest()), streams[-1].size)
            place = _with_digest(place, blob.digest)
            with self._client.ask("PUT", place, body=b"", ok=(201, 204)):
                made.append(blob)

        _tried(send)
        _remember(self._layout, layer, made[-1])
        return made[-1]


class _Gzipped:
    """Pieces of a gzip of these pieces, its digest and size; for one iteration."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self.hash = hashlib.sha256()
        self.size = 0

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._made():
            self.hash.update(piece)
            self.size += len(piece)
            yield piece

    def _made(self) -> Iterator[bytes]:
        compressor = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        crc, size = 0, 0
        yield GZIP_HEAD
        for piece in self._pieces:
            crc, size = zlib.crc32(piece, crc), size + len(piece)
            if packed := compressor.compress(piece):
                yield packed
        tail = crc.to_bytes(4, "little") + (size & 0xFFFFFFFF).to_bytes(4, "little")
        yield compressor.flush() + tail


class _Reports:
    def __init__(self, heard: Heard, shown: str, total: int) -> None:
        self._heard, self._shown, self._total = heard, shown, total
        self.restart()

    def restart(self) -> None:
        self._current, self._next = 0, 0

    def passed(self, count: int) -> None:
        self._current += count
        if self._current >= self._next or self._current == self._total:
            self._next = self._current + STEP
            self._heard(Step("Pushing", self._shown, self._current, self._total))


def _gzipped(layout: Layout, layer: Layer) -> Descriptor | None:
    """What the layer's tar became when it was pushed before."""
    try:
        text = (layout.path / "gzipped" / layer.diff_id.hex).read_text()
        return Descriptor.of(json.loads(text))
    except (OSError, ValueError, Invalid):
        return None


def _remember(layout: Layout, layer: Layer, blob: Descriptor) -> None:
    folder = layout.path / "gzipped"
    folder.mkdir(exist_ok=True)
    with layout.hold():
        text = json.dumps(blob.to_json())
        replace_text(folder / layer.diff_id.hex, text, layout.path / "tmp")


def _with_digest(place: str, digest: Digest) -> str:
    return f"{place}{'&' if '?' in place else '?'}digest={quote(str(digest))}"


def _tried(send: Callable[[], None]) -> None:
    for _ in range(TRIES - 1):
        with contextlib.suppress(Broken, Unreachable):
            return send()
    return send()


def login(asker: Asker, domain: str) -> None:
    """Returns when the registry lets us in. Raises Unauthorized where a token is refused,
    EngineError where a password is, as dockerd does."""
    empty = replace(Reference.parse("x"), domain=domain or HUB, path="")
    *_, clients = asker.clients(empty)
    client = reached(clients)
    status = client.ping()
    if status != 200:
        from http.client import responses

        raise EngineError(
            f"login attempt to {client.place.address}/v2/ failed with status: "
            f"{status} {responses.get(status, '')}"
        )
