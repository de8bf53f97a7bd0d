"""Labels name the owner, and only a provably dead owner's container is abandoned."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from support import REPOSITORY

import ipycontainers
from ipycontainers.watchdog import KEEP, LABEL, labels
from ipycontainers.watchdog.labels import is_abandoned, kernel_id

NAMES = {
    "user",
    "boot-id",
    "pid-namespace",
    "kernel-pid",
    "kernel-start",
    "kernel",
    "notebook",
    "version",
}
linux = pytest.mark.skipif(sys.platform != "linux", reason="a death is proven on Linux only")


def _dead() -> dict[str, str]:
    """Labels as a process made them that has ended since."""
    script = "import json; from ipycontainers.watchdog import labels; print(json.dumps(labels()))"
    made = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    return dict(json.loads(made.stdout))


def test_each_label_is_a_string_with_our_prefix() -> None:
    found = labels("analysis.ipynb")
    assert set(found) == {LABEL + name for name in NAMES}
    assert all(isinstance(value, str) for value in found.values())
    assert found[LABEL + "notebook"] == "analysis.ipynb"
    assert found[LABEL + "version"] == ipycontainers.__version__
    assert found[LABEL + "kernel-pid"] == str(os.getpid())


def test_keep_adds_one_label() -> None:
    assert labels(keep=True) == {**labels(), KEEP: "true"}


def test_a_kernel_keeps_its_id_and_a_forked_child_has_its_own() -> None:
    reading, writing = os.pipe()
    if not os.fork():
        os.write(writing, kernel_id().encode() + kernel_id().encode())
        os._exit(0)
    os.wait()
    os.close(writing)
    childs = os.read(reading, 100).decode()
    os.close(reading)
    assert childs[:32] == childs[32:] != kernel_id()
    assert kernel_id() == kernel_id()


@linux
def test_a_dead_process_of_this_place_has_abandoned_its_containers() -> None:
    assert is_abandoned(_dead())


def test_a_live_process_has_not() -> None:
    assert not is_abandoned(labels())


@linux
def test_whoever_got_the_pid_later_is_not_the_owner() -> None:
    earlier = str(int(labels()[LABEL + "kernel-start"]) - 1)
    assert is_abandoned({**labels(), LABEL + "kernel-start": earlier})


@pytest.mark.parametrize(
    "change",
    [
        {"user": "4711:colleague"},
        {"boot-id": "00000000-0000-0000-0000-000000000000"},
        {"pid-namespace": "1"},
        {"boot-id": ""},
        {"pid-namespace": ""},
        {"user": ""},
        {"keep": "true"},
        {"keep": "false"},
        {"kernel-pid": ""},
        {"kernel-pid": "-1"},
        {"kernel-pid": "99999999999999999999"},
        {"kernel-start": "soon"},
    ],
    ids=str,
)
def test_what_proves_nothing_is_not_abandoned(change: dict[str, str]) -> None:
    changed = {LABEL + name: value for name, value in change.items()}
    assert not is_abandoned({**_dead(), **changed})


@pytest.mark.parametrize("missing", sorted(NAMES - {"kernel", "notebook", "version"}))
def test_a_missing_label_proves_nothing(missing: str) -> None:
    found = _dead()
    del found[LABEL + missing]
    assert not is_abandoned(found)
    assert not is_abandoned({})
