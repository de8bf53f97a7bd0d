"""The images of the course, on the engine under test."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(scope="session")
def course_images(engine: Any) -> None:
    from ipycontainers.course.images import provide

    provide(engine)
