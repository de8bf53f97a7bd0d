"""The still forms of widgets of containers: what nbconvert, nbviewer and GitHub show of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from nbconvert import HTMLExporter
from nbformat.v4 import new_code_cell, new_notebook, new_output

from ipycontainers import Lifecycle, Namespaces, Platform, Processes, Stats

NAME = "widget-still"
MADE: dict[str, tuple[Callable[[str], Any], list[str]]] = {
    "Lifecycle": (
        lambda engine: Lifecycle(NAME, engine=engine),
        [f"docker pause {NAME}", "● running", "Its program runs."],
    ),
    "Namespaces": (
        lambda engine: Namespaces(NAME, engine=engine),
        ["1 container on this machine", "<caption>Rights</caption>", f">{NAME}</th>"],
    ),
    "Platform": (
        lambda engine: Platform(engine=engine),
        ["✓ there", "what it is here", ">engine</text>"],
    ),
    "Processes": (
        lambda engine: Processes(NAME, engine=engine),
        ["<pre>sleep 1000</pre>", "running"],
    ),
    "Stats": (
        lambda engine: Stats(NAME, engine=engine),
        ["<caption>What containers use</caption>", f'<th scope="row">{NAME}</th>'],
    ),
}


@pytest.fixture
def running(engine: Any, images: Any) -> Iterator[Any]:
    made = engine.docker.containers.run(
        images.busybox, ["sleep", "1000"], name=NAME, detach=True, network_mode="host"
    )
    yield made
    engine.remove(made.id)


@pytest.mark.parametrize("name", MADE)
def test_nbconvert_shows_it(engine: Any, running: Any, name: str) -> None:
    make, expected = MADE[name]
    bundle = make(engine.candidate.address)._repr_mimebundle_()[0]
    assert bundle["text/plain"].startswith(f"{name}(")
    assert "\n" not in bundle["text/plain"]
    assert not re.search(r"\bid=|<button|<script|<(?!svg)[^>]*aria-hidden", bundle["text/html"])
    output = new_output("execute_result", bundle)
    notebook = new_notebook(cells=[new_code_cell(f"{name}(…)", outputs=[output])])
    page, _ = HTMLExporter().from_notebook_node(notebook)
    assert [text for text in expected if text not in page] == []


def test_a_life_looks_the_same_in_each_run(engine: Any, running: Any) -> None:
    forms = []
    for _ in range(2):
        forms.append(str(Lifecycle(NAME, engine=engine.candidate.address).static()))
        running.restart(timeout=0)
    assert forms[0] == forms[1]
