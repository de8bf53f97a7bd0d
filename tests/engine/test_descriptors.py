"""What a supervisor and the keeper have open: nothing of it is lost, and what is not to be had ends
neither."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from engine.containers import Container, Containers, as_user, is_alive
from support import REPOSITORY, free_port, wait_for

HERE = """
import json, os, sys
from ipycontainers.engine.command import Command
from ipycontainers.engine.network import forwarder, spaces
from ipycontainers.engine.supervise import process


def fails(*_):
    raise OSError(11, "again")


def opened():
    return sorted(os.listdir("/proc/self/fd"))


def tried(act):
    before = opened()
    try:
        act()
    except OSError as error:
        return error.errno == 11 and opened() == before
    return False
"""
SPACES = """
home = spaces.become_router()
spaces.make(home).close()
made = {"what is in it": lambda: spaces.make(home)}
spaces.Netlink = fails
told = {name: tried(act) for name, act in made.items()}
os.fork = fails
told["a process"] = tried(lambda: spaces.make(home))
print(json.dumps(told))
"""
FORKS = """
os.fork = fails
null = os.open(os.devnull, os.O_RDWR)
command = Command(["x"], {})
streams = process.Streams(null, null, null)
asked = {"bindings": [["80/tcp", "127.0.0.1", 0, 0, 0]], "to": "127.0.0.1"}
print(json.dumps({
    "a program": tried(lambda: process.start(command, streams, null)),
    "a forwarder": tried(lambda: forwarder.begin(asked)),
}))
"""


@pytest.mark.parametrize("script", [SPACES, FORKS], ids=["spaces", "forks"])
def test_what_could_not_be_made_leaves_nothing_open(script: str) -> None:
    words = [*as_user(), sys.executable, "-c", HERE + script]
    told = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert told.stderr == ""
    assert set(json.loads(told.stdout).values()) == {True}, told.stdout


class Limit:
    """Of a supervisor's descriptors, set by its own user."""

    def __init__(self, made: Container) -> None:
        self._pid = made.supervisor
        self._was = self._prlimit("--output=SOFT,HARD", "--noheadings").split()

    def allow(self, more: int) -> None:
        """No more than ``more`` beside those that it has."""
        has = {int(path.name) for path in Path(f"/proc/{self._pid}/fd").iterdir()}
        free = [number for number in range(max(has) + more + 2) if number not in has]
        self._prlimit(f"--nofile={free[more]}:")

    def lift(self) -> None:
        self._prlimit(f"--nofile={self._was[0]}:")

    def _prlimit(self, *words: str) -> str:
        asked = [*as_user(), "prlimit", f"--pid={self._pid}", *words]
        if "--noheadings" in words:
            asked.append("--nofile")
        return subprocess.run(asked, capture_output=True, text=True, check=True).stdout


def test_who_finds_no_descriptor_left_waits_for_one(containers: Containers) -> None:
    made = containers.make("sleep", "60")
    made.start()
    limit = Limit(made)
    limit.allow(0)
    told: list[dict[str, Any]] = []
    asking = threading.Thread(target=lambda: told.append(made.ask({"do": "state"})))
    asking.start()
    asking.join(0.3)
    limit.lift()
    asking.join(30)
    assert [it["status"] for it in told] == ["running"]


def test_a_start_that_finds_none_is_over_with_its_ports(containers: Containers) -> None:
    made, port = containers.make("sleep", "60"), free_port()
    ports = {"bindings": [["80/tcp", "127.0.0.1", port, port, 0]], "to": "127.0.0.1", "enter": ()}
    Limit(made).allow(4)  # a client, and what the forwarder needs
    told = made.ask({"do": "start", "publish": ports})
    assert (told["error"], told["code"]) == ("too many open files", 125)
    assert json.loads((made.directory / "exit.json").read_text())["error"] == told["error"]
    assert wait_for(lambda: not is_alive(made.supervisor))
    with socket.create_server(("127.0.0.1", port)):
        pass


def test_a_program_that_cannot_begin_leaves_nothing_open(containers: Containers) -> None:
    made = containers.make("sleep", "60")
    made.start()
    before = len(open_by(made))
    for _ in range(3):
        assert "error" in made.exec("absent").answer
    assert wait_for(lambda: len(open_by(made)) <= before), open_by(made)


def open_by(made: Container) -> list[str]:
    return sorted(path.name for path in Path(f"/proc/{made.supervisor}/fd").iterdir())
