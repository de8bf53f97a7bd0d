"""images and history.

Knows: what the engine says of images. Does not know: how a table is laid out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ipycontainers.oci import sizes

from . import columns, filters
from .call import Call
from .console import Console, refusals
from .listing import Kind, layout, listed
from .references import familiar, split
from .result import Result

Json = Mapping[str, Any]
NONE = "<none>"
SINCE = "{{if .CreatedSince }}{{.CreatedSince}}{{else}}N/A{{end}}"
TABLE = f"{{{{.Repository}}}}\\t{{{{.Tag}}}}\\t{{{{.ID}}}}\\t{SINCE}\\t{{{{.Size}}}}"
WITH_DIGESTS = TABLE.replace("{{.ID}}", "{{.Digest}}\\t{{.ID}}")
RAW = (
    "repository: {{.Repository}}\n{}image_id: {{.ID}}\ncreated_at: {{.CreatedAt}}\n"
    "virtual_size: {{.Size}}\n"
)
HEADS = {
    "ID": "IMAGE ID",
    "Repository": "REPOSITORY",
    "Tag": "TAG",
    "Digest": "DIGEST",
    "CreatedSince": "CREATED",
    "CreatedAt": "CREATED AT",
    "Size": "SIZE",
    "Containers": "CONTAINERS",
    "VirtualSize": "SIZE",
    "SharedSize": "SHARED SIZE",
    "UniqueSize": "UNIQUE SIZE",
}


@dataclass(frozen=True)
class Row:
    """A line of the table: an image under one of its names."""

    image: Json
    repository: str = NONE
    tag: str = NONE
    digest: str = NONE


def ls(call: Call, console: Console) -> Result:
    """docker images."""
    quiet = call.has("quiet")
    digests = call.has("digests") or "{{.Digest}}" in call.text("format")
    more = {"reference": call.arguments[0]} if call.arguments else {}
    with refusals():
        found = console.daemon.get(
            "images",
            "json",
            all="1" if call.has("all") else "",
            filters=filters.query(call.texts("filter"), **more),
        )
    form = layout(
        call.text("format"),
        WITH_DIGESTS if digests else TABLE,
        raw="image_id: {{.ID}}" if quiet else raw(digests),
        quiet="{{.ID}}" if quiet else "",
    )
    rows = [row for image in found or () for row in named(image, digests)]
    return listed(rows, kind(cut=not call.has("no-trunc")), form)


def raw(digests: bool) -> str:
    """The long form of --format raw."""
    middle = "tag: {{.Tag}}\n" + ("digest: {{.Digest}}\n" if digests else "")
    return RAW.replace("{}", middle)


def named(image: Json, digests: bool) -> Iterator[Row]:
    """The lines of an image: one for each of its tags, and for each digest of a repository that
    gives it no tag; with ``digests`` one for each pair of them."""
    by_tag = _grouped(image.get("RepoTags"), 1)
    by_digest = _grouped(image.get("RepoDigests"), 2)
    if not by_tag and not by_digest:
        yield Row(image)
    for repository, tags in by_tag.items():
        found = by_digest.pop(repository, [])
        for tag in tags:
            for digest in (found if digests else ()) or (NONE,):
                yield Row(image, repository, tag, digest)
    for repository, found in by_digest.items():
        for digest in found if digests else found[:1]:
            yield Row(image, repository, NONE, digest)


def _grouped(names: Iterable[str] | None, part: int) -> dict[str, list[str]]:
    """By repository the tags (part 1) or digests (part 2), without <none>."""
    found: dict[str, list[str]] = {}
    for name in names or ():
        parts = split(name)
        if parts[part] and parts[0] != NONE:
            found.setdefault(familiar(parts[0]), []).append(parts[part])
    return found


def kind(*, cut: bool) -> Kind:
    """What there is to show of a row; ``cut``: with short ids."""
    return Kind(
        "*formatter.imageContext",
        HEADS,
        {
            "ID": lambda row: columns.short(row.image["Id"]) if cut else row.image["Id"],
            "Repository": lambda row: row.repository,
            "Tag": lambda row: row.tag,
            "Digest": lambda row: row.digest,
            "CreatedSince": lambda row: since(row.image.get("Created")),
            "CreatedAt": lambda row: columns.date(row.image.get("Created") or 0),
            "Size": lambda row: sizes.size(row.image.get("Size") or 0, 3),
            "Containers": lambda row: _counted(row.image.get("Containers")),
            "VirtualSize": lambda row: sizes.size(
                row.image.get("VirtualSize") or row.image.get("Size") or 0
            ),
            "SharedSize": lambda row: _measured(row.image.get("SharedSize")),
            "UniqueSize": _unique,
        },
    )


NO_DATE = -62135596800  # Go's zero time, seconds since 1970


def since(created: int | None) -> str:
    """How long ago, "" where nobody says when."""
    return "" if created in (None, NO_DATE) else columns.ago(created or 0)


def _counted(count: int | None) -> str:
    return "N/A" if count in (None, -1) else str(count)


def _measured(count: int | None) -> str:
    return "N/A" if count in (None, -1) else sizes.size(count or 0)


def _unique(row: Row) -> str:
    shared = row.image.get("SharedSize")
    if shared in (None, -1):
        return "N/A"
    whole = row.image.get("VirtualSize") or row.image.get("Size") or 0
    return sizes.size(whole - (shared or 0))


# --- history -------------------------------------------------------------------------------------

HISTORY = f"{{{{.ID}}}}\\t{SINCE}\\t{{{{.CreatedBy}}}}\\t{{{{.Size}}}}\\t{{{{.Comment}}}}"
NOT_HUMAN = "{{.ID}}\\t{{.CreatedAt}}\\t{{.CreatedBy}}\\t{{.Size}}\\t{{.Comment}}"


def history(call: Call, console: Console) -> Result:
    """docker history."""
    with refusals():
        found = console.daemon.get("images", call.arguments[0], "history", patient=True)
    human, cut = call.has("human"), not call.has("no-trunc")
    form = layout(
        call.text("format"),
        HISTORY if human else NOT_HUMAN,
        quiet="{{.ID}}" if call.has("quiet") else "",
    )
    return listed(found or (), _step(human, cut), form)


def _step(human: bool, cut: bool) -> Kind:
    def created_at(one: Json) -> str:
        return columns.rfc3339(one.get("Created") or 0)

    def made_by(one: Json) -> str:
        text = str(one.get("CreatedBy") or "").replace("\t", " ")
        return columns.cut(text, 45) if cut else text

    def size(one: Json) -> str:
        return sizes.size(one.get("Size") or 0, 3) if human else str(one.get("Size") or 0)

    return Kind(
        "*image.historyContext",
        {
            "ID": "IMAGE",
            "CreatedSince": "CREATED",
            "CreatedAt": "CREATED AT",
            "CreatedBy": "CREATED BY",
            "Size": "SIZE",
            "Comment": "COMMENT",
        },
        {
            "ID": lambda one: columns.short(one["Id"]) if cut else one["Id"],
            "CreatedSince": lambda one: since(one.get("Created")) if human else created_at(one),
            "CreatedAt": created_at,
            "CreatedBy": made_by,
            "Size": size,
            "Comment": lambda one: str(one.get("Comment") or ""),
        },
    )
