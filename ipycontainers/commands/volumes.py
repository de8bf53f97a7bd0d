"""volume ls.

Knows: what the engine says of volumes. Does not know: how a table is laid out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ipycontainers.oci import sizes

from . import filters
from .call import Call
from .console import Console, refusals
from .containers import labels
from .listing import Kind, layout, listed
from .natural import order
from .result import Result

HEADS = {
    "Name": "VOLUME NAME",
    "Driver": "DRIVER",
    "Scope": "SCOPE",
    "Mountpoint": "MOUNTPOINT",
    "Labels": "LABELS",
    "Links": "LINKS",
    "Size": "SIZE",
}


def ls(call: Call, console: Console) -> Result:
    """docker volume ls."""
    with refusals():
        found = console.daemon.get("volumes", filters=filters.query(call.texts("filter")))
    quiet = call.has("quiet")
    form = layout(
        call.text("format"),
        "{{.Driver}}\\t{{.Name}}",
        raw="name: {{.Name}}" if quiet else "name: {{.Name}}\ndriver: {{.Driver}}\n",
        quiet="{{.Name}}" if quiet else "",
    )
    for warning in found.get("Warnings") or ():
        console.err(f"WARNING: {warning}\n")
    rows = sorted(found.get("Volumes") or (), key=lambda one: order(one["Name"]))
    return listed(rows, kind(), form)


def kind() -> Kind:
    """What there is to show of a volume."""
    return Kind(
        "*formatter.volumeContext",
        HEADS,
        {
            "Name": lambda one: one["Name"],
            "Driver": lambda one: one.get("Driver") or "",
            "Scope": lambda one: one.get("Scope") or "",
            "Mountpoint": lambda one: one.get("Mountpoint") or "",
            "Labels": lambda one: labels(one.get("Labels")),
            "Label": lambda one: lambda name: str((one.get("Labels") or {}).get(name, "")),
            "Links": lambda one: _used(one, "RefCount", str),
            "Size": lambda one: _used(one, "Size", sizes.size),
        },
    )


def _used(one: Mapping[str, Any], name: str, shown: Callable[[int], str]) -> str:
    usage = one.get("UsageData")
    return shown(int(usage[name])) if usage else "N/A"
