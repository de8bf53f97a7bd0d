"""Dependencies point down, each foreign library has one owner, public names are in order.

ROWS is the drawing of ARCHITECTURE.md. A new module has to be given its row.
"""

from __future__ import annotations

import ast
import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "ipycontainers"
ROWS = [
    {"__main__", "cli", "course", "magics", "provisioner", "widgets"},
    {
        "answers",
        "background",
        "building",
        "busybox",
        "cell",
        "commands",
        "containers",
        "creation",
        "difference",
        "display",
        "exchange",
        "interpreter",
        "layers",
        "options",
        "outcome",
        "removal",
        "reach",
        "sessions",
        "stack",
        "inbox",
        "streams",
        "watchdog",
    },
    {"client", "engine"},
    {"lifecycle", "namespaces", "oci", "samples"},
    {"errors"},
]
ROW_OF = {part: number for number, row in enumerate(ROWS) for part in row}
OWNERS = {  # a foreign library → the only parts that import it
    "anywidget": {"course", "widgets"},
    "docker": {"client"},
    "ipywidgets": {"course", "widgets"},
    "IPython": {"", "course", "magics", "widgets"},
    "nh3": {"sessions"},
    "requests": {"client"},
    "urllib3": {"engine"},
    "zstandard": {"oci"},
}
FOREIGN = {*OWNERS, "numpy", "pandas", "tornado", "traitlets"} - {"IPython"}
WIDGET_USERS = {"course", "magics", "widgets"}
NAMELESS = {"base", "common", "constants", "helpers", "managers", "misc", "util", "utils"}
FILES = sorted(PACKAGE.rglob("*.py"))


def _part(file: Path) -> str:
    """The module or package directly below ipycontainers; "" for its own __init__."""
    first = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "" if first == "__init__" else first


def _imports(file: Path) -> Iterator[str]:
    """Every module that the file imports anywhere, absolute: docker.errors, ipycontainers.cell."""
    package = ["ipycontainers", *file.relative_to(PACKAGE).parent.parts]
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            if module == "ipycontainers":
                yield from (f"{module}.{alias.name}" for alias in node.names)
            else:
                yield module


def _complaint(part: str, imported: str) -> str | None:
    top, _, rest = imported.partition(".")
    if top != "ipycontainers":
        owners = OWNERS.get(top)
        return f"only {sorted(owners)} may import {top}" if owners and part not in owners else None
    other = rest.partition(".")[0]
    if part == "" or other in {"", "__version__", part}:
        return None
    if other not in ROW_OF:
        return f"{other} has no row in ROWS"
    if ROW_OF[other] < ROW_OF[part]:
        return f"{other} stands above {part}"
    if other == "widgets" and part not in WIDGET_USERS:
        return f"only {sorted(WIDGET_USERS)} may import widgets"
    return "the engine knows no client" if (part, other) == ("engine", "client") else None


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_imports_point_down(file: Path) -> None:
    part = _part(file)
    assert part == "" or part in ROW_OF, f"{part} has no row in ROWS"
    complaints = {name: _complaint(part, name) for name in _imports(file)}
    assert {name: why for name, why in complaints.items() if why} == {}


def test_every_module_is_a_noun_of_its_own() -> None:
    assert [file for file in FILES if {*file.parts, file.stem} & NAMELESS] == []


def test_the_parts_of_one_row_have_no_cycle() -> None:
    uses = {part: set() for part in ROW_OF}
    for file in FILES:
        for name in _imports(file):
            if name.startswith("ipycontainers.") and _part(file):
                uses[_part(file)].add(name.split(".")[1])
    uses = {part: others - {part} for part, others in uses.items()}
    while leaves := {part for part, others in uses.items() if not others & set(uses)}:
        uses = {part: others for part, others in uses.items() if part not in leaves}
    assert uses == {}


def _as_ruff_sorts(name: str) -> tuple[bool, bool, str]:
    """CONSTANTS, then Classes, then functions."""
    return not name.isupper(), name[0].islower(), name


def test_public_names_are_sorted_and_exist() -> None:
    for file in FILES:
        if file.name != "__init__.py":
            continue
        parts = file.parent.relative_to(PACKAGE.parent).parts
        module = importlib.import_module(".".join(parts))
        public = list(getattr(module, "__all__", []))
        assert public == sorted(public, key=_as_ruff_sorts), module.__name__
        assert [name for name in public if not hasattr(module, name)] == [], module.__name__


def test_importing_the_package_imports_nothing_slow() -> None:
    script = "import sys, ipycontainers, ipycontainers.client\nprint(*sys.modules)"
    asked = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert {*asked.stdout.split()} & {*FOREIGN, "IPython"} == set()


def test_loading_the_extension_imports_nothing_slow(tmp_path: Path) -> None:
    """Of this package the magics, the watchdog's starter and what they stand on; of others nothing
    that a notebook has not."""
    script = (
        "import sys\n"
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell()\n"
        "before = set(sys.modules)\n"
        "shell.run_line_magic('load_ext', 'ipycontainers')\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    asked = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "IPYTHONDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = asked.stdout.split()
    assert {name.partition(".")[0] for name in loaded} & FOREIGN == set()
    ours = {name.split(".")[1] for name in loaded if name.startswith("ipycontainers.")}
    assert ours <= {"client", "errors", "magics", "watchdog"}, ours


def test_importing_from_the_course_takes_no_time_beyond_the_package() -> None:
    """What a name of the course stands for is imported when it is first called."""
    script = (
        "import sys, time, ipycontainers\n"
        "before, began = set(sys.modules), time.process_time()\n"
        "from ipycontainers.course import check, ledger, predict\n"
        "print(time.process_time() - began, *sorted(set(sys.modules) - before))"
    )
    asked = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    seconds, *loaded = asked.stdout.split()
    assert loaded == ["ipycontainers.course"]
    assert float(seconds) < 0.03
