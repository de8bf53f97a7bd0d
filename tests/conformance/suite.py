"""docker-py's own integration tests, as the source distribution of 6.1.3 has them.

    suite = Suite.fetched(cache)          from PyPI, once; unpacked there
    suite.run(address, ids, …)            in a pytest of its own: {test: Outcome}

The private folder beside it holds what these tests import instead of ours: requests before 2.32,
whose adapters docker-py 6.1.3 knows, and a stand-in for paramiko, of which they ask one class.

Knows: PyPI, pytest's command line and its JUnit file. Does not know: engines.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

DISTRIBUTION = "docker==6.1.3"
SHA256 = "aa6d17830045ba5ef0168d5eaa34d37beeb113948c413affe1d5991fc11f9a20"
REQUESTS = "requests==2.31.0"
API_VERSION = "1.41"
PARAMIKO = '''"""tests/helpers.py asks whether a socket is a paramiko.Channel; none is."""


class Channel:
    pass
'''
# Not of one engine on one machine: a swarm and what it runs, plugins from Docker Hub, the
# credential store of a desktop.
LEFT_OUT = (
    "api_config_test.py",
    "api_plugin_test.py",
    "api_secret_test.py",
    "api_service_test.py",
    "api_swarm_test.py",
    "credentials",
    "models_nodes_test.py",
    "models_services_test.py",
    "models_swarm_test.py",
)
PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


class CannotFetch(Exception):
    """PyPI does not give the distribution; the text says why."""


@dataclass(frozen=True)
class Outcome:
    result: str  # PASSED, FAILED, SKIPPED
    seconds: float
    reason: str = ""  # the first line of the failure

    @property
    def has_passed(self) -> bool:
        return self.result == PASSED


@dataclass(frozen=True)
class Suite:
    source: Path  # holds tests/integration and the package docker
    private: Path

    @classmethod
    def fetched(cls, cache: Path) -> Suite:
        """What PyPI has, kept in ``cache``; two at once wait for each other. Raises CannotFetch."""
        folder = cache / "docker-py-6.1.3"
        folder.mkdir(parents=True, exist_ok=True)
        suite = cls(folder / "docker-6.1.3", folder / "private")
        with (folder / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (folder / "complete").exists():
                suite._fetch(folder)
                (folder / "complete").touch()
        return suite

    def _fetch(self, folder: Path) -> None:
        _pip("download", "--no-deps", "--no-binary=docker", f"--dest={folder}", DISTRIBUTION)
        archive = next(folder.glob("docker-6.1.3.tar.gz"))
        if hashlib.sha256(archive.read_bytes()).hexdigest() != SHA256:
            raise CannotFetch(f"{archive} is not the distribution that PyPI has had")
        # GNU tar, which leaves the folder for no name and no link in the archive.
        subprocess.run(["tar", "-xzf", archive, "--no-same-owner", "-C", folder], check=True)
        _pip("install", "--no-deps", "--upgrade", "--target", str(self.private), REQUESTS)
        (self.private / "paramiko.py").write_text(PARAMIKO)

    def copied(self, folder: Path) -> Suite:
        """The same where every user may read it."""
        shutil.copytree(self.source, folder / "source")
        shutil.copytree(self.private, folder / "private")
        return Suite(folder / "source", folder / "private")

    def run(
        self, user: Sequence[str], address: str, scratch: Path, *words: str,
        limit: float, each: float = 60,
    ) -> dict[str, Outcome]:  # fmt: skip
        """Every test that ``words`` select on the engine at ``address``.

        ``user`` are words before the command, which make it another user's. A test ends after
        ``each`` seconds, all of them after ``limit``: what has not run then is not in the
        answer. ``scratch`` gets pytest's output and its JUnit file.
        """
        settings = scratch / ".docker"
        settings.mkdir(parents=True)
        (settings / "config.json").write_text("{}")  # beside it the tests write contexts
        for folder in (scratch, settings):
            folder.chmod(0o777)
        results = scratch / "junit.xml"
        ignored = [f"--ignore=tests/integration/{name}" for name in LEFT_OUT]
        command = [
            *user,
            *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--tb=short", "-q"),
            *("--timeout", str(each), "--session-timeout", str(limit), "--junitxml", str(results)),
            *ignored,
            *(words or ("tests/integration",)),
        ]
        with (scratch / "output").open("wb") as output:
            subprocess.run(
                command, cwd=self.source, env=self._environ(address, scratch), stdout=output,
                stderr=subprocess.STDOUT, timeout=limit + 2 * each, check=False,
            )  # fmt: skip
        return read(results) if results.exists() else {}

    def _environ(self, address: str, scratch: Path) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("DOCKER_")}
        return {
            **kept,
            "DOCKER_HOST": address,
            "DOCKER_TEST_API_VERSION": API_VERSION,
            "HOME": str(scratch),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": str(self.private),
        }


def _pip(*words: str) -> None:
    quiet = ("--quiet", "--disable-pip-version-check")
    made = subprocess.run(
        [sys.executable, "-m", "pip", *words, *quiet], capture_output=True, text=True, check=False
    )
    if made.returncode:
        raise CannotFetch(f"pip {' '.join(words)}: {made.stderr[-1000:]}")


def read(results: Path) -> dict[str, Outcome]:
    """A JUnit file's tests, named ``FILE::CLASS::TEST`` without ``.py`` and folders."""
    found = {}
    for case in ElementTree.parse(results).getroot().iter("testcase"):
        names = str(case.get("classname", "")).removeprefix("tests.integration.").split(".")
        found["::".join([*names, str(case.get("name"))])] = _outcome(case)
    return found


def _outcome(case: ElementTree.Element) -> Outcome:
    seconds = float(case.get("time", "0"))
    for kind in ("failure", "error"):
        failure = case.find(kind)
        if failure is not None:
            lines = str(failure.get("message", "")).splitlines() or [""]
            return Outcome(FAILED, seconds, lines[0])
    return Outcome(PASSED if case.find("skipped") is None else SKIPPED, seconds)
