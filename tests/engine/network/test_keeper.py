"""Whose network a keeper takes back where no engine tells it who has ended."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from support import REPOSITORY

PROGRAM = """
import json, os, resource, socket, sys
from ipycontainers.engine.network import keeper
from ipycontainers.engine.supervise import control

servers = {}
for name in ("supervised", "busy", "killed"):
    os.makedirs(f"containers/{name}")
    os.chdir(f"containers/{name}")
    servers[name] = control.listen()
    os.chdir("../..")
servers["killed"].close()
servers["busy"].listen(0)
os.mkdir("network")
os.chdir("network")
waiting = socket.socket(socket.AF_UNIX)
waiting.connect("../containers/busy/control.sock")
names = ("supervised", "busy", "killed", "removed")
told = {name: keeper._is_supervised(name) for name in names}
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
told["nobody can tell"] = keeper._is_supervised("supervised")
print(json.dumps(told))
"""


def test_only_who_has_ended_loses_its_network(tmp_path: Path) -> None:
    words = [sys.executable, "-c", PROGRAM]
    environ = {"PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        words, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stderr == ""
    gone = {name for name, is_there in json.loads(done.stdout).items() if not is_there}
    assert gone == {"killed", "removed"}
