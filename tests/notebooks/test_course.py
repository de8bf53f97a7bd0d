"""The course's notebooks do what they show, on every engine, with one stored file.

Where nothing is isolated, the cells run and those are compared that do not depend on it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support import COURSE
from validation import copied, validate

pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("course_images")]
each = pytest.mark.parametrize("notebook", COURSE, ids=lambda notebook: notebook.stem)


@each
def test_nbval_finds_what_is_stored(engine: Any, tmp_path: Path, notebook: Path) -> None:
    lax = engine.launcher == "ptrace"
    done = validate(copied(notebook, tmp_path), tmp_path, engine.candidate.address, lax=lax)
    assert done.passed, done.text
    assert done.failed == set(), done.text
    assert done.code == 0, done.text
