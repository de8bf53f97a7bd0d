"""What launchers say that they isolate, measured from inside."""

from __future__ import annotations

import errno
import json
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from engine.containers import Containers
from support import require

from ipycontainers.engine import launch, seccomp, syscalls
from ipycontainers.engine.command import Command
from ipycontainers.engine.container import Bundle, ExecSpec, Mount, Spec
from ipycontainers.engine.launch.ptrace import Ptrace
from ipycontainers.errors import LaunchError

NAMESPACES = {"pid": "pid", "mount": "mnt", "net": "net", "ipc": "ipc", "uts": "uts"}


def _denied(containers: Containers, script: str) -> bool:
    return containers.run("sh", "-c", script).code != 0


def test_namespaces_are_those_that_it_claims(containers: Containers) -> None:
    made = containers.make("sleep", "60", network="none")
    pid = made.start()
    for claim, name in {**NAMESPACES, "user": "user", "cgroup": "cgroup"}.items():
        own = Path(f"/proc/{pid}/ns/{name}").readlink() != Path(f"/proc/self/ns/{name}").readlink()
        assert own == (claim in containers.launcher.isolates), claim


def test_exec_is_in_the_same_namespaces(isolated: Containers) -> None:
    made = isolated.make("sleep", "60")
    pid = made.start()
    listed = made.output("sh", "-c", "ls -l /proc/self/ns").decode()
    for name in (*NAMESPACES.values(), "user", "cgroup"):
        assert str(Path(f"/proc/{pid}/ns/{name}").readlink()) in listed


def test_read_only_is_enforced_if_claimed(containers: Containers) -> None:
    shared = containers.folder / "read"
    shared.mkdir(exist_ok=True)
    containers.give(shared)
    mount = Mount("bind", "/data", str(shared), read_only=True)
    claimed = "read-only" in containers.launcher.isolates
    assert (containers.run("touch", "/new", read_only=True).code != 0) == claimed
    assert (containers.run("touch", "/data/new", mounts=(mount,)).code != 0) == claimed


def test_no_network_is_enforced_if_claimed(containers: Containers) -> None:
    seen = containers.run("sh", "-c", "cat /proc/net/dev | wc -l", network="none").out
    assert (int(seen) == 3) == ("network-none" in containers.launcher.isolates)


def test_the_hostname_is_its_own_if_claimed(containers: Containers) -> None:
    seen = containers.run("hostname", hostname="lovelace").out
    assert (seen == b"lovelace\n") == ("hostname" in containers.launcher.isolates)


def test_capabilities_are_dockers(isolated: Containers) -> None:
    script = "grep -E 'Cap(Eff|Bnd)|NoNewPrivs|Seccomp:' /proc/self/status"
    expected = ["00000000a80425fb", "00000000a80425fb", "1", "2"]
    made = isolated.make("sh", "-c", f"{script}; sleep 60")
    stream = made.attach()
    made.start()
    assert stream.frame()[1].decode().split()[1::2] == expected
    assert made.output("sh", "-c", script).decode().split()[1::2] == expected


@pytest.mark.parametrize(
    ("spec", "effective"),
    [
        ({"cap_drop": ("ALL",)}, "0000000000000000"),
        ({"cap_drop": ("ALL",), "cap_add": ("CAP_KILL",)}, "0000000000000020"),
        ({"cap_add": ("net_admin",)}, "00000000a80435fb"),
        ({"user": "5:5"}, "0000000000000000"),
    ],
)
def test_capabilities_are_those_asked_for(
    isolated: Containers, spec: dict[str, object], effective: str
) -> None:
    made = isolated.make("sleep", "60", **spec)
    made.start()
    seen = made.output("grep", "CapEff", "/proc/self/status").decode().split()
    assert seen[1] == effective


@pytest.mark.parametrize("script", ["unshare -U true", "unshare -m true", "mount -t tmpfs x /tmp"])
def test_the_filter_denies(containers: Containers, script: str) -> None:
    assert _denied(containers, script)


def test_the_kernels_secrets_are_masked(isolated: Containers) -> None:
    script = "for f in kcore keys timer_list; do test -e /proc/$f && wc -c </proc/$f; done; true"
    assert set(isolated.run("sh", "-c", script).out.split()) <= {b"0"}
    assert isolated.run("sh", "-c", "echo 1 >/proc/sys/kernel/panic").code != 0


def test_the_values_of_variables_stay_out_of_ps(isolated: Containers) -> None:
    made = isolated.make("sleep", "60", env=("PASSWORD=swordfish",))
    made.start()
    words = subprocess.run(["ps", "-eo", "args"], capture_output=True, check=True).stdout
    assert b"swordfish" not in words
    assert made.output("sh", "-c", "echo $PASSWORD") == b"swordfish\n"


def test_the_tracers_variables_are_not_the_containers(traced: Containers) -> None:
    env, expected = ("PROOT_MINE=1", "A=b"), {b"PROOT_MINE=1", b"A=b", b"PWD=/tmp"}
    made = traced.make("sh", "-c", "env; sleep 60", env=env, cwd="/tmp")
    stream = made.attach()
    made.start()
    seen = b""
    while b"A=b" not in seen or b"MINE" not in seen:
        seen += stream.frame()[1]
    for told in (seen, made.output("env")):
        assert expected <= set(told.split())
        assert told.count(b"PROOT_") == 1


def test_the_tracer_cannot_be_killed_from_inside(traced: Containers) -> None:
    done = traced.run("sh", "-c", "kill -9 $PPID; kill -9 0; kill -STOP $PPID; echo still; ls /")
    assert done.out.startswith(b"still\n")
    assert b"home" not in done.out


def test_kill_0_reaches_the_container(containers: Containers) -> None:
    done = containers.run("sh", "-c", "trap 'exit 5' TERM; kill 0; sleep 60")
    assert done.code == 5


def test_a_launcher_goes_to_another_process_whole(containers: Containers) -> None:
    assert launch.of(containers.launcher.to_dict()) == containers.launcher


def test_argv_is_pure(tmp_path: Path) -> None:
    bundle = Bundle("id", tmp_path / "absent", Spec(("sh",), user="0:0"), (tmp_path / "layer",))
    made = launch.of(
        {
            "name": "bubblewrap",
            "program": "/absent/bwrap",
            "isolates": [],
            "needs_copy": False,
            "masked": [],
            "masked_directories": [],
        }
    )
    assert made.argv(bundle) == made.argv(bundle)
    assert made.exec_argv(bundle, ExecSpec(("id",)), 7).enter == 7


def test_a_command_goes_to_a_supervisor_whole(containers: Containers) -> None:
    run = json.loads((containers.make("true").directory / "run.json").read_text())
    bundle = Bundle.of(run["bundle"])
    assert Command.of(run["command"]) == containers.launcher.argv(bundle)
    further = containers.launcher.exec_argv(bundle, ExecSpec(("id",), env=("A=ä",)), 7)
    assert Command.of(json.loads(json.dumps(further.to_dict()))) == further


def test_what_is_refused_is_named_with_the_command_that_helps(tmp_path: Path) -> None:
    with pytest.raises(LaunchError, match="no launcher docker"):
        launch.choose(tmp_path, "docker")


def test_without_proot_it_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/absent")
    with pytest.raises(LaunchError) as caught:
        launch.choose(tmp_path, "ptrace")
    assert "apt install proot" in caught.value.hint


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize(
    "asked", [{}, {"tracer": 4711}, {"acts": frozenset({"CHOWN", "SETUID", "SETGID", "MKNOD"})}]
)
def test_every_jump_of_the_filter_lands_in_it(machine: str, asked: dict[str, Any]) -> None:
    program = list(struct.iter_unpack("=HBBI", seccomp.default(**asked, machine=machine)))
    assert 50 < len(program) < 4096
    for place, (code, true, false, _) in enumerate(program):
        assert code in (0x06, 0x54) or place + 1 + max(true, false) < len(program)
    assert program[-1] == (0x06, 0, 0, 0x7FFF0000)


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_without_denials_only_root_is_acted(machine: str) -> None:
    assert seccomp.program(denies=False, machine=machine) == b""
    acted = seccomp.program(denies=False, acts=["CHOWN"], machine=machine)
    returns = {value for code, _, _, value in struct.iter_unpack("=HBBI", acted) if code == 0x06}
    assert returns == {0x7FFF0000, 0x00050000}
    assert seccomp.program(denies=True, machine="s390x") == b""


FILTERED = """
import ctypes, os, sys
from ipycontainers.engine import seccomp, syscalls
libc, machine = ctypes.CDLL(None, use_errno=True), syscalls.MACHINE
table = {**seccomp._NUMBERS[machine], **seccomp._ACTED[machine]}
syscalls.no_new_privileges()
acts = frozenset(filter(None, sys.argv[2].split(",")))
syscalls.load_filter(seccomp.default(tracer=int(sys.argv[1]), acts=acts))
before = os.getresuid(), os.getresgid(), os.getgroups()
for word in sys.argv[3:]:
    name, *arguments = word.split(",")
    ctypes.set_errno(0)
    libc.syscall(table[name], *map(int, arguments or "0"), 0, 0, 0)
    print(ctypes.get_errno())
assert (os.getresuid(), os.getresgid(), os.getgroups()) == before
"""


def _errors(tracer: int, *calls: str, acts: str = "") -> list[int]:
    """errno of each call, NAME,ARGUMENT,…, under the filter."""
    words = [sys.executable, "-c", FILTERED, str(tracer), acts, *calls]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(words, capture_output=True, text=True, check=True, env=env)
    return [int(line) for line in done.stdout.split()]


CONFINED = """
import os, sys
from ipycontainers.engine import syscalls
inside, outside = sys.argv[1:]
syscalls.no_new_privileges()
syscalls.confine([os.path.dirname(os.__file__)], [inside])
def outcome(call):
    try:
        call()
    except OSError as error:
        return error.strerror
    return "done"
for folder in (inside, outside):
    print(outcome(lambda: open(f"{folder}/file").read()))
    print(outcome(lambda: open(f"{folder}/file", "a")))
    print(outcome(lambda: os.mkdir(f"{folder}/made")))
    print(outcome(lambda: os.rename(f"{folder}/file", f"{inside}/moved/file")))
    print(outcome(lambda: os.listdir(folder)))
"""


def test_what_a_tracer_traces_is_kept_within_its_files(tmp_path: Path) -> None:
    require(syscalls.has_file_rules(), "landlock", "the kernel's Landlock has no file rules")
    for name in ("inside/moved", "outside"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name.partition("/")[0] / "file").touch()
    words = [sys.executable, "-c", CONFINED, tmp_path / "inside", tmp_path / "outside"]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(words, capture_output=True, text=True, check=True, env=env)
    assert done.stdout.splitlines() == ["done"] * 5 + ["Permission denied"] * 5


def test_proot_may_reach_the_container_and_its_mounts(tmp_path: Path) -> None:
    mounts = (Mount("bind", "/data", "/srv/mine"), Mount("tmpfs", "/t"))
    bundle = Bundle("id", tmp_path / "c", Spec(("sh",), mounts=mounts), root=tmp_path / "c/root")
    (tmp_path / "c/root").mkdir(parents=True)
    command = Ptrace("/usr/bin/proot").argv(bundle)
    assert {"/srv/mine", f"{tmp_path}/c/root"} < set(command.writable)
    assert str(tmp_path / "c") not in command.writable
    assert not {"/", "/home", "/root", "/var"} & {*command.readable, *command.writable}


def test_the_filters_calls_fail_with_eperm() -> None:
    assert _errors(0, "keyctl", "bpf", "mount", "setns", "kexec_load") == [errno.EPERM] * 5
    assert _errors(0, f"clone,{0x10000000}", "socket,40,1") == [errno.EPERM] * 2
    assert _errors(0, "clone3") == [errno.ENOSYS]


def test_calls_that_a_tracer_does_not_follow_do_not_exist() -> None:
    assert _errors(4711, "statx", "openat2", "renameat2") == [errno.ENOSYS] * 3
    assert errno.ENOSYS not in _errors(0, "statx", "openat2", "renameat2")


SAME = (1 << 32) - 1


@pytest.mark.parametrize(
    ("capability", "calls"),
    [
        ("CHOWN", ["fchown,99,5,6", "fchown,99,0,6", f"fchownat,-100,0,{SAME},6,0"]),
        ("SETUID", ["setuid,7", "setreuid,0,7", "setresuid,7,7,7", f"setresuid,{SAME},0,7"]),
        ("SETGID", ["setgid,7", "setregid,7,7", "setresgid,0,0,7", "setgroups,1,1"]),
        ("MKNOD", [f"mknodat,99,1,{0o020666},259", f"mknodat,99,1,{0o060666},259"]),
    ],
)
def test_what_root_does_is_acted_by_capability(capability: str, calls: list[str]) -> None:
    """Each would fail: the descriptors and the pointers are bad."""
    assert _errors(0, *calls, acts=capability) == [0] * len(calls)
    others = {"CHOWN", "SETUID", "SETGID", "MKNOD"} - {capability}
    bad = [call for call in calls if call.startswith(("fchown", "mknodat,99", "setgroups"))]
    assert 0 not in _errors(0, *bad, acts=",".join(others))


def test_what_the_kernel_can_do_is_not_acted() -> None:
    calls = ["fchown,99,0,0", f"fchown,99,{SAME},0", f"mknodat,99,1,{0o010666},0", "keyctl"]
    expected = [errno.EBADF, errno.EBADF, errno.EFAULT, errno.EPERM]
    assert _errors(0, *calls, acts="CHOWN,SETUID,SETGID,MKNOD") == expected


def test_no_signal_reaches_a_tracer() -> None:
    calls = ["kill,4711,0", "kill,-1,9", "kill,-4711,9", "kill,0,9", "tgkill,4711,4711,9"]
    assert _errors(4711, *calls, "pidfd_open,4711") == [errno.EPERM] * 6
