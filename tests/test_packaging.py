"""What is installed: the same set for pip and conda, and a package that is whole."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from support import REPOSITORY

CONDA_NAMES = {"docker": "docker-py"}
NOT_PACKAGED = shutil.ignore_patterns(".git", ".venv", "*.egg-info", ".*_cache")


@pytest.fixture(scope="module")
def setup() -> configparser.ConfigParser:
    parsed = configparser.ConfigParser()
    parsed.read(REPOSITORY / "setup.cfg", encoding="utf-8")
    return parsed


def _requirement(line: str) -> tuple[str, str]:
    """Name and version; a marker ("; sys_platform …") is pip's alone."""
    name, version = re.fullmatch(r"([\w.-]+)\s*([^;]*?)\s*(;.*)?", line).groups()[:2]
    return name.lower().replace("_", "-"), version


def _asked(setup: configparser.ConfigParser, extras: list[str]) -> dict[str, str]:
    """What setup.cfg asks for, in conda's names."""
    options = setup["options"]
    wanted = [options["install_requires"], *map(setup["options.extras_require"].get, extras)]
    asked = dict(_requirement(line) for line in "\n".join(wanted).split("\n") if line)
    asked = {CONDA_NAMES.get(name, name): version for name, version in asked.items()}
    return {**asked, "python": options["python_requires"]}


def _offered(file: str) -> dict[str, str]:
    """What an environment's file installs, but for pip and this package itself."""
    listed: list[Any] = yaml.safe_load((REPOSITORY / file).read_text())["dependencies"]
    by_pip = [line for line in listed.pop()["pip"] if line != "--editable ."]
    offered = dict(_requirement(line) for line in [*listed, *by_pip])
    del offered["pip"]
    return offered


def test_environment_yml_is_the_same_set(setup: configparser.ConfigParser) -> None:
    everything = list(setup["options.extras_require"])
    assert _offered("environment.yml") == _asked(setup, everything)
    assert "- --editable ." in (REPOSITORY / "environment.yml").read_text()


def test_binder_has_what_a_notebook_needs(setup: configparser.ConfigParser) -> None:
    assert _offered("binder/environment.yml") == _asked(setup, ["lab"])


# Of Debian 12, of Ubuntu 22.04 and of 24.04 (main or universe). A name that one of them lacks, as
# Ubuntu lacks user-mode-linux, ends a build of mybinder.org.
PACKAGES = {"busybox-static", "debian-archive-keyring", "proot"}


def test_binder_asks_for_packages_that_are_everywhere() -> None:
    asked = (REPOSITORY / "binder/apt.txt").read_text().split()
    assert asked == sorted(PACKAGES)


def test_what_binder_runs_can_be_run() -> None:
    scripts = [file for file in (REPOSITORY / "binder").iterdir() if not file.suffix]
    assert {file.name for file in scripts} == {"postBuild", "start", "user-mode-linux"}
    for file in scripts:
        assert file.stat().st_mode & 0o111, file
        checked = subprocess.run(["bash", "-n", file], capture_output=True, check=False)
        assert checked.returncode == 0, checked.stderr


BADGE = r"\[!\[[^\]]+\]\([^)]+\)\]\((https://mybinder\.org/v2/gh/\S+)\)"


def test_the_badge_opens_the_first_notebook() -> None:
    """A learner's copy, which postBuild makes. HEAD is the branch that is shown first."""
    (address,) = re.findall(BADGE, (REPOSITORY / "README.md").read_text(encoding="utf-8"))
    asked = urlsplit(address)
    assert asked.path.endswith("/ipycontainers/HEAD")
    (opened,) = parse_qs(asked.query)["urlpath"]
    first = min(path.name for path in (REPOSITORY / "notebooks").glob("*.ipynb"))
    assert opened == f"lab/tree/learn/{first}"
    assert "\nipycontainers course student learn\n" in (REPOSITORY / "binder/postBuild").read_text()


def test_a_requirement_of_two_extras_is_the_same(setup: configparser.ConfigParser) -> None:
    seen: dict[str, str] = {}
    for lines in setup["options.extras_require"].values():
        for name, version in (_requirement(line) for line in lines.split("\n") if line):
            assert seen.setdefault(name, version) == version, name


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with sdist and wheel, built from a copy by the setuptools that is installed."""
    folder = tmp_path_factory.mktemp("built")
    source = folder / "source"
    shutil.copytree(REPOSITORY, source, ignore=NOT_PACKAGED)
    shutil.rmtree(source / "build", ignore_errors=True)  # of an earlier setuptools
    script = (
        "from setuptools import build_meta as build\n"
        "build.build_sdist('../dist'); build.build_wheel('../dist')"
    )
    (folder / "dist").mkdir()
    command = [sys.executable, "-c", script]
    made = subprocess.run(command, cwd=source, check=False, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    return folder / "dist"


def test_sdist_and_wheel_hold_the_whole_package(built: Path) -> None:
    package = REPOSITORY / "ipycontainers"
    kept = {".py", ".js", ".css", ".typed"}
    files = {
        str(file.relative_to(REPOSITORY))
        for file in package.rglob("*")
        if file.suffix in kept or file.name == "py.typed"
    }
    (wheel,) = built.glob("*.whl")
    assert files - set(zipfile.ZipFile(wheel).namelist()) == set()
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as tar:
        inside = {name.partition("/")[2] for name in tar.getnames()}
    assert (files | {"LICENSE", "README.md", "setup.cfg"}) - inside == set()


def test_the_command_is_installed(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("entry_points.txt"))
        assert b"ipycontainers = ipycontainers.cli:main" in archive.read(name)
