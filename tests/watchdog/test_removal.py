"""A kernel that ends leaves no container after ten seconds, and takes nobody else's along."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from owners import MARK, PRELUDE, Owner, is_gone, watchdogs_of
from proxy import Proxy
from support import REPOSITORY, require, wait_for

from ipycontainers.watchdog import KEEP, LABEL, labels, sweep

Kernels = Callable[..., Any]
Start = Callable[..., Owner]

SECONDS = 10  # the promise: nothing is left after that


@pytest.fixture
def environment(engine: Any, images: Any) -> dict[str, str]:
    """What PRELUDE and a kernel need."""
    return {
        "ENGINE": engine.candidate.address,
        "IMAGE": images.busybox,
        "PYTHONPATH": str(REPOSITORY),
        "MARK": json.dumps(MARK),
    }


@pytest.fixture(autouse=True)
def _remove_ours(engine: Any) -> Iterator[None]:
    """At the end remove every container that a test made here and meant to keep."""
    yield
    for container in engine.list_containers(labels=MARK):
        engine.remove(container["Id"])


@pytest.fixture
def start(environment: dict[str, str]) -> Iterator[Start]:
    """start(script, cwd=…, env=…) → an Owner that is ended after the test."""
    owners: list[Owner] = []

    def begin(script: str, *, cwd: Path | None = None, env: dict[str, str] | None = None) -> Owner:
        owners.append(Owner(script, cwd=cwd, env={**environment, **(env or {})}))
        return owners[-1]

    yield begin
    for owner in owners:
        owner.close()


@pytest.fixture
def guarded(kernels: Kernels, environment: dict[str, str], tmp_path: Path) -> Any:
    """A real kernel whose namespace has what PRELUDE has, connected and guarded."""
    kernel = kernels(env=environment, load=False)
    prepared = kernel.run(PRELUDE + "connect();")
    assert prepared.status == "ok", prepared.error
    return kernel


def _there(engine: Any, container: str) -> bool:
    return any(found["Id"] == container for found in engine.list_containers(labels=MARK))


def _is_removed(engine: Any, container: str, seconds: float = SECONDS) -> bool:
    return bool(wait_for(lambda: not _there(engine, container), seconds=seconds))


def _all_removed(engine: Any) -> bool:
    return bool(wait_for(lambda: not engine.list_containers(labels=MARK), seconds=SECONDS))


# --- real kernels ---------------------------------------------------------------------------


def test_kill_9_in_the_middle_of_a_cell(engine: Any, guarded: Any) -> None:
    cell = guarded.submit("say(run()); say(watchdog_pid()); connection.wait('x'); time.sleep(600)")
    cell.wait_for("\n")
    container = cell.now.stdout.split()[0]
    [watchdog] = watchdogs_of(guarded.pid)
    assert _there(engine, container)
    guarded.kill9()
    assert _is_removed(engine, container)
    assert is_gone(watchdog, 12)


def test_restart_and_shutdown_are_ends_like_any_other(engine: Any, guarded: Any) -> None:
    first = guarded.run("say(run())").stdout.strip()
    before, pid = watchdogs_of(guarded.pid), guarded.pid
    guarded._load = False
    guarded.restart()
    assert guarded.run(PRELUDE + "connect();").status == "ok"
    second = guarded.run("say(run())").stdout.strip()
    assert _is_removed(engine, first)
    assert _there(engine, second)
    after = watchdogs_of(guarded.pid)
    guarded.shutdown()
    assert _is_removed(engine, second)
    assert len(before) == len(after) == 1
    assert is_gone(before[0], 12)
    assert guarded.pid != pid


def test_a_kernel_whose_forked_child_lives_on(engine: Any, guarded: Any) -> None:
    """The child holds every descriptor of the kernel, and does not hold the watchdog up."""
    forked = guarded.run(
        "import multiprocessing; context = multiprocessing.get_context('fork')\n"
        "child = context.Process(target=time.sleep, args=(20,)); child.start()\n"
        "say(run(), child.pid)"
    )
    container, child = forked.stdout.split()
    guarded.kill9()
    assert _is_removed(engine, container)
    os.kill(int(child), signal.SIGKILL)  # raises if it has not outlived the kernel


def test_two_kernels_and_one_dies(
    engine: Any, guarded: Any, kernels: Kernels, environment: dict[str, str]
) -> None:
    other = kernels(env=environment, load=False)
    other.run(PRELUDE + "connect();")
    mine, others = (each.run("say(run())").stdout.strip() for each in (guarded, other))
    guarded.kill9()
    assert _is_removed(engine, mine)
    time.sleep(9)  # all sweeps
    assert _there(engine, others)


@pytest.mark.parametrize(
    "code",
    [
        "%%container {options} {image}\necho begin; sleep 600",
        "%docker run --rm {options} {image} sh -c 'echo begin; sleep 600'",
    ],
)
def test_kill_9_in_the_middle_of_a_container_cell(
    engine: Any, kernels: Kernels, environment: dict[str, str], code: str
) -> None:
    kernel = kernels(env=environment)
    kernel.run("%reload_ext ipycontainers")
    options = " ".join(f"--label {name}={value}" for name, value in MARK.items())
    cell = kernel.submit(code.format(options=options, image=environment["IMAGE"]))
    cell.wait_for("begin")
    [container] = engine.list_containers(labels=MARK)
    assert container["Labels"][LABEL + "kernel-pid"] == str(kernel.pid)
    assert len(watchdogs_of(kernel.pid)) == 1
    kernel.kill9()
    assert _is_removed(engine, container["Id"])


SERVER = """
import sys, time
from jupyter_client import KernelManager
manager = KernelManager(kernel_name="python3")
manager.start_kernel(cwd=sys.argv[1])
client = manager.client()
client.start_channels()
client.wait_for_ready(timeout=60)
client.execute_interactive(sys.stdin.read(), output_hook=lambda message:
    print(message["content"].get("text", ""), end="", flush=True))
time.sleep(600)
"""


def test_kill_9_of_server_and_the_kernels_whole_group(
    engine: Any, environment: dict[str, str], tmp_path: Path
) -> None:
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, tmp_path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
        start_new_session=True,
    )
    with server:
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(PRELUDE + "connect(); say(run(), os.getpid(), watchdog_pid())")
        server.stdin.close()
        container, kernel, watchdog = server.stdout.readline().split()
        os.kill(server.pid, signal.SIGKILL)
        os.killpg(os.getpgid(int(kernel)), signal.SIGKILL)
    assert _is_removed(engine, container)
    assert not is_gone(int(watchdog), 0.1), "it stays for what may still come"


# --- plain processes ------------------------------------------------------------------------


def test_a_request_that_is_under_way_when_the_kernel_dies(engine: Any, start: Start) -> None:
    require(engine.candidate.address.startswith("unix://"), "docker", "speaks HTTP on a socket")
    script = (
        "connect(); import socket\n"
        "body = json.dumps(config()).encode()\n"
        "wire = socket.socket(socket.AF_UNIX)\n"
        "wire.connect(connection.candidate.address[len('unix://'):])\n"
        "head = 'POST /containers/create HTTP/1.1\\r\\nHost: x\\r\\nContent-Type: '\n"
        "head += f'application/json\\r\\nContent-Length: {len(body)}\\r\\n\\r\\n'\n"
        "say('ready'); wire.sendall(head.encode() + body)\n"
        "time.sleep(int(os.environ['WAIT']) / 1000); os.kill(os.getpid(), 9)\n"
    )
    since = int(time.time()) - 1
    for wait in range(0, 50, 10):
        owner = start(script, env={"WAIT": str(wait)})
        assert owner.line() == "ready"
        owner.process.wait()
    time.sleep(2)
    assert _all_removed(engine)
    [(name, value)] = MARK.items()
    filters = {"event": "create", "label": f"{name}={value}"}
    events = engine.docker.api.events(
        since=since, until=int(time.time()) + 1, decode=True, filters=filters
    )
    assert list(events), "no request came far enough to make a container"


def test_what_opts_out_stays(engine: Any, start: Start) -> None:
    owner = start("connect(); say(run(), run(keep=True))")
    removed, kept = owner.line().split()
    owner.kill9()
    assert _is_removed(engine, removed)
    time.sleep(9)
    assert _there(engine, kept)
    sweep.remove_dead(engine.candidate.address)
    assert _there(engine, kept)


def test_twenty_containers_go_in_time(engine: Any, start: Start) -> None:
    owner = start("connect()\nfor _ in range(20): last = run()\nsay(last)")
    assert len(owner.line()) == 64
    owner.kill9()
    assert _all_removed(engine)


def test_an_engine_that_hangs_does_not_delay_the_others(
    engine: Any, start: Start, tmp_path: Path
) -> None:
    script = (
        "import socket; from ipycontainers.client import Candidate\n"
        "hanging = socket.socket(socket.AF_UNIX); hanging.bind('hangs.sock'); hanging.listen()\n"
        "os.fork() or time.sleep(30)\n"
        "address = 'unix://' + os.path.abspath('hangs.sock')\n"
        "watchdog.guard(Candidate('setting', address, chosen=True))\n"
        "connect(); say(run(), watchdog_pid())\n"
    )
    owner = start(script, cwd=tmp_path)
    container, watchdog = owner.line().split()
    owner.kill9()
    assert _is_removed(engine, container, seconds=5)
    assert is_gone(int(watchdog), 12)


def test_an_engine_that_is_slow_to_remove_is_waited_for(engine: Any, start: Start) -> None:
    path = engine.candidate.address.removeprefix("unix://")
    require(Path(path).is_socket(), "docker", "a proxy before a socket")
    script = (
        "connect(); asked = config()\n"
        "asked['Labels'][watchdog.LABEL + 'boot-id'] = 'another'\n"  # nobody else sweeps it
        "created = connection.create(asked); connection.start(created.id)\n"
        "say(created.id, watchdog_pid())\n"
    )
    # Longer than one request may take at first, as Podman on a loaded machine.
    slow = Proxy(socket.AF_UNIX, path, held=b"DELETE ", seconds=6)
    with contextlib.closing(slow):
        owner = start(script, env={"ENGINE": slow.address})
        container, watchdog = owner.line().split()
        owner.kill9()
        time.sleep(sweep.LIMIT)
        assert _there(engine, container)
        assert _is_removed(engine, container, seconds=sweep.SLOW_MOMENTS[0])
        assert is_gone(int(watchdog), 30)


def test_a_service_manager_that_ends_everything_at_once(engine: Any, start: Start) -> None:
    """SIGTERM to the kernel and to the watchdog, as when a systemd unit is stopped."""
    owner = start("connect(); say(run(), watchdog_pid())")
    container, watchdog = owner.line().split()
    os.kill(int(watchdog), signal.SIGTERM)
    time.sleep(0.2)
    owner.process.terminate()
    assert _is_removed(engine, container)


@pytest.mark.slow
def test_sigterm_to_the_watchdog_alone_ends_it(engine: Any, start: Start) -> None:
    owner = start("connect(); say(run(), watchdog_pid())")
    container, watchdog = owner.line().split()
    os.kill(int(watchdog), signal.SIGTERM)
    assert is_gone(int(watchdog), 12)
    assert _there(engine, container)


def test_a_notebook_folder_with_files_named_like_modules(
    engine: Any, start: Start, tmp_path: Path
) -> None:
    owner = start(
        "connect()\n"
        "for name in ('json', 'docker', 'site', 'threading', 'requests', 'labels', 'urllib3'):\n"
        "    open(f'{name}.py', 'w').write('import os; os.kill(os.getpid(), 9)')\n"
        "watchdog_process = kernel_side._of_this_process()\n"
        "watchdog_process.close()\n"
        "sys.path.insert(0, os.getcwd()); sys.path.insert(0, '')\n"
        "watchdog.guard(connection.candidate); say(run())\n",
        cwd=tmp_path,
    )
    container = owner.line()
    assert (tmp_path / "json.py").exists()
    owner.kill9()
    assert _is_removed(engine, container)


def test_a_watchdog_that_died_is_replaced_and_knows_the_engine(engine: Any, start: Start) -> None:
    owner = start(
        "connect(); first = run(); os.kill(watchdog_pid(), 9); time.sleep(0.5)\n"
        "watchdog.guard(connection.candidate); say(first, run())\n"
    )
    containers = owner.line().split()
    owner.kill9()
    assert all(_is_removed(engine, container) for container in containers)


# --- the sweep at the start -----------------------------------------------------------------


@pytest.fixture
def dead() -> dict[str, str]:
    """Labels of this user's process that has ended."""
    process = subprocess.Popen(["true"])
    process.wait()
    return {
        **labels("dead.ipynb"),
        LABEL + "kernel-pid": str(process.pid),
        LABEL + "kernel-start": "1",
        LABEL + "kernel": "0" * 32,
    }


def _create(engine: Any, image: str, found: dict[str, str]) -> str:
    created = engine.create({"Image": image, "Cmd": ["true"], "Labels": {**found, **MARK}})
    return str(created.id)


def test_loading_removes_what_a_dead_kernel_left(
    engine: Any, images: Any, start: Start, dead: dict[str, str]
) -> None:
    container = _create(engine, images.busybox, dead)
    running = engine.create(
        {"Image": images.busybox, "Cmd": ["sleep", "600"], "Labels": {**dead, **MARK}}
    ).id
    engine.start(running)
    owner = start("watchdog.start(os.environ['ENGINE']); say(watchdog_pid())")
    watchdog = int(owner.line())
    assert _is_removed(engine, container)
    assert _is_removed(engine, running)
    assert not is_gone(watchdog, 0.1)


def test_a_sweep_touches_nothing_that_is_not_provably_ours_and_dead(
    engine: Any, images: Any, dead: dict[str, str]
) -> None:
    me = labels()
    without = {
        name: {k: v for k, v in dead.items() if k != LABEL + name}
        for name in ("user", "boot-id", "pid-namespace", "kernel-pid", "kernel-start")
    }
    spared = {
        "another machine or boot": {**dead, LABEL + "boot-id": "0" * 36},
        "another pid namespace": {**dead, LABEL + "pid-namespace": "4026530000"},
        "another user": {**dead, LABEL + "user": "4711:colleague"},
        "another user of this name": {**dead, LABEL + "user": "4711:" + _name(me)},
        "alive": me,
        "kept": {**dead, KEEP: "true"},
        "no label of ours": {},
        **{f"without {name}": found for name, found in without.items()},
    }
    left = {why: _create(engine, images.busybox, found) for why, found in spared.items()}
    swept = [
        _create(engine, images.busybox, dead),
        _create(engine, images.busybox, {**me, LABEL + "kernel-start": "1"}),
    ]
    sweep.remove_dead(engine.candidate.address)
    assert [why for why, container in left.items() if not _there(engine, container)] == []
    assert [container for container in swept if _there(engine, container)] == []


def _name(found: dict[str, str]) -> str:
    return found[LABEL + "user"].partition(":")[2]


def test_a_sweep_without_an_engine_is_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    sweep.remove_dead("unix:///nonexistent/ipycontainers.sock")
    assert capfd.readouterr() == ("", "")
