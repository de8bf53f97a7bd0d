"""Host, container and virtual machine side by side, measured here and now.

    StackCompare()                       a container of busybox
    StackCompare("debian:stable-slim")   of another image that has a shell
    StackCompare(machine="tcg")          another virtual machine than the best: see stack.kernels

What was measured stands in the live form; stored is what does not differ from run to run.

Knows: what the numbers mean, drawing. Does not know: how they are measured.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from ipycontainers.errors import ContainerError
from ipycontainers.stack import Measured, measure_container, measure_here, measure_machine
from ipycontainers.stack.probe import LOOPS

from .connection import connection
from .drawing import Markup, element, size, table
from .durations import duration
from .widget import Widget, source

WHERE = {"host": "Host", "container": "Container", "vm": "Virtual machine"}
# What is so as a rule; what is drawn live is measured.
FIXED = {
    "host": ("processes / kernel / hardware", "the host's", "all of this machine"),
    "container": ("processes / kernel / hardware", "the host's", "its own only"),
    "vm": (
        "processes / kernel / pretended machine / kernel / hardware",
        "its own",
        "its own only",
    ),
}
OWN, HOSTS, OTHER = "its own", "the host's", "another machine's"
FEW = 2  # processes that a container sees of its own: a shell, and an init where there is one
EMULATED = ", emulated: not what a virtual machine takes"


class StackCompare(Widget):
    """Measures when it is made, in threads of its own; ``data`` waits for all of it."""

    _css = source("widget.css", "stack.css")

    def __init__(self, image: str = "busybox", *, engine: str = "", machine: str = "") -> None:
        super().__init__()
        self._image, self._engine, self._machine = image, engine, machine
        self._found: dict[str, Measured] = {}
        self._turn, self._stop = threading.Lock(), threading.Event()
        self._threads = [
            threading.Thread(target=self._measure, args=pair, name=f"ipycontainers {pair[0]}")
            for pair in self._measures().items()
        ]
        self.redraw()
        for thread in self._threads:
            thread.daemon = True
            thread.start()

    def _measures(self) -> Mapping[str, Callable[[], Measured]]:
        vm = partial(measure_machine, self._machine, stop=self._stop)
        return {"host": measure_here, "container": self._container, "vm": vm}

    def _container(self) -> Measured:
        try:
            return measure_container(connection(self._engine), self._image)
        except ContainerError as error:
            return Measured("container", missing=error.message)

    def _measure(self, where: str, measure: Callable[[], Measured]) -> None:
        try:
            found = measure()
        except Exception as error:  # noqa: BLE001  # a thread's would be lost; it is shown
            found = Measured(where, missing=f"{type(error).__name__}: {error}")
        with self._turn:  # else an older drawing might come last
            self._found[where] = found
            self.redraw()

    @property
    def data(self) -> Mapping[str, Any]:
        """``{"host": {"kernel", "seconds", …}, "container": …, "vm": …}``, in seconds and bytes.
        ■ ends what is waited for."""
        try:
            for thread in self._threads:
                thread.join()
        except KeyboardInterrupt:
            self._stop.set()
            raise
        return {where: self._found[where].plain for where in WHERE}

    def rows(self) -> Sequence[Mapping[str, Any]]:
        """One for each machine."""
        return list(self.data.values())

    def subject(self) -> str:
        return "" if self._image == "busybox" else repr(self._image)

    def summary(self) -> str:
        """A line for each machine, as measured."""
        told = self.data
        return "\n".join(
            f"{name}: not measured: {told[where]['missing']}"
            if told[where]["missing"]
            else f"{_title(told[where])}: Linux {told[where]['kernel']}, "
            f"{told[where]['processes']} processes, first program after "
            f"{duration(told[where]['seconds'])}{EMULATED if told[where]['is_emulated'] else ''}"
            for where, name in WHERE.items()
        )

    def static(self) -> Markup:
        """What is so as a rule: numbers differ from run to run."""
        heads = ("", "From the top", "Kernel", "Processes that it sees")
        rows = [(name, *FIXED[where]) for where, name in WHERE.items()]
        form = table(heads, rows, caption="Host, container and virtual machine, as a rule")
        told = (
            "Run this cell to see them measured: kernel, time until the first program, processes, "
            "memory, root file system, isolation."
        )
        return element("div", form, element("p", told, class_="muted"), class_="ipycontainers")

    def draw(self) -> Markup:
        found = dict(self._found)
        return element(
            "div",
            element("div", *(_stack(where, found) for where in WHERE), class_="stack-towers"),
            self._table(found),
            element("p", "The bars grow by powers of ten, from 1 ms to 100 s.", class_="muted"),
            *(_note(found[where]) for where in WHERE if where in found),
            class_="stack",
        )

    def _table(self, found: Mapping[str, Measured]) -> Markup:
        # In a narrow place its rows are no rows to the browser any more, hence the roles.
        heads = (_head(_name(where, found), "col", "columnheader") for where in WHERE)
        rows = (
            element(
                "tr",
                _head(label, "row", "rowheader"),
                *(_cell(found.get(where), of, found) for where in WHERE),
                role="row",
            )
            for label, of in ROWS
        )
        return element(
            "table",
            element("caption", "As measured here: each starts a shell that looks around"),
            element("thead", element("tr", element("td", role="cell"), *heads, role="row")),
            element("tbody", *rows),
            class_="stack-table",
            role="table",
        )


Cell = Callable[[Measured, Mapping[str, Measured]], Markup]


def _stack(where: str, every: Mapping[str, Measured]) -> Markup:
    """Its layers, the hardware lowest. What is its own is bold; nothing is said of whose what was
    not measured is."""
    found = every.get(where)
    is_absent = found is not None and bool(found.missing)
    layers = [("processes", _view(found, every)), ("kernel", _whose(found, every))]
    if where == "vm":
        layers += [("machine, pretended", ""), ("kernel", "")]
    return element(
        "figure",
        element(
            "ol",
            *(_layer(what, whose) for what, whose in (*layers, ("hardware", ""))),
            role="list",
            aria_label=f"{WHERE[where]}, from the top",
        ),
        element(
            "figcaption",
            element("strong", _name(where, every)),
            *([element("span", " not measured", class_="muted")] if is_absent else []),
        ),
        class_="stack-absent" if is_absent else None,
    )


def _layer(what: str, whose: str) -> Markup:
    text = f"{what}, {whose}" if whose else what
    return element("li", text, class_=f"stack-layer {'stack-own' if whose == OWN else ''}".strip())


def _whose(found: Measured | None, every: Mapping[str, Measured]) -> str:
    """Whose kernel it has; "" of the host, and where nobody can say."""
    host = every.get("host")
    if found is None or found.where == "host" or host is None or not (host.boot and found.boot):
        return ""
    if found.boot == host.boot:
        return HOSTS
    return OWN if found.where == "vm" else OTHER


def _view(found: Measured | None, every: Mapping[str, Measured]) -> str:
    """Whose processes it sees; "" of the host, and where nobody can say."""
    if found is None or found.where == "host":
        return ""
    whose = _whose(found, every)
    if found.sees_processes:
        return HOSTS
    is_kept_apart = found.sees_processes is False and whose == HOSTS
    if whose == OWN or is_kept_apart or 0 < found.processes <= FEW:
        return OWN
    return whose


def _name(where: str, every: Mapping[str, Measured]) -> str:
    """With what kind of machine it is."""
    found = every.get(where)
    return _title(found.plain) if found else WHERE[where]


def _title(told: Mapping[str, Any]) -> str:
    name = WHERE[told["where"]]
    return f"{name}: {told['machine']}" if told["machine"] else name


def _head(text: str, scope: str, role: str) -> Markup:
    return element("th", text, scope=scope, role=role)


def _cell(found: Measured | None, of: Cell, every: Mapping[str, Measured]) -> Markup:
    if found is None or found.missing:
        word = "not measured" if found else "measuring …"
        return element("td", word, class_="muted", role="cell")
    return element("td", of(found, every), role="cell")


def _note(found: Measured) -> Markup:
    """Why it was not measured, or which did not boot before it; empty where neither is so."""
    name = WHERE[found.where]
    if found.missing:
        return element("p", f"{name}: not measured: {found.missing}", class_="muted")
    if found.note:
        return element("p", f"{name}: tried before it: {found.note}", class_="muted")
    return Markup()


def _kernel(found: Measured, every: Mapping[str, Measured]) -> Markup:
    return _with(found.kernel, _whose(found, every))


def _first(found: Measured, every: Mapping[str, Measured]) -> Markup:  # noqa: ARG001
    """A bar on a scale of powers of ten, from 1 ms to 100 s."""
    share = (math.log10(min(max(found.seconds, 0.001), 100.0)) + 3) / 5
    bar = element(
        "svg",
        element("rect", x=0, y=0, width=100, height=6, class_="stack-scale"),
        element("rect", x=0, y=0, width=round(2 + 98 * share), height=6, class_="stack-bar"),
        viewBox="0 0 100 6",
        preserveAspectRatio="none",
        aria_hidden="true",
    )
    return element(
        "span", _with(duration(found.seconds), EMULATED[2:] if found.is_emulated else ""), bar
    )


def _work(found: Measured, every: Mapping[str, Measured]) -> Markup:  # noqa: ARG001
    return element("span", duration(found.work))


def _uptime(found: Measured, every: Mapping[str, Measured]) -> Markup:  # noqa: ARG001
    return element("span", duration(found.uptime))


def _processes(found: Measured, every: Mapping[str, Measured]) -> Markup:
    return _with(f"{found.processes:,}", _view(found, every))


def _first_process(found: Measured, every: Mapping[str, Measured]) -> Markup:  # noqa: ARG001
    return element("span", found.first or "not known")


def _memory(found: Measured, every: Mapping[str, Measured]) -> Markup:  # noqa: ARG001
    limit = f"may take {size(found.limit)}" if found.limit else "no limit"
    return _with(size(found.memory), limit)


def _used(found: Measured, every: Mapping[str, Measured]) -> Markup:  # noqa: ARG001
    return element("span", size(found.used))


def _root(found: Measured, every: Mapping[str, Measured]) -> Markup:  # noqa: ARG001
    return _with(found.root, found.system)


def _boot(found: Measured, every: Mapping[str, Measured]) -> Markup:
    """A kernel takes one at random when it starts."""
    return _with(f"{found.boot[:8]} …", _whose(found, every))


def _isolation(found: Measured, every: Mapping[str, Measured]) -> Markup:
    """Whose kernel, processes and files it has."""
    if found.where == "host":
        return element("span", "none: it is the host")
    sees = {True: HOSTS, False: OWN, None: "not known"}
    whose = {
        "kernel": _whose(found, every) or "not known",
        "processes": _view(found, every) or "not known",
        "files": sees[found.sees_files],
    }
    lines = (element("span", f"{what}: {one}", class_="stack-line") for what, one in whose.items())
    return element("span", *lines)


ROWS: tuple[tuple[str, Cell], ...] = (
    ("Kernel", _kernel),
    ("Boot id of the kernel", _boot),
    ("Its kernel has run for", _uptime),
    ("Until its first program", _first),
    (f"Until a shell has counted to {LOOPS:,}", _work),
    ("Memory that it sees", _memory),
    ("Memory that it takes", _used),
    ("Processes that it sees", _processes),
    ("Process 1", _first_process),
    ("Root file system", _root),
    ("Isolation", _isolation),
)


def _with(main: str, more: str) -> Markup:
    rest = [" ", element("span", more, class_="muted stack-more")] if more else []
    return element("span", main, *rest)
