"""What holds after every test of a widget."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _engines_are_let_go() -> Iterator[None]:
    """A kernel keeps its connections for the next widget; a test has no next one."""
    yield
    from ipycontainers.widgets import connection

    for engine in list(connection._OPENED):
        connection.forget(engine)
