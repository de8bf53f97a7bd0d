"""A session in the sandbox for a file of tests, and pages of its JupyterLab."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import images
import lab
import nbformat
import pytest
import sandbox
from lab import Notebook
from support import require

from ipycontainers.client import connect
from ipycontainers.errors import EngineUnavailable

BUILDING = 600  # seconds that Docker may take to store an image


@pytest.fixture(scope="module")
def box() -> Iterator[sandbox.Session]:
    try:
        connection = connect("docker", timeout=BUILDING)
    except EngineUnavailable as error:
        require(False, "docker", error.message)
    with connection:
        try:
            image = sandbox.build(connection.docker)
        except images.CannotMake as error:
            require(False, "debootstrap", str(error))
        with sandbox.session(connection.docker, image) as session:
            session.put(sandbox.lab_settings())
            yield session


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with lab.browser() as opened:
        yield opened


@pytest.fixture
def open_notebook(browser: Any, box: sandbox.Session) -> Iterator[Callable[[str], Notebook]]:
    """open_notebook("notebooks/examples/hello.ipynb") opens it in a page of its own."""
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.set_default_timeout(200_000)
    yield lambda name: Notebook(page, box.url, name)
    page.close()


@pytest.fixture
def cells(
    open_notebook: Callable[[str], Notebook], box: sandbox.Session, request: Any
) -> Callable[..., Notebook]:
    """cells(text, …) opens a notebook of these cells, and has run them all."""

    def run(*texts: str) -> Notebook:
        name = f"{request.node.name}.ipynb"
        made = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(text) for text in ("%load_ext ipycontainers", *texts)],
            metadata={"kernelspec": lab.KERNELSPEC},
        )
        box.put({name: nbformat.writes(made).encode()})
        notebook = open_notebook(name)
        notebook.run_all()
        notebook.wait_until_idle(400)
        return notebook

    return run
