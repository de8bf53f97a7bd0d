"""A router's bridges and cables, each made whole or not at all, in namespaces of their own."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from engine.containers import as_user
from support import REPOSITORY

PROGRAM = """
import json, sys
from ipycontainers.engine.network import netlink, router, spaces

home = spaces.become_router()
made, space = router.Router(), spaces.make(home)
wanted = {"network": "n", "bridge": "br0", "address": "10.1.0.2/16", "gateway": "10.1.0.1"}
wanted["mac"] = "02:42:0a:01:00:02"


def fails(*_):
    raise OSError(12, "no memory")


def links():
    with open("/proc/self/net/dev") as file:
        names = [line.partition(":")[0].strip() for line in file.readlines()[2:]]
    return sorted(set(names) - {"lo"})


of, name = {"bridge": (netlink, "add_rule"), "cable": (space.netlink, "ask")}[sys.argv[1]]
works = getattr(of, name)
setattr(of, name, fails)
try:
    made.add(space, {}, wanted)
except OSError as error:
    told = [error.errno, links()]
setattr(of, name, works)
made.add(space, {}, wanted)
print(json.dumps([*told, links()]))
"""


@pytest.mark.parametrize(
    ("what", "left", "then"),
    [("bridge", [], ["br0", "veth1"]), ("cable", ["br0"], ["br0", "veth2"])],
)
def test_what_fails_half_way_is_taken_away(what: str, left: list[str], then: list[str]) -> None:
    words = [*as_user(), sys.executable, "-c", PROGRAM, what]
    done = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert json.loads(done.stdout) == [12, left, then]
