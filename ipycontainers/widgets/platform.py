"""Platform: the parts that work together when a cell runs in a container, as they are here.

    Platform()                            that of this notebook
    Platform(engine="ssh://me@there")     that of another engine

Client, engine, images, containers and registry; what is absent is drawn grey and named absent. The
engine is never started for it. Its events say when something has changed.

Knows: version, info and lists of any engine. Does not know: how to mend what is absent, beyond
the hint of the error that says so.
"""

from __future__ import annotations

import platform as machine
import shutil
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ipycontainers.containers import action
from ipycontainers.errors import ContainerError, EngineUnavailable
from ipycontainers.oci.sizes import counted

from .drawing import Markup, element, table
from .follower import EVENTS, Follower
from .platform_diagram import diagram
from .registry import Reach, reach
from .widget import source

if TYPE_CHECKING:
    from ipycontainers.client import Connection, Feeds

PARTS = ("client", "engine", "images", "containers", "registry")
# Of containers and images; what else is told, such as exec_start, changes nothing here.
CHANGES = frozenset(
    {"create", "start", "restart", "die", "died", "pause", "unpause", "destroy", "remove"}
    | {"rename", "pull", "tag", "untag", "delete", "load", "loadfromarchive", "import", "commit"}
    | {"build", "prune"}
)
MARKS = {True: "✓ there", False: "✗ absent", None: "? may be there"}
NAMES = 5  # of images and containers, that are named
KINDS = {"unix": "unix socket", "npipe": "named pipe", "ssh": "ssh", "tcp": "TCP"}


class Platform(Follower):
    """What there is: client, engine, images, containers, registry. Raises nothing: an engine that
    does not answer is what it shows."""

    _css = source("widget.css", "platform.css")

    def __init__(self, *, engine: str = "") -> None:
        self.facts: dict[str, Any] = {}
        self._reach: dict[tuple[str, ...], Reach] = {}
        super().__init__(engine)
        self.now()
        self.redraw()

    def subject(self) -> str:
        return f"engine={self.engine!r}" if self.engine else ""

    # What the engine tells

    def now(self) -> None:
        try:
            super().now()
        except ContainerError as error:
            self.lost(error)

    def see(self, connection: Connection) -> None:
        self.facts = _facts(connection, self._reached)

    def lost(self, error: ContainerError) -> None:
        self.facts = _absent(error)
        self._reach.clear()

    def listen(self, connection: Connection, feeds: Feeds) -> None:
        both = {"filters": '{"type": ["container", "image"]}'}
        feeds.add(EVENTS, connection.feed("events", parameters=both, doing="listening"))

    def happened(self, event: dict[str, Any]) -> bool:
        return action(event) in CHANGES

    def unheard(self, connection: Connection) -> None:
        self._reach.clear()
        self.see(connection)

    def _reached(self, addresses: tuple[str, ...]) -> Reach:
        if addresses not in self._reach:
            self._reach[addresses] = reach(addresses)
        return self._reach[addresses]

    # What it shows

    @property
    def data(self) -> Mapping[str, Any]:
        self.now()
        return self.facts

    def rows(self) -> Sequence[Mapping[str, Any]]:
        facts = self.data
        return [
            {
                "part": part,
                "is_there": facts[part]["is_there"],
                "what": " · ".join(_told(facts, part)),
            }
            for part in PARTS
        ]

    def summary(self) -> str:
        return "\n".join(
            f"{row['part']}: {'absent: ' if row['is_there'] is False else ''}{row['what']}"
            for row in self.rows()
        )

    def draw(self) -> Markup:
        lines = {part: _told(self.facts, part) for part in PARTS}
        there = {part: self.facts[part]["is_there"] for part in PARTS}
        return element(
            "section",
            element(
                "div",
                element("div", diagram(lines, there, self.facts["way"]["kind"]), class_="figure"),
                element("div", _table(lines, there), class_="side"),
                class_="beside",
            ),
            class_="platform",
            aria_label="The platform: client, engine, images, containers, registry",
        )


def _table(lines: Mapping[str, Sequence[str]], there: Mapping[str, bool | None]) -> Markup:
    rows = [[part, " · ".join([MARKS[there[part]], *lines[part]])] for part in PARTS]
    return table(["part", "what it is here"], rows)


# --- what there is ------------------------------------------------------------------------------


def _facts(connection: Connection, reached: Any) -> dict[str, Any]:
    from ipycontainers.client.translate import translated

    with translated("asking the engine about itself"):
        api = connection.docker.api
        info, images = dict(api.info()), list(api.images())
    containers = connection.list_containers()
    return {
        "client": _client(),
        "way": _way(connection),
        "engine": _engine(connection, info),
        "images": _images(images),
        "containers": _containers(containers),
        "registry": _registry(connection, info, reached),
    }


def _absent(error: ContainerError) -> dict[str, Any]:
    attempts = error.attempts if isinstance(error, EngineUnavailable) else ()
    tried: list[Any] = list(attempts)
    nothing = {"is_there": False, "why": "no engine answers"}
    return {
        "client": _client(),
        "way": {"kind": "", "address": "", "source": ""},
        "engine": {
            "is_there": False,
            "why": error.message,
            "hint": error.hint,
            "tried": [one.candidate.address for one in tried],
        },
        **dict.fromkeys(("images", "containers", "registry"), nothing),
    }


def _client() -> dict[str, Any]:
    from ipycontainers.client.doctor import installed

    return {
        "is_there": True,
        "ipycontainers": installed("ipycontainers"),
        "docker-py": installed("docker"),
        "Python": machine.python_version(),
        "docker command": shutil.which("docker") or "",
    }


def _way(connection: Connection) -> dict[str, Any]:
    candidate = connection.candidate
    kind = KINDS.get(candidate.address.partition("://")[0], "HTTP")
    return {
        "kind": "TLS" if candidate.tls else kind,
        "address": candidate.address,
        "source": candidate.source,
    }


def _engine(connection: Connection, info: Mapping[str, Any]) -> dict[str, Any]:
    told = connection.version()
    is_here = connection.shares_files and info.get("OperatingSystem") != "Docker Desktop"
    return {
        "is_there": True,
        "name": connection.engine_name,
        "version": str(told.get("Version") or ""),
        "api": str(told.get("ApiVersion") or ""),
        "machine": "this machine" if is_here else str(info.get("Name") or ""),
        "system": str(info.get("OperatingSystem") or ""),
        "kernel": str(info.get("KernelVersion") or ""),
        "architecture": str(info.get("Architecture") or ""),
        "runtime": connection.launcher or str(info.get("DefaultRuntime") or ""),
        "storage": str(info.get("Driver") or ""),
        "rootless": connection.is_rootless,
        "cgroup": str(info.get("CgroupVersion") or "1"),
        "isolates": _isolates(info) if connection.launcher else None,
    }


def _isolates(info: Mapping[str, Any]) -> list[str]:
    """What our own engine's launcher keeps apart, as it has found out."""
    return str(dict(info.get("DriverStatus") or ()).get("Isolates") or "").split()


def _images(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    names = sorted(
        {str(name) for one in found for name in one.get("RepoTags") or () if "<none>" not in name}
    )
    return {"is_there": bool(found), "count": len(found), "names": names}


def _containers(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    states = [str(one.get("State") or "") for one in found]
    running = [one for one in found if one.get("State") == "running"]
    return {
        "is_there": bool(found),
        "running": states.count("running"),
        "paused": states.count("paused"),
        "stopped": len(found) - states.count("running") - states.count("paused"),
        "names": sorted(str((one.get("Names") or ["/"])[0]).lstrip("/") for one in running),
    }


def _registry(connection: Connection, info: Mapping[str, Any], reached: Any) -> dict[str, Any]:
    """Whether it can be reached is tried from here, where the engine is here too."""
    config = info.get("RegistryConfig") or {}
    addresses = [*(config.get("Mirrors") or ()), info.get("IndexServerAddress") or ""]
    addresses = [str(one) for one in addresses if one]
    if not addresses:
        return {"is_there": False, "address": "", "mirrors": [], "why": "the engine names none"}
    found = {"address": addresses[-1], "mirrors": addresses[:-1]}
    if not connection.shares_files:
        return {"is_there": None, **found, "why": "the engine is on another machine"}
    if info.get("HttpsProxy") or info.get("HttpProxy"):
        return {"is_there": None, **found, "why": "the engine goes through a proxy"}
    tried: Reach = reached(tuple(addresses))
    return {"is_there": tried.is_there, **found, "why": tried.why}


# --- in words -----------------------------------------------------------------------------------


def _told(facts: Mapping[str, Any], part: str) -> list[str]:
    """The most important first; for the drawing the first two have to do."""
    found = facts[part]
    if part == "engine":
        return _engine_told(found, facts["way"])
    if part == "client":
        command = found["docker command"] or "no docker command"
        return [
            f"ipycontainers {found['ipycontainers']}",
            f"Python {found['Python']}, docker-py {found['docker-py']}",
            command,
        ]
    if "why" in found and part != "registry":
        return [found["why"]]
    if part == "images":
        return [counted(found["count"], "image"), *_some(found["names"])]
    if part == "containers":
        others = [f"{found[it]} {it}" for it in ("paused", "stopped") if found[it]]
        return [f"{found['running']} running", *others, *_some(found["names"])]
    mirrors = [f"mirror {one}" for one in found.get("mirrors", ())]
    if found["is_there"] is None:
        return [f"not tried: {found['address']}", found["why"], *mirrors]
    return [*filter(None, (found.get("address", ""), found["why"])), *mirrors]


def _engine_told(found: Mapping[str, Any], way: Mapping[str, Any]) -> list[str]:
    if not found["is_there"]:
        tried = f"tried: {', '.join(found['tried'])}" if found["tried"] else ""
        return [it for it in (found["why"], found["hint"], tried) if it]
    rootless = ", rootless" if found["rootless"] else ""
    isolates = found["isolates"]
    return [
        f"{found['name']} {found['version']} on {found['machine']}",
        f"{found['runtime']}, {found['storage']}, cgroup {found['cgroup']}{rootless}",
        f"{found['system']}, Linux {found['kernel']}, {found['architecture']}",
        f"API {found['api']} at {way['address']} ({way['source']})",
        *([f"keeps apart: {', '.join(isolates) or 'files only'}"] if isolates is not None else ()),
    ]


def _some(names: Sequence[str]) -> list[str]:
    more = len(names) - NAMES
    rest = [f"{more} more names"] if more > 0 else []
    return [", ".join([*names[:NAMES], *rest])] if names else []
