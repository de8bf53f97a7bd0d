from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ipycontainers.cli import main


def doctor(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "ipycontainers", "doctor", *arguments]
    return subprocess.run(
        words, capture_output=True, text=True, env=os.environ | environ, check=False
    )


def test_the_doctor_describes_the_engine_that_answers(engine: Any) -> None:
    ran = doctor("--engine", engine.candidate.address)
    assert ran.returncode == 0
    assert ran.stderr == ""
    lines = ran.stdout.splitlines()
    assert lines[0] == "Tried, in this order"
    assert lines[-1] == "Result: cells can run."
    own = "protections" if engine.launcher else "not measured"
    for words in ("storage driver", "cgroup version", "rootless", "seccomp", "API", own):
        assert words in ran.stdout
    assert max(map(len, lines)) <= 100


def test_json_holds_the_same(engine: Any, capsys: pytest.CaptureFixture[str]) -> None:
    doctor_of_it = ["doctor", "--engine", engine.candidate.address]
    assert main([*doctor_of_it, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["ok"] is True
    assert report["tried"][-1]["outcome"] == "answers"
    assert {"source", "address", "why"} == set(report["chosen"])
    assert report["interpreter"]
    assert main(doctor_of_it) == 0
    text = capsys.readouterr().out
    for section in ("versions", "engine", "isolation"):
        for name, value in report[section].items():
            assert name in text
            assert value in text


def test_without_an_engine_it_says_what_mends_it(tmp_path: Path) -> None:
    ran = doctor(IPYCONTAINERS_ENGINE=f"unix://{tmp_path}/none.sock")
    assert ran.returncode == 1
    assert ran.stderr == ""
    tried, result, mend, command = (ran.stdout.splitlines()[i] for i in (1, -3, -2, -1))
    place = f"{tmp_path}/none.sock"
    assert tried == f"  IPYCONTAINERS_ENGINE  unix://{place}  there is no socket"
    assert result == (
        f"Result: no cell can run: there is no socket at {place}: no engine was started there"
    )
    assert mend == "To mend it:"
    assert command == f"    unset IPYCONTAINERS_ENGINE, or start the engine at {place}"


@pytest.mark.parametrize("variable", ["DOCKER_HOST", "IPYCONTAINERS_ENGINE", "DOCKER_CONTEXT"])
def test_what_mends_it_is_where_the_setting_came_from(variable: str) -> None:
    ran = doctor(**{variable: "foo"})
    assert ran.returncode == 1
    assert f"no cell can run: {variable}" in ran.stdout
    assert ran.stdout.splitlines()[-1].startswith(f"    unset {variable}")


def test_each_failure_of_a_socket_is_told_apart(tmp_path: Path) -> None:
    missing = tmp_path / "missing.sock"
    stale, silent = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
    with silent:
        stale.bind(str(tmp_path / "stale.sock"))
        stale.close()
        silent.bind(str(tmp_path / "silent.sock"))
        silent.listen()
        said = {
            path.stem: doctor(DOCKER_HOST=f"unix://{path}").stdout.splitlines()
            for path in (missing, tmp_path / "stale.sock", tmp_path / "silent.sock")
        }
    assert "no engine was started there" in said["missing"][-3]
    assert "the engine that made this socket has ended" in said["stale"][-3]
    assert "the engine hangs, or is still starting" in said["silent"][-3]
    for verb, lines in zip(("start", "start", "restart"), said.values(), strict=True):
        assert lines[-1].startswith(f"    unset DOCKER_HOST, or {verb} the engine at /")


def test_a_setting_that_makes_no_sense_is_told_and_not_raised(tmp_path: Path) -> None:
    ran = doctor("--engine", "nosuch-context")
    assert ran.returncode == 1
    assert "no docker context named nosuch-context" in ran.stdout
    assert ran.stderr == ""
    assert json.loads(doctor("--json", "--engine", "ftp://a").stdout)["ok"] is False


def test_permission_denied_has_its_own_mending(
    engine: object, as_other_user: Callable[..., list[str]], tmp_path: Path
) -> None:
    words = as_other_user(sys.executable, "-m", "ipycontainers", "doctor")
    environ = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    root = Path(__file__).parent.parent
    ran = subprocess.run(words, capture_output=True, text=True, env=environ, cwd=root, check=False)
    assert ran.returncode == 1
    assert "permission denied" in ran.stdout
    assert ran.stdout.endswith("    sudo usermod -aG docker $USER, then log in again\n")


def test_a_reader_that_hangs_up_is_no_error(engine: object) -> None:
    words = f"{sys.executable} -m ipycontainers doctor | head -n 1"
    ran = subprocess.run(words, shell=True, capture_output=True, text=True, check=False)
    assert ran.stderr == ""


def test_no_verb_is_a_usage_error() -> None:
    with pytest.raises(SystemExit) as caught:
        main([])
    assert caught.value.code == 2


@pytest.fixture
def as_other_user() -> Callable[..., list[str]]:
    import shutil

    from support import require

    usable = os.getuid() == 0 and shutil.which("setpriv")
    require(usable, "user", "needs root and setpriv to become another user")
    ids = ["--reuid", "1000", "--regid", "1000", "--clear-groups"]
    return lambda *argv: ["setpriv", *ids, *argv]
