"""%%dockerfile, StackCompare and ReachMap, as somebody sees them in JupyterLab."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import axe
import pytest
from lab import Notebook
from support import wait_for

pytestmark = pytest.mark.browser
NAME = "ipycontainers-test/built-in-a-browser"


@pytest.fixture
def removed(engine: Any) -> Iterator[None]:
    yield
    engine.docker.api.remove_image(NAME, force=True)


def judge(notebook: Notebook, selector: str) -> None:
    """Nobody is left out, as axe-core judges, and nothing sticks out of its room."""
    page = notebook.page
    shown = page.locator(selector).first
    page.keyboard.press("Control+B")  # the file browser, which leaves no room to a narrow page
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        page.set_viewport_size({"width": 1400, "height": 1000})
        notebook.use(theme)
        for width in (1400, 400):
            page.set_viewport_size({"width": width, "height": 1000})
            shown.scroll_into_view_if_needed()
            assert axe.violations(page, selector) == [], (theme, width)
            assert wait_for(lambda: shown.evaluate("it => it.scrollWidth <= it.clientWidth + 1"))


@pytest.mark.usefixtures("removed")
def test_a_build_shows_its_steps_and_marks_what_was_cached(
    cells: Callable[..., Notebook], images: Any
) -> None:
    run = f"RUN echo {uuid.uuid4().hex}; echo '<img src=x onerror=alert(1)>'"
    text = f"%%dockerfile -t {NAME}\nFROM {images.busybox}\n{run}\nRUN sleep 2\n"
    notebook = cells(text)
    cell = notebook.cell(1)
    cell.run()
    states = cell.locator.locator(".build-state")
    assert wait_for(lambda: states.count() == 3)
    cell.wait_for("running")
    notebook.wait_until_idle()
    cell.wait_for("built in")
    assert states.all_inner_texts() == ["✓ done"] * 3
    cell.locator.get_by_text("2 lines of output").click()
    assert "<img src=x onerror=alert(1)>" in cell.locator.locator("details pre").inner_text()
    assert cell.locator.locator(".build img").count() == 0
    cell.run()
    notebook.wait_until_idle()
    cell.wait_for("from the cache")
    assert states.all_inner_texts() == ["✓ done", "↺ cached", "↺ cached"]


def test_a_failed_step_is_marked(cells: Callable[..., Notebook], images: Any) -> None:
    notebook = cells(f"%%dockerfile\nFROM {images.busybox}\nRUN echo careful; exit 3\nRUN true\n")
    cell = notebook.cell(1)
    cell.run()
    notebook.wait_until_idle()
    cell.wait_for("failed in step 2 of 3")
    states = cell.locator.locator(".build-state").all_inner_texts()
    assert states == ["✓ done", "✗ failed", "○ not run"]
    judge(notebook, ".build")
    assert "careful" in cell.shown()[1]
    assert "exit code 3 in step 2 of 3, line 3 of the cell" in cell.shown()[2]


def test_three_machines_stand_side_by_side(cells: Callable[..., Notebook], images: Any) -> None:
    notebook = cells(f"from ipycontainers import StackCompare\nStackCompare('{images.busybox}')")
    cell = notebook.cell(1)
    cell.run()
    measuring = cell.locator.get_by_text("measuring …")
    cell.wait_for("Until its first program")
    assert wait_for(lambda: measuring.count() == 0, seconds=60)
    kernels = cell.locator.locator(".stack-table tbody tr").first.locator("td").all_inner_texts()
    assert "the host's" in kernels[1]
    assert "its own" in kernels[2] or "not measured" in kernels[2]
    judge(notebook, ".stack")


def test_who_reaches_whom_is_a_matrix(
    cells: Callable[..., Notebook], images: Any, engine: Any
) -> None:
    made = engine.create({"Image": images.busybox, "Cmd": ["sleep", "600"]}, name="reach-shown")
    try:
        engine.start(made.id)
        notebook = cells("from ipycontainers import ReachMap\nReachMap('reach-shown')")
        cell = notebook.cell(1)
        cell.run()
        cell.wait_for("From the rows to the columns", seconds=60)
        heads = cell.locator.locator(".reach-matrix thead th").all_inner_texts()
        assert heads[0] == "this machine"
        assert "reach-shown" in heads
        again = cell.locator.get_by_role("button", name="Measure again")
        again.focus()
        notebook.page.keyboard.press("Enter")
        cell.wait_for("Measuring …")
        assert wait_for(lambda: again.count() == 1, seconds=60)
        judge(notebook, ".reach")
    finally:
        engine.remove(made.id)
