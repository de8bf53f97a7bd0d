"""Lifecycle: the states of a container, in which it is, and what leads out of it.

    Lifecycle("lab")                      a container by its name or id, or a session by its name

The diagram is drawn from the table of ``ipycontainers.lifecycle``, along which the engine moves
too. The engine's events say when something has changed. A button stands for the command of docker
that is written beside it; what is not allowed now stays where it is, so that the focus does.

Knows: inspect, the requests behind docker's commands. Does not know: how an engine does them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from ipycontainers import outcome
from ipycontainers.containers import action, find, is_named
from ipycontainers.errors import ContainerError
from ipycontainers.lifecycle import COMMANDS, TABLE, Command, commands

from .drawing import Markup, element, joined, table
from .follower import Follower
from .lifecycle_diagram import diagram
from .widget import source

if TYPE_CHECKING:
    from ipycontainers.client import Connection

GONE = "removed"
# What Podman calls a state of the table.
OTHER_WORDS = {
    "configured": "created",
    "initialized": "created",
    "stopping": "running",
    "stopped": "exited",
}
# Docker's command → the request, by docker-py.
DEEDS: Mapping[str, Callable[[Any, str], object]] = {
    "start": lambda api, name: api.start(name),
    "pause": lambda api, name: api.pause(name),
    "unpause": lambda api, name: api.unpause(name),
    "restart": lambda api, name: api.restart(name),
    "stop": lambda api, name: api.stop(name),
    "kill": lambda api, name: api.kill(name),
    "rm": lambda api, name: api.remove_container(name),
    "rm --force": lambda api, name: api.remove_container(name, force=True),
}


@dataclass(frozen=True)
class Seen:
    """A container as the engine tells it. ``state`` is one of the table's, "dead", GONE, or ""
    where nothing has had the name yet; times are the engine's text."""

    name: str
    id: str = ""
    image: str = ""
    state: str = ""
    exit_code: int = 0
    oom_killed: bool = False
    error: str = ""
    health: str = ""
    auto_remove: bool = False
    restart_policy: str = ""
    restarts: int = 0
    started_at: str = ""
    finished_at: str = ""


def seen(name: str, told: Mapping[str, Any] | None, before: Seen | None = None) -> Seen:
    """``told`` is the answer to inspect, None where there is no such container (any more)."""
    if told is None:
        return replace(before, state=GONE) if before and before.id else Seen(name)
    state: Mapping[str, Any] = told.get("State") or {}
    status = str(state.get("Status") or "")
    host: Mapping[str, Any] = told.get("HostConfig") or {}
    policy = host.get("RestartPolicy") or {}
    return Seen(
        name=str(told.get("Name") or name).lstrip("/"),
        id=str(told.get("Id") or ""),
        image=str((told.get("Config") or {}).get("Image") or ""),
        state=OTHER_WORDS.get(status, status),
        exit_code=int(state.get("ExitCode") or 0),
        oom_killed=bool(state.get("OOMKilled")),
        error=str(state.get("Error") or ""),
        health=str((state.get("Health") or {}).get("Status") or ""),
        auto_remove=bool(host.get("AutoRemove")),
        restart_policy=str(policy.get("Name") or "no"),
        restarts=int(told.get("RestartCount") or 0),
        started_at=str(state.get("StartedAt") or ""),
        finished_at=str(state.get("FinishedAt") or ""),
    )


def sentence(now: Seen) -> str:
    """What it is doing, without its name and a time."""
    if not now.state:
        return "There is no container and no session of this name."
    if now.state == GONE:
        return "It is gone: removed, with the files that it wrote."
    if now.state == "exited":
        meaning = outcome.explain(now.exit_code, oom_killed=now.oom_killed)
        why = f": {meaning}" if meaning else ""
        told = f" The engine says: {now.error}" if now.error else ""
        return f"Its program has ended with exit code {now.exit_code}{why}.{told}"
    if now.state == "running" and now.health not in ("", "none"):
        return f"Its program runs, and its health check says: {now.health}."
    return {
        "created": "It is made, and its program has not been started.",
        "running": "Its program runs.",
        "paused": "Its processes stand still, and keep their memory.",
        "restarting": f"Its program has ended with code {now.exit_code}, and is to start again.",
        "removing": "It is being removed.",
        "dead": "The engine has tried to remove it, and failed. Nothing else can be done with it.",
    }.get(now.state, f"The engine calls its state {now.state}.")


def allowed(now: Seen) -> tuple[Command, ...]:
    """What may be done with it."""
    return commands(now.state, auto_remove=now.auto_remove)


class Lifecycle(Follower):
    """The life of a container: live state, and buttons for what is allowed now.

    ``container`` is a name, an id, or the name of a session; it need not exist yet.
    Raises EngineUnavailable where no engine answers.
    """

    _css = source("widget.css", "lifecycle.css")

    def __init__(self, container: str, *, engine: str = "") -> None:
        self.container = str(container)
        self.seen = Seen(self.container)
        self._doing = ""
        self._failure = ""
        super().__init__(engine)
        self.see(self._connected(start=True))
        self.redraw()

    def subject(self) -> str:
        return repr(self.container)

    # What the engine tells

    def see(self, connection: Connection) -> None:
        before = self.seen
        # By its id as long as there is one: a new one of its name is another container.
        told = find(connection, self.seen.id) if self.seen.id and self.seen.state != GONE else None
        told = told or find(connection, self.container)
        self.seen = seen(self.container, told, before)

    def happened(self, event: dict[str, Any]) -> bool:
        names = (self.container, self.seen.id or self.container)
        is_ours = any(is_named(event, it) for it in names)
        return is_ours and not action(event).startswith(("exec_", "top"))

    # What a person does

    def do(self, what: str) -> None:
        """In a thread of its own: a stop may take its ten seconds."""
        found = next((one for one in allowed(self.seen) if one.name == what), None)
        if found is None or self._doing:
            return
        self._doing, self._failure = what, ""
        self.redraw()
        threading.Thread(
            target=self._carry_out, args=(found,), name=f"ipycontainers {found.words}", daemon=True
        ).start()

    def _carry_out(self, command: Command) -> None:
        from ipycontainers.client.translate import translated

        try:
            engine = self._connected()
            with translated(f"docker {command.words} {self.seen.name}"):
                DEEDS[command.words](engine.docker.api, self.seen.id)
        except ContainerError as error:
            self._failure = error.in_one_line
        finally:
            self._doing = ""
        try:
            self.see(self._connected())
        except ContainerError as error:
            self._failure = self._failure or error.in_one_line
        self.redraw()

    # What it shows

    @property
    def data(self) -> Mapping[str, Any]:
        self.now()
        return {
            **asdict(self.seen),
            "commands": [
                {"command": f"docker {it.words} {self.seen.name}", "to": it.target, "what": it.what}
                for it in allowed(self.seen)
            ],
            "transitions": [
                {"from": way.source, "to": way.target, "command": way.command, "what": way.what}
                for way in TABLE
            ],
        }

    def rows(self) -> Sequence[Mapping[str, Any]]:
        """The table of transitions; ``now``: it leads out of the state in which it is."""
        data = self.data
        return [{**way, "now": way["from"] == data["state"]} for way in data["transitions"]]

    def summary(self) -> str:
        self.now()
        lines = [f"{self.seen.name}: {self.seen.state or 'absent'}. {sentence(self.seen)}"]
        lines += [f"  docker {it.words} {self.seen.name}" for it in allowed(self.seen)]
        return "\n".join(lines)

    def draw(self) -> Markup:
        return drawn(self.seen, self._doing, self._failure or self.trouble)

    def static(self) -> Markup:
        return element("div", _still(self.seen), class_="ipycontainers")


# --- the drawing --------------------------------------------------------------------------------


def drawn(now: Seen, doing: str, failure: str) -> Markup:
    """``doing`` is the command that is under way, ``failure`` what went wrong; or ""."""
    said = f"docker {doing} is under way …" if doing else failure
    return element(
        "section",
        _head(now),
        element(
            "div",
            element("div", diagram(now.state), class_="figure"),
            element("div", _buttons(now, doing), class_="side"),
            class_="beside",
        ),
        element("p", said, role="status", class_="failure" if failure and not doing else "muted"),
        _ways(now),
        class_="lifecycle",
        aria_label=f"Life cycle of the container {now.name}",
    )


def _head(now: Seen) -> Markup:
    word = now.state or "absent"
    return element(
        "p",
        element("strong", now.name),
        " ",
        element("span", word, class_=f"state is-{word}" if word.isalpha() else "state"),
        " ",
        element("span", sentence(now), role="status"),
        class_="head",
    )


def _buttons(now: Seen, doing: str) -> Markup:
    found = {it.name: it for it in allowed(now)}
    rows = []
    for name in COMMANDS:
        command = found.get(name)
        words = f"docker {command.words if command else name} {now.name}"
        what = f"{command.what}" if command else "not now"
        is_off = command is None or bool(doing)
        rows.append(
            element(
                "li",
                element(
                    "button",
                    name,
                    type="button",
                    data_do=name,
                    aria_disabled="true" if is_off else None,
                    aria_label=f"{name}: {words}: {what}",
                ),
                element("div", element("code", words), " ", element("span", what, class_="muted")),
                class_="off" if command is None else None,
                data_key=name,
            )
        )
    return element("ul", *rows, class_="commands", aria_label="Commands")


def _ways(now: Seen) -> Markup:
    """The same as a table, for who listens and for who wants to read it all."""
    return element(
        "details",
        element("summary", "All transitions"),
        element("div", _table(now), class_="wide", tabindex="0", role="group", aria_label="Table"),
    )


def _table(now: Seen) -> Markup:
    rows = [
        [
            way.source,
            way.target if way.target != "removing" else GONE,
            f"docker {way.command}" if way.command else "by itself",
            way.what,
            "now" if way.source == now.state else "",
        ]
        for way in TABLE
    ]
    caption = "Transitions of a container"
    return table(["from", "to", "by", "what happens", "possible"], rows, caption=caption)


def _still(now: Seen) -> Markup:
    rows = [
        [f"docker {it.words} {now.name}", it.target if it.target != "removing" else GONE, it.what]
        for it in allowed(now)
    ]
    shown = table(["command", "then it is", "what happens"], rows) if rows else Markup()
    head = element("p", element("strong", now.name), f": {now.state or 'absent'}. {sentence(now)}")
    return joined([head, diagram(now.state), shown])
