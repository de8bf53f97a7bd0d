"""%docker's table in JupyterLab: in both themes, wide and narrow."""

from __future__ import annotations

import axe
import pytest

pytestmark = pytest.mark.browser
TABLE = '.jp-OutputArea-output [role="region"]'


def test_a_table_is_for_all(cells, images) -> None:
    """Nobody is left out, as axe-core judges; what may scroll can be focused."""
    notebook = cells(f"%docker images --no-trunc {images.busybox}", "%docker inspect nosuch")
    page = notebook.page
    for number in (1, 2):
        notebook.cell(number).run()
    notebook.wait_until_idle()
    table = page.locator(TABLE)
    assert table.locator("th").all_inner_texts()[:2] == ["REPOSITORY", "TAG"]
    assert table.locator("td").first.inner_text() == images.busybox
    assert "Error: No such object: nosuch" in "".join(notebook.cell(2).shown())
    page.keyboard.press("Control+B")
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        notebook.use(theme)
        for width in (400, 1400):
            page.set_viewport_size({"width": width, "height": 1000})
            assert axe.violations(page, TABLE) == [], (theme, width)
    table.focus()
    assert table.evaluate("it => it === document.activeElement")
