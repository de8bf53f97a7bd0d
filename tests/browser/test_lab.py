"""What somebody sees and presses in JupyterLab."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import images as recipes
import nbformat
import pytest
from lab import Notebook, stored
from registry import Registry, SlowPath, is_installed, noise
from support import EXAMPLES, REPOSITORY, patience, require, wait_for

pytestmark = pytest.mark.browser

IMAGE = "team/analysis"
SIZES = (30 << 20, 12 << 20, 8 << 20, 5 << 20)  # and the layer of busybox
LAYERS = len(SIZES) + 1
RATE = 15e6  # bytes a second: the pull takes four seconds


@pytest.mark.usefixtures("plain_images")
@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_a_notebook_runs_as_it_is_stored(
    open_notebook: Callable[[str], Notebook], file: Path
) -> None:
    source = nbformat.read(file, as_version=4)
    expected = [stored(cell) for cell in source.cells if cell.cell_type == "code"]
    notebook = open_notebook(file.relative_to(REPOSITORY / "notebooks").as_posix())
    notebook.menu("Edit", "Clear Outputs of All Cells")
    assert notebook.shown() == [[] for _ in expected]
    notebook.run_all()
    notebook.wait_until_idle()
    # It is drawn a moment later.
    assert wait_for(lambda: notebook.shown() == expected), notebook.shown()


def test_the_stop_button_ends_a_long_cell(
    cells: Callable[..., Notebook], images: Any, engine: Any
) -> None:
    notebook = cells(f"%%container -l test=stop {images.busybox}\necho begin; sleep 100")
    cell = notebook.cell(1)
    cell.run()
    cell.wait_for("begin")
    start = time.monotonic()
    notebook.interrupt()
    cell.wait_for("KeyboardInterrupt")
    notebook.wait_until_idle()
    assert time.monotonic() - start < 3 * patience()
    begin, error = cell.shown()
    assert begin == "begin"
    assert re.fullmatch(r"KeyboardInterrupt: the cell was interrupted.*", error)
    assert wait_for(lambda: not engine.list_containers(labels={"test": "stop"}), seconds=3)


def test_a_failed_cell_is_a_line_and_a_command(cells: Callable[..., Notebook], images: Any) -> None:
    notebook = cells(f"%%container {images.busybox}\necho careful >&2\nexit 3")
    cell = notebook.cell(1)
    cell.run()
    notebook.wait_until_idle()
    careful, error = cell.shown()
    assert careful == "careful"
    assert error.splitlines() == [
        f"CellFailed: exit code 3 in {images.busybox}",
        "  the same in a terminal:",
        f"docker run --rm --entrypoint sh {images.busybox} -c -- 'echo careful >&2",
        "exit 3'",
    ]


def test_a_misspelt_option_is_a_line_and_a_hint(cells: Callable[..., Notebook]) -> None:
    notebook = cells("%%container --memmory 1g busybox\necho")
    cell = notebook.cell(1)
    cell.run()
    notebook.wait_until_idle()
    (shown,) = cell.shown()
    message, hint = shown.splitlines()
    assert re.match(r"Invalid: .*--memmory", message)
    assert re.match(r"  hint: .*--memory", hint)


def test_tab_completes_an_option(cells: Callable[..., Notebook]) -> None:
    notebook = cells("")
    notebook.cell(1).type("%%container --cap")
    notebook.page.keyboard.press("Tab")
    offered = notebook.page.locator(".jp-Completer-item .jp-Completer-match")
    offered.first.wait_for()
    assert offered.all_inner_texts() == ["--cap-add", "--cap-drop"]
    notebook.page.keyboard.press("Enter")
    assert wait_for(lambda: "%%container --cap-add" in notebook.cell(1).locator.inner_text())


def test_a_question_mark_shows_the_manual(cells: Callable[..., Notebook]) -> None:
    notebook = cells("%%container?")
    cell = notebook.cell(1)
    cell.run()
    cell.wait_for("--cap-drop CAPABILITY")
    assert "%%container OPTIONS IMAGE [INTERPRETER …]" in cell.locator.inner_text()


@pytest.fixture
def slow_image(engine: Any, images: Any, tmp_path: Path) -> Iterator[str]:
    """The name of an image with a shell, in a registry that is some seconds away."""
    _ = images.busybox
    require(is_installed(), "docker", "no docker-registry here: apt-get install docker-registry")
    registry = Registry(tmp_path)
    busybox = recipes.RECIPES["busybox"].layer().read_bytes()
    registry.push(IMAGE, [busybox, *map(noise, SIZES)])
    path = SlowPath(registry.port, RATE)
    yield f"{path.address}/{IMAGE}"
    path.close()
    registry.close()
    for name in engine.list_images():
        if name.startswith(path.address):
            # A cell's container may still be on its way out.
            of_it = {"all": True, "filters": {"ancestor": name}}
            assert wait_for(lambda of_it=of_it: not engine.docker.api.containers(**of_it))
            engine.docker.images.remove(name)


def saved_outputs(root: Path, notebook: Notebook) -> list[Any]:
    """The outputs of the second cell, in the file; no widget's state may be there."""
    notebook.save()
    written = nbformat.read(root / notebook.name, as_version=4)
    assert "widgets" not in written.metadata
    return list(written.cells[1].outputs)


def test_a_pull_shows_its_layers_while_it_lasts_and_leaves_no_trace(
    cells: Callable[..., Notebook], slow_image: str, root: Path
) -> None:
    notebook = cells(f"%%container {slow_image} sh\necho begin")
    cell = notebook.cell(1)
    cell.run()
    cell.wait_for(f"Pulling {slow_image}: ")
    cell.wait_for(f" of {LAYERS} layers")
    bars = cell.locator.locator(".widget-hprogress")
    assert wait_for(lambda: bars.count() == LAYERS, seconds=5)
    cell.wait_for("download complete")
    assert re.search(r"\d\.\d of \d+\.\d MB", cell.locator.inner_text())
    notebook.wait_until_idle()
    assert wait_for(lambda: bars.count() == 0, seconds=5)
    (output,) = saved_outputs(root, notebook)
    assert (output.name, output.text) == ("stdout", "begin\n")


def test_a_pull_by_a_line_keeps_what_was_shown_before(
    cells: Callable[..., Notebook], slow_image: str, root: Path
) -> None:
    notebook = cells(f"print('before')\n%container {slow_image} echo after")
    cell = notebook.cell(1)
    cell.run()
    cell.wait_for("Pulling")
    notebook.wait_until_idle()
    assert wait_for(lambda: cell.shown() == ["before", "after"], seconds=5), cell.shown()
    before, trace, after = saved_outputs(root, notebook)
    assert (before.text, after.text) == ("before\n", "after\n")
    assert trace.data == {"text/plain": ""}
