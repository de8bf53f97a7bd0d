"""What an engine keeps of the programs that ran beside a container's own."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from ipycontainers.engine.events import Events
from ipycontainers.engine.execs import KEPT, MOST, Execs
from ipycontainers.engine.record import Record
from ipycontainers.errors import NotFound


def test_thousands_of_execs_leave_a_bounded_number(tmp_path: Path) -> None:
    (tmp_path / "execs").mkdir()
    config = {"Image": "image", "Labels": {}}
    record = Record("id", "name", "sha256:0", config, {}, (), time.time(), tmp_path, "running", 1)
    execs = Execs(Events())
    running = execs.new(record, {"Cmd": ["sleep"]})
    running.started = True
    for number in range(3_000):
        made = execs.new(record, {"Cmd": ["true"]})
        made.started = True  # detached: nobody asks for it again
        (tmp_path / "execs" / f"{made.id}.json").write_text(json.dumps({"exit": number % 256}))
        if number == 0:
            first = made.id
        assert len(record.execs) <= MOST
    assert KEPT <= len(list((tmp_path / "execs").iterdir())) <= MOST
    assert execs.find(made.id) is made
    assert execs.find(running.id) is running
    with pytest.raises(NotFound):
        execs.find(first)
