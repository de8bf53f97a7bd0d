"""A student's copy has neither answers nor outputs, and no copy destroys somebody's work."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ipycontainers.cli import main
from ipycontainers.course import catalogue, copies
from ipycontainers.errors import Invalid

EXERCISE = "01-name"
NUMBER = EXERCISE.partition("-")[0]


def cell(name: str, source: str, *tags: str, kind: str = "code") -> dict[str, Any]:
    made = {"cell_type": kind, "id": name, "metadata": {"tags": list(tags)}, "source": [source]}
    if kind == "code":
        made |= {"execution_count": 1, "outputs": [{"output_type": "stream", "text": ["secret"]}]}
    return made


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "notebooks"
    folder.mkdir()
    notebook = {
        "cells": [
            cell(f"{NUMBER}-title", "# Why?", kind="markdown"),
            cell(f"{NUMBER}-for-me", "only for who teaches", "instructor", kind="markdown"),
            cell(f"{EXERCISE}-solution", "answer = 42", "solution"),
            cell(f"{EXERCISE}-solution-2", "more = 43", "solution"),
            cell(f"{NUMBER}-colophon", "colophon()"),
        ],
        "metadata": {},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    copies.store(notebook, folder / f"{NUMBER}-one.ipynb")
    (folder / "README.md").write_text(f"before\n{'<!-- index'}")
    (folder / "INSTRUCTOR.md").write_text(f"# Notes\n\n## {NUMBER} One\n\nGo slowly.\n")
    return folder


def test_a_students_copy_has_the_task_in_place_of_the_solution(
    source: Path, tmp_path: Path
) -> None:
    assert main(["course", "student", str(tmp_path / "out"), "--source", str(source)]) == 0
    text = (tmp_path / "out" / f"{NUMBER}-one.ipynb").read_text()
    for word in ("secret", "42", "43", "only for who teaches"):
        assert word not in text
    made = json.loads(text)
    assert [one["id"] for one in made["cells"]] == [
        f"{NUMBER}-title",
        f"{EXERCISE}-yours",
        f"{NUMBER}-colophon",
    ]
    assert made["cells"][-1]["execution_count"] is None
    task = "".join(made["cells"][1]["source"])
    assert all(line.startswith("# ") and len(line) <= 90 for line in task.splitlines())
    words = " ".join(line[2:] for line in task.splitlines())
    assert words.endswith(" ".join(catalogue.exercise(EXERCISE).task.split()))


def test_an_instructors_copy_has_everything_and_the_notes(source: Path, tmp_path: Path) -> None:
    assert main(["course", "instructor", str(tmp_path / "out"), "--source", str(source)]) == 0
    text = (tmp_path / "out" / f"{NUMBER}-one.ipynb").read_text()
    for word in ("secret", "answer = 42", "only for who teaches", "Go slowly."):
        assert word in text


def test_work_in_a_copy_is_kept_unless_it_is_given_up(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["course", "student", str(tmp_path / "out"), "--source", str(source)]
    main(words)
    file = tmp_path / "out" / f"{NUMBER}-one.ipynb"
    file.write_text("my work")
    capsys.readouterr()
    main(words)
    assert "left as it is" in capsys.readouterr().out
    assert file.read_text() == "my work"
    main([*words, "--force"])
    assert file.read_text() != "my work"


@pytest.mark.parametrize("text", ["{", "[]", '{"cells": 3}', ""])
def test_what_is_no_notebook_is_named(source: Path, tmp_path: Path, text: str) -> None:
    (source / "99-broken.ipynb").write_text(text)
    with pytest.raises(Invalid, match=r"99-broken\.ipynb is no notebook"):
        list(copies.write(source, tmp_path / "out", kind="student"))


def test_the_copies_do_not_replace_their_source(source: Path) -> None:
    with pytest.raises(Invalid, match="would replace"):
        list(copies.write(source, source, kind="student"))
    with pytest.raises(Invalid, match="no notebooks of the course"):
        list(copies.write(source.parent, source, kind="student"))


def test_a_copied_page_leads_nowhere_in_vain(source: Path, tmp_path: Path) -> None:
    pages = f"[One]({NUMBER}-one.ipynb), [ours](examples/x.ipynb), [all](LICENSE-CONTENT), "
    pages += "[far](https://example.org/a)"
    (source / "README.md").write_text(pages)
    (source / "LICENSE-CONTENT").write_text("BY-SA")
    main(["course", "student", str(tmp_path / "out"), "--source", str(source)])
    told = (tmp_path / "out" / "README.md").read_text()
    assert told == pages.replace("[ours](examples/x.ipynb)", "ours")
