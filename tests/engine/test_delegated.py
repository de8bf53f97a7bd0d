"""Limits, in a user-mode Linux guest: this machine's control groups are not for its users.

One boot runs all of ``delegated``; each of its tests is told here by its name.
"""

from __future__ import annotations

import ast
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

import guest
import pytest

INSIDE = Path(__file__).with_name("delegated.py")
NAMES = [
    node.name
    for node in ast.parse(INSIDE.read_text(encoding="utf-8")).body
    if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
]


@pytest.fixture(scope="module")
def outcomes() -> Iterator[dict[str, list[str]]]:
    """By the test's name: what failed of it, on each launcher."""
    pytest_there = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    with guest.folder() as place:
        place.chmod(0o777)  # the user inside writes its report there
        words = [*pytest_there, "--junitxml=/mnt/report.xml", "--durations=5", str(INSIDE)]
        ran = guest.run(words, place, seconds=240)
        report = place / "report.xml"
        assert report.exists(), ran.output
        yield _read(report, ran.output)


def _read(report: Path, output: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        failed = found.setdefault(case.get("name", "").partition("[")[0], [])
        for kind in ("failure", "error", "skipped"):
            failed += [f"{case.get('name')}: {kind}\n{it.text}" for it in case.iter(kind)]
    assert found, output
    return found


@pytest.mark.parametrize("name", NAMES)
def test_in_the_guest(outcomes: dict[str, list[str]], name: str) -> None:
    assert name in outcomes
    assert not outcomes[name], "\n".join(outcomes[name])
