"""Namespaces and Processes, seen and pressed in JupyterLab."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import axe
import pytest
from lab import Notebook
from sleeping import started
from support import wait_for

from ipycontainers.client import Connection

pytestmark = pytest.mark.browser
FITS = "it => it.clientWidth > 200 && it.scrollWidth <= it.clientWidth + 1"
HOSTILE = "<img src=x onerror=window.hit=1>"


@pytest.fixture
def named(engine: Connection, images: Any) -> Iterator[Callable[..., str]]:
    with ExitStack() as opened:
        yield lambda name, **more: started(opened, engine, images.busybox, name, **more)


def _run(notebook: Notebook, number: int, shown: str) -> Any:
    """The drawing that a cell shows; with the side bar a narrow page would have no room for it."""
    notebook.page.keyboard.press("Control+b")
    notebook.page.locator("#jp-left-stack").wait_for(state="hidden")
    cell = notebook.cell(number)
    cell.run()
    view = cell.locator.locator(shown).first
    view.wait_for()
    notebook.wait_until_idle()
    return view


def test_namespaces_are_a_table_that_fits_and_can_be_looked_at_again(
    cells: Callable[..., Notebook], named: Callable[..., str], engine: Connection
) -> None:
    name = named("seen", Cmd=["sh", "-c", f"sleep 300 & wait # {HOSTILE}"])
    notebook = cells(f"from ipycontainers import Namespaces\nNamespaces({name!r})")
    view = _run(notebook, 1, ".spaces")
    page = notebook.page
    doors = view.get_by_role("table").first
    assert doors.get_by_role("row").count() == 9
    assert doors.get_by_role("columnheader").all_inner_texts() == ["Namespace", "Host", name]
    words = {text.strip() for text in view.locator(".spaces-word").all_inner_texts()}
    assert words == ({"shared"} if engine.launcher == "ptrace" else {"own", "shared"})
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        notebook.use(theme)
        for width in (400, 1600):
            page.set_viewport_size({"width": width, "height": 1000})
            assert wait_for(lambda: view.evaluate(FITS)), width
            assert axe.violations(page, ".spaces") == []
        page.set_viewport_size({"width": 1400, "height": 1000})
    summary = view.locator("summary")
    summary.focus()
    page.keyboard.press("Enter")
    assert wait_for(lambda: view.locator("details").get_attribute("open") is None)
    button = view.get_by_role("button", name="Look again")
    engine.docker.api.pause(name)
    button.focus()
    page.keyboard.press("Enter")
    try:
        assert wait_for(lambda: view.get_by_text("not asked").count() == 4)
    finally:
        engine.docker.api.unpause(name)
    # What the reader has closed stays closed, and the focus is where it was.
    assert view.locator("details").get_attribute("open") is None
    assert button.evaluate("it => it === document.activeElement")
    engine.remove(name)
    button.click()
    view.get_by_role("alert").wait_for()
    assert page.evaluate("window.hit") is None


def test_processes_follow_the_container(
    cells: Callable[..., Notebook], named: Callable[..., str], engine: Connection
) -> None:
    name = named("tree", Cmd=["sh", "-c", f"sleep 300 & wait # {HOSTILE}"])
    notebook = cells(f"from ipycontainers import Processes\nProcesses({name!r})")
    view = _run(notebook, 1, ".spaces")
    assert wait_for(lambda: view.get_by_text("sleep 300", exact=True).count() == 1)
    row = view.get_by_role("row").filter(has_text="sleep 300 & wait")
    pid = str(engine.inspect(name)["State"]["Pid"])
    assert row.get_by_role("cell").first.inner_text().split()[-1] == pid
    with engine.execute(name, ["sleep", "77"]):
        assert wait_for(lambda: view.get_by_text("sleep 77").count() == 1)
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        notebook.use(theme)
        assert axe.violations(notebook.page, ".spaces") == []
    for width in (1600, 400):
        notebook.page.set_viewport_size({"width": width, "height": 1000})
        assert wait_for(lambda: view.evaluate(FITS)), width
    engine.remove(name)
    assert wait_for(lambda: view.get_by_text("No process runs in it.").count() == 1)
    assert notebook.page.evaluate("window.hit") is None
