"""A student's and an instructor's copy of a notebook, made from one source.

    student(notebook)        without outputs and solutions: an exercise's task stands in its place
    instructor(notebook)     with both, the notes for who teaches it, and the answers

A solution is a code cell with the tag ``solution`` and an id that begins with its exercise's,
04a-door-solution. Cells with the tag ``instructor`` are left out of a student's copy.

Notebooks are plain JSON here, as nbformat 4.5 has it: https://nbformat.readthedocs.io

Knows: cells, tags, the catalogue. Does not know: engines.
"""

from __future__ import annotations

import copy
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from textwrap import TextWrapper
from typing import Any

from ipycontainers.errors import Invalid

from . import catalogue
from .catalogue import words

SOLUTION = "solution"
INSTRUCTOR = "instructor"
# What goes with the notebooks.
BESIDE = ("README.md", "GLOSSARY.md", "LICENSE-CONTENT")
WIDTH = 88  # letters of a comment in a cell
Notebook = dict[str, Any]


def load(path: Path) -> Notebook:
    """Raises Invalid where the file is no notebook."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        assert isinstance(found["cells"], list)
    except (OSError, ValueError, KeyError, TypeError, AssertionError) as error:
        raise Invalid(f"{path.name} is no notebook", str(error)) from error
    return dict(found)


def store(notebook: Notebook, path: Path) -> None:
    """As Jupyter writes it; the file is there whole or not at all."""
    text = json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    Path(name).chmod(0o644)
    Path(name).replace(path)


def number(path: Path) -> str:
    """Of a notebook by its file: 04a of 04a-processes-and-kernel.ipynb; "" of one without."""
    found = re.match(r"(\d\d[a-z]?)-", path.name)
    return found[1] if found else ""


def of_the_course(folder: Path) -> list[Path]:
    """Its notebooks in their order. Raises Invalid where there is none."""
    found = sorted(path for path in folder.glob("*.ipynb") if number(path))
    if not found:
        raise Invalid(f"there are no notebooks of the course in {folder}", "name their folder")
    return found


def student(notebook: Notebook) -> Notebook:
    """Without outputs and solutions."""
    made = copy.deepcopy(notebook)
    made["cells"] = [one for cell in made["cells"] if (one := _of_student(cell))]
    _without_doubles(made["cells"])
    return made


def instructor(notebook: Notebook, notes: str = "") -> Notebook:
    """With outputs, solutions, ``notes`` below the title, and the answers at its end."""
    made = copy.deepcopy(notebook)
    cells = made["cells"]
    first = str(cells[0]["id"]).partition("-")[0]
    if notes:
        cells.insert(1, _note(f"{first}-notes", f"## {words('instructor.notes')}\n\n{notes}"))
    if answers := "\n".join(_answers(first)):
        cells.append(_note(f"{first}-answers", f"## {words('instructor.answers')}\n\n{answers}"))
    return made


def notes_of(text: str) -> dict[str, str]:
    """INSTRUCTOR.md by notebook: what stands below each heading ``## 04a …``."""
    parts = re.split(r"^## (\d\d[a-z]?)\b.*$", text, flags=re.MULTILINE)
    return {name: body.strip() for name, body in zip(parts[1::2], parts[2::2], strict=True)}


def write(source: Path, target: Path, *, kind: str, force: bool = False) -> Iterator[str]:
    """Copies of all notebooks of the course into ``target``, a line for each. A file that is there
    already, and is not as this would write it, is left as it is unless ``force``."""
    if target.resolve() == source.resolve():
        raise Invalid("the copies would replace what they are made of", "name another folder")
    notebooks = of_the_course(source)
    target.mkdir(parents=True, exist_ok=True)
    notes = notes_of(_text(source / "INSTRUCTOR.md")) if kind == INSTRUCTOR else {}
    for path in notebooks:
        made = load(path)
        is_for_students = kind != INSTRUCTOR
        made = student(made) if is_for_students else instructor(made, notes.get(number(path), ""))
        yield f"{path.name}: {_put(made, target / path.name, force=force)}"
    for name in BESIDE:
        if (source / name).is_file() and not (target / name).exists():
            text = _linked((source / name).read_text(encoding="utf-8"), target)
            (target / name).write_text(text, encoding="utf-8")


def _linked(text: str, folder: Path) -> str:
    """A page, whose links are words where they would lead to nothing in ``folder``."""

    def kept(link: re.Match[str]) -> str:
        shown, path = link.groups()
        is_there = "://" in path or path in BESIDE or (folder / path).exists()
        return link[0] if is_there else shown

    return re.sub(r"\[([^\]\n]+)\]\(([^)\s#]+)\)", kept, text)


def _put(notebook: Notebook, path: Path, *, force: bool) -> str:
    if path.exists() and not force:
        is_same = path.is_file() and _text(path) == _text_of(notebook)
        return words("copies.same" if is_same else "copies.kept")
    store(notebook, path)
    return words("copies.made")


def _text_of(notebook: Notebook) -> str:
    return json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def _tags(cell: Mapping[str, Any]) -> Sequence[str]:
    tags: Sequence[str] = cell.get("metadata", {}).get("tags", [])
    return tags


def _without_outputs(cell: dict[str, Any]) -> dict[str, Any]:
    if cell["cell_type"] == "code":
        cell.update(outputs=[], execution_count=None)
    return cell


def _of_student(cell: dict[str, Any]) -> dict[str, Any] | None:
    if INSTRUCTOR in _tags(cell):
        return None
    _without_outputs(cell)
    if SOLUTION in _tags(cell):
        exercise = catalogue.exercise(exercise_of(cell))
        text = exercise.start or _commented(f"{words('copies.yours')}\n{exercise.task}")
        cell.update(
            id=f"{exercise.id}-yours",
            source=text.splitlines(keepends=True),
            metadata={"tags": ["exercise"]},
        )
    return cell


def _commented(text: str) -> str:
    """As comments that can be read without scrolling."""
    wrapped = TextWrapper(WIDTH, break_long_words=False, break_on_hyphens=False)
    lines = (part for line in text.splitlines() for part in wrapped.wrap(line))
    return "".join(f"# {line}\n" for line in lines)


def exercise_of(cell: Mapping[str, Any]) -> str:
    """Of a solution: 04a-door of 04a-door-solution and of 04a-door-solution-2."""
    return str(cell["id"]).partition("-solution")[0]


def _without_doubles(cells: list[dict[str, Any]]) -> None:
    """A solution of several cells leaves one place for the student's."""
    seen: set[str] = set()
    for cell in list(cells):
        if cell["id"] in seen:
            cells.remove(cell)
        seen.add(cell["id"])


def _note(name: str, text: str) -> dict[str, Any]:
    return {
        "cell_type": "markdown",
        "id": name,
        "metadata": {"tags": [INSTRUCTOR]},
        "source": text.splitlines(keepends=True),
    }


def _answers(notebook: str) -> Iterator[str]:
    """The right answers of questions, where one is right on every engine, and all hints."""
    found = catalogue.notebook(notebook)
    for kind in ("predictions", "quizzes"):
        for name in found.get(kind, {}):
            question = catalogue.question(name, kind)
            yield f"- {question.text} **{_right(question)}**"
    for name in found.get("exercises", {}):
        exercise = catalogue.exercise(name)
        hints = "; ".join(exercise.hints.values())
        yield f"- {name}: {' '.join(exercise.task.split())} *{hints}*"


def _right(question: catalogue.Question) -> str:
    if question.right is None:
        return words("instructor.by-engine")
    if isinstance(question.right, int):
        return question.choices[question.right]
    pairs = zip(question.rows, question.right, strict=True)
    return ", ".join(f"{row}: {question.choices[it]}" for row, it in pairs)
