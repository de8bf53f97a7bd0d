"""What a container is created with: ulimits, shared memory, mounts, users, names, namespaces."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import images as recipes
import pytest
from embedded import Engine
from engine.containers import Containers, is_alive
from sleeping import lasting
from support import require, wait_for

from ipycontainers.engine import cgroup, limits
from ipycontainers.engine.network import routes

IMAGE = "ipycontainers-test/busybox"
# docker-py leaves the sockets of exec_run to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
NO_ROOT = "this engine runs without root and has no rights or devices to give. Use Docker for it"


def asked(docker: Any, script: str = "true", **more: Any) -> tuple[int, dict[str, Any]]:
    """Status and answer of a create; what is not a field of HostConfig begins in lower case."""
    host = {key: value for key, value in more.items() if key[0].isupper()}
    config = {key[0].upper() + key[1:]: value for key, value in more.items() if key[0].islower()}
    body = {"Image": IMAGE, "Cmd": ["sh", "-c", script], "HostConfig": host, **config}
    answer = docker.api._post_json(docker.api._url("/containers/create"), data=body)
    return answer.status_code, answer.json()


def start(docker: Any, script: str, **more: Any) -> Any:
    status, answer = asked(docker, script, **more)
    assert status == 201, answer
    container = docker.containers.get(answer["Id"])
    container.start()
    return container


def output(docker: Any, script: str, **more: Any) -> str:
    container = start(docker, script, **more)
    container.wait()
    text = container.logs().decode()
    container.remove(v=True)
    return text


# --- limits --------------------------------------------------------------------------------------


def test_ulimits_hold_for_it_and_what_runs_beside_it(docker: Any) -> None:
    few = [
        {"Name": "nofile", "Soft": 64, "Hard": 128},
        {"Name": "core", "Soft": 0, "Hard": 0},
    ]
    container = start(docker, "ulimit -n; ulimit -Hn; ulimit -c; sleep 60", Ulimits=few)
    ran = container.exec_run(["sh", "-c", "ulimit -n; ulimit -Hn; ulimit -c"])
    assert ran.output == b"64\n128\n0\n"
    assert wait_for(lambda: container.logs() == b"64\n128\n0\n")


def test_without_ulimits_it_has_the_engines(docker: Any, own: Engine) -> None:
    assert own.process
    text = Path(f"/proc/{own.process.pid}/limits").read_text()
    _, _, _, soft, hard, _ = next(
        line.split() for line in text.splitlines() if line.startswith("Max open files")
    )
    assert output(docker, "ulimit -n; ulimit -Hn").split() == [soft, hard]


def test_a_ulimit_above_the_engines_own_is_told(docker: Any) -> None:
    highest = 1 << 30
    status, answer = asked(docker, Ulimits=[{"Name": "nofile", "Soft": 64, "Hard": highest}])
    assert status == 201
    (told,) = answer["Warnings"]
    begins, ends = "--ulimit nofile is lowered to ", f": only root may raise it to {highest}"
    assert told.startswith(begins)
    assert told.endswith(ends)
    lowered = told.removeprefix(begins).removesuffix(ends)
    few = [{"Name": "nofile", "Soft": 64, "Hard": highest}]
    assert output(docker, "ulimit -Hn", Ulimits=few) == f"{lowered}\n"


def test_so_few_files_that_nothing_can_start_are_not_had(docker: Any) -> None:
    few = [{"Name": "nofile", "Soft": 3, "Hard": 3}]
    told = "--ulimit nofile is raised to 16: with fewer no container can be started"
    assert asked(docker, Ulimits=few)[1]["Warnings"] == [told]
    assert output(docker, "ulimit -n", Ulimits=few) == "16\n"


def test_a_launcher_that_fails_half_way_leaves_nobody_waiting(isolated: Containers) -> None:
    """bubblewrap's first process ends then, and its child has the program's streams."""
    few = ((resource.RLIMIT_NOFILE, 9, 9),)
    made = isolated.make("true", ulimits=few)
    answer = made.ask({"do": "start"})
    assert answer["error"]
    assert made.wait() != 0
    assert wait_for(lambda: not is_alive(made.supervisor))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"Name": "bogus", "Soft": 1, "Hard": 1}, "invalid ulimit type: bogus"),
        (
            {"Name": "nofile", "Soft": 10, "Hard": 5},
            "ulimit soft limit must be less than or equal to hard limit: 10 > 5",
        ),
        (
            {"Name": "nofile", "Soft": -1, "Hard": 5},
            "ulimit soft limit must be less than or equal to hard limit: -1 > 5",
        ),
    ],
)
def test_a_ulimit_that_cannot_be_is_refused_at_once(
    docker: Any, given: dict[str, Any], told: str
) -> None:
    """In docker's words; dockerd itself says it at the start."""
    assert asked(docker, Ulimits=[given]) == (400, {"message": told})


def test_oom_score(docker: Any) -> None:
    container = start(docker, "cat /proc/self/oom_score_adj; sleep 60", OomScoreAdj=500)
    assert container.exec_run("cat /proc/self/oom_score_adj").output == b"500\n"
    assert wait_for(lambda: container.logs() == b"500\n")
    status, answer = asked(docker, OomScoreAdj=-500)
    assert (status, len(answer["Warnings"])) == (201, 1)
    assert answer["Warnings"][0].startswith("--oom-score-adj is raised to ")


MEBI = 1 << 20
KNOWN = (
    ({}, {"memory.max": "max", "cpu.max": "max 100000", "pids.max": "max", "cpu.weight": "100"}),
    ({"Memory": 64 * MEBI}, {"memory.swap.max": str(64 * MEBI)}),
    ({"Memory": 64 * MEBI, "MemorySwap": -1}, {"memory.swap.max": "max"}),
    ({"Memory": 64 * MEBI, "MemorySwap": 64 * MEBI}, {"memory.swap.max": "0"}),
    ({"MemoryReservation": 32 * MEBI}, {"memory.low": str(32 * MEBI), "memory.max": "max"}),
    ({"NanoCpus": 1_500_000_000}, {"cpu.max": "150000 100000"}),
    ({"CpuQuota": 5000, "CpuPeriod": 20000}, {"cpu.max": "5000 20000"}),
    ({"CpuQuota": -1}, {"cpu.max": "max 100000"}),
    ({"CpuShares": 2}, {"cpu.weight": "1"}),
    ({"CpuShares": 1024}, {"cpu.weight": "39"}),
    ({"CpuShares": 262144}, {"cpu.weight": "10000"}),
    ({"BlkioWeight": 10}, {"io.weight": "default 1"}),
    ({"BlkioWeight": 1000}, {"io.weight": "default 10000"}),
    ({"PidsLimit": 20}, {"pids.max": "21"}),
    ({"PidsLimit": -1}, {"pids.max": "max"}),
    ({"CpusetCpus": "0-1", "CpusetMems": "0"}, {"cpuset.cpus": "0-1", "cpuset.mems": "0"}),
)


@pytest.mark.parametrize(("host", "files"), KNOWN)
def test_what_stands_in_a_group(host: dict[str, Any], files: dict[str, str]) -> None:
    """As runc converts them; one process is the launcher's."""
    made = limits.of(host).files(own=1)
    assert {name: made[name] for name in files} == files


def test_a_group_is_read_whole(tmp_path: Path) -> None:
    texts = {
        "memory.current": "4096\n",
        "memory.max": "max\n",
        "memory.events": "low 0\nhigh 0\nmax 7\noom 2\noom_kill 1\noom_group_kill 0\n",
        "memory.stat": "anon 100\nfile 200\n",
        "cpu.stat": "usage_usec 30\nuser_usec 20\nsystem_usec 10\nnr_throttled 3\n",
        "pids.current": "3\n",
        "pids.max": "20\n",
        "io.stat": "8:0 rbytes=10 wbytes=20 rios=1 wios=1\n8:16 rbytes=5 wbytes=0\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    found = cgroup.usage(tmp_path)
    assert (found.memory, found.memory_limit, found.memory_failures) == (4096, 0, 7)
    assert (found.processor, found.pids, found.pids_limit) == (30, 3, 20)
    assert (found.read, found.written) == (15, 20)
    assert found.memory_details == {"anon": 100, "file": 200}
    assert cgroup.kills(tmp_path) == 1
    with pytest.raises(FileNotFoundError):
        cgroup.usage(tmp_path / "gone")


def test_the_docker_command_shows_what_is_not_so(docker: Any, own: Engine) -> None:
    program = shutil.which("docker")
    require(program, "docker", "no docker command")
    asked_of_it = ([program, "info"], [program, "create", "-m", "64m", "--cpus=1", IMAGE, "true"])
    info, create = (
        subprocess.run(
            words,
            capture_output=True,
            text=True,
            env={**os.environ, "DOCKER_HOST": f"unix://{own.socket}"},
            timeout=60,
            check=True,
        ).stderr.splitlines()
        for words in asked_of_it
    )
    if docker.info()["MemoryLimit"]:
        assert not [line for line in (*info, *create) if "memory" in line]
        return
    assert "WARNING: No memory limit support" in info
    assert "WARNING: No cpu cfs quota support" in info
    no_group = "no control group (cgroup v2) is delegated to this engine"
    assert create == [
        f"WARNING: --memory is ignored: {no_group}",
        f"WARNING: --cpus is ignored: {no_group}",
    ]


def test_what_is_started_joins_its_group(containers: Containers) -> None:
    """By writing its own pid, 0, as the kernel reads it; a file stands for the group here."""
    group = containers.folder / "group"
    group.mkdir()
    joined = group / "cgroup.procs"
    joined.touch()
    containers.give(group)
    made = containers.make("sleep", "60")
    assert "pid" in made.ask({"do": "start", "cgroup": str(group)})
    assert joined.read_text() == "0"
    joined.write_text("")
    assert made.output("echo", "beside") == b"beside\n"
    assert joined.read_text() == "0"
    refused = containers.make("sleep", "60").ask({"do": "start", "cgroup": str(group / "none")})
    assert "no such file or directory" in refused["error"]


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "host"),
    [
        ("--privileged", {"Privileged": True}),
        ("--device", {"Devices": [{"PathOnHost": "/dev/null", "PathInContainer": "/dev/n"}]}),
        ("--gpus", {"DeviceRequests": [{"Count": -1, "Capabilities": [["gpu"]]}]}),
    ],
)
def test_what_needs_root_is_refused(docker: Any, option: str, host: dict[str, Any]) -> None:
    assert asked(docker, **host) == (501, {"message": f"{option} is refused: {NO_ROOT}"})
    assert docker.api.containers(all=True) == []


def test_so_is_a_privileged_program_beside(docker: Any) -> None:
    import docker as library

    container = start(docker, "sleep 60")
    with pytest.raises(library.errors.APIError) as caught:
        container.exec_run("true", privileged=True)
    assert caught.value.status_code == 501
    assert caught.value.explanation == f"--privileged is refused: {NO_ROOT}"


@pytest.mark.parametrize("kind", ["ipc", "pid"])
def test_so_is_another_containers_namespace(docker: Any, kind: str) -> None:
    mode: dict[str, Any] = {{"ipc": "IpcMode", "pid": "PidMode"}[kind]: "container:x"}
    status, answer = asked(docker, **mode)
    assert status == 501
    assert answer["message"].startswith(f"--{kind} container:x is refused: ")


# --- memory that is shared, and mounts -----------------------------------------------------------


def test_shared_memory_has_its_size(docker: Any, own: Engine) -> None:
    sizes = [
        output(docker, "touch /dev/shm/x; stat -c %a /dev/shm; df -k /dev/shm | tail -1", **more)
        for more in ({}, {"ShmSize": 2 * MEBI})
    ]
    assert all(text.startswith("1777\n") for text in sizes)
    if own.launcher == "bubblewrap":
        assert [int(text.split()[2]) for text in sizes] == [64 << 10, 2 << 10]


def test_a_tmpfs_has_size_and_mode(docker: Any, own: Engine) -> None:
    text = output(
        docker, "stat -c %a /a /b; df -k /a | tail -1", Tmpfs={"/a": "size=1m,mode=750", "/b": ""}
    )
    assert text.split()[:2] == ["750", "1777"]
    if own.launcher == "bubblewrap":
        assert text.split()[3] == "1024"


def test_volumes_from_another_container(docker: Any, tmp_path: Path) -> None:
    volume = "ipycontainers-test-shared"
    first = start(docker, "echo 1 >/v/x; echo 2 >/w/y; sleep 60", Binds=[f"{volume}:/v", "/w"])
    assert wait_for(lambda: first.exec_run("cat /w/y").output == b"2\n")
    words = "cat /v/x /w/y; touch /v/z; echo $?"
    try:
        assert output(docker, words, VolumesFrom=[first.name]) == "1\n2\n0\n"
        second = start(docker, "sleep 60", VolumesFrom=[f"{first.id}:ro"], Binds=["/w"])
        theirs, seen = (
            {mount["Destination"]: mount for mount in one.attrs["Mounts"]}
            for one in (first, second)
        )
        assert (seen["/v"]["Name"], seen["/v"]["RW"]) == (volume, False)
        assert seen["/w"]["Name"] != theirs["/w"]["Name"]
        second.remove(force=True, v=True)
        assert first.exec_run("cat /w/y").output == b"2\n"
    finally:
        first.remove(force=True, v=True)
        docker.volumes.get(volume).remove()


def test_a_bind_that_cannot_be_made_is_told(docker: Any) -> None:
    status, answer = asked(docker, Binds=["/proc/1/none/x:/x"])
    assert status == 500
    assert answer["message"].startswith(
        "error while creating mount source path '/proc/1/none/x': mkdir /proc/1/none/x: "
    )
    assert docker.api.containers(all=True) == []


@pytest.mark.parametrize("source", ["/a\0b", "/\ud800"])
def test_a_bind_from_what_no_file_can_be_called_is_refused(docker: Any, source: str) -> None:
    mount = {"Type": "bind", "Source": source, "Target": "/x"}
    status, answer = asked(docker, Mounts=[mount])
    assert (status, "bind source path does not exist" in answer["message"]) == (400, True)


# --- who it is, and how it finds others ----------------------------------------------------------


def test_a_number_that_nobody_has_is_a_user(docker: Any) -> None:
    """JonathonReinhart/scuba#11."""
    # One user is mapped, so all that the image has is this user's too.
    words = "id -u; id -g; echo $HOME; touch /tmp/x; stat -c %u /tmp/x /etc/passwd"
    container = start(docker, f"{words}; sleep 60", user="4242")
    ran = container.exec_run(["sh", "-c", words])
    assert ran.output.split() == b"4242 0 / 4242 4242".split()
    assert wait_for(lambda: container.logs().split() == b"4242 0 / 4242 4242".split())
    assert output(docker, "id -u; id -g", user="4242:99").split() == ["4242", "99"]


def test_hosts_and_names(docker: Any, own: Engine) -> None:
    text = output(
        docker,
        "cat /etc/hosts /etc/hostname",
        hostname="box",
        domainname="lab.example",
        ExtraHosts=["db:192.0.2.1", "six:2001:db8::1", "host:host-gateway"],
    )
    lines = text.splitlines()
    has_own = own.launcher == "bubblewrap"
    host = routes.address() if has_own else "127.0.0.1"
    asked = ["192.0.2.1\tdb", "2001:db8::1\tsix", f"{host}\thost"]
    assert lines[-5:-2] == asked
    address, _, called = lines[-2].partition("\t")
    assert (address == "127.0.1.1", called) == (not has_own, "box.lab.example box")
    assert lines[-1] == "box"


def test_who_to_ask_for_addresses(docker: Any) -> None:
    dns: dict[str, Any] = {"Dns": ["192.0.2.1", "192.0.2.2"], "DnsOptions": ["ndots:2"]}
    text = output(docker, "cat /etc/resolv.conf", DnsSearch=["a.b", "c.d"], **dns)
    servers = "nameserver 192.0.2.1\nnameserver 192.0.2.2\n"
    assert text == f"search a.b c.d\n{servers}options ndots:2\n"
    text = output(docker, "cat /etc/resolv.conf", DnsSearch=["."], **dns)
    assert text == f"{servers}options ndots:2\n"


@pytest.mark.parametrize(
    ("variables", "offset"),
    [([], "+0000"), (["TZ=Europe/Madrid"], "+0000"), (["TZ=CET-1"], "+0100")],
)
def test_the_time_zone_is_what_was_asked(docker: Any, variables: list[str], offset: str) -> None:
    """gliderlabs/docker-alpine#113, docker/for-linux#282."""
    assert output(docker, "date +%z", env=variables) == f"{offset}\n"


# --- namespaces ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "key"),
    [("pid", "PidMode"), ("ipc", "IpcMode"), ("uts", "UTSMode"), ("cgroup", "CgroupnsMode")],
)
def test_a_namespace_may_be_the_hosts(docker: Any, own: Engine, kind: str, key: str) -> None:
    host = Path(f"/proc/self/ns/{kind}").readlink()
    script = f"readlink /proc/self/ns/{kind}"
    assert output(docker, script, **{key: "host"}) == f"{host}\n"
    if own.launcher == "bubblewrap":
        assert output(docker, script) != f"{host}\n"


def test_with_the_hosts_processes_it_still_ends_whole(docker: Any) -> None:
    seconds = lasting()
    container = start(docker, f"sleep {seconds} & sleep {seconds}; true", PidMode="host")
    assert container.exec_run("true").exit_code == 0
    container.kill()
    assert container.wait()["StatusCode"] == 137
    container.remove()
    assert not [line for line in _commands() if seconds in line]
    container = start(docker, "exit 3", PidMode="host", Init=True)
    assert container.wait()["StatusCode"] == 3


def _commands() -> Iterator[str]:
    for directory in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            yield (directory / "cmdline").read_bytes().replace(b"\0", b" ").decode()


def test_init_hands_signals_on(docker: Any, own: Engine) -> None:
    """R22."""
    seconds, codes = [], []
    for init in (True, False):
        container = start(docker, "exec sleep 1000", Init=init)
        begun = time.monotonic()
        container.stop(timeout=20 if init else 2)
        seconds.append(time.monotonic() - begun)
        codes.append(container.wait()["StatusCode"])
    assert codes[0] == 143
    assert seconds[0] < 20
    if own.launcher == "bubblewrap":  # without a pid namespace no process is the first
        assert codes[1] == 137
        assert seconds[1] >= 2


# --- dockerd's words -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dockerd() -> Iterator[Any]:
    import docker as library

    require(os.access("/var/run/docker.sock", os.W_OK), "docker", "no dockerd to compare with")
    client = library.DockerClient(base_url="unix:///var/run/docker.sock", version="1.41")
    recipes.ensure(client, "busybox")
    yield client
    client.close()


REFUSED: tuple[dict[str, Any], ...] = (
    {"Memory": MEBI},
    {"MemoryReservation": MEBI},
    {"KernelMemory": 1},
    {"Memory": 64 * MEBI, "MemorySwap": 32 * MEBI},
    {"MemorySwap": 64 * MEBI},
    {"Memory": 64 * MEBI, "MemoryReservation": 128 * MEBI},
    {"MemorySwappiness": 200},
    {"CpuQuota": 500},
    {"CpuPeriod": 1},
    {"CpuQuota": 1000, "NanoCpus": 10**9},
    {"CpuPeriod": 1000, "NanoCpus": 10**9},
    {"NanoCpus": 10**13},
    {"CpusetCpus": "0-4000000000"},
    {"CpusetCpus": "x"},
    {"CpusetMems": "9"},
    {"OomScoreAdj": 2000},
    {"ExtraHosts": ["a:bogus"]},
    {"CgroupnsMode": "bogus"},
    {"UTSMode": "host", "hostname": "x"},
    {"Runtime": "bogus"},
    {"VolumesFrom": ["nosuch"]},
    {"VolumesFrom": ["nosuch:zz"]},
    {"Mounts": [{"Type": "bogus", "Target": "/x"}]},
    {"Mounts": [{"Type": "bind", "Source": "/nonexistent/x", "Target": "/x"}]},
    {"Mounts": [{"Type": "bind", "Source": "x", "Target": "/x"}]},
    {"Mounts": [{"Type": "bind", "Target": "/x"}]},
    {"Mounts": [{"Type": "bind", "Source": "/tmp"}]},
    {"Mounts": [{"Type": "tmpfs", "Source": "/a", "Target": "/x"}]},
    {"Mounts": [{"Type": "volume", "Target": "x"}]},
    {"Mounts": [{"Type": "volume", "Target": "/"}]},
    {"Mounts": [{"Type": "bind", "Source": "/tmp", "Target": "/x", "VolumeOptions": {}}]},
    {"Mounts": [{"Type": "volume", "Target": "/x", "BindOptions": {}}]},
    {"Mounts": [{"Type": "volume", "Target": "/x", "ReadOnly": True}]},
)


@pytest.mark.parametrize("more", REFUSED, ids=str)
def test_a_refusal_is_dockerds(docker: Any, dockerd: Any, more: dict[str, Any]) -> None:
    theirs = asked(dockerd, **more)
    assert theirs[0] == 400
    assert asked(docker, **more) == theirs


def test_what_the_engine_may_not_see_is_refused(docker: Any, tmp_path: Path) -> None:
    (closed := tmp_path / "closed").mkdir(mode=0o700)
    (closed / "x").mkdir()
    source = str(closed / "x")
    status, said = asked(docker, Mounts=[{"Type": "bind", "Source": source, "Target": "/x"}])
    assert (status, said["message"]) == (
        400,
        f'invalid mount config for type "bind": stat {source}: permission denied',
    )
    status, said = asked(docker, Binds=[f"{source}:/x"])
    assert status == 500
    assert "error while creating mount source path" in said["message"]
    assert said["message"].endswith("permission denied")


def test_what_is_completed_is_as_dockerd_completes_it(docker: Any, dockerd: Any) -> None:
    keys = ("Memory", "MemorySwap", "PidsLimit", "ShmSize", "OomScoreAdj", "Ulimits", "Init")
    given = {"Memory": 64 * MEBI, "PidsLimit": -1}
    found = []
    for engine in (docker, dockerd):
        made = engine.containers.get(asked(engine, **given)[1]["Id"])
        found.append({key: made.attrs["HostConfig"].get(key) for key in keys})
        made.remove()
    assert found[0] == found[1]


CHANGES: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
    ({"Memory": 64 * MEBI}, {"Memory": 80 * MEBI}),
    ({"Memory": 64 * MEBI}, {"Memory": 200 * MEBI}),
    ({}, {"Memory": 64 * MEBI}),
    ({"NanoCpus": 10**9}, {"CpuQuota": 50000}),
    ({"CpuQuota": 50000}, {"NanoCpus": 10**9}),
    ({"PidsLimit": 50}, {"PidsLimit": -1}),
    ({}, {"Memory": MEBI}),
)


@pytest.mark.parametrize(("host", "change"), CHANGES, ids=str)
def test_an_update_is_answered_as_by_dockerd(
    docker: Any, dockerd: Any, host: dict[str, Any], change: dict[str, Any]
) -> None:
    found = []
    for engine in (docker, dockerd):
        made = engine.containers.get(asked(engine, **host)[1]["Id"])
        url = engine.api._url("/containers/{0}/update", made.id)
        answer = engine.api._post_json(url, data=change)
        made.reload()
        kept = {key: made.attrs["HostConfig"][key] for key in (*change, "MemorySwap")}
        told = answer.json().get("message", "").replace(made.id, "ID")
        found.append((answer.status_code, told, kept))
        made.remove()
    assert found[0] == found[1]
