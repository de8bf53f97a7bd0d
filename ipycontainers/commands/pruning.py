"""What nobody uses any more, away: docker container, image, volume, network and system prune.

docker asks before it does so; a cell cannot answer, so without -f nothing goes, and what would go
is told.

Knows: the requests, what docker prints of them. Does not know: notebooks.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ipycontainers.errors import CommandFailed
from ipycontainers.oci.sizes import size

from . import columns
from .console import failed, refusals
from .result import Lines

if TYPE_CHECKING:
    from .call import Call
    from .console import Console

Filters = dict[str, list[str]]
NOTHING_GONE = "Nothing was removed: a cell cannot be asked. -f removes it.\n"
SHOWN = 100  # of each kind, of what would go
UNUSED_IMAGES = "all images without at least one container associated to them"


def containers(call: Call, console: Console) -> Lines:
    """``docker container prune [-f] [--filter F]``"""
    return _alone(call, console, "containers", "all stopped containers")


def images(call: Call, console: Console) -> Lines:
    """``docker image prune [-a] [-f] [--filter F]``"""
    what = UNUSED_IMAGES if call.has("all") else "all dangling images"
    return _alone(call, console, "images", what)


def volumes(call: Call, console: Console) -> Lines:
    """``docker volume prune [-f] [--filter F]``"""
    what = "all local volumes not used by at least one container"
    return _alone(call, console, "volumes", what)


def networks(call: Call, console: Console) -> Lines:
    """``docker network prune [-f] [--filter F]``"""
    what = "all custom networks not used by at least one container"
    return _alone(call, console, "networks", what)


def _alone(call: Call, console: Console, kind: str, what: str) -> Lines:
    filters = _filters(call, kind)
    if not call.has("force"):
        return _asked(console, f"WARNING! This will remove {what}.", {kind: filters})
    text, freed = _pruned(console, kind, filters)
    if kind != "networks":
        text += f"Total reclaimed space: {size(freed)}\n"
    return Lines.of(text)


def system(call: Call, console: Console) -> Lines:
    """``docker system prune [-a] [-f] [--volumes] [--filter F]``"""
    kinds = ["containers", "networks", *(["volumes"] if call.has("volumes") else []), "images"]
    wanted = {kind: _filters(call, kind) for kind in kinds}
    if call.has("volumes") and "until" in _given(call):
        raise failed('ERROR: The "until" filter is not supported with "--volumes"')
    if not call.has("force"):
        return _asked(console, _warning(call), wanted)
    text, total = "", 0
    try:
        for kind, filters in (*wanted.items(), ("build", _given(call))):
            told, freed = _pruned(console, kind, filters)
            text, total = text + told, total + freed
    except CommandFailed:
        console.out(text)
        raise
    return Lines.of(f"{text}Total reclaimed space: {size(total)}\n")


def _warning(call: Call) -> str:
    lines = ["all stopped containers", "all networks not used by at least one container"]
    if call.has("volumes"):
        lines.append("all volumes not used by at least one container")
    every = call.has("all")
    lines += [UNUSED_IMAGES if every else "all dangling images"]
    lines += ["all build cache" if every else "all dangling build cache"]
    text = "WARNING! This will remove:" + "".join(f"\n  - {line}" for line in lines)
    if filters := call.texts("filter"):
        text += "\n\n  Items to be pruned will be filtered with:"
        text += "".join(f"\n  - {one}" for one in filters)
    return f"{text}\n"


def _filters(call: Call, kind: str) -> Filters:
    found = _given(call)
    if kind == "images":
        found.setdefault("dangling", []).append("false" if call.has("all") else "true")
    return found


def _given(call: Call) -> Filters:
    found: Filters = {}
    for text in call.texts("filter"):
        name, _, value = text.partition("=")
        found.setdefault(name.strip().lower(), []).append(value.strip())
    return found


def _pruned(console: Console, kind: str, filters: Filters) -> tuple[str, int]:
    """What docker prints of one kind, with an empty line behind it, and how many bytes are free."""
    with refusals():
        answer = console.daemon.post(kind, "prune", filters=json.dumps(filters)) or {}
    title, gone = _DELETED[kind](answer)
    text = f"{title}:\n" + "".join(f"{line}\n" for line in gone) + "\n" if gone else ""
    return text, int(answer.get("SpaceReclaimed") or 0)


def _images_deleted(answer: Mapping[str, Any]) -> list[str]:
    return [
        f"untagged: {one['Untagged']}" if one.get("Untagged") else f"deleted: {one.get('Deleted')}"
        for one in answer.get("ImagesDeleted") or ()
    ]


_DELETED: Mapping[str, Callable[[Mapping[str, Any]], tuple[str, list[str]]]] = {
    "containers": lambda answer: ("Deleted Containers", answer.get("ContainersDeleted") or []),
    "images": lambda answer: ("Deleted Images", _images_deleted(answer)),
    "volumes": lambda answer: ("Deleted Volumes", answer.get("VolumesDeleted") or []),
    "networks": lambda answer: ("Deleted Networks", answer.get("NetworksDeleted") or []),
    "build": lambda answer: ("Deleted build cache objects", answer.get("CachesDeleted") or []),
}


# --- without -f ----------------------------------------------------------------------------------


def _asked(console: Console, warning: str, wanted: Mapping[str, Filters]) -> Lines:
    """docker's question, what would go, and that nothing did."""
    text = f"{warning}\n"
    for kind, filters in wanted.items():
        found = _would_go(console, kind, filters)
        text += f"\n{kind} that would go: {len(found) or 'none'}\n"
        text += "".join(f"  {line}\n" for line in found[:SHOWN])
        text += f"  … and {len(found) - SHOWN:,} more\n" if len(found) > SHOWN else ""
    return Lines.of(f"{text}\n{NOTHING_GONE}")


def _would_go(console: Console, kind: str, filters: Filters) -> list[str]:
    """Their names, as far as a list with the same filters tells."""
    listed = {key: value for key, value in filters.items() if key in {"label", "dangling"}}
    with refusals():
        found = _LISTED[kind](console, listed)
    return sorted(found)


def _dead_containers(console: Console, filters: Filters) -> list[str]:
    states = {**filters, "status": ["created", "exited", "dead"]}
    listed = console.daemon.get("containers", "json", all="1", filters=json.dumps(states))
    names = [(one.get("Names") or [columns.short(one["Id"])])[0].strip("/") for one in listed]
    return [
        f"{name} ({one['Image']}, {one['Status']})" for name, one in zip(names, listed, strict=True)
    ]


def _unused_images(console: Console, filters: Filters) -> list[str]:
    dangling = filters.get("dangling") == ["true"]
    asked = {**filters, "dangling": ["true"]} if dangling else _without(filters, "dangling")
    used = {one["ImageID"] for one in console.daemon.get("containers", "json", all="1")}
    listed = console.daemon.get("images", "json", filters=json.dumps(asked))
    short = columns.short
    return [
        f"{', '.join(one.get('RepoTags') or ['<none>'])} ({short(one['Id'])}, {size(one['Size'])})"
        for one in listed
        if one["Id"] not in used
    ]


def _unused_volumes(console: Console, filters: Filters) -> list[str]:
    asked = json.dumps({**filters, "dangling": ["true"]})
    listed = console.daemon.get("volumes", filters=asked).get("Volumes") or ()
    return [str(one["Name"]) for one in listed if one.get("Driver") == "local"]


def _unused_networks(console: Console, filters: Filters) -> list[str]:
    listed = console.daemon.get("networks", filters=json.dumps({**filters, "type": ["custom"]}))
    used = {  # by containers that run: one that has ended holds no network
        name
        for one in console.daemon.get("containers", "json")
        for name in (one.get("NetworkSettings") or {}).get("Networks") or ()
    }
    return [str(one["Name"]) for one in listed if one["Name"] not in used]


def _without(filters: Filters, name: str) -> Filters:
    return {key: value for key, value in filters.items() if key != name}


_LISTED: Mapping[str, Callable[[Console, Filters], list[str]]] = {
    "containers": _dead_containers,
    "images": _unused_images,
    "volumes": _unused_volumes,
    "networks": _unused_networks,
}
