"""ImageLayers in JupyterLab: opened, clicked, keyed through, in both themes and all widths."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import axe
import nbformat
import pictured
import pytest
from lab import KERNELSPEC, Lab, Notebook
from nbformat.v4 import new_code_cell, new_notebook
from pictured import HOSTILE, MANY
from support import wait_for

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def names(engine: Any) -> Iterator[tuple[str, str]]:
    with pictured.loaded(engine.docker) as found:
        yield found


@pytest.fixture(scope="module")
def notebook(browser: Any, lab: Lab, root: Path, names: tuple[str, str]) -> Iterator[Notebook]:
    """Cells that show the first image, and both; one page for all tests, for it opens slowly."""
    one, two = names
    texts = (f"ImageLayers({one!r})", f"ImageLayers({one!r}, {two!r})", f"{SLOW}({one!r})")
    cells = [new_code_cell(f"from ipycontainers import ImageLayers\n{text}") for text in texts]
    cells.append(new_code_cell("layers.read = reading\ngo_on.set()"))
    written = new_notebook(cells=cells, metadata={"kernelspec": KERNELSPEC})
    nbformat.write(written, root / "layers.ipynb")
    page = browser.new_page(viewport={"width": 1900, "height": 1000})
    page.set_default_timeout(60_000)
    yield Notebook(page, lab.url, "layers.ipynb")
    page.close()


# Nothing is read before the next cell says so.
SLOW = """
import threading
from ipycontainers.widgets import layers
reading, go_on, layers.PATIENCE = layers.read, threading.Event(), 0.2
layers.read = lambda *asked, **options: go_on.wait(60) and reading(*asked, **options)
ImageLayers"""


class Layers:
    """The widget of a cell that has run again."""

    def __init__(self, notebook: Notebook, number: int = 0) -> None:
        self.notebook, self.page = notebook, notebook.page
        cell = notebook.cell(number)
        cell.run()
        notebook.wait_until_idle()
        self.el = cell.locator.locator(".image-layers").first
        self.grid = self.el.locator('[role="treegrid"]')
        self.grid.locator(".rows .row").first.wait_for()

    def layer(self, number: int) -> Any:
        return self.el.locator(f'[data-step="0:{number}"]')

    def tab(self, name: str) -> None:
        self.el.get_by_role("tab", name=name, exact=True).click()

    def rows(self) -> list[str]:
        """The keys of the rows that are in the page, from top to bottom."""
        return list(
            self.grid.locator(".rows .row").evaluate_all(
                """rows => rows.sort((a, b) => a.dataset.row - b.dataset.row)
                               .map(row => row.querySelector(".label").title)"""
            )
        )

    def row(self, key: str) -> Any:
        key = key.replace("\\", "\\\\")
        return self.grid.locator(".rows .row", has=self.page.locator(f'.label[title="{key}"]'))

    def shows(self, *keys: str) -> None:
        """Until these are the rows."""
        assert wait_for(lambda: self.rows() == list(keys)), self.rows()

    def focused(self) -> str:
        """The key of the row that has the focus, or the text of what has it."""
        return str(
            self.page.evaluate(
                """() => { const at = document.activeElement, label = at.querySelector(".label");
                           return label ? label.title : at.textContent; }"""
            )
        )

    def press(self, key: str, focused: str) -> None:
        self.page.keyboard.press(key)
        assert wait_for(lambda: self.focused() == focused), (key, self.focused())


@pytest.fixture
def layers(notebook: Notebook) -> Layers:
    """Of the first image, with the files of its third layer."""
    shown = Layers(notebook)
    shown.layer(2).click()
    shown.row("etc/motd").wait_for()
    return shown


# What begins or ends beside the widget, but for what can be scrolled to.
STICKS_OUT = """it => {
    const all = it.getBoundingClientRect();
    return [...it.querySelectorAll("*")].filter(node => {
        const { left, right, width } = node.getBoundingClientRect();
        return width && !node.closest("pre, .plain, .heard")
            && (left < all.left - 1 || right > all.right + 1);
    }).map(node => node.outerHTML.slice(0, 200));
}"""
CHANGES = [HOSTILE, "a\\nb", "caf\\xe9", "etc", "etc/gone", "etc/motd", "line\\u202egnp.txt"]


def test_a_layer_shows_its_changes_with_words_and_signs(layers: Layers) -> None:
    layers.shows(*CHANGES)
    assert layers.row("etc/motd").locator(".change").inner_text() == "~ changed"
    assert layers.row("etc/gone").locator(".change").inner_text() == "− removed"
    assert layers.row("caf\\xe9").locator(".change").inner_text() == "+ added"
    assert layers.layer(2).get_attribute("aria-selected") == "true"
    layers.layer(1).click()
    assert wait_for(lambda: layers.el.locator(".told").inner_text() == "no files")
    assert "metadata only" in layers.layer(1).inner_text()


def test_hostile_names_are_inert(layers: Layers) -> None:
    said: list[str] = []
    layers.page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    layers.row(HOSTILE).click()
    content = layers.el.locator(".reader .content")
    content.get_by_text("<b>inert</b>").wait_for()
    for tab in ("Map", "Layer", "Waste", "Config", "Files"):
        layers.tab(tab)
    layers.el.locator(".row").first.wait_for()
    assert layers.el.locator("img, b:has-text('inert')").count() == 0
    assert said == []


def test_all_is_reached_by_keys(layers: Layers) -> None:
    """As the pattern of a treegrid has it."""
    layers.layer(2).focus()
    layers.page.keyboard.press("ArrowUp")
    layers.page.keyboard.press("ArrowUp")
    assert layers.layer(0).get_attribute("aria-selected") == "true"
    layers.row("bin").wait_for()
    layers.grid.locator(".rows .row").first.focus()
    layers.press("ArrowRight", "bin/sh")
    layers.press("ArrowLeft", "bin")
    layers.press("ArrowLeft", "bin")
    layers.row("bin/sh").wait_for(state="detached")
    assert layers.row("bin").get_attribute("aria-expanded") == "false"
    layers.press("ArrowRight", "bin")
    layers.row("bin/sh").wait_for()
    layers.press("End", "usr/share/b")
    layers.press("Home", "bin")
    layers.press("m", "etc/motd")
    layers.page.keyboard.press("Enter")
    layers.el.locator(".reader .line", has_text="old").wait_for()
    assert layers.el.locator(".reader .title").inner_text() == "etc/motd"
    layers.press("Escape", "etc/motd")
    assert layers.el.locator(".reader").is_hidden()


def test_a_file_is_compared_with_the_layer_below(layers: Layers) -> None:
    layers.row("etc/motd").click()
    layers.el.get_by_role("button", name="Difference from below").click()
    layers.el.locator(".line.added", has_text="+new").wait_for()
    assert layers.el.locator(".line.removed").inner_text() == "-old"


def test_names_are_searched(layers: Layers) -> None:
    layers.el.get_by_label("with all layers below").check()
    layers.row("bin").wait_for()
    layers.el.get_by_label("Search names of files").fill("TOOL")
    layers.shows("bin", "bin/tool")
    assert layers.el.locator(".told").inner_text() == "1 found"
    layers.el.get_by_label("Search names of files").fill("nowhere")
    layers.shows()
    layers.el.get_by_label("Search names of files").fill("")
    layers.row("usr").wait_for()
    layers.el.get_by_label("changes only").check()
    layers.shows(*CHANGES)


def test_of_many_files_those_in_sight_are_in_the_page(layers: Layers) -> None:
    layers.layer(3).click()
    layers.row("srv/many").click()
    layers.row("srv/many/00000").wait_for()
    assert layers.grid.get_attribute("aria-rowcount") == str(MANY + 3)
    assert layers.grid.locator(".rows .row").count() < 60
    layers.press("End", f"srv/many/{MANY - 1:05}")
    assert layers.grid.locator(".rows .row").count() < 60
    last = layers.row(f"srv/many/{MANY - 1:05}")
    assert last.get_attribute("aria-rowindex") == str(MANY + 3)
    layers.grid.locator(".list").evaluate("it => { it.scrollTop = 0; }")
    last.wait_for(state="detached")
    assert layers.grid.get_attribute("tabindex") == "0"
    layers.press("ArrowUp", f"srv/many/{MANY - 2:05}")
    layers.press("Home", "srv")


def test_the_map_leads_to_a_file(layers: Layers) -> None:
    layers.layer(0).click()
    layers.tab("Map")
    layers.el.locator('[data-map="usr"]').click()
    layers.el.locator('.way [data-way="usr"]').wait_for()
    layers.el.locator('[data-map="usr/share/a"]').click()
    layers.row("usr/share/a").wait_for()
    assert layers.el.get_by_role("tab", name="Files").get_attribute("aria-selected") == "true"


def test_two_images_lie_side_by_side(notebook: Notebook, names: tuple[str, str]) -> None:
    layers = Layers(notebook, 1)
    layers.row("etc/motd").wait_for()
    heads = layers.el.locator(".group > .title").all_inner_texts()
    assert heads[:3] == ["In both", f"Only in {names[0]}", f"Only in {names[1]}"]
    first, second = (
        layers.el.locator(f'[data-step="{key}"]').bounding_box() for key in ("0:3", "1:3")
    )
    assert first["x"] + first["width"] <= second["x"] + 1
    assert abs(first["y"] - second["y"]) < 4
    assert layers.row("etc/extra").locator(".change").inner_text() == "+ added"
    layers.tab("Config")
    layers.el.locator(".plain th", has_text="Env C").wait_for()
    cells = layers.el.locator(".plain tr", has_text="User").locator("th, td")
    assert cells.all_inner_texts() == ["User", "(not set)", "daemon"]
    assert axe.violations(layers.page, ".image-layers") == []


def test_layers_are_seen_before_their_files_are_read(notebook: Notebook) -> None:
    """And what was chosen meanwhile stays, in the one view that there is."""
    cell = notebook.cell(2)
    cell.run()
    notebook.wait_until_idle()
    el = cell.locator.locator(".image-layers:visible")
    el.locator('[data-step="0:3"][aria-selected="true"]').wait_for()
    assert "Waiting for the engine to pack" in el.locator(".reading").inner_text()
    assert el.locator(".panel").is_hidden()
    assert axe.violations(notebook.page, ".image-layers") == []
    el.locator('[data-step="0:3"]').focus()
    notebook.page.keyboard.press("Home")
    el.locator('[data-step="0:0"][aria-selected="true"]').wait_for()
    notebook.cell(3).run()
    el.locator('.label[title="bin/tool"]').wait_for()
    assert el.count() == 1
    assert el.locator(".reading").is_hidden()
    assert el.locator('[data-step="0:0"]').get_attribute("aria-selected") == "true"


ALL = ("Map", "Waste", "Layer", "Config", "Files")
LOOKS = [
    ("JupyterLab Dark", 1400, ALL[-1:]),
    ("JupyterLab Dark", 400, ALL),
    ("JupyterLab Light", 400, ALL[-1:]),
    ("JupyterLab Light", 1400, ALL),
]


def test_it_is_for_all_in_each_theme_and_width(layers: Layers, tmp_path: Path) -> None:
    """Nobody is left out, as axe-core judges, and nothing sticks out of its room."""
    for theme, width, tabs in LOOKS:
        layers.notebook.use(theme)
        layers.el.evaluate("(it, width) => { it.style.width = `${width}px`; }", width)
        for tab in tabs:
            layers.tab(tab)
            settled(layers)
            if tab == "Files":
                layers.row("etc/motd").click()
                layers.el.locator(".reader .line", has_text="new").first.wait_for()
            picture = tmp_path / f"{theme[11:]}-{width}-{tab}.png"
            picture.write_bytes(layers.el.screenshot())
            assert axe.violations(layers.page, ".image-layers") == [], (theme, width, tab)
            assert layers.el.evaluate(STICKS_OUT) == []


def settled(layers: Layers) -> None:
    """Until the chosen tab shows something."""
    shown = layers.el.locator('[role="tabpanel"] > :not([hidden])')
    assert wait_for(lambda: len(shown.first.inner_text().strip()) > 3)
