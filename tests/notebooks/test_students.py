"""An exercise is open in a student's copy, and nothing there stops *Restart & Run All*.

That it is solved by the solution is what nbval compares: each check's stored output says so.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import kernels
import nbformat
import pytest
from support import COURSE
from turns import turn
from validation import copied

from ipycontainers.course import catalogue, copies

each = pytest.mark.parametrize("notebook", COURSE, ids=lambda notebook: notebook.stem)
STORE = Path(__file__).with_name("store.py")
CHECK = re.compile(r"\bcheck\(\"([^\"]+)\"\)")


def exercises(notebook: Path) -> list[str]:
    return list(catalogue.notebook(copies.number(notebook)).get("exercises", {}))


@each
def test_every_exercise_has_a_solution_a_place_and_a_check(notebook: Path) -> None:
    content = copies.load(notebook)
    solutions = [
        copies.exercise_of(cell)
        for cell in content["cells"]
        if copies.SOLUTION in cell["metadata"].get("tags", [])
    ]
    assert list(dict.fromkeys(solutions)) == exercises(notebook)
    student = copies.student(content)
    places = [it["id"] for it in student["cells"] if "exercise" in it["metadata"].get("tags", [])]
    assert places == [f"{name}-yours" for name in exercises(notebook)]
    text = json.dumps(student)
    checks = CHECK.findall("\n".join("".join(it["source"]) for it in student["cells"]))
    assert checks == exercises(notebook)
    assert '"solution"' not in text
    assert all(not cell.get("outputs") for cell in student["cells"])


@each
def test_the_solution_is_stored_as_correct(notebook: Path) -> None:
    found = {}
    for cell in copies.load(notebook)["cells"]:
        for name in CHECK.findall("".join(cell["source"])):
            (output,) = cell["outputs"]
            found[name] = "".join(output["data"]["text/plain"])
    assert set(found) == set(exercises(notebook))
    assert [text for name, text in found.items() if not text.startswith(f"{name}: correct")] == []


@each
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("course_images")
def test_no_exercise_is_done_in_a_students_copy(
    engine: Any, tmp_path: Path, notebook: Path
) -> None:
    def of_a_student(content: Any) -> Any:
        return nbformat.from_dict(copies.student(json.loads(nbformat.writes(content))))

    progress = tmp_path / "progress.json"
    variables = {
        "DOCKER_HOST": engine.candidate.address,
        "IPYCONTAINERS_COURSE_PROGRESS": str(progress),
    }
    with turn(copies.number(notebook), engine.candidate.address):
        ran = subprocess.run(
            [sys.executable, STORE, copied(notebook, tmp_path, of_a_student)],
            env=kernels.environment(tmp_path, variables),
            capture_output=True,
            text=True,
            check=False,
            timeout=250,
        )
    assert ran.returncode == 0, f"Restart & Run All stops: {ran.stderr}"
    states = json.loads(progress.read_text())["checks"] if exercises(notebook) else {}
    assert set(states) == set(exercises(notebook))
    assert [name for name, one in states.items() if one["state"] == "correct"] == []
