"""%%dockerfile, StackCompare and ReachMap, as somebody sees them in JupyterLab."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import axe
import nbformat
import pytest
from lab import KERNELSPEC, Cell, Lab, Notebook
from nbformat.v4 import new_code_cell, new_notebook
from sleeping import started
from support import wait_for

pytestmark = pytest.mark.browser
NAME = "ipycontainers-test/built-in-a-browser"
HOSTILE = "<img src=x onerror=window.hit=1>"
# By cell: what it shows.
DRAWN = {1: ".build", 2: ".build", 3: ".stack", 4: ".reach"}


@pytest.fixture(scope="module")
def container(engine: Any, images: Any) -> Iterator[str]:
    with ExitStack() as opened:
        yield started(opened, engine, images.busybox, "reach-shown")


@pytest.fixture(scope="module")
def notebook(
    browser: Any, lab: Lab, root: Path, engine: Any, images: Any, container: str
) -> Iterator[Notebook]:
    """One page for all tests, for it opens slowly."""
    echo = f"RUN echo {uuid.uuid4().hex}; echo '{HOSTILE}'"
    texts = [
        "%load_ext ipycontainers\nfrom ipycontainers import ReachMap, StackCompare",
        f"%%dockerfile -t {NAME}\nFROM {images.busybox}\n{echo}\nRUN sleep 3\n",
        f"%%dockerfile\nFROM {images.busybox}\nRUN echo careful; exit 3\nRUN true\n",
        f"StackCompare('{images.busybox}')",
        f"ReachMap('{container}')",
    ]
    cells = [new_code_cell(text) for text in texts]
    nbformat.write(
        new_notebook(cells=cells, metadata={"kernelspec": KERNELSPEC}), root / "build.ipynb"
    )
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.set_default_timeout(60_000)
    with ExitStack() as opened:
        opened.callback(page.close)
        opened.callback(engine.docker.api.remove_image, NAME, force=True)
        made = Notebook(page, lab.url, "build.ipynb")
        # The file browser, which leaves no room to a narrow page.
        page.keyboard.press("Control+B")
        made.cell(0).run()
        made.wait_until_idle()
        yield made


def run(notebook: Notebook, number: int) -> tuple[Cell, Any]:
    """The cell, and what it draws."""
    cell = notebook.cell(number)
    cell.run()
    view = cell.locator.locator(DRAWN[number]).first
    view.wait_for()
    return cell, view


def test_a_build_shows_its_steps_and_marks_what_was_cached(notebook: Notebook) -> None:
    cell, view = run(notebook, 1)
    # How long the silent step lasts can be seen while it does.
    running = view.locator(".build-running", has_text="RUN sleep 3")
    running.locator(".build-time", has_text="s").wait_for()
    notebook.wait_until_idle()
    cell.wait_for("built in")
    states = view.locator(".build-state")
    assert states.all_inner_texts() == ["✓ done"] * 3
    cell.locator.get_by_text("2 lines of output").click()
    assert HOSTILE in view.locator("details pre").inner_text()
    assert view.locator("img").count() == 0
    assert notebook.page.evaluate("window.hit") is None
    _, view = run(notebook, 1)
    notebook.wait_until_idle()
    cell.wait_for("from the cache")
    states = view.locator(".build-state")
    assert states.all_inner_texts() == ["✓ done", "↺ cached", "↺ cached"]


def test_a_failed_step_is_marked(notebook: Notebook) -> None:
    cell, view = run(notebook, 2)
    notebook.wait_until_idle()
    cell.wait_for("failed in step 2 of 3")
    states = view.locator(".build-state").all_inner_texts()
    assert states == ["✓ done", "✗ failed", "○ not run"]
    assert "careful" in cell.shown()[1]
    assert "exit code 3 in step 2 of 3, line 3 of the cell" in cell.shown()[2]


def test_three_machines_stand_side_by_side(notebook: Notebook) -> None:
    cell, view = run(notebook, 3)
    cell.wait_for("Until its first program")
    assert wait_for(lambda: view.get_by_text("measuring …").count() == 0, seconds=60)
    kernels = view.locator(".stack-table tbody tr").first.locator("td").all_inner_texts()
    assert "the host's" in kernels[1]
    assert "its own" in kernels[2] or "not measured" in kernels[2]


# It may take no longer than a blink.
NOTICE = """it => {
    const look = () => { it.noticed ||= it.textContent.includes("Measuring …"); };
    new MutationObserver(look).observe(it, { childList: true, subtree: true, characterData: true });
}"""


def test_who_reaches_whom_is_a_matrix(notebook: Notebook, container: str) -> None:
    cell, view = run(notebook, 4)
    cell.wait_for("From the rows to the columns", seconds=60)
    heads = view.locator(".reach-matrix thead th").all_inner_texts()
    assert heads == ["this machine", container]
    again = view.get_by_role("button", name="Measure again")
    again.focus()
    view.evaluate(NOTICE)
    notebook.page.keyboard.press("Enter")
    assert wait_for(lambda: view.evaluate("it => it.noticed"), seconds=30)
    assert wait_for(lambda: again.count() == 1, seconds=60)


def test_nobody_is_left_out_and_nothing_sticks_out(notebook: Notebook) -> None:
    """As axe-core judges, in both themes, on a phone and on a wide page."""
    page = notebook.page
    views = {}
    for number, selector in DRAWN.items():
        if number != 1:
            _, views[selector] = run(notebook, number)
            notebook.wait_until_idle()
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        page.set_viewport_size({"width": 1400, "height": 1000})
        notebook.use(theme)
        for width in (400, 1600):
            page.set_viewport_size({"width": width, "height": 1000})
            for selector, view in views.items():
                assert axe.violations(page, selector) == [], (theme, width)
                fits = "it => it.scrollWidth <= it.clientWidth + 1"
                assert wait_for(lambda view=view, fits=fits: view.evaluate(fits)), (selector, width)
