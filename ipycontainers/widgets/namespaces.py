"""What containers share with the host and what is their own.

    Namespaces("web", "db")      two containers, or sessions
    Namespaces()                 all that run

Eight doors for each container: closed where a namespace is its own, open where it is the host's.
Below them is what no namespace hides, and each container's rights, limits and mounts.

Knows: the data of ``namespaces.compare``. Does not know: how it was found (``inspection``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ipycontainers.errors import ContainerError, EngineUnavailable
from ipycontainers.namespaces import DECLARED, KINDS, Kind
from ipycontainers.namespaces.compare import CONTAINERS, ENGINES, HOST, MACHINE
from ipycontainers.oci.sizes import counted

from . import namespace_details
from .connection import connection, forget
from .drawing import Markup, element, joined
from .inspection import Inspection
from .namespace_details import cell, heard, named, source_of
from .widget import Widget, source

Data = Mapping[str, Any]
FEW = 4  # containers whose columns share the width that there is
WORDS = {True: "own", False: "shared", None: "not known"}
WITH = {HOST: "the host", MACHINE: "its machine", ENGINES: "its engine"}
NOTE = (
    "A closed door is a namespace of its own, an open one is the host's, one ajar is shared with "
    "others than the host. Measured in /proc, unless another source is named: asked inside is the "
    "word of a program in the container, declared is what the engine was told."
)


class Namespaces(Widget):
    """``containers`` are names, ids or names of sessions. Raises NotFound, and
    EngineUnavailable. What is shown is of the moment when it was made or last looked at."""

    _css = source("widget.css", "namespaces.css")

    def __init__(self, *containers: str, engine: str = "") -> None:
        super().__init__()
        self._names = containers
        self._engine = engine
        self._error = ""
        connection(engine)
        self.look()

    def look(self) -> None:
        """See what is so now."""
        engine = connection(self._engine, start=False)
        self._data = Inspection(engine).namespaces(self._names)
        self._error = ""
        self.redraw()

    @property
    def data(self) -> Data:
        """``{"host": {"here", "namespaces", "machine", "left_out", …}, "containers": [{"name",
        "id", "status", "pid", "same_kernel", "not_asked", "namespaces", "why", "leaks",
        "capabilities", "seccomp", "no_new_privileges", "uid_map", "mounts", "limits", …}]}``.

        A container's namespaces are ``{"pid": {"inode", "own", "source", "shared_with", "others"},
        …}``: ``own`` is None where nobody knows, ``source`` is "measured", "asked inside",
        "declared" or None, ``shared_with`` "host", "machine" (of which the host is a container),
        "containers", "engine" or None, ``others`` are names of containers.
        """
        return self._data

    def draw(self) -> Markup:
        return drawn(self._data, self._error)

    def static(self) -> Markup:
        """Without inodes, sizes and what else is new in each run."""
        return element("div", static(self._data), class_="ipycontainers")

    def summary(self) -> str:
        return summary(self._data)

    def rows(self) -> Sequence[Data]:
        return list(rows(self._data))

    def subject(self) -> str:
        return ", ".join(map(repr, self._names))

    def do(self, what: str) -> None:
        if what != "look":
            return
        try:
            self.look()
        except ContainerError as error:
            if isinstance(error, EngineUnavailable):
                forget(self._engine)
            self._error = error.in_one_line
            self.redraw()


# --- in words ------------------------------------------------------------------------------------


def summary(data: Data) -> str:
    """A line for each container, without what is new in each run."""
    return "\n".join(_line(one) for one in data["containers"]) or "no container runs"


def _line(container: Data) -> str:
    kinds: dict[str, list[str]] = {"own": [], "shared": [], "declared own": []}
    for name, it in container["namespaces"].items():
        kinds.setdefault(_word(it), []).append(name)
    parts = [f"{word}: {' '.join(names)}" for word, names in kinds.items() if names]
    sources = {str(it["source"]) for it in container["namespaces"].values() if it["source"]}
    return f"{titled(container)}  {'; '.join(parts)} ({', '.join(sorted(sources))})"


def _word(space: Data) -> str:
    if space["own"] and space["source"] == DECLARED:
        return "declared own"
    if space["shared_with"] in (None, HOST):
        return WORDS[space["own"]]
    return f"shared with {WITH.get(space['shared_with']) or ' '.join(space['others'])}"


def titled(container: Data) -> str:
    """Its name, and its state where that is not the usual one."""
    status = container["status"]
    return container["name"] if status == "running" else f"{container['name']} ({status})"


def rows(data: Data) -> Iterator[Data]:
    """One for each namespace of the host and of each container."""
    for one in ({"name": None, **data["host"]}, *data["containers"]):
        for kind, space in one["namespaces"].items():
            yield {
                "container": one["name"],
                "namespace": kind,
                "inode": space["inode"],
                "own": space.get("own"),
                "source": space["source"],
                "shared_with": space.get("shared_with"),
                "others": list(space["others"]),
            }


def stable(data: Data) -> Data:
    """The same without what differs from run to run though nothing has changed: numbers of
    namespaces and processes, what is used, and other containers that happen to run."""
    names = {one["name"] for one in data["containers"]}
    return {
        "host": {
            **data["host"],
            "machine": {},
            "namespaces": _stable(data["host"]["namespaces"], names),
        },
        "containers": [
            {
                **one,
                "namespaces": _stable(one["namespaces"], names),
                "leaks": {
                    key: {**leak, "host": None, "inside": None}
                    for key, leak in one["leaks"].items()
                },
                **namespace_details.stable(one),
            }
            for one in data["containers"]
        ],
    }


def _stable(spaces: Data, names: set[str]) -> Data:
    return {
        kind: {
            **space,
            "inode": None,
            "others": [
                name
                for name in space["others"]
                if name in names or space.get("shared_with") == CONTAINERS
            ],
        }
        for kind, space in spaces.items()
    }


# --- the drawing ---------------------------------------------------------------------------------


def drawn(data: Data, error: str = "", *, is_live: bool = True) -> Markup:
    parts = [_heading(data, is_live=is_live)]
    if error:
        parts.append(element("p", f"! {error}", class_="spaces-note", role="alert"))
    if open_ones := [one for one in data["containers"] if one["why"]]:
        names = ", ".join(one["name"] for one in open_ones)
        text = f"All doors of {names} are open. {open_ones[0]['why']}"
        parts.append(element("p", element("strong", "! "), text, class_="spaces-note"))
    parts += [element("p", note, class_="spaces-note") for note in _notes(data)]
    parts.append(_scrolled(data, "Namespaces", _doors(data, is_live=is_live)))
    parts.append(element("p", NOTE, class_="muted spaces-legend"))
    parts.append(_scrolled(data, "What leaks anyway", _leaks(data, is_live=is_live)))
    parts += [
        namespace_details.drawn(one, is_open=len(data["containers"]) == 1)
        for one in data["containers"]
    ]
    return element("div", *parts, class_="spaces")


def static(data: Data) -> Markup:
    """For where there is no style sheet: without what differs from run to run."""
    form = drawn(stable(data), is_live=False)
    meaning = 'class="spaces-meaning muted"'
    return Markup(form.replace(meaning, f'{meaning} style="font-weight: normal"'))


def _heading(data: Data, *, is_live: bool) -> Markup:
    count = len(data["containers"])
    where = {True: " on this machine", False: " on another machine", None: ""}
    text = f"{counted(count, 'container')}{where[data['host']['here']]}"
    button = element("button", "Look again", type="button", data_do="look")
    return element(
        "div", element("strong", text), *([button] if is_live else []), class_="spaces-head"
    )


def _notes(data: Data) -> Iterator[str]:
    host = data["host"]
    kinds = [kind for kind, it in host["namespaces"].items() if it.get("initial") is False]
    if kinds:
        yield (
            f"This notebook runs in a container itself: its {', '.join(kinds)} namespaces are not "
            "the machine's. Below, the host is what the notebook sees."
        )
    if host["left_out"]:
        yield f"{host['left_out']} more containers run, which were not looked at."
    reasons: dict[str, list[str]] = {}
    for one in data["containers"]:
        if one["not_asked"]:
            reasons.setdefault(one["not_asked"], []).append(one["name"])
    for reason, names in reasons.items():
        yield f"Nothing was asked inside {', '.join(names)}: {reason}."


def _scrolled(data: Data, title: str, table: Markup) -> Markup:
    """Many columns keep their width."""
    if len(data["containers"]) <= FEW:
        return table
    class_ = "spaces-wide"
    return element("div", table, class_=class_, role="region", aria_label=title, tabindex=0.0)


def _heads(data: Data, first: str, *, is_live: bool) -> Markup:
    """The host has a column where something is known of it that stays so in the next run."""
    names = [first, *(["Host"] if is_live else []), *map(titled, data["containers"])]
    heads = [element("th", name, scope="col", role="columnheader") for name in names]
    return element("thead", element("tr", *heads, role="row"), role="rowgroup")


def _doors(data: Data, *, is_live: bool) -> Markup:
    body = []
    for kind in KINDS:
        spaces = [one["namespaces"][kind.name] for one in data["containers"]]
        is_hosts = any(it["shared_with"] in (HOST, MACHINE) for it in spaces)
        cells = [_title(kind, is_hosts=is_hosts)]
        if is_live:
            cells.append(cell("Host", *_host_space(data["host"]["namespaces"][kind.name])))
        cells += [
            cell(one["name"], *_space(space), is_live=is_live)
            for one, space in zip(data["containers"], spaces, strict=True)
        ]
        body.append(element("tr", *cells, role="row"))
    caption = "Each namespace, and whether it is each container's own"
    return element(
        "table",
        element("caption", caption, class_="heard"),
        _heads(data, "Namespace", is_live=is_live),
        element("tbody", *body, role="rowgroup"),
        class_="spaces-doors",
        role="table",
    )


def _title(kind: Kind, *, is_hosts: bool) -> Markup:
    shared = f" Shared with the host: {kind.shared}." if is_hosts else ""
    meaning = element("div", kind.meaning, shared, class_="spaces-meaning muted")
    return element("th", element("code", kind.name), meaning, role="rowheader", scope="row")


def _host_space(space: Data) -> Iterator[Markup]:
    if space["inode"]:
        yield element("code", str(space["inode"]), class_="muted")
    yield named(space["others"])
    if not space["inode"] and not space["others"]:
        yield element("span", "–", heard("not known" if not space["source"] else ""))


def _space(space: Data) -> Iterator[Markup]:
    own = space["own"]
    state = {True: "own", False: "shared", None: "unknown"}[own]
    claim = " spaces-declared" if space["source"] == DECLARED else ""
    drawing = door(own, is_ajar=space["shared_with"] in (CONTAINERS, ENGINES))
    yield element("span", drawing, " ", WORDS[own], class_=f"spaces-word spaces-{state}{claim}")
    if space["inode"]:
        yield element("code", str(space["inode"]), class_="muted")
    if space["shared_with"] == CONTAINERS:
        yield named(space["others"] or ["a container that does not run"])
    elif space["shared_with"]:
        yield element("span", f"with {WITH[space['shared_with']]}", class_="spaces-with")
    yield source_of(space)


def door(own: bool | None, *, is_ajar: bool = False) -> Markup:
    """Closed, open, ajar, or one of which nothing is known."""
    frame = element("path", d="M8 21V3h11v18M5 21h16", fill="none", stroke="currentColor")
    if own:
        leaf = element("path", d="M9.5 4.5h8V21h-8z", fill="currentColor")
        knob = element("circle", cx=15.5, cy=13.0, r=1.2, fill="var(--surface, #fff)")
        inner = joined([leaf, knob])
    elif own is None:
        mark = "M11.5 9.5a2 2 0 1 1 2.7 1.8c-.5.3-.7.6-.7 1.2v1M13.5 16v.8"
        inner = element("path", d=mark, fill="none", stroke="currentColor")
    elif is_ajar:
        leaf = element("path", d="M8 3l7 3v17.5L8 21z", fill="currentColor")
        inner = joined(
            [leaf, element("circle", cx=13.0, cy=14.0, r=1.2, fill="var(--surface, #fff)")]
        )
    else:
        inner = element("path", d="M8 3L2 6v17.5L8 21z", fill="currentColor")
    return element(
        "svg",
        *(frame, inner),
        viewBox="0 0 22 25",
        width=18.0,
        height=20.5,
        stroke_width=1.4,
        aria_hidden="true",
        class_="spaces-door",
    )


# --- what no namespace hides ---------------------------------------------------------------------

LEAKS = {
    "MemTotal": "Memory (MemTotal)",
    "uptime": "Time since boot (uptime)",
    "boot_id": "Boot id",
    "kernel_command_line": "Kernel command line",
}


def _leaks(data: Data, *, is_live: bool) -> Markup:
    machine = data["host"].get("machine") or {}
    body = []
    for key, title in LEAKS.items():
        cells = [element("th", title, scope="row", role="rowheader")]
        if is_live:
            cells.append(cell("Host", namespace_details.value(key, machine.get(key))))
        cells += [
            cell(one["name"], *_leak(key, one["leaks"][key]), is_live=is_live)
            for one in data["containers"]
        ]
        body.append(element("tr", *cells, role="row"))
    text = (
        "What leaks anyway, as asked inside: it is the kernel's, and there is one kernel. "
        "Of namespaces only one of time changes any of it, the time since boot."
    )
    return element(
        "table",
        element("caption", element("strong", text)),
        _heads(data, "Of the machine", is_live=is_live),
        element("tbody", *body, role="rowgroup"),
        class_="spaces-leaks",
        role="table",
    )


def _leak(key: str, leak: Data) -> Iterator[Markup]:
    if leak["source"] is None:
        yield element("span", "not asked", class_="muted")
        return
    same = leak["same"]
    if same:
        yield element("span", "= the host's", class_="spaces-shared-word")
        return
    if same is False:
        yield element("span", "≠ not the host's ", class_="spaces-own-word")
    if leak["inside"] is not None:
        yield namespace_details.value(key, leak["inside"])
    elif same is None:
        yield element("span", "seen", class_="muted")
