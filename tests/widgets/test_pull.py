"""The progress of a pull: what its one line says, and that nothing of it stays."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ipywidgets.widgets import widget

from ipycontainers.widgets.pull import PullView


@pytest.fixture
def view() -> Iterator[PullView]:
    before = set(widget._instances)
    view = PullView("python:3-slim")
    yield view
    view.close()
    assert set(widget._instances) == before, "models left behind"


def test_before_the_first_layer(view: PullView) -> None:
    view.feed("3-slim", "Pulling from library/python", 0, 0)
    assert view.summary() == "Pulling python:3-slim …"


def test_the_total_is_said_when_every_layer_has_said_its_size(view: PullView) -> None:
    view.feed("aaaaaaaaaaaa", "Downloading", 3_000_000, 30_000_000)
    view.feed("bbbbbbbbbbbb", "Waiting", 0, 0)
    assert view.summary() == "Pulling python:3-slim: 0 of 2 layers, 3.0 MB"
    view.feed("bbbbbbbbbbbb", "Downloading", 100_000, 2_000_000)
    assert view.summary() == "Pulling python:3-slim: 0 of 2 layers, 3.1 of 32.0 MB"


def test_a_layer_that_is_there_already_counts_as_done(view: PullView) -> None:
    view.feed("aaaaaaaaaaaa", "Already exists", 0, 0)
    view.feed("bbbbbbbbbbbb", "Downloading", 500_000, 2_000_000)
    view.feed("bbbbbbbbbbbb", "Download complete", 0, 0)
    assert view.summary() == "Pulling python:3-slim: 1 of 2 layers, 2.0 of 2.0 MB"
    view.feed("bbbbbbbbbbbb", "Pull complete", 0, 0)
    assert view.summary() == "Pulling python:3-slim: 2 of 2 layers, 2.0 of 2.0 MB"


def test_names_are_text(view: PullView) -> None:
    view.feed("<b>layer</b>", "<i>status</i>", 0, 0)
    view.draw()
    name, _, status = view.children[1].children
    assert (name.value, status.value) == (
        "<code>&lt;b&gt;layer&lt;/b&gt;</code>",
        "&lt;i&gt;status&lt;/i&gt;",
    )
