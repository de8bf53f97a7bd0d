"""A process is named so that its death, and nothing else, can be proven."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from support import wait_for

from ipycontainers.watchdog import identity

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="all of it is Linux's /proc")


def test_this_process_is_alive_and_has_not_begun_in_the_future() -> None:
    start = identity.started(os.getpid())
    assert start is not None
    assert 0 < start / os.sysconf("SC_CLK_TCK") <= time.clock_gettime(time.CLOCK_BOOTTIME)
    assert identity.is_alive(os.getpid(), start)


def test_a_reused_pid_is_another_process() -> None:
    start = identity.started(os.getpid())
    assert start is not None
    assert not identity.is_alive(os.getpid(), start - 1)


def test_an_ended_process_is_dead_before_and_after_it_is_reaped() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        start = identity.started(process.pid)
        assert start is not None
        process.kill()
        assert wait_for(lambda: not identity.is_alive(process.pid, start))
        process.wait()
        assert not identity.is_alive(process.pid, start)
        with pytest.raises(ProcessLookupError):
            identity.started(process.pid)


def test_a_stopped_process_is_alive() -> None:
    with subprocess.Popen(["sh", "-c", "kill -STOP $$"]) as process:
        start = identity.started(process.pid)
        time.sleep(0.2)
        assert start is not None
        assert identity.is_alive(process.pid, start)
        process.kill()


def test_another_users_process_can_be_seen() -> None:
    assert identity.started(1) is not None
    assert not identity.is_alive(1, -1)


@pytest.mark.parametrize("name", ["a b", "x) Z 1 (", ") R 1 1 1"])
def test_a_programs_name_cannot_pretend_to_be_fields(name: str, tmp_path: Path) -> None:
    program = tmp_path / name
    program.symlink_to("/bin/sleep")
    with subprocess.Popen([program, "60"]) as process:
        comm = Path(f"/proc/{process.pid}/comm")
        named = wait_for(lambda: comm.read_text() == f"{name}\n")
        start = identity.started(process.pid)
        process.kill()
    mine = identity.started(os.getpid())
    assert named
    assert start is not None
    assert mine is not None
    assert start >= mine


def test_a_process_lives_while_one_of_its_threads_does() -> None:
    script = (
        "import ctypes, threading, time\n"
        "threading.Thread(target=time.sleep, args=(60,)).start()\n"
        "ctypes.CDLL(None).pthread_exit(None)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script]) as process:
        stat = Path(f"/proc/{process.pid}/stat")
        zombie = wait_for(lambda: stat.read_text().rpartition(")")[2].split()[0] == "Z")
        start = identity.started(process.pid)
        process.kill()
    assert zombie
    assert start is not None


def test_a_thread_asks_about_its_process() -> None:
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(identity.started(os.getpid())))
    thread.start()
    thread.join()
    assert found == [identity.started(os.getpid())]


def test_the_place_of_a_process_is_named() -> None:
    assert identity.user().partition(":")[0] == str(os.getuid())
    assert len(identity.boot_id()) == 36
    assert str(Path("/proc/self/ns/pid").readlink()) == f"pid:[{identity.pid_namespace()}]"
