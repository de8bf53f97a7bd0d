"""The course's notebooks are built alike, and what they name is there."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import pytest
from support import COURSE, REPOSITORY

from ipycontainers.course import catalogue, copies, pages

FOLDER = REPOSITORY / "notebooks"
each = pytest.mark.parametrize("notebook", COURSE, ids=lambda notebook: notebook.stem)
# What a cell may be tagged: of nbclient and nbval, and ours.
TAGS = {
    "exercise",
    "instructor",
    "nbval-check-output",
    "nbval-ignore-output",
    "nbval-skip",
    "needs-hub",
    "raises-exception",
    "solution",
}
CELLS = 25
ABSOLUTE = re.compile(r"(?<![\w.:/-])/(?:home|root|Users|tmp/(?!\.)|var/folders)/?\w*")
KEPT = {"kernelspec": {"display_name", "language", "name"}, "language_info": {"name"}}


def texts(notebook: Path, kind: str) -> list[str]:
    cells = copies.load(notebook)["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == kind]


def headings(notebook: Path) -> list[tuple[int, str]]:
    lines = [line for text in texts(notebook, "markdown") for line in _lines(text)]
    return [(len(m[1]), m[2]) for line in lines if (m := re.match(r"(#+) (.*)", line))]


def _lines(text: str) -> list[str]:
    """Without what stands in a fence."""
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL).splitlines()


def test_every_notebook_of_the_catalogue_is_there() -> None:
    assert [copies.number(path) for path in COURSE] == catalogue.notebooks()


@each
def test_it_has_one_title_and_no_level_is_skipped(notebook: Path) -> None:
    levels = [level for level, _ in headings(notebook)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert headings(notebook)[0][1].endswith("?")
    assert "What we saw" in [text for _, text in headings(notebook)]


@each
def test_it_is_short_and_its_cells_are_named(notebook: Path) -> None:
    cells = copies.load(notebook)["cells"]
    number = copies.number(notebook)
    names = [cell["id"] for cell in cells]
    assert len(cells) <= CELLS
    assert len(set(names)) == len(names)
    assert [name for name in names if not re.fullmatch(rf"{number}-[a-z0-9C-]{{2,60}}", name)] == []
    tags = {tag for cell in cells for tag in cell["metadata"].get("tags", [])}
    assert tags <= TAGS
    assert all(set(cell["metadata"]) <= {"tags"} for cell in cells)


@each
def test_its_metadata_name_no_machine(notebook: Path) -> None:
    content = copies.load(notebook)
    assert {key: set(value) for key, value in content["metadata"].items()} == KEPT
    assert content["metadata"]["kernelspec"]["name"] == "python3"
    assert (content["nbformat"], content["nbformat_minor"]) == (4, 5)


@each
def test_it_says_what_it_is_for_and_how_long_it_takes(notebook: Path) -> None:
    first = texts(notebook, "markdown")[0]
    told = catalogue.notebook(copies.number(notebook))
    assert f"{told['minutes']} minutes" in first
    assert "You will be able to" in first
    assert told["question"] == headings(notebook)[0][1]


@each
def test_the_questions_of_the_catalogue_are_asked(notebook: Path) -> None:
    number, code = copies.number(notebook), "\n".join(texts(notebook, "code"))
    told = catalogue.notebook(number)
    asked = re.findall(r"\bpredict\(\"([^\"]+)\"", code)
    assert sorted(asked) == sorted(told.get("predictions", {}))
    assert bool(told.get("quizzes")) == (f'quiz("{number}"' in code)
    judged = re.findall(r"\bverdict\(\"([^\"]+)\"", code)
    assert set(judged) >= {one.id for one in catalogue.claims() if one.notebook == number}
    assert "colophon()" in texts(notebook, "code")[-1]


@each
def test_the_recall_questions_are_about_earlier_notebooks(notebook: Path) -> None:
    number = copies.number(notebook)
    asked = catalogue.quizzes(number)
    assert [one.id for one in asked if not one.about or one.about >= number] == []
    if number not in {"00", "01"}:
        assert len(asked) >= 2


@each
def test_links_lead_somewhere_and_pictures_have_a_text(notebook: Path) -> None:
    text = "\n".join(texts(notebook, "markdown"))
    links = re.findall(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)", text)
    for is_picture, words, target in links:
        assert words.strip() or not is_picture, target
        if not re.match(r"https?://|#", target):
            assert (notebook.parent / target.partition("#")[0]).exists(), target


@each
def test_what_widgets_say_is_not_held_back(notebook: Path) -> None:
    """A widget's message that finds IPython's publisher replaced ends in a traceback."""
    held = r"\bcapture_output\((?!display=False)|%%capture"
    assert [text for text in texts(notebook, "code") if re.search(held, text)] == []


@each
def test_it_names_no_path_of_a_machine(notebook: Path) -> None:
    outputs = [output for cell in copies.load(notebook)["cells"] for output in _outputs(cell)]
    assert [found[0] for text in outputs if (found := ABSOLUTE.search(text))] == []


def _outputs(cell: dict[str, Any]) -> list[str]:
    return [
        "".join(part)
        for output in cell.get("outputs", [])
        for part in [output.get("text", []), *output.get("data", {}).values()]
        if isinstance(part, list | str)
    ]


def test_the_pages_are_as_the_script_writes_them() -> None:
    assert pages.navigate(FOLDER, check=True) == []
