from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ipycontainers.cli import main


def doctor(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "ipycontainers", "doctor", *arguments]
    return subprocess.run(
        words, capture_output=True, text=True, env=os.environ | environ, check=False
    )


def test_the_doctor_describes_the_engine_that_answers(engine: object) -> None:
    ran = doctor()
    assert ran.returncode == 0
    assert ran.stderr == ""
    lines = ran.stdout.splitlines()
    assert lines[0] == "Tried, in this order"
    assert lines[-1] == "Result: cells can run."
    for words in ("storage driver", "cgroup version", "rootless", "seccomp", "not measured", "API"):
        assert words in ran.stdout
    assert max(map(len, lines)) <= 100


def test_json_holds_the_same(engine: object, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["ok"] is True
    assert report["tried"][-1]["outcome"] == "answers"
    assert {"source", "address", "why"} == set(report["chosen"])
    assert report["interpreter"]
    assert main(["doctor"]) == 0
    text = capsys.readouterr().out
    for section in ("versions", "engine", "isolation"):
        for name, value in report[section].items():
            assert name in text
            assert value in text


def test_without_an_engine_it_says_what_mends_it(tmp_path: Path) -> None:
    ran = doctor(IPYCONTAINERS_ENGINE=f"unix://{tmp_path}/none.sock")
    assert ran.returncode == 1
    assert "there is no socket" in ran.stdout
    assert "To mend it:" in ran.stdout
    assert ran.stderr == ""


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
