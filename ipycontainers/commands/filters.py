"""What --filter becomes, the query ``filters`` of the engine's API, and what Tab offers for it.

Knows: its form. Does not know: which filters an engine has; that says which not.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

# By verb what dockerd filters by, and what Tab offers behind the =: kinds of things, or words.
CONTAINERS = (
    "ancestor=image before=container exited= expose= health=starting|healthy|unhealthy|none id= "
    "is-task=true|false label= name=container network=network publish= since=container "
    "status=created|restarting|running|removing|paused|exited|dead volume=volume"
)
IMAGES = "before=image dangling=true|false label= reference=image since=image"
NETWORKS = (
    "dangling=true|false driver=bridge|host|ipvlan|macvlan|null|overlay id= label= name=network "
    "scope=local|global|swarm type=custom|builtin"
)
VOLUMES = "dangling=true|false driver=local label= name=volume"
EVENTS = (
    "container=container daemon= event=attach|commit|connect|copy|create|delete|destroy|die|"
    "disconnect|exec_create|exec_die|exec_start|export|health_status|import|kill|load|mount|oom|"
    "pause|prune|pull|push|rename|resize|restart|save|start|stop|tag|top|unmount|unpause|untag|"
    "update image=image label= network=network type=builder|container|daemon|image|network|"
    "plugin|volume volume=volume"
)
PRUNED = "label= label!= until="
PRUNED_VOLUMES = "label= label!="


def query(given: Iterable[str], **more: str) -> str:
    """``("status=exited", "label=a=1")`` as JSON, "" for none. Names are lower case, and values
    have no blanks at their ends, as docker has it."""
    found: dict[str, list[str]] = {}
    for name, value in [*map(_split, given), *more.items()]:
        values = found.setdefault(name, [])
        if value not in values:
            values.append(value)
    return json.dumps(found) if found else ""


def _split(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.strip().lower(), value.strip()
