"""docker-py's calls are answered on our engine as on dockerd, where a user would look.

Each call is made once on each engine (``calls``), its answer stripped of what is of a moment
(``compare``), and what differs is mended or stands in ALLOWED with its reason.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

import docker
import embedded
import pytest
from conformance import engines
from contract import builds, calls, networks
from contract.allowed import ALLOWED, Allowed
from contract.bench import Bench
from contract.compare import differences, plain
from support import require

# docker-py leaves what it had the sockets of streams from to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
LAUNCHERS = ("bubblewrap", "ptrace")
PARTS = (calls, builds, networks)
CALLS = {name: one for part in PARTS for name, one in (part.ANSWERS | part.ERRORS).items()}
CALLS |= networks.LAST
# What dockerd answers with an error; everything else it does.
ERRORS = {name for part in PARTS for name in part.ERRORS}
Answers = dict[str, Any]


def _answers(client: Any) -> Answers:
    found = {}
    with Bench(client) as bench:
        for name, call in CALLS.items():
            found[name] = plain(_answer(bench, call))
    return found


def _answer(bench: Bench, call: calls.Call) -> Any:
    """What it gives, or how it fails."""
    try:
        return call(bench)
    except docker.errors.APIError as error:
        return {"status": error.response.status_code, "message": error.explanation}
    except Exception as error:  # noqa: BLE001  # compared with what dockerd's answer led to
        return {"raised": type(error).__name__, "text": str(error)}


@pytest.fixture(scope="module")
def dockerd() -> Answers:
    """Of one that nobody else uses: others prune, and count events."""
    able = os.getuid() == 0 and shutil.which("dockerd")
    require(able, "docker", "this needs root, and Debian's docker.io")
    with engines.dockerd(before=engines.APART) as address:
        client = docker.DockerClient(base_url=address, version="1.41")
        with contextlib.closing(client):
            return _answers(client)


@pytest.fixture(scope="module")
def ours() -> Iterator[dict[str, Answers]]:
    """By launcher, each asked when it is first needed."""
    return _Asked()


class _Asked(dict[str, Answers]):
    def __missing__(self, launcher: str) -> Answers:
        with embedded.running(launcher) as engine:
            self[launcher] = _answers(engine.client)
        return self[launcher]


@pytest.mark.launcher
@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_it_is_answered_as_dockerd_does(
    launcher: str, name: str, dockerd: Answers, ours: dict[str, Answers]
) -> None:
    theirs, mine = dockerd[name], ours[launcher][name]
    assert _is_error(theirs) == (name in ERRORS), theirs
    assert not any(isinstance(one, dict) and "raised" in one for one in (theirs, mine)), theirs
    differ = [(launcher, name, line) for line in differences(theirs, mine)]
    assert [it for it in differ if not any(_allows(one, *it) for one in ALLOWED)] == []


@pytest.mark.launcher
def test_nothing_is_allowed_that_does_not_differ(
    dockerd: Answers, ours: dict[str, Answers]
) -> None:
    found = [
        (launcher, name, line)
        for launcher in LAUNCHERS
        for name in CALLS
        for line in differences(dockerd[name], ours[launcher][name])
    ]
    stale = [one for one in ALLOWED if not any(_allows(one, *it) for it in found)]
    assert not stale, "\n".join(map(str, stale))


def _allows(one: Allowed, launcher: str, name: str, line: str) -> bool:
    path = line.partition(": ")[0]
    matches = fnmatchcase(name, one.call) and fnmatchcase(path, one.path)
    return matches and launcher in one.launchers


def _is_error(answer: Any) -> bool:
    """Also a build's that fails when it has begun to answer."""
    if not isinstance(answer, dict):
        return False
    status = answer.get("status")
    is_refused = isinstance(status, int) and status >= 400
    return is_refused or any("error" in told for told in answer.get("rest", ()))
