"""An image: a manifest that names a config and layers, oldest first.

    image.id            the digest of the config, which docker calls the image's id
    image.config        what containers of it get: command, environment, user, …
    image.layers        each by the digest of its (compressed) bytes and by its diff id,
                        the digest of the tar within

https://github.com/opencontainers/image-spec/blob/main/manifest.md and config.md

Knows: these two documents. Does not know: where they are stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from ipycontainers.errors import Invalid

from .descriptor import Descriptor, Digest, Platform

Document = Mapping[str, object]


@dataclass(frozen=True)
class Config:
    """What an image says about the containers made of it.

    ``raw`` is the whole document; ``container`` its part ``config`` (Cmd, Env, …),
    which engines show as ``Config``.
    """

    platform: Platform
    created: str
    author: str
    cmd: tuple[str, ...]
    entrypoint: tuple[str, ...]
    env: tuple[str, ...]
    user: str
    working_dir: str
    stop_signal: str
    labels: Mapping[str, str] = field(compare=False)
    volumes: tuple[str, ...]
    exposed_ports: tuple[str, ...]
    diff_ids: tuple[Digest, ...]
    history: tuple[Document, ...] = field(compare=False)
    raw: Document = field(compare=False, repr=False)

    @classmethod
    def of(cls, raw: object) -> Config:
        """From JSON already parsed; Invalid when it is no image's config."""
        document = _object(raw, "an image's config")
        inner = _object(document.get("config"), "config")
        rootfs = _object(document.get("rootfs"), "rootfs")
        labels = _object(inner.get("Labels"), "Labels")
        history = document.get("history") or ()
        if not isinstance(history, Sequence) or isinstance(history, str):
            raise Invalid(f"an image whose history is no list: {history!r:.100}")
        return cls(
            platform=Platform.of(document),
            created=_text(document, "created"),
            author=_text(document, "author"),
            cmd=_texts(inner, "Cmd"),
            entrypoint=_texts(inner, "Entrypoint"),
            env=_texts(inner, "Env"),
            user=_text(inner, "User"),
            working_dir=_text(inner, "WorkingDir"),
            stop_signal=_text(inner, "StopSignal"),
            labels={key: str(value) for key, value in labels.items()},
            volumes=tuple(sorted(_object(inner.get("Volumes"), "Volumes"))),
            exposed_ports=tuple(sorted(_object(inner.get("ExposedPorts"), "ExposedPorts"))),
            diff_ids=tuple(Digest.parse(text) for text in _texts(rootfs, "diff_ids")),
            history=tuple(_object(step, "a step of the history") for step in history),
            raw=document,
        )

    @property
    def container(self) -> Document:
        return _object(self.raw.get("config"), "config")


@dataclass(frozen=True)
class Layer:
    """One layer: its stored bytes, the digest of the tar in them, the step that made it."""

    descriptor: Descriptor
    diff_id: Digest
    created_by: str = ""


@dataclass(frozen=True)
class Image:
    """A manifest, its config and its layers; content itself stays in the layout."""

    manifest: Descriptor
    config_descriptor: Descriptor
    config: Config
    layers: tuple[Layer, ...]

    @classmethod
    def of(cls, descriptor: Descriptor, manifest: object, config: object) -> Image:
        """From the manifest's descriptor and both documents; Invalid where they disagree."""
        document = _object(manifest, "a manifest")
        parsed = Config.of(config)
        listed = document.get("layers") or ()
        if not isinstance(listed, Sequence) or isinstance(listed, str):
            raise Invalid(f"the layers of {descriptor.digest} are no list")
        blobs = [Descriptor.of(layer) for layer in listed]
        if len(blobs) != len(parsed.diff_ids):
            raise Invalid(
                f"image with {len(blobs)} layers whose config names {len(parsed.diff_ids)}"
            )
        steps = [step for step in parsed.history if not step.get("empty_layer")]
        made_by = [str(step.get("created_by") or "") for step in steps]
        if len(made_by) != len(blobs):  # history is optional, and squashed images lie
            made_by = [""] * len(blobs)
        layers = tuple(map(Layer, blobs, parsed.diff_ids, made_by))
        return cls(descriptor, Descriptor.of(document.get("config")), parsed, layers)

    @property
    def id(self) -> Digest:
        """The digest of the config."""
        return self.config_descriptor.digest

    @property
    def size(self) -> int:
        """The bytes of all layers as they are stored."""
        return sum(layer.descriptor.size for layer in self.layers)

    @property
    def blobs(self) -> tuple[Digest, ...]:
        """Everything that has to be stored for this image."""
        layers = (layer.descriptor.digest for layer in self.layers)
        return (self.manifest.digest, self.id, *layers)


def _object(value: object, what: str) -> Document:
    """A JSON object; null and absence are an empty one, as Go has it."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise Invalid(f"{what} is no JSON object: {value!r:.100}")
    return cast("Document", value)


def _text(document: Document, key: str) -> str:
    value = document.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Invalid(f"an image whose {key} is no text: {value!r:.100}")
    return value


def _texts(document: Document, key: str) -> tuple[str, ...]:
    value = document.get(key)
    if value is None:
        return ()
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise Invalid(f"an image whose {key} is no list: {value!r:.100}")
    if not all(isinstance(item, str) for item in value):
        raise Invalid(f"an image whose {key} holds what is no text: {value!r:.100}")
    return tuple(cast("Sequence[str]", value))
