"""network ls.

Knows: what the engine says of networks. Does not know: how a table is laid out.
"""

from __future__ import annotations

from . import columns, filters
from .call import Call
from .console import Console, refusals
from .containers import labels
from .listing import Kind, layout, listed
from .natural import order
from .result import Result

HEADS = {
    "ID": "NETWORK ID",
    "Name": "NAME",
    "Driver": "DRIVER",
    "Scope": "SCOPE",
    "IPv6": "IPV6",
    "Internal": "INTERNAL",
    "Labels": "LABELS",
    "CreatedAt": "CREATED AT",
}


def ls(call: Call, console: Console) -> Result:
    """docker network ls."""
    with refusals():
        found = console.daemon.get("networks", filters=filters.query(call.texts("filter")))
    quiet = call.has("quiet")
    form = layout(
        call.text("format"),
        "{{.ID}}\\t{{.Name}}\\t{{.Driver}}\\t{{.Scope}}",
        raw="network_id: {{.ID}}"
        if quiet
        else "network_id: {{.ID}}\nname: {{.Name}}\ndriver: {{.Driver}}\nscope: {{.Scope}}\n",
        quiet="{{.ID}}" if quiet else "",
    )
    rows = sorted(found or (), key=lambda one: order(one["Name"]))
    return listed(rows, _kind(cut=not call.has("no-trunc")), form)


def _kind(*, cut: bool) -> Kind:
    return Kind(
        "*network.networkContext",
        HEADS,
        {
            "ID": lambda one: columns.short(one["Id"]) if cut else one["Id"],
            "Name": lambda one: one["Name"],
            "Driver": lambda one: one.get("Driver") or "",
            "Scope": lambda one: one.get("Scope") or "",
            "IPv6": lambda one: "true" if one.get("EnableIPv6") else "false",
            "Internal": lambda one: "true" if one.get("Internal") else "false",
            "Labels": lambda one: labels(one.get("Labels")),
            "Label": lambda one: lambda name: str((one.get("Labels") or {}).get(name, "")),
            "CreatedAt": lambda one: columns.moment(one.get("Created") or ""),
        },
    )
