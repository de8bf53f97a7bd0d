"""A check that cannot fail proves nothing: what is stored is changed, cell by cell, and what the
containers are told to run; nbval has to find every one of these.

One run of a notebook has all of its changes: each cell is judged by itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support import COURSE
from validation import copied, validate

pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("course_images")]
each = pytest.mark.parametrize("notebook", COURSE, ids=lambda notebook: notebook.stem)
# nbval compares these of an output; a view of a widget it leaves out.
COMPARED = ("text/plain", "text/html")
MARK = "a change that nobody made"


def is_compared(cell: Any) -> bool:
    tags = cell.metadata.get("tags", [])
    return cell.cell_type == "code" and not {"nbval-ignore-output", "nbval-skip"} & set(tags)


def mutated(cell: Any) -> bool:
    """Change what the container is told, else one output; whether there was one."""
    return _body(cell) if cell.source.startswith("%%container") else _output(cell)


def _body(cell: Any) -> bool:
    """Let the container say one thing more."""
    head, _, body = cell.source.partition("\n")
    said = f"print('{MARK}')" if "python" in head else f"echo '{MARK}'"
    cell.source = f"{head}\n{said}\n{body}"
    return True


def _output(cell: Any) -> bool:
    for output in cell.outputs:
        if output.output_type == "stream":
            output.text = f"{output.text}{MARK}\n"
            return True
        if output.output_type == "error":
            output.evalue = MARK
            return True
        for kind in COMPARED:
            if kind in output.get("data", {}):
                output.data[kind] = f"{output.data[kind]}{MARK}"
                return True
    return False


@each
def test_nbval_finds_every_change(engine: Any, tmp_path: Path, notebook: Path) -> None:
    changed: set[str] = set()

    def change(content: Any) -> None:
        changed.update(one.id for one in content.cells if is_compared(one) and mutated(one))

    done = validate(copied(notebook, tmp_path, change), tmp_path, engine.candidate.address)
    assert changed
    # What a changed cell tells the container may change what comes after it.
    assert changed <= done.failed, done.text
