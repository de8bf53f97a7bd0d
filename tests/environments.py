"""Virtual environments with older versions of what we depend on, for tests.

    python = environments.ensure("colab")      the path of its interpreter

Each is made once, by .ci/venv.py and pip with pip's own configuration, and kept beside the
test images, in a folder named after all that went into it. Raises CannotMake where the
package index cannot be reached.

Knows: venv, pip. Does not know: pytest's fixtures, what runs in an environment.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from images import cache
from support import REPOSITORY

# ipywidgets 7 asks for the whole of Jupyter Notebook, for a front end that no test has.
COLAB = ("ipython==7.34.0", "ipykernel==6.17.1", "ipython-genutils", "docker>=6.1")
COLAB_ALONE = ("ipywidgets==7.7.1",)
RECIPES = {"colab": (COLAB, COLAB_ALONE)}


class CannotMake(Exception):
    """An environment cannot be made here; the text says why."""


def ensure(name: str) -> Path:
    """The interpreter of that environment, which is made where it is missing."""
    packages, alone = RECIPES[name]
    recipe = repr((sys.version, sys.base_prefix, packages, alone))
    folder = cache() / f"{name}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"
    python, done = folder / "bin" / "python", folder / "done"
    if done.exists():
        return python
    with (cache() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            _run(sys.executable, REPOSITORY / ".ci/venv.py", folder)
            pip = [python, "-m", "pip", "install", "--quiet"]
            _run(*pip, *packages)
            _run(*pip, "--no-deps", *alone)
            done.touch()
    return python


def _run(*command: str | Path) -> None:
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise CannotMake(f"{Path(command[0]).name} {command[1]} failed: {ran.stderr[-500:]}")
