"""The watchdog's process without an engine: how it lives, what it survives, when it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from owners import Owner, is_gone, watchdogs_of
from support import patience, wait_for

import ipycontainers.watchdog
from ipycontainers.client import Candidate
from ipycontainers.errors import ContainerError
from ipycontainers.watchdog import Watchdog

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")

NOBODY = Candidate("setting", "unix:///nonexistent/ipycontainers.sock", chosen=True)
STARTED = "watchdog.start(sweep=False); say(watchdog_pid())"


@pytest.fixture
def watchdog() -> Iterator[Watchdog]:
    mine = Watchdog()
    yield mine
    mine.close()


def _stat(pid: int) -> list[str]:
    """Fields 3 and on of /proc/PID/stat: state, parent, group, session, …"""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _ready(watchdog: Watchdog) -> int:
    """Its pid, once it waits and has read its mail."""
    pid = watchdog.pid
    assert pid is not None
    assert wait_for(lambda: "1:" in _ignored(pid))
    return pid


def _ignored(pid: int) -> str:
    """ "1:" and the mask of ignored signals, when SIGINT is among them."""
    status = Path(f"/proc/{pid}/status").read_text()
    mask = next(line.split()[1] for line in status.splitlines() if line.startswith("SigIgn"))
    return f"{int(mask, 16) >> (signal.SIGINT - 1) & 1}:{mask}"


def test_it_has_a_session_of_its_own_and_holds_nothing_of_ours(watchdog: Watchdog) -> None:
    watchdog.start(sweep=False)
    pid = _ready(watchdog)
    assert _stat(pid)[2:4] == [str(pid), str(pid)]
    assert Path(f"/proc/{pid}/cwd").readlink() == Path("/")
    held = wait_for(lambda: _held(pid) if len(_held(pid)) == 4 else None) or _held(pid)
    assert [held[0][:5], *held[1:]] == ["pipe:", "/dev/null", "/dev/null", "anon_inode:[pidfd]"]


def _held(pid: int) -> list[str]:
    return [str(link.readlink()) for link in sorted(Path(f"/proc/{pid}/fd").iterdir())]


def test_ps_shows_what_it_is_and_whose(watchdog: Watchdog) -> None:
    watchdog.start(sweep=False)
    assert wait_for(lambda: watchdogs_of(os.getpid())) == [watchdog.pid]


def test_it_stays_small(watchdog: Watchdog) -> None:
    watchdog.start()
    pid = _ready(watchdog)
    assert wait_for(lambda: not _children(pid), seconds=40)
    fields = Path(f"/proc/{pid}/smaps_rollup").read_text().split()
    assert int(fields[fields.index("Pss:") + 1]) < 10_000, "kB; a bare Python has 6,200"


def _children(pid: int) -> str:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text()


def test_sweeping_leaves_no_zombie_and_ends_nothing(watchdog: Watchdog) -> None:
    watchdog.start("unix:///nonexistent/ipycontainers.sock")
    pid = _ready(watchdog)
    time.sleep(0.5)
    assert wait_for(lambda: not _children(pid))
    assert watchdog.pid == pid


def test_starting_twice_starts_one() -> None:
    script = f"{STARTED}; watchdog.start(); say(watchdog_pid(), os.getpid())"
    with closing(Owner(script)) as owner:
        first, [again, pid] = owner.line(), owner.line().split()
        assert first == again
        assert wait_for(lambda: watchdogs_of(int(pid))) == [int(first)]


def test_starting_costs_the_kernel_next_to_nothing() -> None:
    script = (
        "times = []\n"
        "for _ in range(11):\n"
        "    mine = watchdog.Watchdog(); begin = time.perf_counter()\n"
        "    mine.start(sweep=False); times.append(time.perf_counter() - begin); mine.close()\n"
        "say(sorted(times)[5])\n"
    )
    with closing(Owner(script)) as owner:
        assert float(owner.line()) < 0.02, "a median of 0.4 ms on a quiet machine"


def test_it_ends_with_its_kernel() -> None:
    with closing(Owner(STARTED)) as owner:
        pid = int(owner.line())
        owner.kill9()
        assert is_gone(pid, 2)


def test_it_ends_with_a_kernel_that_died_at_once() -> None:
    script = "watchdog.start(sweep=False); say(watchdog_pid()); os.kill(os.getpid(), 9)"
    for _ in range(5):
        with closing(Owner(script)) as owner:
            assert is_gone(int(owner.line()), 2)


def test_it_ends_while_a_forked_child_lives_and_holds_the_pipe() -> None:
    script = f"{STARTED}\nif not os.fork(): time.sleep(5); os._exit(0)\nsay('forked')"
    with closing(Owner(script)) as owner:
        pid, _ = int(owner.line()), owner.line()
        owner.kill9()
        assert is_gone(pid, 2)


def test_a_forked_child_neither_starts_nor_ends_one() -> None:
    script = (
        f"{STARTED}\n"
        "import multiprocessing\n"
        "child = multiprocessing.get_context('fork').Process(target=print)\n"
        "child.start(); child.join(); say(watchdog_pid(), os.getpid())\n"
    )
    with closing(Owner(script)) as owner:
        pid = int(owner.line())
        assert owner.line() == ""
        assert owner.line() == f"{pid} {owner.process.pid}"
        assert watchdogs_of(owner.process.pid) == [pid]


def test_a_forked_child_that_guards_has_a_watchdog_of_its_own() -> None:
    script = (
        f"{STARTED}\n"
        "if not os.fork():\n"
        "    watchdog.start(sweep=False); say(watchdog_pid()); os._exit(0)\n"
        "os.wait(); say(watchdog_pid())\n"
    )
    with closing(Owner(script)) as owner:
        parents = owner.line()
        childs = owner.line()
        assert childs != parents == owner.line()
        assert is_gone(int(childs), 2)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP, signal.SIGCHLD])
def test_it_does_not_hear(watchdog: Watchdog, number: signal.Signals) -> None:
    watchdog.start(sweep=False)
    pid = _ready(watchdog)
    os.kill(pid, number)
    time.sleep(0.2)
    assert watchdog.pid == pid


def test_one_that_was_killed_is_started_again_and_told_everything(watchdog: Watchdog) -> None:
    watchdog.guard(NOBODY)
    first = _ready(watchdog)
    os.kill(first, signal.SIGKILL)
    assert wait_for(lambda: watchdog.pid is None)
    watchdog.guard(NOBODY)
    assert watchdog.pid not in (None, first)


def test_guarding_a_known_engine_is_cheap(watchdog: Watchdog) -> None:
    watchdog.guard(NOBODY)
    begin = time.perf_counter()
    for _ in range(1000):
        watchdog.guard(NOBODY)
    assert time.perf_counter() - begin < 0.2 * patience(), "seconds for a thousand"


def test_an_engine_that_is_gone_is_given_up() -> None:
    script = (
        "from ipycontainers.client import Candidate\n"
        f"watchdog.guard(Candidate('setting', {NOBODY.address!r}, chosen=True))\n"
        "say(watchdog_pid())\n"
    )
    with closing(Owner(script)) as owner:
        pid = int(owner.line())
        owner.kill9()
        assert is_gone(pid, 13)


def test_guard_says_so_when_no_process_can_be_started(
    watchdog: Watchdog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    watchdog.start()
    with pytest.raises(ContainerError, match="cannot start the watchdog"):
        watchdog.guard(NOBODY)


@pytest.mark.parametrize(
    "change",
    [
        "del os.pidfd_open",  # a Python built for older systems
        "os.pidfd_open = absent",  # Linux before 5.3
    ],
)
def test_without_pidfd_it_notices_too(tmp_path: Path, change: str) -> None:
    package = Path(ipycontainers.watchdog.__file__).parent
    process = (
        "import errno, os, runpy, sys\n"
        "def absent(pid): raise OSError(errno.ENOSYS, 'no pidfd here')\n"
        f"{change}\n"
        "sys.argv[0] = 'watchdog'\n"
        f"sys.path.insert(0, {str(package.parent.parent)!r})\n"
        f"runpy.run_path({str(package)!r}, run_name='__main__')\n"
    )
    (tmp_path / "process.py").write_text(process)
    script = (
        "import subprocess\n"
        "reading, writing = os.pipe()\n"
        "command = [sys.executable, '-I', '-S', 'process.py', '--kernel', str(os.getpid())]\n"
        "child = subprocess.Popen(command, stdin=reading, start_new_session=True)\n"
        "os.close(reading); time.sleep(1); say(child.poll(), child.pid)\n"
    )
    with closing(Owner(script, cwd=tmp_path)) as owner:
        state, pid = owner.line().split()
        assert state == "None"
        owner.kill9()
        assert is_gone(int(pid), 2)


def test_it_starts_from_a_folder_that_is_gone(tmp_path: Path) -> None:
    script = "os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone')\n" + STARTED
    with closing(Owner(script, cwd=tmp_path)) as owner:
        assert int(owner.line())


def test_it_can_be_run_as_a_module() -> None:
    command = [sys.executable, "-m", "ipycontainers.watchdog", "--kernel", "1"]
    root = str(Path(ipycontainers.watchdog.__file__).parent.parent.parent)
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": root},
    ) as process:
        assert process.communicate(timeout=10) == (None, b""), "its parent is not process 1"
