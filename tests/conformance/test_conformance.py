"""docker-py's own tests pass on our engine as far as promised; the README lists the rest.

One run of ``python -m conformance`` is measured once for all that is asked here.

Knows: the results' JSON, the shares. Does not know: how tests are run.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conformance import areas, engines, report
from conformance.suite import Outcome
from support import REPOSITORY, require

SHARES = {"bubblewrap": 92, "ptrace": 80}
LIMIT = 900
LEAST = {
    "containers": 115,
    "exec": 20,
    "images": 20,
    "volumes": 10,
    "system": 10,
    "build": 15,
    "networks": 25,
    "healthcheck": 3,
    "events": 1,
}  # tests that pass on dockerd
Measured = dict[str, dict[str, Outcome]]

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(LIMIT + 60)]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    able = os.getuid() == 0 and shutil.which("dockerd") and shutil.which("docker-registry")
    require(able, "docker", "this needs root, dockerd and docker-registry")
    results = tmp_path_factory.mktemp("conformance") / "results.json"
    command = [sys.executable, "-m", "conformance", "--json", str(results)]
    made = subprocess.run(
        command,
        cwd=REPOSITORY / "tests",
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    print(made.stdout)
    assert made.returncode == 0, made.stdout + made.stderr
    return _read(results)


def _read(results: Path) -> Measured:
    plain = json.loads(results.read_text())
    return {
        name: {test: Outcome(**one) for test, one in found.items()} for name, found in plain.items()
    }


def test_dockerd_passes_what_it_is_the_measure_of(measured: Measured) -> None:
    """Else a broken harness would make every share a good one."""
    every = {area: report.passing(measured["dockerd"], [area]) for area in areas.PROMISED}
    assert {area: len(tests) for area, tests in every.items() if len(tests) < LEAST[area]} == {}


@pytest.mark.parametrize("launcher", engines.LAUNCHERS)
def test_the_promised_share_passes(launcher: str, measured: Measured) -> None:
    share = report.share(measured["dockerd"], measured[launcher], areas.PROMISED)
    print(f"{launcher}: {share} that pass on dockerd pass here")
    table = report.table(measured["dockerd"], measured[launcher])
    assert share.percent >= SHARES[launcher], "\n".join(table)


@pytest.mark.parametrize("launcher", engines.LAUNCHERS)
def test_the_readme_lists_what_fails_and_nothing_else(launcher: str, measured: Measured) -> None:
    passing = report.passing(measured["dockerd"], areas.PROMISED)
    failing = report.fails(measured["dockerd"], measured[launcher])
    listed = report.listed(launcher)
    unlisted = [test for test in failing if test not in listed]
    mended = [test for test in passing if test in listed and test not in failing]
    assert (unlisted, mended) == ([], [])
