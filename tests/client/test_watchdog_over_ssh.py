"""The watchdog removes containers on an engine that only ssh reaches."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from typing import Any

from owners import MARK, Owner, is_gone
from support import wait_for


def test_a_dead_kernels_containers_go_from_an_engine_behind_ssh(
    ssh_engine: Callable[..., str], engine: Any, images: Any
) -> None:
    env = {"ENGINE": ssh_engine(), "IMAGE": images.busybox, "MARK": json.dumps(MARK)}
    script = "connect(); made = run(); connection.close(); say(made, watchdog_pid())"
    with closing(Owner(script, env=env)) as owner:
        container, watchdog = owner.line().split()
        assert len(container) == 64
        assert owner.process.poll() is None
        owner.kill9()
        assert wait_for(lambda: not engine.list_containers(labels=MARK), seconds=10)
        assert is_gone(int(watchdog), 13)
