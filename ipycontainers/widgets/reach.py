"""Who reaches whom, as a drawing and a matrix.

    ReachMap()               containers that run, their networks, published ports, this machine
    ReachMap("web", "db")    only these; names, ids, or names of sessions

Each field says what came of it in a word, with a mark, and whether a connection was tried or the
networks say so.

Knows: drawing, what an attempt's result means. Does not know: how it is tried.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from ipycontainers.errors import ContainerError, EngineUnavailable
from ipycontainers.reach import attempts
from ipycontainers.reach.attempts import HERE, Attempt
from ipycontainers.reach.measure import MOST, Reach, measure
from ipycontainers.reach.places import Place

from .connection import connection, forget
from .drawing import Markup, element, joined
from .widget import Widget, source

MARKS = {
    attempts.REACHED: ("✓", "yes"),
    attempts.REFUSED: ("◐", "yes"),
    attempts.UNKNOWN: ("?", "unknown"),
}
KEY = (
    (attempts.REACHED, "a program answers"),
    (attempts.REFUSED, "it is there, and no program listens at that port"),
    (attempts.SILENT, "nobody answers"),
)

OPEN = (
    "This engine cannot keep containers apart here: each has the network of the machine, and all "
    "doors are open."
)


class ReachMap(Widget):
    """Measures when it is made, in a thread of its own; ``data`` waits for it."""

    _css = source("widget.css", "reach.css")

    def __init__(self, *containers: str, engine: str = "") -> None:
        super().__init__()
        self._names, self._engine = containers, engine
        self._reach = Reach((), ())
        self._error = ""
        self._begin()

    def _begin(self) -> None:
        self._is_measuring = True
        self._thread = threading.Thread(
            target=self._measure, name="ipycontainers ReachMap", daemon=True
        )
        self.redraw()
        self._thread.start()

    def _measure(self) -> None:
        self._error = ""
        try:
            self._reach = measure(connection(self._engine), self._names)
        except ContainerError as error:
            self._error = error.in_one_line
            if isinstance(error, EngineUnavailable):
                forget(self._engine)
        except Exception as error:  # noqa: BLE001 - a thread's would be lost; it is shown
            self._error = f"{type(error).__name__}: {error}"
        self._is_measuring = False
        self.redraw()

    def subject(self) -> str:
        return ", ".join(map(repr, self._names))

    def do(self, what: str) -> None:
        if what == "measure" and not self._is_measuring:
            self._begin()

    @property
    def data(self) -> Mapping[str, Any]:
        """``{"containers": [{"name", "networks", "published", "network_of"}], "attempts":
        [{"source", "target", "by", "address", "port", "network", "result", "measured"}]}``."""
        self._thread.join()
        containers = [
            {
                "name": one.name,
                "networks": dict(one.networks),
                "published": [[port.address, port.port, port.inner] for port in one.published],
                "network_of": one.lender,
            }
            for one in self._reach.places
        ]
        return {"containers": containers, "attempts": [one.plain for one in self._reach.attempts]}

    def rows(self) -> Sequence[Mapping[str, Any]]:
        """One for each attempt."""
        return list(self.data["attempts"])

    def summary(self) -> str:
        """A line for each attempt."""
        self._thread.join()
        return self._error or "\n".join(
            f"{one.source} → {one.target} by {one.by}: {_words(one)}"
            for one in self._reach.attempts
        )

    def static(self) -> Markup:
        """Without addresses, which differ from run to run, and buttons."""
        self._thread.join()
        return element("div", self._content(is_static=True), class_="ipycontainers")

    def draw(self) -> Markup:
        return self._content(is_static=False)

    def _content(self, *, is_static: bool) -> Markup:
        if self._error:
            body = [element("p", self._error, role="alert")]
        elif not self._reach.places:
            told = "Looking around …" if self._is_measuring else "No container runs."
            body = [element("p", told, class_="muted")]
        else:
            body = [self._drawing(is_static=is_static), self._matrix(is_static=is_static), _key()]
            if self._reach.is_open:
                body.append(element("p", OPEN))
            if len(self._reach.places) == MOST and not self._names:
                told = f"The first {MOST} only: ReachMap('web', 'db') chooses."
                body.append(element("p", told, class_="muted"))
        if not is_static:
            word = "Measuring …" if self._is_measuring else "Measure again"
            body.append(
                element(
                    "button",
                    word,
                    data_do="measure",
                    aria_disabled="true" if self._is_measuring else None,
                )
            )
        return element("div", *body, class_="reach")

    # The drawing: this machine, in it the networks, in them the containers

    def _drawing(self, *, is_static: bool) -> Markup:
        networks = sorted({name for one in self._reach.places for name in one.networks})
        frames = [self._frame(name, is_static=is_static) for name in networks]
        shared = [one for one in self._reach.places if one.has_hosts_network]
        lonely = [
            one for one in self._reach.places if not one.networks and not one.has_hosts_network
        ]
        if shared:
            boxes = (_box(one, "", is_static=is_static) for one in shared)
            frames.append(_group("the network of the machine itself", boxes))
        if lonely:
            boxes = (_box(one, "", is_static=is_static) for one in lonely)
            frames.append(_group("no network", boxes))
        machine = "This machine" if self._reach.is_here else "The engine's machine, another one"
        return element(
            "figure",
            element("figcaption", element("strong", machine)),
            element("div", *frames, class_="reach-networks"),
            class_="reach-machine",
        )

    def _frame(self, network: str, *, is_static: bool) -> Markup:
        is_internal = network in self._reach.internal
        title = f"network {network}{', internal: no way out' if is_internal else ''}"
        members = [one for one in self._reach.places if network in one.networks]
        return _group(title, (_box(one, network, is_static=is_static) for one in members))

    # The matrix

    def _matrix(self, *, is_static: bool) -> Markup:
        names = [HERE, *(one.name for one in self._reach.places)]
        heads = joined(element("th", name, scope="col") for name in names)
        rows = joined(
            element(
                "tr",
                element("th", name, scope="row"),
                *(self._cell(name, target, is_static=is_static) for target in names),
            )
            for name in names
        )
        return element(
            "div",
            element(
                "table",
                element("caption", "From the rows to the columns"),
                element("thead", element("tr", element("td", "from ↓ to →"), heads)),
                element("tbody", rows),
            ),
            class_="reach-matrix",
            tabindex="0",
            role="region",
            aria_label="Who reaches whom",
        )

    def _cell(self, source_name: str, target: str, *, is_static: bool) -> Markup:
        if source_name == target:
            return element("td", "itself", class_="muted")
        found = [
            one for one in self._reach.attempts if (one.source, one.target) == (source_name, target)
        ]
        if not found:
            return element("td", "not tried", class_="muted")
        return element("td", *(_entry(one, is_static=is_static) for one in found))


def _group(title: str, boxes: Any) -> Markup:
    heading = element("p", title, class_="muted")
    return element("section", heading, element("ul", *boxes), class_="reach-network")


def _box(one: Place, network: str, *, is_static: bool) -> Markup:
    """Addresses, and ports that an engine chose, differ from run to run, and are not stored."""
    address = "" if is_static else one.networks.get(network, "")
    ports = (
        element("span", f"port {port.port} of the machine → {port.inner}", class_="reach-port")
        for port in one.published
        if ":" not in port.address and not is_static
    )
    more = [element("code", address, class_="muted")] if address else []
    if one.lender:
        more.append(element("span", f"in the network of {one.lender}", class_="muted"))
    inner = sorted({port.inner for port in one.published})
    if is_static and inner:
        more.append(element("span", f"published: {', '.join(map(str, inner))}"))
    return element("li", element("strong", one.name), *more, *ports)


def _entry(one: Attempt, *, is_static: bool) -> Markup:
    mark, kind = MARKS.get(one.result, ("✗", "no"))
    if not one.measured:
        mark, kind = ("?", "unknown") if one.result == attempts.UNKNOWN else ("○", "declared")
    at = f"{one.address}:{one.port}" if one.address else one.network
    by = "published port" if is_static and one.by.startswith("published") else one.by
    told = "" if one.measured or one.result == attempts.UNKNOWN else ", declared"
    shown = element("span", f"by {by}{told}", class_="muted")
    return element(
        "div",
        element("span", mark, aria_hidden="true", class_="reach-mark"),
        " ",
        element("span", one.result, " ", shown),
        class_=f"reach-entry reach-{kind}",
        title=None if is_static or not at else at,
    )


def _words(one: Attempt) -> str:
    return (
        one.result if one.measured or one.result == attempts.UNKNOWN else f"{one.result}, declared"
    )


def _key() -> Markup:
    rows = (
        element("li", element("strong", f"{MARKS.get(word, ('✗', ''))[0]} {word}"), f": {text}")
        for word, text in KEY
    )
    rest = (
        element("li", element("strong", "○ declared"), ": not tried, the networks say so"),
        element("li", element("strong", f"? {attempts.UNKNOWN}"), ": nobody could try it"),
    )
    return element("ul", *rows, *rest, class_="reach-key muted")
