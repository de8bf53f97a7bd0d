"""nbval on notebooks, as ``make notebooks`` runs it, and what it says of each cell.

    verdicts = validate(path, folder, address)       {"04a-run-leaks": True, …}
    verdicts = validate(path, folder, address, lax=True)

Knows: nbval's command and report. Does not know: what the notebooks are about.
"""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kernels
import nbformat
from support import REPOSITORY
from turns import turn

from ipycontainers.course import copies

SANITIZE = REPOSITORY / "notebooks" / "nbval.cfg"
# Of one cell, in seconds.
CELL_TIMEOUT = 120
# Other plugins than nbval take as long to be imported as a kernel takes to start.
ALONE = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


@dataclass(frozen=True)
class Verdicts:
    """``passed`` by the cell's id, of the code cells that nbval judged; ``text`` is its report."""

    passed: Mapping[str, bool]
    text: str
    code: int

    @property
    def failed(self) -> set[str]:
        return {name for name, has_passed in self.passed.items() if not has_passed}


def copied(
    notebook: Path, folder: Path, change: Callable[[Any], Any] = lambda content: content
) -> Path:
    """A copy in ``folder``, where it may write; ``change`` returns what is written."""
    content = nbformat.read(notebook, as_version=4)
    target = folder / notebook.name
    nbformat.write(change(content) or content, target)
    return target


def validate(notebook: Path, folder: Path, address: str | None, *, lax: bool = False) -> Verdicts:
    """Run nbval in ``folder`` on one notebook, its kernel with the engine at ``address``."""
    report = folder / "report.xml"
    words = ["-m", "pytest", "-c", os.devnull, f"--rootdir={folder}", "-p", "no:cacheprovider"]
    words += ["-p", "nbval.plugin"]
    words += ["--nbval-lax" if lax else "--nbval", f"--nbval-cell-timeout={CELL_TIMEOUT}"]
    words += ["--nbval-sanitize-with", str(SANITIZE), f"--junitxml={report}", str(notebook)]
    chosen = {"DOCKER_HOST": address} if address else {}
    with turn(copies.number(notebook), address):
        done = subprocess.run(
            [sys.executable, *words],
            cwd=folder,
            env=kernels.environment(folder, chosen | ALONE),
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
    return Verdicts(_passed(notebook, report), done.stdout + done.stderr, done.returncode)


def _passed(notebook: Path, report: Path) -> dict[str, bool]:
    """nbval names a cell by its place among the code cells: ``…::Cell 3``."""
    cells = [it for it in nbformat.read(notebook, as_version=4).cells if it.cell_type == "code"]
    if not report.is_file():
        return {}
    found = {}
    for case in ElementTree.parse(report).iter("testcase"):
        number = int(str(case.get("name")).rpartition(" ")[2])
        bad = any(case.find(kind) is not None for kind in ("failure", "error"))
        found[str(cells[number].id)] = not bad
    return found
