"""The files around the package keep what they promise: README, Makefile, notebooks."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support import COURSE, EXAMPLES, REPOSITORY

from ipycontainers import options
from ipycontainers.magics import session

PAGES = [REPOSITORY / name for name in ("README.md", "CONTRIBUTING.md", "ARCHITECTURE.md")]
# /proc/1/root is no home.
HOME = re.compile(r"((?<![\w}])/(?:home|Users|root)/|[A-Z]:\\+Users\\+)[\w.-]*")


def _targets() -> set[str]:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    return set(re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)[1].split())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_make_command_of_a_page_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = set(re.findall(r"(?:^ {4}|`)make ([a-z-]+)", text, re.MULTILINE))
    assert named - _targets() == set()


def test_the_makefile_lists_every_target_at_its_top() -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    listed = set(re.findall(r"^#   make ([a-z-]+)", makefile, re.MULTILINE))
    assert _targets() - listed == {"lint"}


def test_a_notebook_of_make_lab_finds_the_command() -> None:
    """``!ipycontainers doctor`` works in it, though nobody has activated .venv."""
    command = ["make", "--dry-run", "--always-make", "lab"]
    made = subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, text=True)
    started = next(line for line in made.stdout.splitlines() if "/jupyter lab" in line)
    assert started.startswith(f'PATH="{REPOSITORY / ".venv/bin"}:$PATH" ')


def _cells(notebook: Path) -> list[dict[str, Any]]:
    return list(json.loads(notebook.read_text(encoding="utf-8"))["cells"])


@pytest.mark.parametrize("notebook", [*COURSE, *EXAMPLES], ids=lambda notebook: notebook.name)
def test_a_notebook_names_nobodys_home(notebook: Path) -> None:
    assert HOME.search(notebook.read_text(encoding="utf-8")) is None


@pytest.mark.parametrize("notebook", [*COURSE, *EXAMPLES], ids=lambda notebook: notebook.name)
def test_a_notebook_shows_errors_only_where_they_are_meant(notebook: Path) -> None:
    for cell in _cells(notebook):
        kinds = {output["output_type"] for output in cell.get("outputs", [])}
        tags = cell["metadata"].get("tags", [])
        assert "error" not in kinds or "raises-exception" in tags, "".join(cell["source"])


@pytest.mark.parametrize("notebook", [*COURSE, *EXAMPLES], ids=lambda notebook: notebook.name)
def test_a_notebook_was_run_from_top_to_bottom(notebook: Path) -> None:
    counts = [cell["execution_count"] for cell in _cells(notebook) if cell["cell_type"] == "code"]
    assert counts == list(range(1, len(counts) + 1))


def _images(notebook: Path) -> set[str]:
    first_lines = ("".join(cell["source"]).partition("\n")[0] for cell in _cells(notebook))
    magics = [line.split("container ", 1)[1] for line in first_lines if "%container " in line]
    images = {options.parse(options.split(one)).image for one in magics if not session.verb(one)}
    return images - {""}  # of a cell that goes on with a session


@pytest.mark.parametrize("file", ["Makefile", "binder/postBuild"])
def test_the_images_of_the_notebooks_are_made_where_none_can_be_pulled(file: str) -> None:
    text = (REPOSITORY / file).read_text(encoding="utf-8")
    named = re.search(r"^(?:IMAGES :=|ipycontainers image stand-in) (.+)$", text, re.MULTILINE)
    assert named
    assert set(named[1].split()) == set().union(*map(_images, EXAMPLES))


@pytest.mark.parametrize("name", ["postBuild", "start"])
def test_binder_can_run_its_scripts(name: str) -> None:
    script = REPOSITORY / "binder" / name
    assert os.access(script, os.X_OK)
    assert script.read_text().startswith("#!/bin/bash\n")


def test_no_test_waits_for_what_it_does_not_assert() -> None:
    dropped = re.compile(r"^\s*wait_for\(", re.MULTILINE)
    files = (REPOSITORY / "tests").rglob("*.py")
    assert [file.name for file in files if dropped.search(file.read_text("utf-8"))] == []
