"""A new image: another one's layers and one more, or one layer alone.

    manifest = assemble(layout, base, layer, {"config": …, "author": …}, {"comment": …})

The documents go into the layout and nothing points at them yet: ``tag`` or ``add`` keeps
the image, within ``layout.hold()``.

Knows: config and manifest. Does not know: how the layer was made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from . import descriptor as kinds
from .blob import Joined
from .descriptor import Descriptor, Digest, Platform
from .image import Image
from .layout import Layout

EMPTY = bytes(1024)  # a tar without entries


def put_layer(layout: Layout, pieces: Iterator[bytes]) -> Descriptor | None:
    """Store the tar that comes in ``pieces``; None for one without entries."""
    source = Joined(pieces)
    try:
        stored = layout.put(source, media_type=kinds.LAYER)
    finally:
        source.close()
    return None if stored.digest == Digest.of(EMPTY) else stored


def assemble(
    layout: Layout,
    base: Image | None,
    layer: Descriptor | None,
    fields: Mapping[str, object],
    step: Mapping[str, object],
) -> Descriptor:
    """The manifest of ``base``'s layers and ``layer``, a tar that is not compressed.

    ``fields`` replace those of the config document, ``step`` is added to its history.
    """
    raw = dict(base.config.raw) if base else _platform()
    layers = [part.descriptor for part in base.layers] if base else []
    diff_ids = [str(part.diff_id) for part in base.layers] if base else []
    if layer:
        layers.append(layer)
        diff_ids.append(str(layer.digest))
    history = [*cast("list[object]", raw.get("history") or ())]
    history.append({**step, **({} if layer else {"empty_layer": True})})
    document = {
        **raw,
        **fields,
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "history": history,
    }
    config = layout.put_json(document, kinds.CONFIG)
    manifest = {
        "schemaVersion": 2,
        "mediaType": kinds.MANIFEST,
        "config": config.to_json(),
        "layers": [blob.to_json() for blob in layers],
    }
    return layout.put_json(manifest, kinds.MANIFEST)


def _platform() -> dict[str, object]:
    here = Platform.here()
    variant = {"variant": here.variant} if here.variant else {}
    return {"os": here.os, "architecture": here.architecture, **variant}
