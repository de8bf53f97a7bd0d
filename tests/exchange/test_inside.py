"""What runs in the container asks for nothing but Python 3.6."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import agents
import pytest

from ipycontainers.exchange import inside, source

FILES = sorted(Path(inside.__file__).parent.glob("*.py"))
OPTIONAL = {"numpy", "pandas", "polars", "pyarrow"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_its_text_is_python_3_6_and_imports_the_standard_library(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"), feature_version=(3, 6))
    at_once, later = set(), set()
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and not node.level:
            names = [str(node.module)]
        (at_once if node in tree.body else later).update(name.partition(".")[0] for name in names)
    assert at_once <= sys.stdlib_module_names
    assert later <= sys.stdlib_module_names | OPTIONAL | {"__main__"}


@pytest.mark.parametrize("path", agents.pythons() or [sys.executable])
def test_the_oldest_and_the_newest_python_here_run_it(path: str) -> None:
    value = "{1: (2.5, b'x', {1180591620717411303424}), '\\xe4': None}"
    script = f"{source()}print(ascii(arrive(*leave({value}))))"
    words = [path, "-I", "-S", "-"]
    asked = subprocess.run(words, input=script.encode(), capture_output=True, check=True)
    assert asked.stdout.decode() == f"{value}\n"
