"""The table of a container's states, judged by the engine under test.

Knows: docker-py. Does not know: who draws the table.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, get_args

import pytest
from support import wait_for

from ipycontainers.lifecycle import COMMANDS, TABLE, TRANSITIONS, State, commands
from ipycontainers.widgets.lifecycle import DEEDS

STATES = ("created", "running", "paused", "exited")
# Into each, from "created"; for restarting see its own test.
INTO: dict[str, Callable[[Any], object]] = {
    "created": lambda _: None,
    "running": lambda container: container.start(),
    "paused": lambda container: (container.start(), container.pause()),
    "exited": lambda container: (container.start(), container.kill(), container.wait()),
}


def test_every_state_has_its_ways_and_only_a_removed_container_has_none() -> None:
    assert set(TRANSITIONS) == set(get_args(State))
    assert [state for state, targets in TRANSITIONS.items() if not targets] == ["removing"]
    assert {way.command for way in TABLE if way.command} <= set(COMMANDS)


def test_two_steps_are_found_from_one() -> None:
    assert [it.words for it in commands("running")] == [
        "pause",
        "restart",
        "stop",
        "kill",
        "rm --force",
    ]
    assert [it.words for it in commands("exited")] == ["start", "restart", "rm"]
    assert commands("removing") == commands("no such state") == ()
    assert [it.words for it in commands("dead")] == ["rm --force"]


@pytest.fixture
def made(engine: Any, images: Any) -> Iterator[Callable[..., Any]]:
    """made(state) is a new container in that state, whose program ends at once when told to."""
    containers = []

    def make(state: str, **more: Any) -> Any:
        options = {"network_mode": "host", "stop_signal": "SIGKILL", **more}
        command = options.pop("command", ["sleep", "1000"])
        container = engine.docker.containers.create(images.busybox, command, **options)
        containers.append(container)
        INTO[state](container)
        return container

    yield make
    for container in containers:
        engine.remove(container.id)


def state_of(engine: Any, container: Any) -> str:
    """ "removing" of one that is gone."""
    from ipycontainers.errors import NotFound

    try:
        return str(engine.inspect(container.id)["State"]["Status"])
    except NotFound:
        return "removing"


@pytest.mark.parametrize("state", STATES)
def test_the_engine_does_what_the_table_allows_and_nothing_else(
    engine: Any, made: Callable[..., Any], state: str
) -> None:
    from docker.errors import APIError

    allowed = {it.name: it for it in commands(state)}
    for command in allowed.values():
        container = made(state)
        DEEDS[command.words](engine.docker.api, container.id)
        reached = wait_for(lambda it=container, to=command.target: state_of(engine, it) == to)
        assert reached, (command, state_of(engine, container))
    container = made(state)
    for name in set(COMMANDS) - set(allowed):
        with contextlib.suppress(APIError):
            DEEDS[name](engine.docker.api, container.id)
        assert state_of(engine, container) == state, name


@pytest.mark.parametrize("state", ["running", "paused"])
def test_one_that_is_removed_when_it_ends(
    engine: Any, made: Callable[..., Any], state: str
) -> None:
    for command in commands(state, auto_remove=True):
        container = made(state, auto_remove=True)
        DEEDS[command.words](engine.docker.api, container.id)
        reached = wait_for(lambda it=container, to=command.target: state_of(engine, it) == to)
        assert reached, (command, state_of(engine, container))


@pytest.mark.parametrize("words", ["stop", "kill", "rm --force"])
def test_one_that_is_to_start_again_can_be_ended(
    engine: Any, made: Callable[..., Any], words: str
) -> None:
    policy = {"Name": "always", "MaximumRetryCount": 0}
    container = made("running", command=["false"], restart_policy=policy)
    assert wait_for(lambda: state_of(engine, container) == "restarting", every=0.01)
    command = next(it for it in commands("restarting") if it.words == words)
    DEEDS[words](engine.docker.api, container.id)
    assert wait_for(lambda: state_of(engine, container) == command.target)
