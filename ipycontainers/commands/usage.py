"""system df: what takes room, and what of it could go.

Knows: /system/df. Does not know: how a table is laid out.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ipycontainers.oci import sizes

from . import columns, containers, images, volumes
from .call import Call
from .console import Console, failed, refusals
from .listing import Kind, layout, listed
from .references import familiar, split
from .result import Listing, Result, Text
from .template import Record, Template, TemplateError

Json = Mapping[str, Any]
TABLE = "{{.Type}}\\t{{.TotalCount}}\\t{{.Active}}\\t{{.Size}}\\t{{.Reclaimable}}"
IMAGES = (
    f"table {{{{.Repository}}}}\\t{{{{.Tag}}}}\\t{{{{.ID}}}}\\t{images.SINCE}"
    "\\t{{.VirtualSize}}\\t{{.SharedSize}}\\t{{.UniqueSize}}\\t{{.Containers}}"
)
CONTAINERS = (
    "table {{.ID}}\\t{{.Image}}\\t{{.Command}}\\t{{.LocalVolumes}}\\t{{.Size}}\\t{{.RunningFor}}"
    "\\t{{.Status}}\\t{{.Names}}"
)
VOLUMES = "table {{.Name}}\\t{{.Links}}\\t{{.Size}}"
CACHE = (
    "table {{.ID}}\\t{{.CacheType}}\\t{{.Size}}\\t{{.CreatedSince}}\\t{{.LastUsedSince}}"
    "\\t{{.UsageCount}}\\t{{.Shared}}"
)


def df(call: Call, console: Console) -> Result:
    """docker system df."""
    with refusals():
        found = console.daemon.get("system", "df", patient=True)
    if call.has("verbose"):
        given = call.text("format").replace("\\t", "\t").replace("\\n", "\n")
        return Text(_told(given, found) if given else _in_detail(found), found)
    rows = (_images(found), _containers(found), _volumes(found), _cache(found))
    return listed(rows, _KIND, layout(call.text("format"), TABLE))


_KIND = Kind(
    "*formatter.diskUsageImagesContext",
    {
        "Type": "TYPE",
        "TotalCount": "TOTAL",
        "Active": "ACTIVE",
        "Size": "SIZE",
        "Reclaimable": "RECLAIMABLE",
    },
    {
        "Type": lambda row: row["Type"],
        "TotalCount": lambda row: row["TotalCount"],
        "Active": lambda row: row["Active"],
        "Size": lambda row: row["Size"],
        "Reclaimable": lambda row: row["Reclaimable"],
    },
)


def _row(name: str, total: int, active: int, size: int, free: int, part: bool = True) -> Json:
    share = f" ({int(free * 100 / size)}%)" if part and size > 0 else ""
    return {
        "Type": name,
        "TotalCount": str(total),
        "Active": str(active),
        "Size": sizes.size(size),
        "Reclaimable": f"{sizes.size(free)}{share}",
    }


def _images(found: Json) -> Json:
    ones, size = found.get("Images") or (), int(found.get("LayersSize") or 0)
    used = 0
    for one in ones:
        whole = one.get("VirtualSize", one.get("Size", -1))
        if one.get("Containers") and -1 not in (whole, one.get("SharedSize", -1)):
            used += whole - one["SharedSize"]
    active = sum((one.get("Containers") or 0) > 0 for one in ones)
    return _row("Images", len(ones), active, size, size - used)


def _containers(found: Json) -> Json:
    ones = found.get("Containers") or ()
    running = [one.get("State") in ("running", "paused", "restarting") for one in ones]
    sizes = [int(one.get("SizeRw") or 0) for one in ones]
    free = sum(size for size, runs in zip(sizes, running, strict=True) if not runs)
    return _row("Containers", len(ones), sum(running), sum(sizes), free)


def _volumes(found: Json) -> Json:
    ones = [one.get("UsageData") or {} for one in found.get("Volumes") or ()]
    sizes = [max(int(one.get("Size") or 0), 0) for one in ones]
    used = [(one.get("RefCount") or 0) > 0 for one in ones]
    free = sum(size for size, is_used in zip(sizes, used, strict=True) if not is_used)
    return _row("Local Volumes", len(ones), sum(used), sum(sizes), free)


def _cache(found: Json) -> Json:
    ones, size = found.get("BuildCache") or (), int(found.get("BuilderSize") or 0)
    in_use = sum(
        int(one.get("Size") or 0) for one in ones if one.get("InUse") and not one.get("Shared")
    )
    active = sum(bool(one.get("InUse")) for one in ones)
    return _row("Build Cache", len(ones), active, size, size - in_use, part=False)


def _told(given: str, found: Json) -> str:
    try:
        return Template(given).of(_parts(found))
    except TemplateError as error:
        raise failed(str(error)) from error


def _parts(found: Json) -> Record:
    """Of what a template tells in detail."""
    kinds: Mapping[str, tuple[Kind, Callable[[Any], Any]]] = {
        "Images": (images.kind(cut=False), _first_name),
        "Containers": (containers.kind(cut=False), lambda one: one),
        "Volumes": (volumes.kind(), lambda one: one),
        "BuildCache": (_CACHE, lambda one: one),
    }

    def part(name: str) -> Callable[[Json], list[Record]]:
        kind, thing = kinds[name]
        return lambda found: [kind.record(thing(one)) for one in found.get(name) or ()]

    return Record(found, {name: part(name) for name in kinds}, "*formatter.diskUsageContext")


# --- in detail -----------------------------------------------------------------------------------


def _in_detail(found: Json) -> str:
    rows = [_first_name(one) for one in found.get("Images") or ()]
    ones = [{**one, "SizeRootFs": 0} for one in found.get("Containers") or ()]
    caches = found.get("BuildCache") or ()
    size = sizes.size(int(found.get("BuilderSize") or 0))
    return (
        f"Images space usage:\n\n{_table(rows, images.kind(cut=True), IMAGES)}"
        f"\nContainers space usage:\n\n{_table(ones, containers.kind(cut=True), CONTAINERS)}"
        f"\nLocal Volumes space usage:\n\n"
        f"{_table(found.get('Volumes') or (), volumes.kind(), VOLUMES)}"
        f"\nBuild cache usage: {size}\n\n{_table(caches, _CACHE, CACHE)}"
    )


def _table(things: Sequence[Any], kind: Kind, form: str) -> str:
    table = listed(things, kind, form)
    assert isinstance(table, Listing), "it begins with the word table"
    return table.text


def _first_name(image: Json) -> images.Row:
    repository, tag, _ = split((image.get("RepoTags") or ("",))[0])
    if not tag or repository == images.NONE:
        return images.Row(image)
    return images.Row(image, familiar(repository), tag)


def _since(moment: str) -> str:
    try:
        at = datetime.datetime.fromisoformat(f"{moment[:19]}+00:00")
    except ValueError:
        return ""
    return columns.ago(at.timestamp())


_CACHE = Kind(
    "*formatter.buildCacheContext",
    {
        "ID": "CACHE ID",
        "CacheType": "CACHE TYPE",
        "Size": "SIZE",
        "CreatedSince": "CREATED",
        "LastUsedSince": "LAST USED",
        "UsageCount": "USAGE",
        "Shared": "SHARED",
    },
    {
        "ID": lambda one: columns.short(str(one.get("ID"))),
        "CacheType": lambda one: str(one.get("Type") or ""),
        "Size": lambda one: sizes.size(int(one.get("Size") or 0), 3),
        "CreatedSince": lambda one: _since(str(one.get("CreatedAt") or "")),
        "LastUsedSince": lambda one: _since(str(one.get("LastUsedAt") or "")),
        "UsageCount": lambda one: str(one.get("UsageCount") or 0),
        "Shared": lambda one: "true" if one.get("Shared") else "false",
    },
)
