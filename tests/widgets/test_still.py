"""The still forms of the widgets: what nbconvert, nbviewer and GitHub show of them."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kernels
import nbformat
import pytest
from nbconvert import HTMLExporter
from nbformat.v4 import new_code_cell, new_notebook

from ipycontainers import Lifecycle

NAME = "widget-still"
# What of each must stand on the page.
MADE = {
    f"Lifecycle({NAME!r})": [f"docker pause {NAME}", "● running", "Its program runs."],
    f"Stats({NAME!r})": ["<caption>What containers use</caption>", f">{NAME}</th>"],
    f"Namespaces({NAME!r})": [
        "1 container on this machine",
        "<caption>Rights</caption>",
        f">{NAME}</th>",
    ],
    f"Processes({NAME!r})": ["<pre>sleep 1000</pre>", "running"],
    f"ReachMap({NAME!r})": ["From the rows to the columns"],
    "Platform()": ["✓ there", "what it is here", ">engine</text>"],
    "ImageLayers('nothing/of:this')": ["there is no image nothing/of:this here"],
}


@pytest.fixture
def running(engine: Any, images: Any) -> Iterator[Any]:
    made = engine.docker.containers.run(
        images.busybox, ["sleep", "1000"], name=NAME, detach=True, network_mode="host"
    )
    yield made
    engine.remove(made.id)


def test_nbconvert_shows_each(engine: Any, running: Any, tmp_path: Path) -> None:
    """Of a notebook that it executes: without a state of widgets, for which it would load scripts
    from elsewhere and show nothing without them."""
    first = "from ipycontainers import *"
    cells = [new_code_cell(text) for text in (first, *MADE)]
    nbformat.write(new_notebook(cells=cells), tmp_path / "in.ipynb")
    ran = subprocess.run(
        [sys.executable, "-m", "nbconvert", "--to=notebook", "--execute", "in.ipynb"],
        cwd=tmp_path,
        env=kernels.environment(tmp_path, {"DOCKER_HOST": engine.candidate.address}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    stored = nbformat.read(tmp_path / "in.nbconvert.ipynb", 4)
    assert "widgets" not in stored.metadata
    page, _ = HTMLExporter().from_notebook_node(stored)
    hidden = r"|<(?!svg)[^>]*aria-hidden"  # but for marks beside a word
    for cell in stored.cells[1:]:
        (output,) = cell.outputs
        assert set(output.data) == {"text/plain", "text/html"}
        assert output.data["text/plain"] == cell.source
        wrong = r"\bid=|<button|<script" + ("" if "ReachMap" in cell.source else hidden)
        assert not re.search(wrong, output.data["text/html"])
        # nbconvert's style sheet sets cells to the right.
        assert not re.search(r"<(td|th)(?! style=.text-align: left.)\b", output.data["text/html"])
        assert [text for text in MADE[cell.source] if text not in page] == [], cell.source


def test_a_life_looks_the_same_in_each_run(engine: Any, running: Any) -> None:
    forms = []
    for _ in range(2):
        forms.append(str(Lifecycle(NAME, engine=engine.candidate.address).static()))
        running.restart(timeout=0)
    assert forms[0] == forms[1]
