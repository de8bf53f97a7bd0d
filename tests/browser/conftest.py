"""A JupyterLab for a file of tests, and pages of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import lab as lab_page
import nbformat
import needs
import pytest
from lab import KERNELSPEC, Lab, Notebook
from nbformat.v4 import new_code_cell, new_notebook
from support import EXAMPLES, REPOSITORY


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that JupyterLab shows, with copies of the notebooks."""
    root = tmp_path_factory.mktemp("root")
    for notebook in EXAMPLES:
        copy = root / notebook.relative_to(REPOSITORY / "notebooks")
        copy.parent.mkdir(exist_ok=True)
        shutil.copy(notebook, copy)
    return root


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with lab_page.browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def lab(
    browser: Any, engine: Any, root: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Lab]:
    address = engine.candidate.address
    lab = Lab(tmp_path_factory.mktemp("lab"), root, env={"DOCKER_HOST": address})
    yield lab
    lab.close()


@pytest.fixture
def open_notebook(browser: Any, lab: Lab, engine: Any) -> Iterator[Callable[[str], Notebook]]:
    """open_notebook("examples/hello.ipynb") opens it in a page of its own; the kernel waits."""
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.set_default_timeout(60_000)
    with needs.witness(lambda: str(page.inner_text("body"))):
        yield lambda name: Notebook(page, lab.url, name)
    page.close()


@pytest.fixture
def cells(open_notebook: Callable[[str], Notebook], root: Path, request: Any) -> Callable[..., Any]:
    """cells(text, …) opens a notebook of these cells; the extension is loaded."""

    def write(*texts: str) -> Notebook:
        name = f"{request.node.name}.ipynb"
        made = new_notebook(
            cells=[new_code_cell(text) for text in ("%load_ext ipycontainers", *texts)],
            metadata={"kernelspec": KERNELSPEC},
        )
        nbformat.write(made, root / name)
        notebook = open_notebook(name)
        notebook.cell(0).run()
        notebook.wait_until_idle()
        return notebook

    return write
