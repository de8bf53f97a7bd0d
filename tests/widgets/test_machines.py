"""StackCompare and ReachMap without a page: what they give, and what is not there."""

from __future__ import annotations

import html
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from ipycontainers import ReachMap, StackCompare
from ipycontainers.reach.attempts import REACHED, UNKNOWN, Attempt
from ipycontainers.reach.measure import Reach
from ipycontainers.reach.places import Place, Published
from ipycontainers.stack.probe import Measured
from ipycontainers.widgets import connection, reach
from ipycontainers.widgets.drawing import Markup

NOWHERE = "unix:///nowhere.sock"
SAID = "<img src=x onerror=alert(1)>"


@pytest.fixture
def where(engine: Any) -> Iterator[str]:
    """Of the engine; the connection that widgets keep for a kernel is closed after the test."""
    yield engine.candidate.address
    if opened := connection._OPENED.pop(engine.candidate.address, None):
        opened.close()


def test_three_machines_are_measured(images: Any, where: str) -> None:
    widget = StackCompare(images.busybox, engine=where)
    assert list(json.loads(json.dumps(widget.data))) == ["host", "container", "vm"]
    assert widget.data["container"]["kernel"] == widget.data["host"]["kernel"]
    assert repr(widget) == f"StackCompare({images.busybox!r})"
    assert widget.summary().startswith("Host: Linux ")
    assert list(widget.to_pandas()["where"]) == ["host", "container", "vm"]
    # Nothing that was measured is stored.
    assert not re.search(r"\d", html.unescape(widget.static()))
    assert "Until its first program" in widget.drawing


def test_a_machine_that_cannot_be_asked_is_said() -> None:
    widget = StackCompare(engine=NOWHERE)
    assert "nowhere.sock" in widget.data["container"]["missing"]
    assert "Container: not measured: " in widget.summary()
    assert "Container: not measured: " in widget.drawing
    assert repr(widget) == "StackCompare()"


def test_an_engine_that_is_not_there_is_said() -> None:
    widget = ReachMap(engine=NOWHERE)
    assert widget.data == {"containers": [], "attempts": []}
    assert "nowhere.sock" in widget.summary()
    assert 'role="alert"' in widget.drawing


HOST = Measured("host", kernel="6.1", boot="a", processes=90, memory=1)
KERNELS = {
    # A container of its own; one with many processes; one under PRoot; one of an engine elsewhere.
    "own": (Measured("container", kernel="6.1", boot="a", processes=1), "its own", "the host's"),
    "many": (
        Measured("container", kernel="6.1", boot="a", processes=50, sees_processes=False),
        "its own",
        "the host's",
    ),
    "open": (
        Measured("container", kernel="6.1", boot="a", processes=91, sees_processes=True),
        "the host's",
        "the host's",
    ),
    "away": (
        Measured("container", kernel="5.9", boot="b", processes=1),
        "its own",
        "another machine's",
    ),
}


class Told(StackCompare):
    """What is measured is given; the container is known when the host is being drawn."""

    def __init__(self, container: Measured, vm: Measured) -> None:
        self._given = {"host": HOST, "container": container, "vm": vm}
        self._is_drawn = threading.Event()
        super().__init__()

    def _measures(self) -> Mapping[str, Callable[[], Measured]]:
        return {where: partial(self._given.__getitem__, where) for where in self._given}

    def draw(self) -> Markup:
        made = super().draw()
        if len(self._found) == 1:
            self._is_drawn.wait(0.3)
        elif self._found:
            self._is_drawn.set()
        return made


@pytest.mark.parametrize("kind", KERNELS)
def test_whose_a_kernel_is_is_measured(kind: str) -> None:
    container, processes, kernel = KERNELS[kind]
    widget = Told(container, Measured("vm", missing="there is no <b>kernel</b>"))
    assert len(widget.data) == 3
    drawing = html.unescape(widget.drawing)
    assert f">processes, {processes}</li>" in drawing
    assert f">kernel, {kernel}</li>" in drawing
    assert 'class="stack-absent"' in widget.drawing
    assert "<b>kernel" not in widget.drawing
    # What came first is not drawn last.
    assert "measuring …" not in widget.drawing


def test_which_virtual_machine_it_is_and_what_was_tried_is_told() -> None:
    vm = Measured("vm", kernel="6.1", boot="c", seconds=7, machine="QEMU, TCG", is_emulated=True)
    container = Measured("container", kernel="6.1", boot="a", sees_processes=False)
    widget = Told(container, replace(vm, note="QEMU, KVM: it ended: <b>", sees_files=False))
    assert len(widget.data) == 3
    drawing = html.unescape(widget.drawing)
    assert "Virtual machine: QEMU, TCG" in drawing
    assert "emulated: not what a virtual machine takes" in drawing
    assert "tried before it: QEMU, KVM: it ended: <b>" in drawing
    assert "<b>" not in widget.drawing
    told = re.findall(r'class="stack-line">([^<]*)<', drawing)
    assert told[:3] == ["kernel: the host's", "processes: its own", "files: not known"]
    assert told[3:] == ["kernel: its own", "processes: its own", "files: its own"]
    assert "Virtual machine: QEMU, TCG: Linux 6.1" in widget.summary()
    assert "emulated" in widget.summary()
    # What kind of machine there is differs from place to place.
    assert "QEMU" not in widget.static()


def test_an_interrupt_ends_what_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    widget = StackCompare(engine=NOWHERE, machine="none")
    assert len(widget.data) == 3

    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(widget._threads[-1], "join", interrupted)
    with pytest.raises(KeyboardInterrupt):
        _ = widget.data
    assert widget._stop.is_set()


def test_a_machine_is_chosen_and_one_that_cannot_be_is_said() -> None:
    assert "none is asked for" in StackCompare(engine=NOWHERE, machine="none").summary()
    assert "is no machine" in StackCompare(engine=NOWHERE, machine="xen").summary()


def shown(monkeypatch: pytest.MonkeyPatch, found: Reach) -> ReachMap:
    monkeypatch.setattr(reach, "connection", lambda _: None)
    monkeypatch.setattr(reach, "measure", lambda *_: found)
    widget = ReachMap()
    assert widget.data["attempts"] == [one.plain for one in found.attempts]
    return widget


def test_what_is_shown_is_escaped_and_stored_without_addresses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    port = Published("0.0.0.0", 32768, 80)
    place = Place("1", SAID, {SAID: "10.0.0.2"}, ports=(80,), published=(port,))
    tried = Attempt("this machine", SAID, "address", "10.0.0.2", 80, SAID, REACHED, measured=True)
    by_port = Attempt("this machine", SAID, "published port 32768", "127.0.0.1", 32768)
    widget = shown(monkeypatch, Reach((place,), (tried, by_port), frozenset({SAID})))
    assert widget.summary().splitlines()[0] == f"this machine → {SAID} by address: reached"
    assert json.loads(json.dumps(widget.data))["attempts"][0]["port"] == 80
    assert len(widget.to_pandas()) == 2
    assert repr(widget) == "ReachMap()"
    assert "<img" not in widget.drawing
    assert "internal: no way out" in widget.drawing
    assert "10.0.0.2" in widget.drawing
    assert "10.0.0.2" not in widget.static()
    assert "32768" in widget.drawing
    assert "32768" not in widget.static()
    assert "<button" not in widget.static()


def test_what_nobody_tried_is_not_drawn_as_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    web, db = Place("1", "web", {"lab": "10.0.0.2"}), Place("2", "db", lender="web")
    declared = Attempt("web", "db", "address", result=REACHED)
    unknown = Attempt("db", "web", "address", result=UNKNOWN)
    found = Reach((web, db), (declared, unknown), is_here=False, is_open=True)
    drawing = html.unescape(shown(monkeypatch, found).drawing)
    assert 'class="reach-entry reach-declared"' in drawing
    assert "by address, declared" in drawing
    assert "reach-yes" not in drawing
    assert "in the network of web" in drawing
    assert "The engine's machine, another one" in drawing
    assert "all doors are open" in drawing


def test_an_error_of_ours_is_shown_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "connection", lambda _: None)
    monkeypatch.setattr(reach, "measure", lambda *_: {}["odd"])
    assert ReachMap().summary() == "KeyError: 'odd'"
