"""ps, top, port and diff.

Knows: what the engine says of containers. Does not know: how a table is laid out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ipycontainers.oci import sizes

from . import columns, filters
from .call import Call
from .console import Console, failed, missing, refusals, told_of
from .listing import Kind, layout, listed
from .references import familiar
from .result import Lines, Listing, Result
from .template import Record, Template, TemplateError

Json = Mapping[str, Any]
TABLE = (
    "{{.ID}}\\t{{.Image}}\\t{{.Command}}\\t{{.RunningFor}}\\t{{.Status}}\\t{{.Ports}}\\t{{.Names}}"
)
SIZE = "\\t{{.Size}}"
RAW = (
    "container_id: {{.ID}}\nimage: {{.Image}}\ncommand: {{.Command}}\ncreated_at: {{.CreatedAt}}\n"
    "state: {{- pad .State 1 0}}\nstatus: {{- pad .Status 1 0}}\nnames: {{.Names}}\n"
    "labels: {{- pad .Labels 1 0}}\nports: {{- pad .Ports 1 0}}\n"
)
HEADS = {
    "ID": "CONTAINER ID",
    "Names": "NAMES",
    "Image": "IMAGE",
    "Command": "COMMAND",
    "CreatedAt": "CREATED AT",
    "RunningFor": "CREATED",
    "Ports": "PORTS",
    "State": "STATE",
    "Status": "STATUS",
    "Size": "SIZE",
    "Labels": "LABELS",
    "Mounts": "MOUNTS",
    "LocalVolumes": "LOCAL VOLUMES",
    "Networks": "NETWORKS",
}


def ls(call: Call, console: Console) -> Result:
    """docker ps."""
    quiet, sized = call.has("quiet"), call.has("size")
    raw = f"{RAW}size: {{{{.Size}}}}\n" if sized else RAW
    form = layout(
        call.text("format"),
        TABLE + SIZE * sized,
        raw="container_id: {{.ID}}" if quiet else raw,
        quiet="{{.ID}}" if quiet else "",
    )
    measured = sized or shows_size(form)
    last = call.number("last")
    if call.has("latest") and last < 0:
        last = 1
    with refusals():
        found = console.daemon.get(
            "containers",
            "json",
            patient=measured,
            all="1" if call.has("all") else "",
            limit=str(last) if last > 0 else "",
            size="1" if measured else "",
            filters=filters.query(call.texts("filter")),
        )
    return listed(found or (), kind(cut=not call.has("no-trunc")), form)


def shows_size(form: str) -> bool:
    """Whether the engine has to measure for this template, which is tried on a container of
    nothing, as ps does before it asks. Raises CommandFailed for a wrong one."""
    asked: list[str] = []
    fields = {**kind(cut=True).fields, "Size": lambda _: asked.append("Size")}
    try:
        template = Template(form)
    except TemplateError as error:
        raise failed(f"failed to parse template: {error}") from error
    try:
        template.of(Record({"Id": "", "Created": 0}, fields, "*formatter.ContainerContext"))
    except TemplateError as error:
        raise failed(f"failed to execute template: {error}") from error
    return bool(asked)


def kind(*, cut: bool) -> Kind:
    """What there is to show of a container; ``cut``: with short ids and commands."""

    def on(shown: Callable[[Json, bool], str]) -> Callable[[Json], str]:
        return lambda one: shown(one, cut)

    return Kind(
        "*formatter.containerContext",
        HEADS,
        {
            "ID": lambda one: columns.short(one["Id"]) if cut else one["Id"],
            "Names": on(_names),
            "Image": on(_image),
            "Command": on(_command),
            "CreatedAt": lambda one: columns.date(one["Created"]),
            "RunningFor": lambda one: columns.ago(one["Created"]),
            "Ports": lambda one: columns.ports(one.get("Ports") or ()),
            "State": lambda one: str(one.get("State") or ""),
            "Status": lambda one: str(one.get("Status") or ""),
            "Size": _size,
            "Labels": lambda one: labels(one.get("Labels")),
            "Label": lambda one: lambda name: str((one.get("Labels") or {}).get(name, "")),
            "Mounts": on(_mounts),
            "LocalVolumes": _local_volumes,
            "Networks": _networks,
        },
    )


def _names(one: Json, cut: bool) -> str:
    names = [str(name).removeprefix("/") for name in one.get("Names") or ()]
    if cut:
        # A name with a slash is that of a link.
        names = [name for name in names if "/" not in name][:1] or names
    return ",".join(names)


def _image(one: Json, cut: bool) -> str:
    image, identifier = str(one.get("Image") or ""), str(one.get("ImageID") or "")
    if not image:
        return "<no image>"
    if not cut:
        return image
    if columns.short(identifier) == columns.short(image):
        return columns.short(identifier)
    return familiar(image.partition("@")[0])


def _command(one: Json, cut: bool) -> str:
    command = str(one.get("Command") or "")
    return columns.quoted(columns.cut(command, 20) if cut else command)


def _size(one: Json) -> str:
    written = sizes.size(one.get("SizeRw") or 0, 3)
    whole = one.get("SizeRootFs") or 0
    return f"{written} (virtual {sizes.size(whole, 3)})" if whole > 0 else written


def labels(found: Mapping[str, str] | None) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted((found or {}).items()))


def _mounts(one: Json, cut: bool) -> str:
    names = [str(it.get("Name") or it.get("Source") or "") for it in one.get("Mounts") or ()]
    return ",".join(columns.cut(name, 15) if cut else name for name in names)


def _local_volumes(one: Json) -> str:
    return str(sum(it.get("Driver") == "local" for it in one.get("Mounts") or ()))


def _networks(one: Json) -> str:
    return ",".join(sorted((one.get("NetworkSettings") or {}).get("Networks") or ()))


# --- top, port, diff -----------------------------------------------------------------------------


def top(call: Call, console: Console) -> Result:
    """docker top."""
    name, *words = call.arguments
    with refusals():
        found = told_of(console.daemon.get("containers", name, "top", ps_args=" ".join(words)))
    heads, rows = found.get("Titles") or (), found.get("Processes") or ()
    text = "".join("\t".join(row) + "\n" for row in (heads, *rows))
    return Listing(
        (dict(zip(heads, row, strict=False)) for row in rows),
        heads=heads,
        cells=rows,
        text=columns.tabulated(text, least=20),
    )


def port(call: Call, console: Console) -> Result:
    """docker port."""
    name, *wanted = call.arguments
    with missing("container", name):
        found = console.daemon.get("containers", name, "json")
    published = (found.get("NetworkSettings") or {}).get("Ports") or {}
    if not any(wanted):
        rows = sorted(published.items(), key=lambda row: (int(row[0].partition("/")[0]), row[0]))
        return Lines(f"{inside} -> {_outside(one)}" for inside, ones in rows for one in ones or ())
    number, _, protocol = wanted[0].partition("/")
    if not protocol:
        number, protocol = wanted[0], "tcp"
    for one in number.split("-", 1) if number else ():
        if not (one.isascii() and one.isdigit()):
            raise failed(f'strconv.ParseUint: parsing "{one}": invalid syntax')
        if len(one) > 5 or int(one) > 65535:
            raise failed(f'strconv.ParseUint: parsing "{one}": value out of range')
    inside = f"{number}/{protocol}"
    if inside not in published or published[inside] is None:
        raise failed(f"Error: No public port '{inside}' published for {name}")
    return Lines(map(_outside, published[inside]))


def _outside(one: Json) -> str:
    return f"{one.get('HostIp') or ''}:{one.get('HostPort') or ''}"


def diff(call: Call, console: Console) -> Result:
    """docker diff."""
    if not call.arguments[0]:
        raise failed("Container name cannot be empty")
    with refusals():
        found = console.daemon.get("containers", call.arguments[0], "changes", patient=True)
    marks = {0: "C", 1: "A", 2: "D"}
    return Lines(f"{marks.get(one['Kind'], '')} {one['Path']}" for one in found or ())
