"""Live widgets as somebody sees and presses them in JupyterLab."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import axe
import pytest
from lab import Notebook
from support import wait_for

from ipycontainers.samples import Use, sample
from ipycontainers.widgets import lifecycle, stats_drawing
from ipycontainers.widgets.lifecycle import Lifecycle, seen
from ipycontainers.widgets.stats import Stats

pytestmark = pytest.mark.browser

NAME = f"browser-life-{os.getpid()}"
# Counts up by itself; its button counts presses.
COUNTING = """
from pathlib import Path
from ipycontainers.widgets import live
from ipycontainers.widgets.drawing import element
live.SILENT = 8

class Counting(live.Live):
    looks = pressed = 0
    def look(self):
        self.looks += 1
        return 0.0
    def rest(self):
        Path("rested").touch()
    def do(self, what):
        self.pressed += 1
    def draw(self):
        return element("section",
            element("p", f"looked {self.looks}, pressed {self.pressed}"),
            element("details", element("summary", "more"), element("p", str(self.looks))),
            *(element("b", str(n), data_key=str(n)) for n in range(self.looks % 3)),
            element("button", "press", type="button", data_do="press", data_key="press"),
            element("p", "<img src=x onerror=document.title='hacked'>"))
counting = Counting()
counting
"""
THREADS = """
import threading
names = [it.name for it in threading.enumerate()]
print("threads:", [name for name in names if name.startswith("ipycontainers C")])
"""


@pytest.fixture
def container(engine: Any, images: Any) -> Iterator[Any]:
    """One of NAME that runs; it ends as soon as it is told to."""
    made = engine.docker.containers.run(
        images.busybox,
        ["sleep", "1000"],
        name=NAME,
        detach=True,
        network_mode="host",
        stop_signal="SIGKILL",
    )
    yield made
    engine.remove(made.id)


def test_what_is_drawn_again_keeps_the_focus_and_stops_with_its_view(
    cells: Callable[..., Notebook],
) -> None:
    notebook = cells(COUNTING, THREADS)
    shown, threads = notebook.cell(1), notebook.cell(2)
    shown.run()
    shown.wait_for("looked 3")
    shown.outputs.get_by_text("more", exact=True).click()
    button = shown.outputs.get_by_role("button", name="press")
    button.click()
    shown.wait_for("pressed 1")
    notebook.page.keyboard.press("Enter")
    shown.wait_for("pressed 2")
    before = shown.outputs.get_by_text("looked ").inner_text()
    assert wait_for(lambda: shown.outputs.get_by_text("looked ").inner_text() != before)
    assert button.evaluate("node => node === document.activeElement")
    assert shown.outputs.locator("details").get_attribute("open") is not None
    assert notebook.page.locator(".ipycontainers img").count() == 0
    threads.run()
    threads.wait_for("threads: ['ipycontainers Counting()']")
    notebook.menu("Edit", "Clear Outputs of All Cells")

    def has_stopped() -> bool:
        threads.run()
        return "threads: []" in "".join(threads.shown())

    assert wait_for(has_stopped, every=0.5)


def test_a_kernel_that_restarts_ends_it_and_the_cell_shows_it_anew(
    cells: Callable[..., Notebook],
) -> None:
    notebook = cells(COUNTING)
    complaints: list[str] = []
    notebook.page.on("pageerror", lambda error: complaints.append(str(error)))
    cell = notebook.cell(1)
    cell.run()
    cell.wait_for("looked 2")
    notebook.page.locator('[data-jp-item-name="restart"] jp-button').click()
    notebook.page.locator(".jp-Dialog .jp-mod-accept").click()
    notebook.wait_until_idle()
    cell.wait_for("its kernel has ended")
    button = cell.outputs.get_by_role("button", name="press")
    assert button.get_attribute("aria-disabled") == "true"
    cell.run()
    cell.wait_for("looked 2")
    assert cell.outputs.get_by_text("its kernel has ended").count() == 0
    assert complaints == []


def test_a_page_that_is_left_ends_it_and_one_that_comes_back_is_live(
    cells: Callable[..., Notebook], root: Path
) -> None:
    """No cell runs meanwhile, so that nothing but the views says whether somebody looks."""
    notebook = cells(COUNTING)
    page, rested = notebook.page, root / "rested"
    shown = notebook.cell(1)
    shown.run()
    shown.wait_for("looked 3")
    notebook.save()
    rested.unlink(missing_ok=True)
    page.reload()
    shown.wait_for("looked ")
    before = shown.outputs.get_by_text("looked ").inner_text()
    assert wait_for(lambda: shown.outputs.get_by_text("looked ").inner_text() != before)
    shown.outputs.get_by_role("button", name="press").click()
    shown.wait_for("pressed 1")
    rested.unlink(missing_ok=True)
    page.goto("about:blank")
    assert wait_for(rested.exists)


# As VS Code and Colab have it, and a plain page; a page of theirs has no colours of JupyterLab.
PAGES = {
    "plain": "<html><body style='background:#fff'>",
    "Colab": "<html theme='dark'><body style='background:#383838'>",
    "VS Code": "<html><body class='vscode-dark' style='background:#1f1f1f'>",
}


@pytest.mark.parametrize("where", PAGES)
def test_it_can_be_read_without_the_colours_of_jupyterlab(browser: Any, where: str) -> None:
    now = seen("x", {"Id": "1", "Name": "/web", "State": {"Status": "running"}})
    uses = [Use("web", "1", "running").taken(sample({"pids_stats": {"current": 1}}, 0.0))]
    drawings = [lifecycle.drawn(now, "", "refused"), stats_drawing.drawn(uses, "gone")]
    page = browser.new_page()
    page.set_content(
        f"{PAGES[where]}<style>{Lifecycle._css}{Stats._css}</style>"
        f"<main class='ipycontainers'>{''.join(drawings)}</main>"
    )
    assert axe.violations(page, "main") == []
    page.close()


def test_the_life_of_a_container_is_seen_and_led(
    cells: Callable[..., Notebook], container: Any
) -> None:
    notebook = cells(f"from ipycontainers import Lifecycle\nLifecycle({NAME!r})")
    cell = notebook.cell(1)
    cell.run()
    cell.wait_for("Its program runs.")
    cell.wait_for(f"docker pause {NAME}")
    button = cell.outputs.get_by_role("button", name="pause:", exact=False).first
    button.focus()
    notebook.page.keyboard.press("Enter")
    cell.wait_for("and keep their memory")
    container.reload()
    assert container.status == "paused"
    assert button.get_attribute("aria-disabled") == "true"
    assert button.evaluate("node => node === document.activeElement")
    container.unpause()
    cell.wait_for("Its program runs.")
    notebook.page.keyboard.press("Tab")
    notebook.page.keyboard.press("Tab")
    notebook.page.keyboard.press("Tab")
    notebook.page.keyboard.press("Enter")  # unpause, restart, stop
    cell.wait_for("exit code 137")
    container.remove()
    cell.wait_for("It is gone")


def test_what_containers_use_is_live_and_said(
    cells: Callable[..., Notebook], container: Any
) -> None:
    notebook = cells(f"from ipycontainers import Stats\nStats({NAME!r}, 'no-such-thing')")
    cell = notebook.cell(1)
    cell.run()
    cell.wait_for("1 pid")
    points = cell.outputs.locator("polyline").first
    before = points.get_attribute("points")
    assert wait_for(lambda: points.get_attribute("points") != before)
    cell.wait_for("There is no container")
    # For who listens it is a table, in which the container heads its row.
    assert cell.outputs.get_by_role("rowheader", name=NAME).count() == 1
    assert cell.outputs.get_by_role("columnheader", name="memory").count() == 1


def test_each_is_for_all_in_each_theme_and_width(
    cells: Callable[..., Notebook], container: Any, tmp_path: Path
) -> None:
    """Nobody is left out, as axe-core judges, and nothing sticks out of its room."""
    notebook = cells(
        "from ipycontainers import Lifecycle, Platform, Stats",
        f"Lifecycle({NAME!r})",
        "Platform()",
        f"Stats({NAME!r}, 'no-such-thing')",
    )
    page = notebook.page
    page.set_viewport_size({"width": 1900, "height": 1000})
    for number in range(1, 5):
        notebook.cell(number).run()
    notebook.cell(4).wait_for("1 pid")
    page.get_by_text("All transitions").click()
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        notebook.use(theme)
        for width in (280, 400, 1600):
            for name in ("lifecycle", "platform", "stats"):
                shown = page.locator(f".ipycontainers:has(> .{name})")
                shown.evaluate("(it, width) => { it.style.width = `${width}px`; }", width)
                picture = tmp_path / f"{name}-{theme[11:]}-{width}.png"
                picture.write_bytes(shown.screenshot())
                assert axe.violations(page, f".{name}") == [], (theme, width)
                assert shown.evaluate("it => it.scrollWidth - it.clientWidth") <= 1, (name, width)
