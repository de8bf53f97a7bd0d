"""%docker's table in JupyterLab: in both themes, wide and narrow."""

from __future__ import annotations

import axe
import pytest

pytestmark = pytest.mark.browser
TABLE = '.jp-OutputArea-output [role="region"]'


def test_a_table_is_for_all(cells, images) -> None:
    """Nobody is left out, as axe-core judges; what may scroll can be focused."""
    name = "ipyc-table"
    notebook = cells(
        f"%docker images --no-trunc {images.busybox}",
        f"%docker create --name {name} {images.busybox} sh -c 'echo a b'\n"
        f"%docker ps -a -f name={name}",
        f"%docker rm {name}",
        "%docker inspect nosuch",  # what is queued behind it is not run
    )
    page = notebook.page
    for number in (1, 2, 3, 4):
        notebook.cell(number).run()
    notebook.wait_until_idle()
    table = page.locator(TABLE).first
    assert table.locator("th").all_inner_texts()[:2] == ["REPOSITORY", "TAG"]
    assert table.locator("td").first.inner_text() == images.busybox
    assert "Error: No such object: nosuch" in "".join(notebook.cell(4).shown())
    page.keyboard.press("Control+B")
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        notebook.use(theme)
        for width in (400, 1400):
            page.set_viewport_size({"width": width, "height": 1000})
            assert axe.violations(page, TABLE) == [], (theme, width)
    lines = "it => it.getBoundingClientRect().height / parseFloat(getComputedStyle(it).fontSize)"
    page.set_viewport_size({"width": 400, "height": 1000})
    command = page.locator(f"{TABLE} code", has_text="sh -c")
    assert command.evaluate(lines) < 2, "a command is broken into lines"
    table.focus()
    assert table.evaluate("it => it === document.activeElement")
