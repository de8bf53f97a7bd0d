"""After many containers nothing of them is left: no process, mount, descriptor, file or memory.

50 of them on each launcher, or as many as IPYCONTAINERS_MANY says. 500 take a few minutes.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import embedded
import pytest
from docker import errors as docker_errors
from embedded import Engine
from engine.test_adoption import nursery
from support import wait_for

IMAGE = "ipycontainers-test/busybox"
MANY = int(os.environ.get("IPYCONTAINERS_MANY", "50"))
AT_ONCE = 4
# 256 events and 500 execs are kept, whatever was run before, and the arenas of a few threads differ
# by some megabytes from one time to the next. Beyond that a container may cost no byte; measured,
# 500 cost 0.3 MB of the engine and none of the nursery.
ONCE, OF_EACH = 4 << 20, 1024
MOST_THREADS = 16 + (os.cpu_count() or 1)  # those of its pools, begun when they are needed
# docker-py leaves the sockets of exec_run to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@dataclass(frozen=True)
class Left:
    """What one may find after a container has gone."""

    processes: int
    zombies: int
    mounts: dict[str, int]
    descriptors: dict[str, int]
    folders: dict[str, int]
    temporary: int
    threads: dict[str, int] = field(compare=False)
    memory: dict[str, int] = field(compare=False)  # bytes that no other process shares


def left(engine: Engine) -> Left:
    assert engine.process
    own = {"engine": engine.process.pid, "nursery": nursery(engine)}
    places = ("containers", "volumes", "layers", "roots", "tmp", "oci/tmp")
    found = [engine.data / place for place in places if (engine.data / place).is_dir()]
    return Left(
        processes=len(embedded.processes_of(engine)),
        zombies=sum(map(_zombies, own.values())),
        mounts={name: _read(pid, "mounts").count(str(engine.data)) for name, pid in own.items()},
        descriptors={name: _count(Path(f"/proc/{pid}/fd")) for name, pid in own.items()},
        threads={name: _count(Path(f"/proc/{pid}/task")) for name, pid in own.items()},
        folders={str(folder): _count(folder) for folder in found},
        temporary=len(list(Path("/tmp").glob(f"ipycontainers-{own['engine']}-*"))),
        memory={name: _private(pid) for name, pid in own.items()},
    )


def _count(folder: Path) -> int:
    return len(list(folder.iterdir()))


def _read(pid: int, name: str) -> str:
    return Path(f"/proc/{pid}/{name}").read_text()


def _zombies(parent: int) -> int:
    children = Path(f"/proc/{parent}/task").glob("*/children")
    pids = [pid for path in children for pid in path.read_text().split()]
    return sum(") Z " in _read(int(pid), "stat") for pid in pids)


def _private(pid: int) -> int:
    lines = _read(pid, "smaps_rollup").splitlines()
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith("Private_"))


# --- kinds of lives ------------------------------------------------------------------------------


def ends(docker: Any) -> None:
    made = docker.containers.run(IMAGE, ["sh", "-c", "echo hi; exit 3"], detach=True)
    assert made.wait()["StatusCode"] == 3
    assert made.logs() == b"hi\n"
    made.remove()


def removes_itself(docker: Any) -> None:
    made = docker.containers.create(IMAGE, ["true"], auto_remove=True, volumes=["/etc"])
    made.start()
    with contextlib.suppress(docker_errors.NotFound):
        made.wait(condition="removed")


def cannot_start(docker: Any) -> None:
    made = docker.containers.create(IMAGE, ["absent"])
    with pytest.raises(docker_errors.APIError, match="absent"):
        made.start()
    made.remove()


def is_killed(docker: Any) -> None:
    made = docker.containers.run(IMAGE, ["sh", "-c", "sleep 60 & sleep 60"], detach=True)
    made.kill()
    assert made.wait()["StatusCode"] == 137
    made.remove()


def has_execs(docker: Any) -> None:
    made = docker.containers.run(IMAGE, ["sleep", "60"], detach=True)
    assert made.exec_run(["echo", "beside"]).output == b"beside\n"
    made.exec_run(["sleep", "60"], detach=True)
    assert made.exec_run(["absent"]).exit_code in (126, 127)
    made.remove(force=True)


def is_attached(docker: Any) -> None:
    made = docker.containers.create(IMAGE, ["cat"], stdin_open=True, tty=True)
    stream = made.attach_socket(params={"stdin": 1, "stdout": 1, "stream": 1})
    made.start()
    stream._sock.sendall(b"typed\n")
    assert stream._sock.recv(5) == b"typed"
    stream._sock.close()
    stream.close()
    made.remove(force=True)


def never_runs(docker: Any) -> None:
    made = docker.containers.create(IMAGE, ["true"], volumes=["/data"])
    made.put_archive("/", b"\0" * 1024)
    made.remove(v=True)


def leaves_a_folder_of_mode_0(docker: Any) -> None:
    script = "mkdir -p /a/b; touch /a/b/c; chmod 000 /a/b /a; mkdir /d; chmod 555 /d"
    made = docker.containers.run(IMAGE, ["sh", "-c", script], detach=True)
    assert made.wait()["StatusCode"] == 0
    made.remove()


LIVES: tuple[Callable[[Any], None], ...] = (
    ends,
    removes_itself,
    cannot_start,
    is_killed,
    has_execs,
    is_attached,
    never_runs,
    leaves_a_folder_of_mode_0,
)


def live(engine: Engine, count: int) -> None:
    """So many containers, some at once, of all kinds in turn."""
    own = threading.local()

    def one(number: int) -> None:
        if not hasattr(own, "docker"):
            own.docker = engine.client
        LIVES[number % len(LIVES)](own.docker)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(one, range(count)))


def settle(engine: Engine, before: Left | None = None) -> Left:
    """What is left when clients are gone and supervisors have had time to leave."""
    engine.hang_up()
    keepers = (engine.data / "network" / "control.sock").exists()  # stays, for who comes next
    assert wait_for(lambda: left(engine).processes <= 2 + keepers, seconds=30)
    if before:
        assert wait_for(lambda: left(engine) == before, seconds=30, every=0.5)
    return left(engine)


@pytest.mark.timeout(0 if MANY > 50 else 180)
def test_nothing_is_left_of_many_containers(mine: Engine) -> None:
    live(mine, len(LIVES) * AT_ONCE)  # what is made once: threads, caches, layers
    before = settle(mine)
    live(mine, MANY)
    after = settle(mine, before)
    assert after == before
    assert after.threads["nursery"] == 1
    assert after.threads["engine"] <= MOST_THREADS
    for name, memory in before.memory.items():
        assert after.memory[name] - memory < ONCE + OF_EACH * MANY, (before, after)
