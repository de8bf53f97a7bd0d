"""One process, two numbers: who runs in a container, inside and on the host.

    Processes("web")      a container, or a session of this notebook

Knows: the data of ``inspection``. Does not know: how it was found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ipycontainers.errors import ContainerError, EngineUnavailable, NotFound
from ipycontainers.namespaces import DECLARED, MEASURED
from ipycontainers.namespaces.tree import tree

from .connection import connection, forget
from .drawing import Markup, element, printable, shortened
from .inspection import Inspection, Running
from .live import Live
from .namespace_details import heard, source_of
from .widget import source

Data = Mapping[str, Any]
NEAR = 1.0  # seconds between two looks in /proc
FAR = 5.0  # seconds between two questions to an engine and a container
MANY = 300  # processes that are drawn
LONGEST = 200  # letters of a command
GAP = "…"
DEEP = 8  # steps of the tree that are drawn
WHY = {
    "ptrace": "PRoot makes no pid namespace: a process has one number, and a program in the "
    "container sees every process of the machine.",
    "": "It shares the host's pid namespace: a process has one number, and a program in the "
    "container sees every process of the machine.",
}


class Processes(Live):
    """``container`` is a name, an id or a session. Raises NotFound, and EngineUnavailable."""

    _css = source("widget.css", "namespaces.css")

    def __init__(self, container: str, *, engine: str = "") -> None:
        super().__init__()
        self._name = container
        self._engine = engine
        self._inspection = Inspection(connection(engine))
        self._data = data_of(self._inspection.processes(container))
        self.redraw()

    def look(self) -> float:
        try:
            found = self._inspected().processes(self._name)
        except NotFound:
            found = Running(self._data["container"], "removed", None)
        except ContainerError as error:
            if isinstance(error, EngineUnavailable):
                forget(self._engine)
            found = Running(self._data["container"], "", None, missing=error.in_one_line)
        self._data = data_of(found)
        return NEAR if found.source == MEASURED else FAR

    def _inspected(self) -> Inspection:
        """By the engine that is there now."""
        engine = connection(self._engine, start=False)
        if engine is not self._inspection.connection:
            self._inspection = Inspection(engine)
        return self._inspection

    @property
    def data(self) -> Data:
        """``{"container", "status", "source", "one_number", "why", "missing", "around": [{"pid",
        "command"}], "processes": [{"inside", "outside", "depth", "command", "user"}]}``.

        ``source`` as in Namespaces; ``missing`` says why nobody is listed though some may run;
        ``around`` are the host's processes above the container's. A number that nobody told is
        None.
        """
        return self._data

    def draw(self) -> Markup:
        return drawn(self._data)

    def static(self) -> Markup:
        """Without numbers, which are new in each run."""
        return element("div", drawn(self._data, is_live=False), class_="ipycontainers")

    def summary(self) -> str:
        return summary(self._data)

    def rows(self) -> Sequence[Data]:
        return list(self._data["processes"])

    def subject(self) -> str:
        return repr(self._name)


def data_of(running: Running) -> Data:
    """As plain data. ``depth`` is that in the container's tree."""
    return {
        "container": running.name,
        "status": running.status,
        "source": running.source,
        "one_number": running.shares,
        "why": WHY.get(running.launcher, WHY[""]) if running.shares else None,
        "missing": running.missing or None,
        "around": [{"pid": it.outside, "command": it.command} for it in running.around],
        "processes": [
            {
                "inside": it.inside,
                "outside": it.outside,
                "depth": depth,
                "command": it.command,
                "user": it.user,
            }
            for depth, it in tree(running.found)
        ],
    }


def summary(data: Data) -> str:
    """The tree of the container, without numbers, which are new in each run."""
    found = data["processes"]
    if data["missing"]:
        return f"{data['container']}: not known ({data['missing']})"
    if not found:
        return f"{data['container']}: no process ({data['status']})"
    title = f"{data['container']}: {_count(len(found), 'process', 'processes')}"
    return "\n".join([title, *_lines(data)])


def _lines(data: Data) -> Iterator[str]:
    for it in data["processes"][:MANY]:
        branch = f"{'  ' * min(it['depth'] - 1, DEEP)}└ " if it["depth"] else ""
        yield f"{branch}{_in_short(it['command'])}"


def _count(count: int, one: str, more: str) -> str:
    return f"{count} {one if count == 1 else more}"


# --- the drawing ---------------------------------------------------------------------------------


def drawn(data: Data, *, is_live: bool = True) -> Markup:
    found = data["processes"]
    name = data["container"]
    text = f"{name}: {_count(len(found), 'process', 'processes')}" if found else str(name)
    state = element("span", str(data["status"]), class_="muted")
    parts = [
        element(
            "div", element("strong", text), " ", state, " ", source_of(data), class_="spaces-head"
        )
    ]
    if data["why"]:
        parts.append(element("p", element("strong", "! "), data["why"], class_="spaces-note"))
    if found:
        parts.append(_table(data) if is_live else element("pre", "\n".join(_lines(data))))
        parts.append(element("p", _note(data), class_="muted spaces-legend"))
    elif data["missing"]:
        text = f"Who runs in it is not known: {data['missing']}."
        parts.append(element("p", text, class_="spaces-note"))
    else:
        parts.append(element("p", "No process runs in it.", class_="muted"))
    if len(found) > MANY:
        parts.append(element("p", f"{len(found) - MANY} more are not drawn.", class_="muted"))
    return element("div", *parts, class_="spaces")


def _note(data: Data) -> str:
    if data["one_number"]:
        return "Each row is one process."
    if data["source"] == MEASURED:
        return "Each row is one process: it has a number inside and another one on the host."
    if data["source"] == DECLARED:
        return "Told by the engine: nothing could be asked inside."
    return (
        "What runs inside was asked there; the host's numbers are the engine's, where command and "
        "place in the tree show which is which."
    )


def _table(data: Data) -> Markup:
    heads = ("Inside", "Host", "Host user", "Command")
    around = _nearest(data["around"])
    rows = [_around_row(depth, it) for depth, it in enumerate(around)]
    rows += [_row(it, len(around)) for it in data["processes"][:MANY]]
    caption = f"The processes of {data['container']}, each after its parent"
    drawn_table = element(
        "table",
        element("caption", caption, class_="heard"),
        element("thead", element("tr", *(_head(it) for it in heads))),
        element("tbody", *rows),
        class_="spaces-tree",
    )
    return element(
        "div", drawn_table, class_="spaces-room", role="region", aria_label=caption, tabindex=0.0
    )


def _nearest(around: Sequence[Data]) -> Sequence[Data]:
    """The host's first process, and the last two above the container's."""
    if len(around) <= 4:
        return around
    left_out = {"pid": GAP, "command": f"{len(around) - 3} more"}
    return [around[0], left_out, *around[-2:]]


def _head(text: str) -> Markup:
    class_ = "spaces-command" if text == "Command" else None
    return element("th", text, scope="col", class_=class_)


def _around_row(depth: int, it: Data) -> Markup:
    command = it["command"] if it["pid"] == GAP else _program(it["command"])
    cells = [
        element("th", "–", heard("not seen inside"), scope="row"),
        element("td", *_branch(depth), str(it["pid"])),
        element("td"),
        element("td", command, class_="spaces-command"),
    ]
    return element("tr", *cells, class_="spaces-around", data_key=f"around {it['pid']}")


def _row(it: Data, above: int) -> Markup:
    inside = "?" if it["inside"] is None else str(it["inside"])
    outside = "?" if it["outside"] is None else str(it["outside"])
    cells = [
        element("th", *_branch(it["depth"]), inside, scope="row"),
        element("td", *_branch(it["depth"] + above), outside),
        element("td", "" if it["user"] is None else str(it["user"])),
        element("td", _in_short(it["command"]), class_="spaces-command"),
    ]
    return element("tr", *cells, data_key=f"{inside} {outside}")


def _branch(depth: int) -> Iterator[Markup]:
    if depth:
        text = "  " * min(depth - 1, DEEP) + "└ "
        yield element("span", text, class_="spaces-branch", aria_hidden="true")


def _program(command: str) -> str:
    """Of what is not the container's, no arguments."""
    return _in_short(command.partition(" ")[0].rpartition("/")[2] or command)


def _in_short(command: str) -> str:
    return shortened(printable(command), LONGEST)
