"""What cells give to containers is linted too: ruff reads no cell that begins with %%."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import COURSE, require

from ipycontainers import options
from ipycontainers.course import copies

each = pytest.mark.parametrize("notebook", COURSE, ids=lambda notebook: notebook.stem)
# A shell's session goes on: what one cell sets another uses; and a cell that fails
# in the middle is what the reader sees.
LEFT_OUT = "SC2034,SC2154,SC2164"


def bodies(notebook: Path) -> list[tuple[str, str, str]]:
    """(id, "sh" or "python", text) of each container cell that is no solution of another tongue."""
    found = []
    tongue = {}
    for cell in copies.load(notebook)["cells"]:
        head, _, body = "".join(cell["source"]).partition("\n")
        if cell["cell_type"] != "code" or not head.startswith("%%container"):
            continue
        parsed = options.parse(options.split(head.removeprefix("%%container")))
        words = f"{parsed.image} {' '.join(parsed.command)}"
        kind = "python" if "python" in words else "sh"
        if parsed.session and not parsed.image:
            kind = tongue.get(parsed.session, "sh")
        elif parsed.session:
            tongue[parsed.session] = kind
        if body.startswith("#!") and "sh" not in body.partition("\n")[0]:
            kind = "other"
        found.append((cell["id"], kind, body))
    return found


def complaints(notebook: Path, kind: str, *command: str) -> list[str]:
    """What a linter that reads its standard input says of the bodies of that kind."""
    told = []
    for name, its_kind, body in bodies(notebook):
        if its_kind != kind:
            continue
        done = subprocess.run(command, input=body, capture_output=True, text=True, check=False)
        if done.returncode:
            told.append(f"{name}: {done.stdout}{done.stderr}")
    return told


@each
def test_shell_bodies_pass_shellcheck(notebook: Path) -> None:
    require(shutil.which("shellcheck"), "shellcheck", "no shellcheck here")
    options = ["--shell=sh", "--severity=warning", f"--exclude={LEFT_OUT}"]
    assert complaints(notebook, "sh", "shellcheck", *options, "-") == []


@each
def test_python_bodies_pass_ruff(notebook: Path) -> None:
    # As in the notebook's own cells: a name may come from an earlier one.
    options = ["--isolated", "--select=E7,E9,F", "--ignore=F821"]
    ruff = (sys.executable, "-m", "ruff", "check")
    assert complaints(notebook, "python", *ruff, *options, "-") == []
