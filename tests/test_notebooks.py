"""Every stored output of the notebooks comes out again, on the engine under test."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support import REPOSITORY

NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
SANITIZE = REPOSITORY / "notebooks" / "nbval.cfg"


@pytest.mark.slow
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda notebook: notebook.name)
def test_stored_outputs_come_out_again(
    notebook: Path, engine: Any, plain_images: None, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "pytest", "-c", os.devnull, f"--rootdir={REPOSITORY}"]
    command += ["-p", "no:cacheprovider", "--nbval", str(notebook)]
    if SANITIZE.exists():
        command += ["--nbval-sanitize-with", str(SANITIZE)]
    environ = {**os.environ, "IPYTHONDIR": str(tmp_path)}
    environ["DOCKER_HOST"] = engine.candidate.address
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
