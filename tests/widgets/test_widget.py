"""What all widgets have in common: one line, a static form, and no more than one for each cell.

Knows: a kernel. Does not know: any engine.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from kernels import Kernel
from support import wait_for

from ipycontainers.widgets.drawing import Markup, element
from ipycontainers.widgets.live import Live
from ipycontainers.widgets.widget import Widget

SAID = '<img src=x onerror="alert(1)">'
MADE = """
import gc, weakref
from ipycontainers.widgets.drawing import element
from ipycontainers.widgets.widget import Widget
made = weakref.WeakSet()

class Said(Widget):
    def __init__(self, text):
        super().__init__()
        self.text = text
        made.add(self)
        self.redraw()
    def draw(self):
        return element("p", self.text)

def counted():
    gc.collect()
    return len(get_ipython().kernel.comm_manager.comms), len(made)
"""


class Said(Widget):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        self.pressed: list[str] = []
        self.redraw()

    @property
    def data(self) -> Mapping[str, Any]:
        return {"text": self.text}

    def draw(self) -> Markup:
        return element("p", self.text)

    def rows(self) -> Sequence[Mapping[str, Any]]:
        return [self.data]

    def subject(self) -> str:
        return repr(self.text)

    def do(self, what: str) -> None:
        self.pressed.append(what)


def test_it_is_shown_live_as_a_line_and_as_a_static_form() -> None:
    bundle, _ = Said(SAID)._repr_mimebundle_()
    assert bundle["text/plain"] == f"Said({SAID!r})"
    assert bundle["text/html"] == (
        '<div class="ipycontainers"><p>&lt;img src=x onerror=&quot;alert(1)&quot;&gt;</p></div>'
    )
    assert "model_id" in bundle["application/vnd.jupyter.widget-view+json"]


def test_nothing_of_the_static_form_differs_from_run_to_run() -> None:
    forms = {str(Said("same")._repr_mimebundle_()[0]["text/html"]) for _ in range(2)}
    assert len(forms) == 1
    assert not re.search(r"\bid=", forms.pop())


def test_it_becomes_a_table_of_pandas() -> None:
    assert Said("x").to_pandas().to_dict("records") == [{"text": "x"}]


@pytest.mark.parametrize(
    ("message", "pressed"),
    [
        ({"do": "start"}, ["start"]),
        ({"do": 1}, []),
        ({"view": "opened"}, []),
        ("do", []),
    ],
)
def test_a_message_of_the_front_end_is_a_press_or_nothing(
    message: object, pressed: list[str]
) -> None:
    widget = Said("x")
    widget._handle_custom_msg(message, [])
    assert widget.pressed == pressed


def test_a_cell_that_runs_again_keeps_its_newest_only(kernels: Any) -> None:
    """R25"""
    kernel: Kernel = kernels()
    kernel.run(MADE)
    counts = []
    for turn in range(20):
        kernel.run(f"Said('{turn}')", cell_id="one", watched=True)
        counts.append(kernel.run("print(*counted())", cell_id="two").stdout)
    comms, living = counts[0].split()
    assert int(living) == 1
    assert set(counts) == {f"{comms} 1\n"}
    kernel.run("Said('other')", cell_id="three", watched=True)
    assert kernel.run("print(*counted())").stdout.split()[1] == "2"


RESTING = """
from pathlib import Path
from ipycontainers.widgets import live
from ipycontainers.widgets.drawing import element
live.SILENT = 0.5

class Resting(live.Live):
    def look(self):
        Path("looked").touch()
        return 0.0
    def rest(self):
        Path("rested").touch()
    def draw(self):
        return element("p")

Resting()
"""


class Counting(Live):
    """Counts how often it has looked."""

    def __init__(self) -> None:
        super().__init__()
        self.looks = self.rests = 0

    def draw(self) -> Markup:
        return element("p", str(self.looks))

    def look(self) -> float:
        self.looks += 1
        return 0.0

    def rest(self) -> None:
        self.rests += 1


def test_it_looks_only_while_it_is_looked_at() -> None:
    widget = Counting()
    assert widget.looks == 0
    for view in ("opened", "alive"):
        widget._handle_custom_msg({"view": view, "name": "a"}, [])
        widget._handle_custom_msg({"view": view, "name": "b"}, [])
    assert wait_for(lambda: widget.looks >= 2)
    widget._handle_custom_msg({"view": "closed", "name": "a"}, [])
    assert widget._following
    widget._handle_custom_msg({"view": "closed", "name": "b"}, [])
    assert wait_for(lambda: widget.rests == 1)
    seen = widget.looks
    widget._handle_custom_msg({"view": "opened"}, [])
    assert wait_for(lambda: widget.looks > seen)
    widget.close()
    assert wait_for(lambda: widget.rests == 2)


def test_it_is_drawn_at_most_four_times_a_second() -> None:
    widget = Counting()
    begun = time.monotonic()
    widget._handle_custom_msg({"view": "opened"}, [])
    assert wait_for(lambda: widget.looks >= 5)
    assert time.monotonic() - begun >= 4 * 0.25
    widget.close()


def test_a_view_that_is_silent_is_gone_though_no_cell_runs(kernels: Any, tmp_path: Path) -> None:
    """As when the browser has ended, while nobody uses the kernel any more."""
    kernel: Kernel = kernels(load=False)
    shown = kernel.run(RESTING, watched=True).data["application/vnd.jupyter.widget-view+json"]
    kernel.send(shown["model_id"], {"view": "opened"})
    assert wait_for((tmp_path / "looked").exists)
    assert wait_for((tmp_path / "rested").exists)
