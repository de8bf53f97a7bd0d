"""What holds where a control group (cgroup v2) is delegated; ``test_delegated`` runs it in a guest.

These are alone in a group whose parent, which belongs to the same user, has room for more.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import embedded
import images as recipes
import pytest
from embedded import Engine
from support import patience, wait_for

IMAGE = "ipycontainers-test/busybox"
# docker-py leaves the sockets of exec_run to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
MOUNT = Path("/sys/fs/cgroup")
# As dd does it: one block of that size in memory.
FILL = ["dd", "if=/dev/zero", "of=/dev/null", "bs=100M", "count=1"]


@pytest.fixture(scope="module")
def own(isolated_own: Engine) -> Engine:
    """On bubblewrap: PRoot's loader dies in a user-mode Linux."""
    return isolated_own


@pytest.fixture
def mine(isolated_mine: Engine) -> Engine:
    """One for a test that kills it."""
    return isolated_mine


def group_of(container: Any) -> Path:
    """Found from the outside: by the first process, in the host's eyes."""
    container.reload()
    text = Path(f"/proc/{container.attrs['State']['Pid']}/cgroup").read_text()
    return MOUNT / text.strip().removeprefix("0::/")


def groups() -> list[Path]:
    """All that engines have made for containers."""
    return [path for path in (MOUNT / "user").glob("**/ipycontainers-*/*") if path.is_dir()]


def run(docker: Any, *words: str, **options: Any) -> Any:
    return docker.containers.run(IMAGE, list(words), detach=True, **options)


def test_it_says_what_it_limits(own: Engine) -> None:
    info = own.client.info()
    said = [info[key] for key in ("MemoryLimit", "SwapLimit", "CpuCfsQuota", "PidsLimit")]
    assert said == [True] * 4
    assert (info["CgroupVersion"], info["CgroupDriver"]) == ("2", "cgroupfs")
    assert "limits" in dict(info["DriverStatus"])["Isolates"].split()
    for text in info["Warnings"] or ():
        assert "memory" not in text


def test_no_limit_is_warned_of(docker: Any) -> None:
    limits = {"Memory": 64 << 20, "NanoCpus": 10**9, "PidsLimit": 9, "CpuShares": 512}
    host = {**limits, "NetworkMode": "none"}
    config = {"Image": IMAGE, "Cmd": ["true"], "HostConfig": {**host, "BlkioWeight": 100}}
    assert docker.api.create_container_from_config(config)["Warnings"] == []


def test_each_limit_is_in_the_group(docker: Any) -> None:
    container = run(
        docker,
        *("sleep", "60"),
        mem_limit="64m",
        memswap_limit="96m",
        mem_reservation="32m",
        cpu_quota=25000,
        cpu_period=50000,
        cpu_shares=512,
    )
    group = group_of(container)
    found = {file: (group / file).read_text().strip() for file in LIMITED}
    assert found == LIMITED


LIMITED = {
    "memory.max": str(64 << 20),
    "memory.swap.max": str(32 << 20),
    "memory.low": str(32 << 20),
    "cpu.max": "25000 50000",
    "cpu.weight": "20",  # 1 + (512 - 2) * 9999 / 262142, as runc
    "pids.max": "max",
}


def test_too_much_memory_is_the_end_and_told(docker: Any) -> None:
    since = time.time() - 1
    container = run(docker, *FILL, mem_limit="24m")
    assert container.wait()["StatusCode"] == 137
    container.reload()
    state = container.attrs["State"]
    assert (state["OOMKilled"], state["ExitCode"]) == (True, 137)
    until = time.time() + 1
    events = docker.events(
        since=since, until=until, filters={"container": container.id}, decode=True
    )
    actions = [event["Action"] for event in events]
    assert actions.index("oom") < actions.index("die")
    enough = run(docker, *FILL, mem_limit="300m")
    assert enough.wait()["StatusCode"] == 0
    enough.reload()
    assert not enough.attrs["State"]["OOMKilled"]


def test_what_a_child_lost_is_told_too(docker: Any) -> None:
    container = run(docker, "sh", "-c", f"{' '.join(FILL)}; echo $?; exit 3", mem_limit="24m")
    assert container.wait()["StatusCode"] == 3
    assert container.logs(stderr=False) == b"137\n"
    container.reload()
    assert container.attrs["State"]["OOMKilled"]


def test_an_oom_kill_is_an_event_while_the_container_lives(docker: Any) -> None:
    since = time.time() - 1
    container = run(docker, "sh", "-c", f"{' '.join(FILL)}; sleep 100", mem_limit="24m")

    def actions() -> list[str]:
        events = docker.events(
            since=since, until=time.time() + 0.2, filters={"container": container.id}, decode=True
        )
        return [event["Action"] for event in events]

    assert wait_for(lambda: "oom" in actions())
    container.reload()
    assert container.status == "running"


def test_a_fork_bomb_is_stopped(docker: Any) -> None:
    container = run(docker, "sh", "-c", "b() { b | b & }; b; sleep 100", pids_limit=12)
    group = group_of(container)
    assert wait_for(lambda: "max 0" not in (group / "pids.events").read_text())
    assert int((group / "pids.peak").read_text()) <= 12 + 1  # and the launcher's
    begun = time.monotonic()
    container.remove(force=True)
    assert time.monotonic() - begun < 15 * patience()
    assert not group.exists()


def test_a_limit_of_processes_is_the_containers_own(docker: Any) -> None:
    words = "i=0; while [ $i -lt 9 ]; do sleep 60 & i=$((i+1)); done; echo $i; wait"
    enough = run(docker, "sh", "-c", words, pids_limit=10)
    assert wait_for(lambda: enough.logs() == b"9\n"), enough.logs()
    few = run(docker, "sh", "-c", words, pids_limit=9)
    assert few.wait()["StatusCode"] == 2
    assert b"can't fork" in few.logs()


def test_programs_beside_it_count(docker: Any) -> None:
    container = run(docker, "sleep", "60", pids_limit=3)
    ran = container.exec_run(["sh", "-c", "sleep 9 & sleep 9 & sleep 9 &"])
    assert ran.exit_code == 2
    assert b"can't fork" in ran.output


def used(group: Path) -> int:
    """Microseconds of processor time."""
    return int((group / "cpu.stat").read_text().split()[1])


def test_half_a_processor_is_half_a_processor(docker: Any) -> None:
    container = run(docker, "sh", "-c", "while :; do :; done", nano_cpus=5 * 10**8)
    group = group_of(container)
    begun, before = time.monotonic(), used(group)
    time.sleep(2)
    share = (used(group) - before) / (time.monotonic() - begun) / 10**6
    assert share < 0.6  # of less it may be another's fault: what it may have is told
    assert (group / "cpu.max").read_text() == "50000 100000\n"
    assert wait_for(lambda: "nr_throttled 0\n" not in (group / "cpu.stat").read_text())


def test_an_update_holds_at_once(docker: Any) -> None:
    container = run(docker, "sleep", "60", mem_limit="64m")
    group = group_of(container)
    container.update(mem_limit="80m", memswap_limit="80m", cpu_quota=20000)
    assert (group / "memory.max").read_text() == f"{80 << 20}\n"
    assert (group / "memory.swap.max").read_text() == "0\n"
    assert (group / "cpu.max").read_text() == "20000 100000\n"
    container.reload()
    assert container.attrs["HostConfig"]["Memory"] == 80 << 20
    container.restart(timeout=0)
    assert (group_of(container) / "memory.max").read_text() == f"{80 << 20}\n"


def test_stats_are_the_groups(docker: Any) -> None:
    container = run(
        docker, "sh", "-c", "sleep 60 & while :; do :; done", mem_limit="64m", pids_limit=50
    )
    assert wait_for(lambda: len(container.top()["Processes"]) == 2 and used(group_of(container)))
    stats = container.stats(stream=False)
    assert stats["memory_stats"]["limit"] == 64 << 20
    assert 0 < stats["memory_stats"]["usage"] < 64 << 20
    assert stats["pids_stats"] == {"current": 2, "limit": 50}
    now, before = (stats[key]["cpu_usage"]["total_usage"] for key in ("cpu_stats", "precpu_stats"))
    assert now > before > 0


def test_a_pause_is_the_groups(docker: Any) -> None:
    container = run(docker, "sh", "-c", "while :; do :; done")
    group = group_of(container)
    container.pause()
    assert "frozen 1" in (group / "cgroup.events").read_text()
    before = used(group)
    time.sleep(0.3)
    assert used(group) - before < 50_000
    container.unpause()
    assert wait_for(lambda: used(group) > before + 50_000)
    container.pause()
    container.remove(force=True)
    assert not group.exists()


def test_groups_go_with_their_containers(docker: Any) -> None:
    container = run(docker, "sleep", "60")
    group = group_of(container)
    assert group in groups()
    container.stop(timeout=0)
    assert not group.exists()
    container.start()
    assert group_of(container).is_dir()
    container.remove(force=True)
    assert groups() == []


def test_groups_of_a_killed_engine_are_swept(mine: Engine) -> None:
    docker = mine.client
    stays, goes = (run(docker, "sleep", "600", mem_limit="64m") for _ in range(2))
    kept, lost = group_of(stays), group_of(goes)
    supervisor = int(
        Path(f"/proc/{pid_of(goes)}/status").read_text().split("PPid:\t")[1].split()[0]
    )
    mine.kill9()
    assert kept.is_dir()
    os.kill(pid_of(goes), 9)
    assert wait_for(lambda: not Path(f"/proc/{supervisor}").exists())
    mine.start()
    docker = mine.client
    assert wait_for(lambda: not lost.exists())
    assert docker.containers.get(stays.id).exec_run("true").exit_code == 0
    docker.containers.get(stays.id).remove(force=True)
    assert groups() == []
    assert kept.parent.is_dir()
    mine.terminate()
    assert not kept.parent.exists()


def pid_of(container: Any) -> int:
    return int(container.attrs["State"]["Pid"])


def test_an_engine_that_is_alone_in_a_group_makes_room(tmp_path: Path) -> None:
    alone = MOUNT / "user" / "alone"
    alone.mkdir()
    moving = f'echo 0 >{alone}/cgroup.procs; exec "$@"'
    with embedded.running("bubblewrap", before=["sh", "-c", moving, "sh"]) as own:
        docker = own.client
        recipes.ensure(docker, "busybox")
        assert docker.info()["MemoryLimit"]
        assert (alone / "cgroup.procs").read_text() == ""
        container = run(docker, *FILL, mem_limit="24m")
        assert container.wait()["StatusCode"] == 137


def test_without_delegation_it_is_said() -> None:
    """A group of root's: nothing may be made there."""
    group = MOUNT / "user" / "closed"
    moving = f'echo 0 >{group}/cgroup.procs; exec "$@"'
    with embedded.running("bubblewrap", before=["sh", "-c", moving, "sh"]) as own:
        docker = own.client
        recipes.ensure(docker, "busybox")
        host = {"Memory": 64 << 20, "NetworkMode": "none"}
        config = {"Image": IMAGE, "Cmd": ["true"], "HostConfig": host}
        told = docker.api.create_container_from_config(config)["Warnings"]
        no_group = "no control group (cgroup v2) is delegated to this engine"
        assert told == [f"--memory is ignored: {no_group}"]
        assert "WARNING: No memory limit support" in docker.info()["Warnings"]


def test_limits_are_measured_beside_what_is_used(own: Engine) -> None:
    """As the widget Namespaces shows them, by a kernel of version 2 of control groups."""
    from ipycontainers.client import connect
    from ipycontainers.widgets.inspection import Inspection

    host = {"mem_limit": 64 << 20, "pids_limit": 20, "nano_cpus": 500_000_000}
    container = run(own.client, "sleep", "60", **host)
    with connect(f"unix://{own.socket}") as connection:
        (one,) = Inspection(connection).namespaces([container.id])["containers"]
    container.remove(force=True)
    limits = {it["name"]: it for it in one["limits"]["rows"]}
    assert one["limits"]["source"] == "measured"
    assert one["same_kernel"] == "boot id and control group"
    assert limits["memory"]["limit"] == 64 << 20
    assert 0 < limits["memory"]["used"] < 64 << 20
    assert limits["processor"]["limit"] == 0.5
    assert limits["processes"]["limit"] >= 20  # the launcher's own come on top
    assert limits["processes"]["used"] >= 1
