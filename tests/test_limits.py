"""No run of tests waits for ever."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from support import REPOSITORY

ENDS = """
import threading
import pytest

@pytest.fixture
def never():
    yield
    threading.Event().wait()

@pytest.fixture
def nor(never):
    yield
    threading.Event().wait()

def test_fails(nor):
    assert False

def test_goes_on():
    pass
"""
THREAD = """
import threading

def test_leaves_a_thread():
    threading.Thread(target=threading.Event().wait).start()
"""


def limited(folder: Path, tests: str) -> tuple[int, str]:
    """What a pytest of its own returns and says, where each test may take two seconds."""
    (folder / "test_one.py").write_text(tests)
    words = (sys.executable, "-m", "pytest", "-p", "limits", "-p", "no:cacheprovider")
    done = subprocess.run(
        [*words, "--timeout", "2", "--rootdir", folder, "-c", "/dev/null", folder / "test_one.py"],
        cwd=REPOSITORY / "tests", text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        timeout=60, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout


def test_what_ends_a_failed_test_does_not_wait_for_ever(tmp_path: Path) -> None:
    code, said = limited(tmp_path, ENDS)
    assert code == 1, said
    assert "1 failed, 1 passed, 1 error" in said
    assert said.count("what ends this test waited") >= 2, said


def test_a_thread_that_is_left_does_not_hold_the_run(tmp_path: Path) -> None:
    code, said = limited(tmp_path, THREAD)
    assert code == 1, said
    assert "1 passed" in said
    assert "Timeout (0:00:02)" in said
