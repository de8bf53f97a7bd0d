"""What tests of the course share.

lab         the engine under test as a notebook's lab, with the course's images
progress    an empty file of progress, which is the one that the package's functions use
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ipycontainers.course import images
from ipycontainers.course.lab import Lab
from ipycontainers.course.progress import Progress


@pytest.fixture
def lab(engine: Any) -> Lab:
    images.ensure(connection=engine)
    return Lab.on(engine)


@pytest.fixture
def progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Progress:
    monkeypatch.setenv("IPYCONTAINERS_COURSE_PROGRESS", str(tmp_path / "progress.json"))
    return Progress.here()
