"""Text of /proc becomes a snapshot, and hostile text none or a bounded one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ipycontainers.namespaces import ASKED, DECLARED, MEASURED, Snapshot, declared, inside, proc
from ipycontainers.namespaces.kinds import CAPABILITIES, KINDS, NAMES, decoded
from ipycontainers.namespaces.snapshot import (
    LONG,
    Limit,
    Mount,
    Range,
    best,
    inodes,
    mounts,
    of_files,
    of_machine,
    ranges,
)

ID = "c" * 64
STATUS = (
    "Name:\tsh\nTracerPid:\t7\nCapEff:\t0000000000000401\nCapBnd:\t00000000a80425fb\n"
    "NoNewPrivs:\t1\nSeccomp:\t2\n"
)
DOCKERS = (  # docker run's default, docs.docker.com/engine/security
    *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD"),
    *("NET_BIND_SERVICE", "NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"),
)


def test_of_a_process() -> None:
    files = {
        "status": STATUS,
        "cmdline": "sh\0-c\0sleep 9\0",
        "uid_map": "         0       1000          1\n",
        "ns/pid": "pid:[4026531836]",
        "cgroup": "0::/a\n",
    }
    found = of_files(MEASURED, files, 9)
    assert found.command == "sh -c sleep 9"
    assert found.effective == ("CHOWN", "NET_BIND_SERVICE")
    assert sorted(found.bounding or ()) == sorted(DOCKERS)
    assert (found.seccomp, found.no_new_privileges, found.tracer) == ("filter", True, 7)
    assert found.uid_map == (Range(0, 1000, 1),)
    assert found.namespaces == {"pid": 4026531836}
    assert (found.mounts, found.gid_map, found.limits) == (None, None, None)


def test_a_newer_kernels_capability_is_its_number() -> None:
    assert decoded(f"{(1 << len(CAPABILITIES)) | 1:x}") == ("CHOWN", str(len(CAPABILITIES)))


def test_mounts_have_plain_names_and_their_part_of_a_disk() -> None:
    text = (
        "36 35 98:0 / / rw,relatime - overlay overlay rw,lowerdir=/l\n"
        "40 36 8:1 /home/me/a\\040b /data\\011x ro,nosuid - ext4 /dev/sda1 rw\n"
        "this is none\n"
    )
    assert mounts(text) == (
        Mount("/", "overlay", "overlay", False),
        Mount("/data\tx", "/dev/sda1[/home/me/a b]", "ext4", True),
    )


@pytest.mark.parametrize("text", ["0 0\n", "0 0 -1\n", "a b c\n", "0 0 99999999999\n"])
def test_what_is_no_map_is_none(text: str) -> None:
    assert ranges(text) is None


def test_a_hostile_text_is_bounded() -> None:
    many = "1 1 0:1 / /x rw - tmpfs tmpfs rw\n" * 100_000
    found = of_files(ASKED, {"mountinfo": many, "cmdline": "x" * 10**6, "status": "CapEff:\t-1"})
    assert len(found.mounts or ()) <= 500
    assert len(found.command or "") <= LONG
    assert found.effective is None
    assert inodes(["pid:[1]x", "pid:[99999999999999999999999]", "../pid:[]"]) == {"pid": 1}
    assert of_machine({"meminfo": "MemTotal: -5 kB", "uptime": "nan"}).memory is None


def test_the_first_source_that_tells_is_the_best() -> None:
    near = Snapshot(MEASURED, pid=4)
    asked = Snapshot(ASKED, pid=1, seccomp="filter")
    assert best([near, asked], "pid") == (4, MEASURED)
    assert best([near, asked], "seccomp") == ("filter", ASKED)
    assert best([near, asked], "mounts") == (None, None)


def test_this_process_is_measured() -> None:
    found = proc.own()
    assert found.source == MEASURED
    links = {name: str(Path(f"/proc/self/ns/{name}").readlink()) for name in found.namespaces}
    assert links == {name: f"{name}:[{inode}]" for name, inode in found.namespaces.items()}
    assert set(NAMES) >= set(found.namespaces) >= set(NAMES) - {"time", "cgroup"}
    assert found.machine is not None
    assert found.machine.boot_id == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert found.mounts


def test_what_may_not_be_read_is_left_out(tmp_path: Path) -> None:
    """As on macOS, where there is no /proc at all."""
    found = proc.own(tmp_path)
    assert (found.namespaces, found.command, found.mounts) == ({}, None, None)
    assert proc.snapshot(1 << 30).namespaces == {}


def test_the_script_tells_in_a_shell_what_proc_tells() -> None:
    said = subprocess.check_output(["sh", "-c", inside.SCRIPT])
    asked, own = inside.asked(said), proc.own()
    assert asked is not None
    assert asked.namespaces == own.namespaces
    assert (asked.uid_map, asked.effective) == (own.uid_map, own.effective)
    assert asked.cgroup
    assert asked.cgroup.strip() == (own.cgroup or "").strip()
    assert asked.machine
    assert own.machine
    assert asked.machine.boot_id == own.machine.boot_id
    assert asked.machine.memory == own.machine.memory
    assert asked.machine.command_line == own.machine.command_line
    assert asked.mounts == own.mounts


def test_the_script_tells_who_runs_but_for_itself() -> None:
    words = [sys.executable, "-c", "import sys; sys.stdin.read()", "a marked one"]
    with subprocess.Popen(words, stdin=subprocess.PIPE) as program:
        said = subprocess.check_output(["sh", "-c", inside.PROCESSES])
        found = {it.inside: it for it in inside.processes(said)}
        assert program.stdin
        program.stdin.close()
    assert found[program.pid].command.endswith("a marked one")
    assert found[program.pid].parent == os.getpid()
    assert not [it for it in found.values() if "echo; echo" in it.command]


def test_a_shell_that_has_no_program_beside_it_tells_what_it_can() -> None:
    """No readlink and no cat: of namespaces nothing, and the rest all the same."""
    environ = {"PATH": "/nonexistent"}
    said = subprocess.check_output(["/bin/sh", "-c", inside.SCRIPT], env=environ)
    asked, own = inside.asked(said), proc.own()
    assert asked is not None
    assert asked.namespaces == {}
    assert (asked.uid_map, asked.mounts) == (own.uid_map, own.mounts)
    assert asked.machine
    assert own.machine
    assert asked.machine.boot_id == own.machine.boot_id
    with subprocess.Popen(
        ["/bin/sh", "-c", inside.PROCESSES], env=environ, stdout=subprocess.PIPE
    ) as program:
        assert program.stdout
        found = {it.inside: it.command for it in inside.processes(program.stdout.read())}
    assert os.getpid() in found
    assert program.pid not in found


@pytest.mark.parametrize("said", [b"", b"=\n", b"=ns/pid\n", b"\xff" * 99, b"sh: not found\n"])
def test_what_tells_nothing_is_no_snapshot(said: bytes) -> None:
    assert inside.asked(said) is None
    assert inside.processes(said) == ()


# --- declared ------------------------------------------------------------------------------------


def test_declared_is_what_was_asked_for() -> None:
    host = {
        "PidMode": "host",
        "NetworkMode": "container:abc",
        "CgroupnsMode": "host",
        "SecurityOpt": ["no-new-privileges:true", "seccomp=unconfined"],
        "Memory": 1 << 20,
        "NanoCpus": 500_000_000,
    }
    found = declared.snapshot({"State": {"Pid": 7}, "HostConfig": host}, declared.Engine())
    assert found.source == DECLARED
    # Whose network that container has is not said here.
    assert found.of_host == {
        "pid": True,
        **dict.fromkeys(("ipc", "uts", "mnt"), False),
        **dict.fromkeys(("user", "cgroup", "time"), True),
    }
    engines = dict.fromkeys(("pid", "cgroup", "time"), declared.ENGINE)
    assert found.joined == {"net": "abc", **engines}
    assert (found.seccomp, found.no_new_privileges) == ("off", True)
    assert found.limits == (
        Limit("memory", 1 << 20, None),
        Limit("processor", 0.5, None),
        Limit("processes", None, None),
    )


def test_nothing_is_declared_to_be_its_own_under_proot() -> None:
    found = declared.snapshot({"HostConfig": {}}, declared.Engine(launcher="ptrace"))
    assert found.of_host == dict.fromkeys((kind.name for kind in KINDS), True)


@pytest.mark.parametrize(
    ("of", "mode", "of_host", "joined"),
    [
        (declared.Engine(), "", True, None),
        (declared.Engine(remaps_users=True), "", False, None),
        (declared.Engine(remaps_users=True), "host", True, declared.ENGINE),
        # Without root all containers have the user namespace of their engine.
        (declared.Engine(is_rootless=True), "", False, declared.ENGINE),
        (declared.Engine(is_rootless=True), "private", False, None),
        (declared.Engine(launcher="bubblewrap", is_rootless=True), "", False, None),
    ],
)
def test_whose_users_it_has(
    of: declared.Engine, mode: str, of_host: bool, joined: str | None
) -> None:
    found = declared.snapshot({"HostConfig": {"UsernsMode": mode}}, of)
    assert (found.of_host["user"], found.joined.get("user")) == (of_host, joined)


@pytest.mark.parametrize(
    ("of", "said", "value"),
    [
        (declared.Engine(), [], False),
        (declared.Engine(), ["no-new-privileges"], True),
        (declared.Engine(no_new_privileges=True), [], True),
        (declared.Engine(no_new_privileges=True), ["no-new-privileges=false"], False),
    ],
)
def test_the_engines_default_holds_where_nothing_else_was_said(
    of: declared.Engine, said: list[str], value: bool
) -> None:
    found = declared.snapshot({"HostConfig": {"SecurityOpt": said}}, of)
    assert found.no_new_privileges is value


def test_of_a_path_to_a_namespace_nothing_is_claimed() -> None:
    """Podman's --network ns:/run/netns/x."""
    found = declared.snapshot({"HostConfig": {"NetworkMode": "ns:/x"}}, declared.Engine())
    assert "net" not in {**found.of_host, **found.joined}


# --- control groups ------------------------------------------------------------------------------


def _group(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in {"cgroup.procs": "", **files}.items():
        (folder / name.replace("_of_", ".")).write_text(text)


def test_limits_of_version_2_are_the_lowest_of_those_around(tmp_path: Path) -> None:
    around = {"memory_of_max": "1000\n", "pids_of_max": "max\n", "cpu_of_max": "50000 100000\n"}
    _group(tmp_path / "a", **around)
    _group(tmp_path / f"a/docker-{ID}.scope/init.scope")
    _group(
        tmp_path / f"a/docker-{ID}.scope",
        memory_of_max="max\n",
        memory_of_current="500\n",
        pids_of_max="7\n",
        pids_of_current="2\n",
        cpu_of_max="max 100000\n",
        cpu_of_stat="usage_usec 2500000\nuser_usec 1\n",
    )
    group = f"0::/a/docker-{ID}.scope/init.scope\n"
    assert proc.limits(group, ID, tmp_path) == (
        Limit("memory", 1000, 500),
        Limit("processor", 0.5, 2.5),
        Limit("processes", 7, 2),
    )


def test_limits_of_version_1_are_of_each_hierarchy(tmp_path: Path) -> None:
    one = tmp_path / f"memory/docker/{ID}"
    _group(one, memory_of_limit_in_bytes="9223372036854771712\n", memory_of_usage_in_bytes="9\n")
    processor = tmp_path / f"cpu,cpuacct/docker/{ID}"
    _group(processor)
    (processor / "cpu.cfs_quota_us").write_text("-1\n")
    (processor / "cpu.cfs_period_us").write_text("100000\n")
    (processor / "cpuacct.usage").write_text("3000000000\n")
    text = f"4:memory:/docker/{ID}\n3:cpu,cpuacct:/docker/{ID}\n0::/\n"
    found = proc.limits(text, ID, tmp_path)
    assert found == (Limit("memory", None, 9), Limit("processor", None, 3.0))


def test_limits_of_a_group_that_is_not_its_own_are_none(tmp_path: Path) -> None:
    """PRoot's containers, and those of others without delegated groups, stand in their user's."""
    _group(tmp_path / "a", memory_of_max="1000\n", memory_of_current="500\n")
    assert proc.limits("0::/a\n", ID, tmp_path) is None
    assert proc.limits(f"0::/../../{ID}\n", ID, tmp_path) is None
